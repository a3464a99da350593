"""Writing a read-along EPUB: with the pages of the book that was read, or with pages made from what is heard."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from speech.books.overlay import made, source
from speech.books.overlay.clips import Level
from speech.books.timeline import Timeline
from speech.errors import InvalidRequest

__all__ = ["write"]


def write(
    timeline: Timeline, audio: Sequence[Path], target: Path, level: Level = "sentence", original: bytes | None = None
) -> list[str]:
    """Write a read-along EPUB; return sentences for the user.

    Args:
        audio: an MP3 file of each chapter.
        original: the EPUB that was read, whose markup is kept where that is possible.
    """
    if original is not None:
        try:
            return source.write(timeline, audio, target, level, original)
        except (InvalidRequest, source.Unfit) as fault:
            notes = [
                f"Read-along: the pages are made from what is heard, since the book's own cannot be used: {fault}."
            ]
    else:
        notes = []
    made.write(timeline, audio, target, level)
    return notes
