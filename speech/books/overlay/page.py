"""A page of a book: its text as it is read, and elements around parts of it."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from speech.script.readers.markup import name
from speech.script.readers.silence import silent

__all__ = ["Page"]

_XHTML = "http://www.w3.org/1999/xhtml"
_BLOCKS = frozenset([
    "address", "article", "aside", "blockquote", "body", "caption", "center", "dd", "details", "dialog", "div", "dl",
    "dt", "fieldset", "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hgroup",
    "hr", "html", "legend", "li", "main", "nav", "ol", "p", "pre", "section", "summary", "table", "tbody", "td",
    "tfoot", "th", "thead", "tr", "ul",
])  # fmt: skip
_BEFORE = 40


@dataclass(slots=True)
class _Item:
    """A part of an element's content: text or an element, and where it stands in the text of the page."""

    begin: int
    end: int
    content: Any


class Page:
    """The text in the body of a page without what is not read, and where each character of it stands.

    Args:
        body: the element; it is changed by `wrap`.

    Attributes:
        text: as the page has it, with a line break where a block begins or ends.
    """

    def __init__(self, body: Any) -> None:
        self._body = body
        self._pieces: list[str] = []
        self._at = 0
        # Of each element its content, by the identity of what the dictionary itself keeps alive.
        self._contents: dict[Any, list[_Item]] = {}
        self._blocks: dict[Any, bool] = {}
        self._read(body)
        self.text = "".join(self._pieces)

    def wrap(self, begin: int, end: int, ids: Iterator[str]) -> list[tuple[str, int]]:
        """Put spans around the text from `begin` to `end`; return their ids, and the number of characters in each.

        One span is enough where no element ends or begins within the text. Call it for later text first: what stands
        before `begin` is left as it was.
        """
        elements: list[tuple[str, int]] = []

        def named(length: int) -> str:
            elements.append((next(ids), length))
            return elements[-1][0]

        self._wrap(self._body, begin, end, named)
        return elements

    def _read(self, node: Any) -> None:
        """Note the content of an element."""
        items = self._contents[node] = []
        self._add(items, node.text)
        for child in node:
            is_block = name(child) in _BLOCKS
            if is_block:
                self._break()
            begin = self._at
            # What is silent, and comments, have no characters.
            if name(child) and name(child) != "s" and silent(child, self._before()) is None:
                self._read(child)
            self._blocks[child] = is_block
            items.append(_Item(begin, self._at, child))
            if is_block:
                self._break()
            self._add(items, child.tail)

    def _before(self) -> str:
        return "".join(self._pieces[-3:])[-_BEFORE:]

    def _add(self, items: list[_Item], text: str | None) -> None:
        if text:
            items.append(_Item(self._at, self._at + len(text), text))
            self._pieces.append(text)
            self._at += len(text)

    def _break(self) -> None:
        self._pieces.append("\n")
        self._at += 1

    def _wrap(self, node: Any, begin: int, end: int, next_id: Callable[[int], str]) -> None:
        """Put spans around the part of the text that lies in an element."""
        children: list[_Item] = []
        run: list[_Item] = []

        def finish() -> None:
            if any(item.content.strip() if isinstance(item.content, str) else item.end > item.begin for item in run):
                children.append(self._span(run, next_id(run[-1].end - run[0].begin)))
            else:
                children.extend(run)
            run.clear()

        items = self._contents[node]
        first = bisect_right(items, begin, key=lambda item: item.end)
        last = bisect_left(items, end, key=lambda item: item.begin)
        for item in items[first:last]:
            if isinstance(item.content, str):
                for part in _cut(item, begin, end):
                    if begin <= part.begin and part.end <= end:
                        run.append(part)
                    else:
                        finish()
                        children.append(part)
            elif begin <= item.begin and item.end <= end and not self._has_blocks(item.content):
                run.append(item)
            else:
                finish()
                if item.content in self._contents:
                    self._wrap(item.content, begin, end, next_id)
                children.append(item)
        finish()
        if [item.content for item in children] != [item.content for item in items[first:last]]:
            items[first:last] = children
            _fill(node, items)

    def _has_blocks(self, node: Any) -> bool:
        """Check whether an element is a block or holds one, so that it may not stand in a span."""
        return any(self._blocks.get(each, name(each) in _BLOCKS) for each in node.iter())

    def _span(self, items: list[_Item], identifier: str) -> _Item:
        from lxml import etree

        span = etree.Element(f"{{{_XHTML}}}span", {"id": identifier}, nsmap={None: _XHTML})
        self._contents[span] = [*items]
        self._blocks[span] = False
        _fill(span, items)
        return _Item(items[0].begin, items[-1].end, span)


def _cut(item: _Item, begin: int, end: int) -> Iterator[_Item]:
    """Cut a text at the borders that lie within it."""
    borders = [item.begin, *(border for border in (begin, end) if item.begin < border < item.end), item.end]
    for first, last in pairwise(borders):
        yield _Item(first, last, item.content[first - item.begin : last - item.begin])


def _fill(node: Any, items: list[_Item]) -> None:
    """Make items the content of an element."""
    for child in list(node):
        node.remove(child)
    node.text, last = None, None
    for item in items:
        if not isinstance(item.content, str):
            item.content.tail = None
            node.append(item.content)
            last = item.content
        elif last is None:
            node.text = (node.text or "") + item.content
        else:
            last.tail = (last.tail or "") + item.content
