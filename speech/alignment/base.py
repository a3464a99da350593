"""What every aligner offers: when is each word of a known script heard?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from speech.audio import Recording
from speech.text import Chunk
from speech.words import Word

__all__ = ["Aligner", "Alignment"]


class Aligner(Protocol):
    """Times the words of a script in a recording of it.

    Attributes:
        name: as it is asked for.
        doubtful: mean confidence below which the script is probably not what is said.
        cost_usd: what it has cost so far, in dollars, estimated.

    `align` returns one `Word` for every token of the chunks, in order, in milliseconds from the
    start of the recording. Where the recording has spans, each chunk is heard inside its own.
    It raises `AlignerUnavailable` when it cannot run here, `AlignmentError` when it failed.
    """

    name: str
    doubtful: float
    cost_usd: float

    def align(self, recording: Recording, chunks: Sequence[Chunk], language: str) -> list[Word]: ...


@dataclass(frozen=True, slots=True)
class Alignment:
    """Timed words, who timed them, why it was not the one asked for, and what it cost in dollars, estimated."""

    words: tuple[Word, ...]
    method: str
    warnings: tuple[str, ...] = ()
    cost_usd: float = 0.0
