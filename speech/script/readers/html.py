"""Reading HTML."""

from __future__ import annotations

from typing import Any

from speech.script.passage import Passage, Script
from speech.script.readers.markup import attribute, language, parse_html
from speech.script.readers.page import Page

__all__ = ["read", "read_as"]


def read(text: str) -> Script:
    """Read an HTML page, or a fragment of one.

    Raises:
        InvalidRequest: it is nested too deeply, or a pause or a pace in it cannot be understood.
    """
    return read_as(text, "html")


def read_as(text: str, kind: str, title: str | None = None, code: str | None = None) -> Script:
    """Read HTML that was made of another format.

    Args:
        kind: that format.
        title, code: the title and the language that the document states outside of the HTML.
    """
    root = parse_html(text)
    body = root.find("body")
    code = code or _language(root, body)
    page = Page(code)
    page.read(body if body is not None else root)
    title = title or " ".join("".join(root.xpath("string(head/title)")).split()) or first_heading(page.passages)
    return Script(tuple(page.passages), kind, title or None, code, page.left_out, tuple(page.notes))


def first_heading(passages: list[Passage]) -> str | None:
    """Return the text of the first heading of the highest level."""
    return next((each.text for each in passages if each.kind == "heading" and each.level == 1), None)


def _language(root: Any, body: Any) -> str | None:
    for node in (root, body):
        if node is not None and (tag := attribute(node, "lang") or attribute(node, "xml:lang")):
            return language(tag)
    return None
