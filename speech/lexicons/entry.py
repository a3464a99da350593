"""What a reader finds in the file of a lexicon, before it is checked."""

from __future__ import annotations

from typing import Any

from speech.errors import InvalidRequest, Problem

__all__ = ["Entry", "refusal"]

Entry = tuple[int, dict[str, Any]]
"""The line of a row, and its fields."""


def refusal(label: str, line: int, sentence: str) -> InvalidRequest:
    """Return the error that says what is wrong with a lexicon; line 0 stands for all of it."""
    position = f"{label}, line {line}" if line else label
    return InvalidRequest([Problem("lexicon", None, "", f"{position}: {sentence}")])
