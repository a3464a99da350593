"""Choosing the reader of a text."""

from __future__ import annotations

from collections.abc import Callable, Collection
from importlib import import_module

import regex

from speech import front_matter
from speech.script.directions import direct
from speech.script.passage import Script

__all__ = ["FORMATS", "detect", "parse", "read"]

# Each entry is module:function, imported when the reader is first used.
_READERS = {
    "text": "speech.script.readers.plain:read",
    "markdown": "speech.script.readers.markdown:read",
    "html": "speech.script.readers.html:read",
    "ssml": "speech.script.readers.ssml:read",
}
FORMATS = tuple(_READERS)

_PROLOGUE = regex.compile(r"(?:\s|<\?xml[^>]*+>|<!--.*?-->)*+", regex.DOTALL)
_DOCTYPE = regex.compile(r"<!doctype\s+(\w++)(?:[^\[>]|\[[^\]]*\])*+>\s*+", regex.IGNORECASE)
_HTML = regex.compile(r"<(?:html|head|body)[\s>]", regex.IGNORECASE)
_FRAGMENT = regex.compile(
    r"<(p|h[1-6]|div|article|section|main|ul|ol|blockquote)(?:\s[^>]*+)?>.*</\1>\s*$", regex.IGNORECASE | regex.DOTALL
)
_SSML = regex.compile(r"<(?:\w+:)?speak[\s>/]")
# How much each sign of Markdown counts, once; a text that has less than 2 is plain. A writer of prose makes dashes,
# asterisks and `#1` too, but none of the signs that count 2.
_SIGNS = tuple(
    (weight, regex.compile(pattern, regex.MULTILINE))
    for weight, pattern in (
        (2, r"(?:^|\n[^\S\n]*\n|\A)#{1,6}[^\S\n]+[^\s#\d][^\n]{0,120}$"),
        (1, r"^#{2,6}[^\S\n]+\S"),
        (2, r"^(?:```|~~~)[\w-]*[^\S\n]*\n[\s\S]*?^(?:```|~~~)"),
        (2, r"!?\[[^\[\]\n]+\]\((?:https?:|mailto:|[#./]|[\w/-]+\.\w{2,4}\b)[^()\s]*(?: \"[^\"\n]*\")?\)"),
        (2, r"^\[[^\[\]\n]+\]:[^\S\n]+(?:https?:|[#./])\S*$"),
        (2, r"^\[\^[\w-]+\]:[^\S\n]"),
        (2, r"(?<![\w*])\*\*(?=\w)[^*\n]{1,200}(?<=[\w.!?,:])\*\*(?![\w*])"),
        (2, r"(?<![\w~])~~(?=\w)[^~\n]{1,200}(?<=[\w.!?,:])~~(?![\w~])"),
        (2, r"^\|?[^\S\n]*:?-{3,}:?[^\S\n]*(?:\|[^\S\n]*:?-{3,}:?[^\S\n]*)+\|?$"),
        (2, r"^[^\s#>*_=-][^\n]{0,70}\n={3,}[^\S\n]*$"),
        (1, r"^[^\s#>*_=-][^\n]{0,70}\n-{3,}[^\S\n]*$"),
        (1, r"(?<![\w_])__(?=\w)[^_\n]{1,200}(?<=[\w.!?])__(?![\w_])"),
        (1, r"(?<![\w*])\*(?=\w)[^*\n]{1,80}(?<=\w)\*(?![\w*])"),
        (1, r"(?<![\w`])`[^`\n]{1,80}`(?![\w`])"),
        (1, r"^[*+] \S[^\n]*\n(?:\n)?[*+] \S"),
        (1, r"^> \S"),
    )
)


def read(
    text: str,
    kind: str | None = None,
    cast: Collection[str] = (),
    stored: Callable[[], Collection[str]] = tuple,
) -> Script:
    """Read a script, and carry out its directions.

    Args:
        kind: its format, one of `FORMATS`; None to detect it.
        cast, stored: the names of voices; see `speech.script.directions.direct`.

    Raises:
        InvalidRequest: it is not of that format, or a direction is not understood.
    """
    return direct(parse(text, kind), cast, stored)


def parse(text: str, kind: str | None = None) -> Script:
    """Read a script; its directions are left in the text, and its passages may hold line breaks."""
    module, _, function = _READERS[kind or detect(text)].partition(":")
    script: Script = getattr(import_module(module), function)(text)
    return script


def detect(text: str) -> str:
    """Return the format of a text; plain text unless it is surely something else.

    >>> detect("The *only* one, our #1."), detect("# Salt\\n\\nEvery summer"), detect("<speak>Hello.</speak>")
    ('text', 'markdown', 'ssml')
    """
    start = _PROLOGUE.match(text.lstrip("\ufeff")).end()  # type: ignore[union-attr]
    beginning = text.lstrip("\ufeff")[start:]
    doctype = _DOCTYPE.match(beginning)
    root = beginning[doctype.end() :] if doctype else beginning
    if _SSML.match(root):
        return "ssml"
    if (doctype and doctype[1].lower() == "html") or _HTML.match(root) or _FRAGMENT.match(root):
        return "html"
    if front_matter.split(text)[0]:
        return "markdown"
    return "markdown" if sum(weight for weight, sign in _SIGNS if sign.search(text)) >= 2 else "text"
