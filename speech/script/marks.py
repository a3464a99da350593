"""Marks around the substituted parts of a text, so that they survive cutting, joining and tidying."""

from __future__ import annotations

from collections.abc import Sequence

import regex

from speech.script.passage import Substitution

__all__ = ["mark", "unmark", "unmarked", "wrapped"]

# Unicode keeps these two for a program's own use; they stand in no text.
_OPEN, _CLOSE = "\ufdd0", "\ufdd1"
_MARKS = regex.compile(f"[{_OPEN}{_CLOSE}]")


def mark(text: str, says: Sequence[Substitution]) -> str:
    """Return a text with marks around its substitutions."""
    for each in reversed(says):
        text = text[: each.start] + wrapped(text[each.start : each.end]) + text[each.end :]
    return text


def unmark(text: str, says: Sequence[str]) -> tuple[str, tuple[Substitution, ...], Sequence[str]]:
    """Take the marks out of a text; return it, its substitutions, and the words that are left for the next text.

    Args:
        says: the words to speak in the place of what is marked, in order.

    >>> unmark(f"The {wrapped('W3C')}.", ["Consortium", "next"])
    ('The W3C.', (Substitution(start=4, end=7, say='Consortium'),), ['next'])
    """
    substitutions: list[Substitution] = []
    plain, start = "", None
    for part in regex.split(f"([{_OPEN}{_CLOSE}])", text):
        if part == _OPEN:
            start = len(plain)
        elif part == _CLOSE:
            # Without an opening mark, a direction inside the marks has split the text.
            if start is not None and says and plain[start:].strip():
                substitutions.append(Substitution(start, len(plain), says[0]))
            start, says = None, says[1:]
        else:
            plain += part
    return plain, tuple(substitutions), says


def unmarked(text: str) -> str:
    """Return a text without marks."""
    return _MARKS.sub("", text)


def wrapped(text: str) -> str:
    """Return a text between marks.

    >>> unmarked(wrapped("W3C"))
    'W3C'
    """
    return f"{_OPEN}{text}{_CLOSE}"
