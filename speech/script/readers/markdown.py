"""Reading Markdown: CommonMark with tables, crossed-out text, footnotes and a head of titles."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

import regex

from speech import front_matter
from speech.script.passage import Script
from speech.script.readers.html import read_as
from speech.script.readers.markup import language

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.rules_core import StateCore

__all__ = ["read"]

# The head's names of what a document says of itself, and those of Dublin Core.
_FACTS = {
    "author": "creator", "publisher": "publisher", "date": "date", "description": "description", "rights": "rights",
}  # fmt: skip
# The label of an alert on GitHub, or of a callout of Obsidian, which may have a title.
_ALERT = regex.compile(r"\[!(?P<kind>[A-Za-z]{2,20})\][+-]?[ \t]*")
# Characters and words that are common in code and rare in prose.
_CODE_CHARACTERS = regex.compile(r"[{}<>=$|\\`]|\w\(|;[ \t]*$|^[ \t]*(?:#!|//|\$ |>>> |def |import )", regex.MULTILINE)


def read(text: str) -> Script:
    """Read a Markdown text.

    Raises:
        InvalidRequest: what it makes is nested too deeply.
    """
    text = text.lstrip("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    fields, text = front_matter.split(text)
    code = language(fields.get("lang") or fields.get("language") or "")
    facts = ((name, fields.get(field, "").strip("[]")) for field, name in _FACTS.items())
    depth = int(fields["chapters"]) if fields.get("chapters") in {*"123456"} else None
    script = read_as(_parser().render(text), "markdown", fields.get("title") or None, code)
    return replace(script, facts=tuple((name, value) for name, value in facts if value), depth=depth)


@cache
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt
    from mdit_py_plugins.footnote import footnote_plugin

    parser = MarkdownIt("commonmark").enable(["table", "strikethrough"]).use(footnote_plugin)
    parser.core.ruler.after("inline", "alerts", _mark_alerts)
    parser.add_render_rule("softbreak", _soft_break)
    parser.add_render_rule("code_block", _indented)
    return parser


def _mark_alerts(state: StateCore) -> None:
    """Mark the label of an alert, `> [!NOTE]`, so that the page leaves it out; a title after it stays."""
    for before, paragraph, inline in zip(state.tokens, state.tokens[1:], state.tokens[2:], strict=False):
        if (before.type, paragraph.type) != ("blockquote_open", "paragraph_open") or not inline.children:
            continue
        match = _ALERT.match(inline.children[0].content)
        if inline.children[0].type != "text" or not match or not _ALERT.match(inline.content):
            continue
        from markdown_it.token import Token

        label, first = Token("html_inline", "", 0), inline.children[0]
        label.content = f'<span class="markdown-alert-title">{match["kind"]}</span>'
        first.content = first.content[match.end() :]
        rest = inline.children[1:] if first.content else inline.children[2:]
        inline.children[:] = [label, *([first] if first.content else []), *rest]
        if first.content and len(inline.children) > 2 and inline.children[2].type == "softbreak":
            # The title is a paragraph of its own.
            inline.children[2] = Token("html_inline", "", 0)
            inline.children[2].content = "</p>\n<p>"


def _soft_break(*_: Any) -> str:
    return "<br data-soft>"


def _indented(_renderer: Any, tokens: Any, index: int, *_: Any) -> str:
    """Render an indented block: code according to CommonMark, but writers also indent verse and letters."""
    from html import escape

    text = tokens[index].content
    prose = escape(text, quote=False)
    return f"<pre><code>{prose}</code></pre>\n" if _CODE_CHARACTERS.search(text) else f"<pre>\n{prose}</pre>\n"
