"""The interface of engines: chunks of text in, samples out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from speech.audio import Samples
from speech.voices import Reference

__all__ = ["ChunkProgress", "Engine", "Quality", "SynthesisOptions"]

Quality = Literal["standard", "fast"]

ChunkProgress = Callable[[int, int], None]
"""Called with the number of chunks done and the total number of chunks."""


@dataclass(frozen=True, slots=True)
class SynthesisOptions:
    """How to speak a text.

    Attributes:
        language: ISO 639-1 code.
        speed: pace; 1 is the voice's own.
        seed: the same seed gives the same samples.
        reference: the voice to clone; None for the engine's own voice.
        quality: "fast" takes fewer sampling steps.
        speaker: number of the speaker in the script, 0 for the voice of the request; for engines that clone no voice.
    """

    language: str = "en"
    speed: float = 1.0
    seed: int = 1
    reference: Reference | None = None
    quality: Quality = "standard"
    speaker: int = 0


class Engine(Protocol):
    """An engine: it speaks chunks of text.

    Attributes:
        name: the name under which it is registered.
        clones: whether it can clone a voice from a recording.
        is_stochastic: whether another seed gives another take.
        rate: sample rate in hertz.
        overlap: number of samples over which a chunk fades into the next one.
    """

    name: str
    clones: bool
    is_stochastic: bool
    rate: int
    overlap: int

    def problem(self) -> str | None:
        """Return one sentence that says why the engine cannot run here and what to do, or None; must be cheap."""
        ...

    def avoid_reason(self) -> str | None:
        """Return why `auto` should not choose the engine, or None."""
        ...

    def languages(self) -> frozenset[str]:
        """Return the ISO 639-1 codes of the languages that the engine speaks."""
        ...

    def identity(self, options: SynthesisOptions) -> tuple[str | float, ...]:
        """Return what besides text, language, speed, seed and reference decides the samples.

        These are versions, models and settings.
        """
        ...

    def max_chunk_chars(self, text: str, speed: float, reference: Reference | None) -> int:
        """Return the maximum number of characters in a chunk of this text."""
        ...

    def synthesize(
        self, chunks: Sequence[str], options: SynthesisOptions, on_progress: ChunkProgress | None = None
    ) -> list[Samples]:
        """Return the samples of each chunk, mono, within -1 and 1, in order; the same arguments give the same samples.

        Args:
            chunks: the spoken form of each chunk, in which a line break ends a sentence.
            on_progress: called after each chunk.

        Raises:
            EngineError: the engine failed.
        """
        ...
