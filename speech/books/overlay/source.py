"""A read-along EPUB made from the book that was read: the author's markup stays, and spans are added to it."""

from __future__ import annotations

import io
import posixpath
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from speech.books.overlay import clips as timing
from speech.books.overlay.clips import Clip, Level, Unit, clock, smil
from speech.books.overlay.container import creating
from speech.books.overlay.made import ACTIVE, CSS
from speech.books.overlay.matching import find
from speech.books.overlay.page import Page
from speech.books.timeline import TimedPassage, Timeline
from speech.errors import InvalidRequest
from speech.script.readers.archive import Archive, check
from speech.script.readers.encodings import decode
from speech.script.readers.epub import package
from speech.script.readers.markup import attribute, parse_xml, refused

__all__ = ["Unfit", "write"]

_OPF = "http://www.idpf.org/2007/opf"
_XHTML = "http://www.w3.org/1999/xhtml"
# Signatures no longer hold for a book that was changed.
_DROPPED = ("mimetype", "META-INF/signatures.xml")
# The total size of all parts; the largest picture books stay below it.
_MOST_BYTES = 2_000_000_000
_BLOCK = 1 << 20


class Unfit(Exception):
    """The book cannot be kept as it is; the text says why."""


@dataclass(slots=True)
class _MarkedUnit:
    """A unit that was found in a page.

    Attributes:
        chapter: number of its chapter, counted from 0.
        page: the name of the page in the archive.
        span: where it stands in the text of the page.
        clips: the elements that were made of it.
    """

    chapter: int
    unit: Unit
    page: str
    span: tuple[int, int]
    clips: list[tuple[str, int]] = field(default_factory=list)


def write(timeline: Timeline, audio: Sequence[Path], target: Path, level: Level, data: bytes) -> list[str]:
    """Write the book with its overlays; return sentences for the user.

    Args:
        audio: an MP3 file of each chapter.
        data: the EPUB file that the passages were read from.

    Raises:
        InvalidRequest: it is damaged, or would fill the memory or the disk.
        Unfit: it is no EPUB 3, or has overlays already.
    """
    archive = Archive(data)
    manifest = _Package(archive)
    pages: dict[str, Any] = {}
    marked: list[_MarkedUnit] = []
    unmarked = 0
    for name, passages in _by_page(timeline).items():
        root = _page(archive, name) if name in manifest.items else None
        if root is None:
            unmarked += sum(len(timing.units(passage, level)) for _, passage in passages)
            continue
        page_units, unmatched = _mark_units(root, name, passages, level)
        unmarked += unmatched
        if page_units:
            pages[name] = root
            marked += page_units
    if not marked:
        raise Unfit("none of what is heard was found in its pages")
    clips = _clips_by_page(marked, timeline)
    folder = _free(archive, posixpath.join(manifest.base, "read-along"))
    with creating(target) as book:
        chapters = _write_overlays(book, clips, pages, audio, folder)
        manifest.add_overlays(clips, folder, chapters, timeline)
        for name, root in pages.items():
            _link(root, _relative(f"{folder}/read.css", name))
            book.add(name, _text(root))
        book.add(f"{folder}/read.css", CSS)
        book.add(manifest.name, _text(manifest.root))
        names = {*pages, manifest.name, *_DROPPED}
        for name, blocks in _other_files(data, names):
            book.copy(name, blocks)
    if unmarked:
        return [
            f"Read-along: {unmarked} {level}s are not in the book's pages; each is heard with what comes before it."
        ]
    return []


def _by_page(timeline: Timeline) -> dict[str, list[tuple[int, TimedPassage]]]:
    """Return the passages of each page, with the numbers of their chapters."""
    pages: dict[str, list[tuple[int, TimedPassage]]] = {}
    for number, chapter in enumerate(timeline.chapters):
        for passage in chapter.passages:
            if passage.sentences and passage.href:
                pages.setdefault(passage.href, []).append((number, passage))
    return pages


def _page(archive: Archive, name: str) -> Any:
    """Parse a page; None if it is not well-formed XHTML, and therefore not a page of an EPUB 3."""
    try:
        root = parse_xml(decode(archive.read(name))[0])
    except InvalidRequest:
        return None
    whole = root.find(f"{{{_XHTML}}}head") is not None and root.find(f"{{{_XHTML}}}body") is not None
    return root if whole else None


