"""A read-along EPUB made from a timeline alone: one page and one audio file for each chapter."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

from speech.books.overlay.clips import Clip, Level, clock, smil, times, units
from speech.books.overlay.container import creating
from speech.books.overlay.xml import escaped, quoted
from speech.books.timeline import Metadata, TimedChapter, TimedPassage, Timeline

__all__ = ["ACTIVE", "CSS", "write"]

ACTIVE = "-epub-media-overlay-active"
"""The class of what is heard. A page with an overlay must have a style for it, or EPUBCheck complains."""

CSS = f".{ACTIVE} {{ background-color: #fff3a3; color: #000; }}\n"
_PAGE_CSS = CSS + "body { line-height: 1.5; }\n.verse { margin-left: 2em; }\nhr { width: 20%; margin: 2em auto; }\n"

_CONTAINER = """<?xml version="1.0" encoding="utf-8"?>
<container version="1.0" xmlns="urn:oasis:names:tc:opendocument:xmlns:container">
<rootfiles><rootfile full-path="OEBPS/package.opf" media-type="application/oebps-package+xml"/></rootfiles>
</container>
"""
# Sections that EPUB's vocabulary and ARIA have the same name for.
_ROLES = frozenset([
    "acknowledgments", "afterword", "appendix", "chapter", "conclusion", "epilogue", "foreword", "introduction", "part",
    "preface", "prologue",
])  # fmt: skip
_RIGHT_TO_LEFT = frozenset(["ar", "fa", "he", "ur", "yi"])
_DATE = re.compile(r"\d{4}(-\d\d(-\d\d)?)?")
_TAG = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_URN = re.compile(r"(urn:[a-z0-9-]+:|https?://)\S+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Page:
    """A chapter as a page.

    Attributes:
        name: of its files, without the extension.
        overlay: whether anything on it is heard.
    """

    chapter: TimedChapter
    name: str
    clips: tuple[Clip, ...]
    milliseconds: int

    @property
    def overlay(self) -> bool:
        """Whether anything on it is heard."""
        return bool(self.clips)


def write(timeline: Timeline, audio: Sequence[Path], target: Path, level: Level) -> None:
    """Write the book. The file appears under its name only once it is complete.

    Args:
        audio: an MP3 file of each chapter.
    """
    pages = []
    with creating(target) as book:
        book.add("META-INF/container.xml", _CONTAINER)
        for number, chapter in enumerate(timeline.chapters):
            chapter_units = [unit for passage in chapter.passages for unit in units(passage, level)]
            spans = times(chapter_units, chapter, timeline.rate)
            clips = tuple(Clip(f"s{index}", number, *span) for index, span in enumerate(spans, 1))
            page = _Page(chapter, f"c{number + 1:03}", clips, spans[-1][1] if spans else 0)
            pages.append(page)
            book.add(f"OEBPS/{page.name}.xhtml", _xhtml(page, timeline.metadata, level))
            if page.overlay:
                names = [f"c{each + 1:03}.mp3" for each in range(len(timeline.chapters))]
                book.add(f"OEBPS/{page.name}.smil", smil(f"{page.name}.xhtml", page.clips, names))
                book.add_file(f"OEBPS/{page.name}.mp3", audio[number])
        book.add("OEBPS/nav.xhtml", _nav(pages, timeline.metadata))
        book.add("OEBPS/read.css", _PAGE_CSS)
        if timeline.metadata.cover:
            book.add(f"OEBPS/{_cover(timeline.metadata)[0]}", timeline.metadata.cover.data)
            book.add("OEBPS/cover.xhtml", _cover_page(timeline.metadata))
        book.add("OEBPS/package.opf", _package(pages, timeline.metadata))


def _language(metadata: Metadata) -> str:
    return metadata.language if _TAG.fullmatch(metadata.language) else "und"


def _book_title(metadata: Metadata) -> str:
    """Return the title of the book, which must not be empty."""
    return metadata.title.strip() or "Untitled"


def _cover(metadata: Metadata) -> tuple[str, str]:
    """Return the name and the content type of the cover."""
    kind = metadata.cover.content_type if metadata.cover else "image/jpeg"
    return ("cover.png" if kind == "image/png" else "cover.jpg"), kind


def _html(title: str, body: str, metadata: Metadata, head: str = "") -> str:
    tag = _language(metadata)
    direction = ' dir="rtl"' if tag.split("-")[0] in _RIGHT_TO_LEFT else ""
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n<!DOCTYPE html>\n'
        '<html xmlns="http://www.w3.org/1999/xhtml" xmlns:epub="http://www.idpf.org/2007/ops" '
        f'lang="{tag}" xml:lang="{tag}"{direction}>\n<head><title>{escaped(title)}</title>{head}</head>\n'
        f"<body>{body}</body>\n</html>\n"
    )


def _title(page: _Page) -> str:
    """Return a chapter's title, which must not be empty."""
    return page.chapter.title.strip() or f"{int(page.name[1:])}"


