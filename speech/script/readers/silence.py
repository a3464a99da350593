"""The parts of a page that are left out, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import regex

from speech.script.passage import LeftOut
from speech.script.readers.markup import attribute, kinds, name

__all__ = ["NOTE_MARK", "Silence", "silent"]

NOTE_MARK = "note mark"

_PAGE_NUMBER, _NOTE, _CONTENTS, _PICTURE = "page number", "note", "contents", "picture"
_LABEL = "label of an alert"
WHY: Mapping[str, str] = {
    NOTE_MARK: "notes are not spoken",
    _NOTE: "notes would interrupt what is read",
    _PAGE_NUMBER: "it belongs to the printed page",
    _CONTENTS: "it is for finding places in the printed book",
    _PICTURE: "pictures are not described",
    "link address": "only the words of a link are spoken",
    "code": "it is made to be seen",
    "table": "it is made to be seen",
    "formula": "it is made to be seen",
    "drawing": "it is made to be seen",
    "form": "it is made to be filled in",
    "recording": "only text is spoken",
    "embedded page": "only text is spoken",
    "comment": "it is not part of the text",
    "program or style": "it is not part of the text",
    "hidden text": "the page does not show it",
    "crossed-out text": "it is crossed out",
    "aside": "it would interrupt what is read",
    "page footer": "it is not part of the text",
    "licence": "it is not part of the text",
    _LABEL: "it is a mark beside the text",
    "number of an item": "the items of a list are spoken without their numbers",
    "reading aid": "the word itself is spoken",
}
"""The reason for each sort of thing."""

_BY_TAG = {
    "nav": _CONTENTS, "table": "table", "math": "formula", "svg": "drawing", "canvas": "drawing",
    "script": "program or style", "style": "program or style", "template": "program or style",
    "noscript": "program or style", "head": "program or style", "form": "form", "button": "form", "select": "form",
    "textarea": "form", "input": "form", "audio": "recording", "video": "recording", "iframe": "embedded page",
    "object": "embedded page", "embed": "embedded page", "del": "crossed-out text", "strike": "crossed-out text",
    "rt": "reading aid", "rp": "reading aid", "aside": "aside", "img": _PICTURE, "image": _PICTURE,
}  # fmt: skip
_BY_KIND = {
    "pagebreak": _PAGE_NUMBER, "noteref": NOTE_MARK, "biblioref": NOTE_MARK, "backlink": NOTE_MARK, "footnote": _NOTE,
    "footnotes": _NOTE, "endnote": _NOTE, "endnotes": _NOTE, "rearnote": _NOTE, "rearnotes": _NOTE, "note": _NOTE,
    "toc": _CONTENTS, "landmarks": _CONTENTS, "page-list": _CONTENTS, "index": _CONTENTS, "loi": _CONTENTS,
    "lot": _CONTENTS, "bibliography": _CONTENTS,
}  # fmt: skip
# Classes and ids of pandoc, mammoth, Markdown's footnotes, Project Gutenberg and Word.
_BY_CLASS = (
    (_PAGE_NUMBER, regex.compile(r"(?:^|\s)(?:x-ebookmaker-pageno|page-?num(?:ber)?|page-?no|page-?break)(?:\s|$)")),
    (NOTE_MARK, regex.compile(r"(?:^|\s)(?:footnote-?(?:ref|back|backref)|note-?ref|fnanchor)(?:\s|$)")),
    (_NOTE, regex.compile(r"(?:^|\s)(?:foot|end)notes?(?:-block|-item|-sep)?(?:\s|$)|^(?:foot|end)note-\d+$")),
    ("licence", regex.compile(r"(?:^|\s)pg-(?:boilerplate|header|footer)(?:\s|$)")),
    (_LABEL, regex.compile(r"(?:^|\s)markdown-alert-title(?:\s|$)")),
    (_CONTENTS, regex.compile(r"^(?:toc|table-of-contents)$")),
)
_BARE_MARK = regex.compile(r"\W{0,12}(?:\d{1,4}|[*†‡§¶]{1,12}|[a-z])\W{0,12}|[\W_]{0,12}")
_HIDDEN = regex.compile(r"display\s*:\s*none|visibility\s*:\s*hidden")
_CODE = regex.compile(r"(?:^|\s)(?:code|highlight|sourceCode|prettyprint|language-\S+|lang-\S+)(?:\s|$)")
# What may stand before a mark. After a number or a unit a raised number is a power.
_MARKED = regex.compile(r"(?:\p{L}{4}|[\p{P}--[(\-/]])\s*$", regex.V1)
_SHOWN = 60
# The arrow at the end of a note, which leads back to the text.
_BACK = "↩↑\ufe0e \n"
# These are counted instead of listed, since a book has hundreds.
_COUNTED = {
    NOTE_MARK, _PAGE_NUMBER, "link address", "comment", "program or style", "reading aid", "number of an item",
}  # fmt: skip


def silent(node: Any, before: str) -> str | None:
    """Return the sort of thing that an element is, a key of `WHY`, if it is not spoken.

    Args:
        before: the text before it in the same paragraph.
    """
    tag, types = name(node), kinds(node)
    names = f"{attribute(node, 'class')} {attribute(node, 'id')}".strip()
    silence_kind = next((_BY_KIND[kind] for kind in sorted(types) if kind in _BY_KIND), None)
    silence_kind = silence_kind or next(
        (each for each, pattern in _BY_CLASS if names and _matches(pattern, node)), None
    )
    if silence_kind is None and (tag in _BY_TAG or tag == "pre"):
        silence_kind = _by_tag(node, tag, names)
    if silence_kind is None and (node.get("hidden") is not None or attribute(node, "aria-hidden") == "true"):
        silence_kind = "hidden text"
    if silence_kind is None and _HIDDEN.search(attribute(node, "style")):
        silence_kind = "hidden text"
    if silence_kind is None and tag in ("a", "sup") and _is_mark(node, tag, before):
        silence_kind = NOTE_MARK
    if silence_kind is None and tag == "footer" and name(node.getparent()) == "body":
        silence_kind = "page footer"
    return silence_kind


def _matches(pattern: regex.Pattern[str], node: Any) -> bool:
    return any(pattern.search(attribute(node, each)) for each in ("class", "id"))


def _by_tag(node: Any, tag: str, names: str) -> str | None:
    if tag == "pre":
        return "code" if node.find(".//{*}code") is not None or _CODE.search(names) else None
    if tag == "table":
        return None if _is_layout(node) else "table"
    if tag == "img" and len(attribute(node, "alt").strip()) == 1:
        # A decorated initial, drawn as a picture.
        return None
    return _BY_TAG[tag]


def _is_layout(table: Any) -> bool:
    """Check whether a table only arranges text on a page: it holds another one, or has one column."""
    if "presentation" in kinds(table) or table.find(".//{*}table") is not None:
        return True
    return all(sum(name(cell) in ("td", "th") for cell in row) < 2 for row in table.iter("{*}tr"))


def _is_mark(node: Any, tag: str, before: str) -> bool:
    text = "".join(node.itertext())
    if len(text) > 12 or not _BARE_MARK.fullmatch(text) or not text.strip():
        return False
    link = node if tag == "a" else next(node.iter("{*}a"), None)
    if link is not None:
        return "#" in attribute(link, "href")
    return tag == "sup" and any(map(str.isdigit, text)) and bool(_MARKED.search(before))


@dataclass(slots=True)
class Silence:
    """The list of what is left out.

    Attributes:
        listed: things with an excerpt of their text.
        counted: how many there are of the things that are not worth an entry each.
    """

    listed: list[LeftOut] = field(default_factory=list)
    counted: Counter[str] = field(default_factory=Counter)

    def add(self, kind: str, node: Any = None) -> None:
        """Add an element of a sort of thing."""
        if kind in _COUNTED:
            self.counted[kind] += 1
        elif kind == _PICTURE:
            description = attribute(node, "alt") or attribute(node, "src").rpartition("/")[2]
            self.note(kind, "" if description.startswith("data:") else description)
        elif kind == _NOTE and (notes := [*node.iter("{*}li")]):
            for each in notes:
                self.note(kind, "".join(each.itertext()).rstrip(_BACK))
        else:
            between = " " if kind == "table" else ""
            self.note(kind, between.join(node.itertext()).rstrip(_BACK) if node is not None else "")

    def note(self, kind: str, text: str, reason: str | None = None) -> None:
        """Add something by its text."""
        words = " ".join(text[:2000].split())
        if words or kind in (_PICTURE, "recording", "embedded page", "drawing", "formula"):
            excerpt = words if len(words) <= _SHOWN else f"{words[:_SHOWN].rstrip()}…"
            self.listed.append(LeftOut(f"{kind}: {excerpt}" if excerpt else kind, reason or WHY[kind]))

    def all(self) -> tuple[LeftOut, ...]:
        """Return everything that is left out."""
        counts = (LeftOut(_count(number, kind), WHY[kind]) for kind, number in self.counted.items())
        return (*self.listed, *counts)


def _count(number: int, kind: str) -> str:
    """Return a number of things.

    >>> _count(2, "link address"), _count(3, "number of an item")
    ('2 link addresses', '3 numbers of an item')
    """
    if number == 1:
        return f"1 {kind}"
    noun, of, rest = kind.partition(" of ")
    return f"{number} {noun}{'es' if noun.endswith('s') else 's'}{of}{rest}"