def _mark_units(
    root: Any, name: str, passages: Sequence[tuple[int, TimedPassage]], level: Level
) -> tuple[list[_MarkedUnit], int]:
    """Put spans around the units of a page; return them, and the number of those that were not found."""
    page = Page(root.find(f"{{{_XHTML}}}body"))
    units = [timing.units(passage, level) for _, passage in passages]
    spans = find(page.text, [[unit.text for unit in passage_units] for passage_units in units])
    matches, unmatched = [], 0
    for (number, _), passage_units, unit_spans in zip(passages, units, spans, strict=True):
        for unit, span in zip(passage_units, unit_spans, strict=True):
            if span:
                matches.append(_MarkedUnit(number, unit, name, span))
            else:
                unmatched += 1
    used_ids = {node.get("id") for node in root.iter() if isinstance(node.tag, str)}
    ids = (identifier for number in count(1) if (identifier := f"heard-{number}") not in used_ids)
    for each in reversed(matches):
        each.clips = page.wrap(*each.span, ids)
    return [each for each in matches if each.clips], unmatched


def _clips_by_page(marked: Sequence[_MarkedUnit], timeline: Timeline) -> dict[str, list[Clip]]:
    """Return the clips of each page, in its order."""
    clips: dict[str, list[Clip]] = {}
    times: dict[int, tuple[int, int]] = {}
    for number, chapter in enumerate(timeline.chapters):
        chapter_units = sorted((each for each in marked if each.chapter == number), key=lambda each: each.unit.begin)
        spans = timing.times([each.unit for each in chapter_units], chapter, timeline.rate)
        times |= {id(each): span for each, span in zip(chapter_units, spans, strict=True)}
    for each in marked:
        begin, end = times[id(each)]
        clips.setdefault(each.page, []).extend(_share_time(each, begin, end))
    return clips


