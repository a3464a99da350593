"""Reading EPUB books: every part in the order of reading, with the names of its table of contents."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import unquote, urldefrag

from speech.errors import InvalidRequest
from speech.script.passage import Entry, Script
from speech.script.readers.archive import Archive
from speech.script.readers.encodings import decode
from speech.script.readers.html import first_heading
from speech.script.readers.markup import attribute, kinds, language, name, parse_html, parse_xml, refused
from speech.script.readers.page import Page

__all__ = ["CONTAINER", "FACTS", "cover", "package", "read"]

CONTAINER = "META-INF/container.xml"
_ENCRYPTION = "META-INF/encryption.xml"
# Fonts are often veiled with these, which is no protection of the text.
_VEILS = ("http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC")
# Parts that are not read aloud, by their role in the file or in the book's landmarks.
_ROLES = {
    "cover": "cover", "titlepage": "title page", "title-page": "title page", "halftitlepage": "half title",
    "copyright-page": "copyright page", "imprint": "imprint", "colophon": "colophon", "uncopyright": "copyright page",
    "toc": "contents", "loi": "list of illustrations", "lot": "list of tables", "index": "index",
    "bibliography": "bibliography", "footnotes": "notes", "endnotes": "notes", "rearnotes": "notes", "notes": "notes",
    "page-list": "contents", "landmarks": "contents",
}  # fmt: skip
# What stands before a name on a title page.
_BY = frozenset({"by", "von", "par", "por", "di", "de", "door", "od", "и", "著", "作"})
_PAGES = ("application/xhtml+xml", "text/html", "application/x-dtbook+xml")
_MOST_PAGES = 5_000

FACTS = ("creator", "publisher", "date", "description", "subject", "rights", "identifier", "source")
"""What a book says of itself besides its title and its language, by the names of Dublin Core."""

_LONGEST_FACT = 2_000

Titles = dict[str, Entry]


@dataclass(slots=True)
class _Book:
    """What the package says about a book.

    Attributes:
        pages: names of the parts in the order of reading, and whether each belongs to the main line of it.
        titles: entries of the table of contents, by part and by id; "" is the beginning of the part.
        roles: of parts, as the landmarks give them.
        facts: see `Script`.
        cover: name of the part that is its cover.
        dropped: how many pages it lists beyond those that are read.
    """

    title: str | None
    language: str | None
    pages: list[tuple[str, bool]]
    titles: dict[str, Titles] = field(default_factory=dict)
    roles: dict[str, set[str]] = field(default_factory=dict)
    facts: tuple[tuple[str, str], ...] = ()
    cover: str | None = None
    dropped: int = 0


def read(archive: Archive) -> Script:
    """Read a whole book.

    Raises:
        InvalidRequest: it is damaged or protected, or it has no text.
    """
    _check_rights(archive)
    book = _package(archive)
    page = Page(book.language)
    if book.dropped:
        page.note(f"The {book.dropped} pages after the first {_MOST_PAGES} are not read; divide the book.")
    for part, is_linear in book.pages:
        if part not in archive:
            page.note(f"The book names a part {part!r} that it does not hold.")
            continue
        root = _parse(archive.read(part))
        body = root.find("{*}body")
        body = body if body is not None else root
        role = "note" if not is_linear else _role(body, book.roles.get(part, set()))
        if role is None and len(book.pages) > 1 and _names_the_book(body, book):
            role = "title page"
        if role:
            reason = "it stands beside the text" if not is_linear else "it is not part of what is read"
            text = " ".join("".join(body.itertext()).split())
            page.silence.note(role if is_linear else "page", text or part, reason)
            continue
        titles = book.titles.get(part, {})
        if "" in titles:
            page.expect(titles[""])
        page.point(titles)
        before = len(page.passages)
        page.read(body)
        page.passages[before:] = [replace(passage, part=part) for passage in page.passages[before:]]
    title = book.title or first_heading(page.passages)
    return Script(tuple(page.passages), "epub", title, book.language, page.left_out, tuple(page.notes), book.facts)


def cover(archive: Archive) -> bytes | None:
    """Return the picture on the cover of a book, if it names one.

    Raises:
        InvalidRequest: the book is damaged.
    """
    name = _package(archive).cover
    return archive.read(name) if name and name in archive else None


def _check_rights(archive: Archive) -> None:
    """Refuse a book whose text is encrypted."""
    is_locked = "META-INF/rights.xml" in archive or "META-INF/sinf.xml" in archive
    if _ENCRYPTION in archive:
        methods = _xml(archive, _ENCRYPTION).iter("{*}EncryptionMethod")
        is_locked = is_locked or any(attribute(method, "Algorithm") not in _VEILS for method in methods)
    if is_locked:
        raise refused("it is protected against copying (DRM), so its text cannot be read", "file")


def package(archive: Archive) -> tuple[str, Any]:
    """Return the name of the package document, which lists the parts of a book, and its root.

    Raises:
        InvalidRequest: it is missing or damaged.
    """
    name = next((attribute(node, "full-path") for node in _xml(archive, CONTAINER).iter("{*}rootfile")), "")
    return name, _xml(archive, name)


def _package(archive: Archive) -> _Book:
    """Read the package document, and the table of contents."""
    root, document = package(archive)
    base = posixpath.dirname(root)
    items = {attribute(item, "id"): item for item in document.iter("{*}item")}
    paths = {key: _resolve(base, attribute(item, "href"))[0] for key, item in items.items()}
    pages = []
    itemrefs = list(document.iter("{*}itemref"))
    for itemref in itemrefs[:_MOST_PAGES]:
        key = attribute(itemref, "idref")
        if key in items and attribute(items[key], "media-type") in _PAGES:
            pages.append((paths[key], attribute(itemref, "linear") != "no"))
    if not pages:
        raise refused("it is an EPUB book without any page of text", "file")
    title = " ".join((document.findtext(".//{*}metadata/{*}title") or "").split())
    code = language(document.findtext(".//{*}metadata/{*}language") or "")
    book = _Book(title or None, code, pages, facts=_facts(document), cover=_cover(document, items, paths))
    book.dropped = max(len(itemrefs) - _MOST_PAGES, 0)
    for reference in document.iter("{*}reference"):
        page, fragment = _resolve(base, attribute(reference, "href"))
        book.roles.setdefault(page, set()).update(() if fragment else {attribute(reference, "type")})
    nav = next((key for key, item in items.items() if "nav" in attribute(item, "properties").split()), None)
    ncx = next((key for key, item in items.items() if attribute(item, "media-type").endswith("ncx+xml")), None)
    for entries in (_nav(archive, paths[nav], book) if nav else (), _ncx(archive, paths[ncx]) if ncx else ()):
        for page, fragment, label, level in entries:
            book.titles.setdefault(page, {}).setdefault(fragment, Entry(label, level))
        if book.titles:
            break
    return book


def _facts(package: Any) -> tuple[tuple[str, str], ...]:
    facts = (
        (name, " ".join("".join(node.itertext()).split())[:_LONGEST_FACT])
        for name in FACTS
        for node in package.iterfind(f".//{{*}}metadata/{{*}}{name}")
    )
    return tuple((name, text) for name, text in facts if text)


def _cover(package: Any, items: Mapping[str, Any], paths: Mapping[str, str]) -> str | None:
    """Return the name of the part that is the cover, as EPUB 3 or as EPUB 2 says it."""
    candidates = [key for key, item in items.items() if "cover-image" in attribute(item, "properties").split()]
    candidates += [attribute(meta, "content") for meta in package.iter("{*}meta") if attribute(meta, "name") == "cover"]
    return next((paths[key] for key in candidates if key in paths), None)


def _nav(archive: Archive, part: str, book: _Book) -> Iterator[tuple[str, str, str, int]]:
    """Yield the entries of a navigation document, and note the landmarks in it."""
    if part not in archive:
        return
    for nav in _parse(archive.read(part)).iter("{*}nav"):
        for link in nav.iter("{*}a"):
            page, fragment = _resolve(posixpath.dirname(part), attribute(link, "href"))
            label = " ".join("".join(link.itertext()).split())
            if "landmarks" in kinds(nav):
                book.roles.setdefault(page, set()).update(kinds(link) if not fragment else ())
            elif "toc" in kinds(nav) and label:
                yield page, fragment, label, sum(1 for _ in link.iterancestors("{*}ol")) or 1


def _ncx(archive: Archive, part: str) -> Iterator[tuple[str, str, str, int]]:
    if part not in archive:
        return
    for point in _xml(archive, part).iter("{*}navPoint"):
        content, label = point.find("{*}content"), point.find("{*}navLabel")
        if content is not None and label is not None:
            page, fragment = _resolve(posixpath.dirname(part), attribute(content, "src"))
            text = " ".join("".join(label.itertext()).split())
            if text:
                yield page, fragment, text, sum(1 for _ in point.iterancestors("{*}navPoint")) + 1


def _role(body: Any, landmarks: set[str]) -> str | None:
    """Return the role of a page, if it is not read out: what the page says of itself, or the landmarks of it."""
    types = set(kinds(body))
    if len(body) == 1:
        # What a whole page is stands on its only section; what stands deeper is about a part of it.
        types |= kinds(body[0])
    return next((_ROLES[each] for each in sorted(types | landmarks) if each in _ROLES), None)


def _names_the_book(body: Any, book: _Book) -> bool:
    """Check whether a page says its book's title, and nothing but what the package says of the book as well."""
    lines = [text for piece in body.itertext() if (text := _folded(piece))]
    known = [_folded(fact) for fact in (book.title or "", *(value for _, value in book.facts))]
    return known[0] in lines and all(line in _BY or any(line in fact for fact in known) for line in lines)


def _folded(text: str) -> str:
    return " ".join(text.split()).casefold()


def _resolve(base: str, href: str) -> tuple[str, str]:
    """Return the part and the id that a link leads to."""
    path, fragment = urldefrag(href)
    return posixpath.normpath(posixpath.join(base, unquote(path))), unquote(fragment)


def _xml(archive: Archive, part: str) -> Any:
    text, _ = decode(archive.read(part))
    return parse_xml(text)


def _parse(data: bytes) -> Any:
    """Parse a page, which should be XHTML but may be no more than HTML."""
    text, _ = decode(data)
    try:
        root = parse_xml(text)
        return root if name(root) == "html" or "<html" not in text else parse_html(text)
    except InvalidRequest:
        return parse_html(text)
