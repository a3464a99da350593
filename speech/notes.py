"""Notes for the user: sentences, some of which have a kind by which programs know them."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["DEMO", "Note", "declined", "kinds"]

DEMO = "demo-voice"
"""The kind of the note that the demo voice spoke, since no engine that clones voices can run."""


class Note(str):
    """A sentence of a kind; without one, a plain text will do."""

    kind: str

    def __new__(cls, text: str, kind: str) -> Note:
        """Make a note of a text."""
        note = super().__new__(cls, text)
        note.kind = kind
        return note


def declined(aligner: str) -> str:
    """Return the kind of the note that tells why an aligner did not time the words."""
    return f"declined-{aligner}"


def kinds(notes: Iterable[str]) -> dict[str, int]:
    """Return the index of the first note of each kind.

    >>> kinds(["It is cold.", Note("A robot speaks.", DEMO)])
    {'demo-voice': 1}
    """
    positions: dict[str, int] = {}
    for position, note in enumerate(notes):
        if isinstance(note, Note):
            positions.setdefault(note.kind, position)
    return positions
