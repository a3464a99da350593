"""The interface of aligners, which find out when each word of a known script is heard."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from speech.audio import Recording
from speech.text import Chunk
from speech.words import Word

__all__ = ["Aligner", "Alignment"]


class Aligner(Protocol):
    """An aligner: it times the words of a script in a recording of that script.

    Attributes:
        name: the name under which it is registered.
        doubtful: mean confidence below which the recording probably does not say the script.
        cost_usd: estimated cost so far, in US dollars.
        by_spans: whether it looks for each chunk in its span only, so that it can time a part of the chunks.
    """

    name: str
    doubtful: float
    cost_usd: float
    by_spans: bool

    def align(self, recording: Recording, chunks: Sequence[Chunk], language: str) -> list[Word]:
        """Return one word for every token of the chunks, in order, in milliseconds from the start of the recording.

        If the recording has spans, each chunk is heard inside its own span.

        Args:
            language: ISO 639-1 code.

        Raises:
            AlignerUnavailable: the aligner cannot run here.
            AlignmentError: the alignment failed.
        """
        ...


@dataclass(frozen=True, slots=True)
class Alignment:
    """The result of an alignment.

    Attributes:
        words: the timed words.
        method: name of the aligner that timed them.
        warnings: why other aligners failed, and whether the result is doubtful.
        cost_usd: estimated cost in US dollars.
    """

    words: tuple[Word, ...]
    method: str
    warnings: tuple[str, ...] = ()
    cost_usd: float = 0.0