def _cover_page(metadata: Metadata) -> str:
    picture = f'<img src="{_cover(metadata)[0]}" alt={quoted(_book_title(metadata))}/>'
    return _html(_book_title(metadata), f'<section epub:type="cover">{picture}</section>', metadata)


def _xhtml(page: _Page, metadata: Metadata, level: Level) -> str:
    role = page.chapter.role
    attributes = f' epub:type="{role}" role="doc-{role}"' if role in _ROLES else ""
    ids = iter(page.clips)
    body = "\n".join(_blocks(page.chapter.passages, level, ids))
    link = '<link rel="stylesheet" type="text/css" href="read.css"/>'
    section = f"<section{attributes}>\n{body}\n</section>"
    return _html(_title(page), section, metadata, link)


def _blocks(passages: Sequence[TimedPassage], level: Level, ids: Iterator[Clip]) -> Iterator[str]:
    """Yield the elements of passages; those of one paragraph, stanza or list stand in one element."""
    index = 0
    while index < len(passages):
        first, members = passages[index], [passages[index]]
        while index + len(members) < len(passages) and _joins(passages[index + len(members)], first):
            members.append(passages[index + len(members)])
        index += len(members)
        if first.kind == "scene":
            yield "<hr/>"
        if not any(passage.sentences for passage in members):
            continue
        parts = [_spans(passage, level, ids) for passage in members]
        language = f' lang="{first.language}" xml:lang="{first.language}"' if first.language else ""
        match first.kind:
            case "heading":
                heading = f"h{min(max(first.level, 1), 6)}"
                yield f"<{heading}{language}>{'<br/>'.join(parts)}</{heading}>"
            case "verse":
                yield f'<p class="verse"{language}>{"<br/>".join(parts)}</p>'
            case "item":
                yield f"<ul{language}>{''.join(f'<li>{part}</li>' for part in parts)}</ul>"
            case "quotation":
                yield f"<blockquote{language}><p>{' '.join(parts)}</p></blockquote>"
            case _:
                yield f"<p{language}>{' '.join(parts)}</p>"


def _joins(passage: TimedPassage, first: TimedPassage) -> bool:
    same = passage.kind == first.kind and passage.language == first.language
    return same and (passage.continues or passage.kind == "item")


def _spans(passage: TimedPassage, level: Level, ids: Iterator[Clip]) -> str:
    """Return the text of a passage, each unit in an element with the next id."""
    text = ""
    for unit in units(passage, level):
        text += f'<span id="{next(ids).id}">{escaped(unit.text)}</span>{escaped(unit.space).replace(chr(10), " ")}'
    return text.strip()


def _nav(pages: Sequence[_Page], metadata: Metadata) -> str:
    """Return the table of contents, nested as the levels of the chapters are."""
    text, depth = "", 0
    for page in pages:
        # What is two levels below its neighbour is nested once: a list without an entry of its own is not valid.
        level = min(max(page.chapter.level, 1), depth + 1)
        if level > depth:
            text += "<ol>"
        else:
            text += "</li>" + "</ol></li>" * (depth - level)
        depth = level
        text += f'\n<li><a href="{page.name}.xhtml">{escaped(_title(page))}</a>'
    text += "</li></ol>" * depth
    heading = f"<h1>{escaped(_book_title(metadata))}</h1>"
    return _html(_book_title(metadata), f'<nav epub:type="toc" role="doc-toc">{heading}{text}</nav>', metadata)