def _share_time(unit: _MarkedUnit, begin: int, end: int) -> Iterator[Clip]:
    """Yield the clips of the elements of a unit, which share its time by their lengths."""
    parts = unit.clips[: max(end - begin, 1)]
    whole, before, first = sum(length for _, length in parts), 0, begin
    for index, (name, length) in enumerate(parts, 1):
        before += length
        remaining = len(parts) - index
        last = end if not remaining else min(max(begin + (end - begin) * before // whole, first + 1), end - remaining)
        yield Clip(name, unit.chapter, first, last)
        first = last


def _write_overlays(
    book: Any, clips: Mapping[str, Sequence[Clip]], pages: Mapping[str, Any], audio: Sequence[Path], folder: str
) -> list[int]:
    """Write the overlay of each page, and the audio that they use; return the numbers of the chapters used."""
    chapters = sorted({clip.chapter for page_clips in clips.values() for clip in page_clips})
    names = [f"{number + 1:03}.mp3" for number in range(len(audio))]
    for index, name in enumerate(pages, 1):
        overlay = f"{folder}/{index:03}.smil"
        book.add(overlay, smil(_relative(name, overlay), clips[name], names))
    for number in chapters:
        book.add_file(f"{folder}/{names[number]}", audio[number])
    return chapters


class _Package:
    """The package document of a book.

    Attributes:
        name: of the document in the archive; `base` is its folder.
        items: the entries of the manifest, by the names of what they stand for.
    """

    def __init__(self, archive: Archive) -> None:
        self.name, self.root = package(archive)
        self.base = posixpath.dirname(self.name)
        self._manifest, self._metadata = (self.root.find(f"{{{_OPF}}}{tag}") for tag in ("manifest", "metadata"))
        if not attribute(self.root, "version").startswith("3") or self._manifest is None or self._metadata is None:
            raise Unfit("it is not an EPUB 3")
        entries = list(self._manifest.iter(f"{{{_OPF}}}item"))
        if any(attribute(entry, "media-overlay") for entry in entries):
            raise Unfit("it has a narration of its own")
        self.items = {self._path_of(attribute(entry, "href")): entry for entry in entries}
        self._ids = {node.get("id") for node in self.root.iter() if isinstance(node.tag, str)}

    def add_overlays(
        self, clips: Mapping[str, Sequence[Clip]], folder: str, chapters: Sequence[int], timeline: Timeline
    ) -> None:
        """Add the overlays of the pages and the audio files of the used chapters, and say so."""
        total = 0
        self._item("css", f"{folder}/read.css", "text/css")
        for number in chapters:
            self._item("audio", f"{folder}/{number + 1:03}.mp3", "audio/mpeg")
        for index, (name, page_clips) in enumerate(clips.items(), 1):
            identifier = self._item("overlay", f"{folder}/{index:03}.smil", "application/smil+xml")
            self.items[name].set("media-overlay", identifier)
            length = sum(clip.end - clip.begin for clip in page_clips)
            self._meta("media:duration", clock(length), refines=f"#{identifier}")
            total += length
        self._meta("media:duration", clock(total))
        self._meta("media:active-class", ACTIVE)
        if timeline.metadata.narrator:
            self._meta("media:narrator", timeline.metadata.narrator)
        self._say("schema:accessMode", "auditory")
        self._say("schema:accessibilityFeature", "synchronizedAudioText")
        for meta in self._metadata.iter(f"{{{_OPF}}}meta"):
            if meta.get("property") == "dcterms:modified" and not meta.get("refines"):
                meta.text = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"

    def _path_of(self, href: str) -> str:
        return posixpath.normpath(posixpath.join(self.base, unquote(href)))

    def _item(self, kind: str, name: str, content_type: str) -> str:
        """Add an entry to the manifest; return its id."""
        identifier = next(each for number in count(1) if (each := f"heard-{kind}-{number}") not in self._ids)
        self._ids.add(identifier)
        href = quote(posixpath.relpath(name, self.base or "."))
        self._add(self._manifest, "item", {"id": identifier, "href": href, "media-type": content_type})
        return identifier

    def _meta(self, prop: str, text: str, **attributes: str) -> None:
        self._add(self._metadata, "meta", {"property": prop, **attributes}).text = text

    def _say(self, prop: str, text: str) -> None:
        """Add a property, unless the book has it."""
        metas = self._metadata.iter(f"{{{_OPF}}}meta")
        if not any(meta.get("property") == prop and (meta.text or "").strip() == text for meta in metas):
            self._meta(prop, text)

    def _add(self, parent: Any, tag: str, attributes: Mapping[str, str]) -> Any:
        from lxml import etree

        node = etree.SubElement(parent, f"{{{_OPF}}}{tag}", dict(attributes))
        node.tail = "\n"
        return node


def _relative(name: str, start: str) -> str:
    """Return a part's URL, relative to another part."""
    return quote(posixpath.relpath(name, posixpath.dirname(start) or "."))


def _free(archive: Archive, folder: str) -> str:
    """Return a folder that the archive does not have."""
    while any(name.startswith(f"{folder}/") for name in archive.names()):
        folder += "-"
    return folder


def _link(root: Any, href: str) -> None:
    """Link the highlight style in a page; its overlay is not valid without it."""
    from lxml import etree

    head = root.find(f"{{{_XHTML}}}head")
    link = etree.SubElement(head, f"{{{_XHTML}}}link", {"rel": "stylesheet", "type": "text/css", "href": href})
    link.tail = "\n"


def _text(root: Any) -> bytes:
    from lxml import etree

    text: bytes = etree.tostring(root.getroottree(), encoding="utf-8", xml_declaration=True)
    return text


def _other_files(data: bytes, written: set[str]) -> Iterator[tuple[str, Iterator[bytes]]]:
    """Yield all parts but those that are done, block by block.

    Raises:
        InvalidRequest: a part is damaged, far larger than it looks, or has a name that leads out of the archive.
    """
    remaining = _MOST_BYTES
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for part in archive.infolist():
            if part.is_dir() or part.filename in written:
                continue
            written.add(part.filename)
            remaining -= part.file_size
            check(part)
            if remaining < 0 or part.filename.startswith("/") or ".." in part.filename.split("/"):
                raise refused(f"its part {part.filename[:80]!r} is not one that a book has", "file")
            yield part.filename, _blocks(archive, part)


def _blocks(archive: zipfile.ZipFile, part: zipfile.ZipInfo) -> Iterator[bytes]:
    try:
        with archive.open(part) as file:
            while block := file.read(_BLOCK):
                yield block
    except Exception as fault:  # What a damaged stream raises depends on its compression.
        raise refused(f"its part {part.filename[:80]!r} is damaged ({fault})", "file") from None
