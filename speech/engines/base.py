"""What every engine offers: chunks of text in, samples out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from speech.audio import Samples
from speech.voices import Reference

__all__ = ["Engine", "Progress", "Quality", "SynthesisOptions"]

Quality = Literal["standard", "fast"]

Progress = Callable[[int, int], None]
"""Called with the chunks done and the chunks in all."""


@dataclass(frozen=True, slots=True)
class SynthesisOptions:
    """How a text is to be spoken.

    Attributes:
        language: ISO 639-1.
        speed: pace; 1 is the voice's own.
        seed: the same seed gives the same samples.
        reference: the voice to clone; None for the engine's own.
        quality: fast takes fewer steps.
    """

    language: str = "en"
    speed: float = 1.0
    seed: int = 1
    reference: Reference | None = None
    quality: Quality = "standard"


class Engine(Protocol):
    """Speaks chunks of text.

    Attributes:
        name: as it is asked for.
        clones: whether it can take a voice from a recording.
        is_stochastic: whether another seed gives another take.
        rate: hertz of its samples.
        overlap: samples by which a chunk fades into the next one.

    `problem` says in one sentence why the engine cannot run here and what to do, or None; it must
    be cheap. `avoid_reason` says why it should not be taken unless it is asked for by name, or None.
    `languages` are the ISO 639-1 codes it speaks. `max_chunk_chars` is how many characters of a text suit a
    chunk. `synthesize` takes the spoken form of each chunk and returns the samples of each, mono, within
    -1 and 1, in order; the same arguments give the same samples. It raises `EngineError`.
    """

    name: str
    clones: bool
    is_stochastic: bool
    rate: int
    overlap: int

    def problem(self) -> str | None: ...

    def avoid_reason(self) -> str | None: ...

    def languages(self) -> frozenset[str]: ...

    def max_chunk_chars(self, text: str, speed: float, reference: Reference | None) -> int: ...

    def synthesize(
        self, chunks: Sequence[str], options: SynthesisOptions, progress: Progress | None = None
    ) -> list[Samples]: ...