def _package(pages: Sequence[_Page], metadata: Metadata) -> str:
    cover, kind = _cover(metadata)
    audible_pages = [page for page in pages if page.overlay]
    items = [
        '<item id="nav" href="nav.xhtml" media-type="application/xhtml+xml" properties="nav"/>',
        '<item id="css" href="read.css" media-type="text/css"/>',
    ]
    if metadata.cover:
        items.append(f'<item id="cover" href="{cover}" media-type="{kind}" properties="cover-image"/>')
        items.append('<item id="cover-page" href="cover.xhtml" media-type="application/xhtml+xml"/>')
    for page in pages:
        overlay = f' media-overlay="{page.name}-smil"' if page.overlay else ""
        items.append(f'<item id="{page.name}" href="{page.name}.xhtml" media-type="application/xhtml+xml"{overlay}/>')
        if page.overlay:
            items += [
                f'<item id="{page.name}-smil" href="{page.name}.smil" media-type="application/smil+xml"/>',
                f'<item id="{page.name}-audio" href="{page.name}.mp3" media-type="audio/mpeg"/>',
            ]
    direction = ' page-progression-direction="rtl"' if _language(metadata).split("-")[0] in _RIGHT_TO_LEFT else ""
    order = [*(["cover-page"] if metadata.cover else []), *(page.name for page in pages)]
    spine = "".join(f'<itemref idref="{name}"/>' for name in order)
    durations = [
        f'<meta property="media:duration" refines="#{page.name}-smil">{clock(page.milliseconds)}</meta>'
        for page in audible_pages
    ]
    if audible_pages:
        durations += [
            f'<meta property="media:duration">{clock(sum(page.milliseconds for page in audible_pages))}</meta>',
            f'<meta property="media:active-class">{ACTIVE}</meta>',
        ]
    lines = "\n".join([*_described(metadata), *durations])
    manifest = "\n".join(items)
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n<package xmlns="http://www.idpf.org/2007/opf" version="3.0" '
        f'unique-identifier="id" xml:lang="{_language(metadata)}">\n'
        f'<metadata xmlns:dc="http://purl.org/dc/elements/1.1/">\n{lines}\n</metadata>\n'
        f"<manifest>\n{manifest}\n</manifest>\n<spine{direction}>{spine}</spine>\n</package>\n"
    )


def _described(metadata: Metadata) -> Iterator[str]:
    """Yield the metadata of a book as elements of the package."""
    identifier = metadata.identifier if metadata.identifier and _URN.fullmatch(metadata.identifier) else None
    name = "\n".join([metadata.title, *metadata.authors])
    yield f'<dc:identifier id="id">{escaped(identifier or f"urn:uuid:{uuid5(NAMESPACE_URL, name)}")}</dc:identifier>'
    yield f"<dc:title>{escaped(_book_title(metadata))}</dc:title>"
    yield f"<dc:language>{_language(metadata)}</dc:language>"
    yield from (f"<dc:creator>{escaped(author)}</dc:creator>" for author in metadata.authors if author.strip())
    if metadata.date and _DATE.fullmatch(metadata.date):
        yield f"<dc:date>{metadata.date}</dc:date>"
    texts = {"publisher": metadata.publisher, "description": metadata.description, "rights": metadata.rights}
    yield from (f"<dc:{tag}>{escaped(text)}</dc:{tag}>" for tag, text in texts.items() if text and text.strip())
    yield f'<meta property="dcterms:modified">{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}</meta>'
    if metadata.narrator:
        yield f'<meta property="media:narrator">{escaped(metadata.narrator)}</meta>'
    for mode in ("textual", "auditory"):
        yield f'<meta property="schema:accessMode">{mode}</meta>'
        yield f'<meta property="schema:accessModeSufficient">{mode}</meta>'
    for feature in ("synchronizedAudioText", "tableOfContents", "readingOrder"):
        yield f'<meta property="schema:accessibilityFeature">{feature}</meta>'
    yield '<meta property="schema:accessibilityHazard">none</meta>'
