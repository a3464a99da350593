"""Reading plain text: what its blank lines, short lines and rows of symbols mean."""

from __future__ import annotations

import itertools

import regex

from speech.script.passage import Kind, Passage, Script
from speech.text import has_words, normalise

__all__ = ["BLANK_LINES", "SCENE", "read"]

BLANK_LINES = regex.compile(r"\n[^\S\n]*\n\s*")
# A row of symbols between two scenes, such as *** or – – –.
SCENE = regex.compile(r"[*#~=_•⁂·—–\-]+(?: [*#~=_•⁂·—–\-]+)*")
# Typewriters and e-mail wrap lines at 60 to 80 characters. The first word of the next line would not have fitted.
_NARROWEST, _WIDEST = 40, 120
_MAX_HEADING = 60
_ENDS = regex.compile(r"[.!?…。！？:;,،؛：；，、][\p{Pe}\p{Pf}\"']*$")


def read(text: str) -> Script:
    """Read a plain text.

    Blank lines separate paragraphs, and lines that were wrapped are joined again. In a text without blank lines each
    line is a paragraph. A short line by itself that ends no sentence, with a paragraph after it, is a heading; several
    short lines together are verse; a row of symbols is a break between scenes.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\u2028", "\n").replace("\u2029", "\n").strip()
    parts = BLANK_LINES.split(text)
    passages: list[Passage] = []
    for number, part in enumerate(parts):
        lines = [line for line in map(normalise, part.split("\n")) if line]
        follows = number + 1 < len(parts) and has_words(parts[number + 1])
        passages += _passages(lines, alone=len(parts) > 1, follows=follows)
    return Script(tuple(passages))


def _passages(lines: list[str], *, alone: bool, follows: bool) -> list[Passage]:
    """Return the passages of lines that stand together.

    Args:
        alone: whether blank lines set them apart.
        follows: whether more text comes after them.
    """
    if len(lines) == 1 and alone and follows and _is_heading(lines[0]):
        return [Passage("heading", lines[0], level=1)]
    if alone and _are_wrapped(lines):
        # The line breaks stay, since a direction may follow one.
        return [Passage("paragraph", "\n".join(lines))]
    kind: Kind = "verse" if alone and len(lines) > 1 and max(map(len, lines)) < _MAX_HEADING else "paragraph"
    passages: list[Passage] = []
    for line in lines:
        if SCENE.fullmatch(line):
            passages.append(Passage("scene"))
        elif has_words(line):
            continues = kind == "verse" and bool(passages) and passages[-1].kind == "verse"
            passages.append(Passage(kind, line, continues=continues))
    return passages


def _is_heading(line: str) -> bool:
    return len(line) <= _MAX_HEADING and has_words(line) and not _ENDS.search(line) and not line[0].islower()


def _are_wrapped(lines: list[str]) -> bool:
    """Check whether lines were broken because the next word did not fit."""
    width = max(map(len, lines), default=0)
    if len(lines) < 2 or not _NARROWEST <= width <= _WIDEST:
        return False
    return all(
        len(line) + 1 + len(following.split(" ", 1)[0]) >= width * 0.85 for line, following in itertools.pairwise(lines)
    )
