"""Engines: what turns text into samples.

An engine is chosen by name from `ENGINES`; callers see only the protocol. `auto` takes the first
that can run here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from speech.audio import Samples
from speech.errors import EngineUnavailable
from speech.registry import make
from speech.voices import Reference

__all__ = ["ENGINES", "Engine", "Manner", "Progress", "Quality", "choose"]

Quality = Literal["standard", "fast"]

Progress = Callable[[int, int], None]
"""Called with the chunks done and the chunks in all."""


@dataclass(frozen=True, slots=True)
class Manner:
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
        varies: whether another seed gives another take.
        rate: hertz of its samples.
        overlap: samples by which a chunk fades into the next one.

    `problem` says in one sentence why the engine cannot run here and what to do, or None; it must
    be cheap. `reluctance` says why it should not be taken unless it is asked for by name, or None.
    `languages` are the ISO 639-1 codes it speaks. `longest` is how many characters of a text suit a
    chunk. `take` takes the spoken form of each chunk and returns the samples of each, mono, within
    -1 and 1, in order; the same arguments give the same samples. It raises `EngineError`.
    """

    name: str
    clones: bool
    varies: bool
    rate: int
    overlap: int

    def problem(self) -> str | None: ...

    def reluctance(self) -> str | None: ...

    def languages(self) -> frozenset[str]: ...

    def longest(self, text: str, speed: float, reference: Reference | None) -> int: ...

    def take(self, chunks: Sequence[str], manner: Manner, progress: Progress | None = None) -> list[Samples]: ...


# In the order in which `auto` tries them; each entry is module:class, imported when it is asked for.
ENGINES = {"f5-tts": "speech.engines.f5:F5", "espeak": "speech.engines.espeak:Espeak"}


_DEMO = (
    "This is the demo voice ({name}). F5-TTS, which clones voices, cannot run here; "
    "set ENGINE=f5-tts on a machine that has it."
)


def choose(name: str) -> tuple[Engine, list[str]]:
    """The engine of that name and what to tell the user about the choice.

    `auto` falls back to the demo voice; any other name never falls back.

    Raises:
        EngineUnavailable: it cannot run here; the text says what is missing.
    """
    if name == "auto":
        problems = []
        for engine in map(_make, ENGINES):
            if problem := engine.reluctance() or engine.problem():
                problems.append(problem)
                continue
            return engine, [] if engine.clones else [_DEMO.format(name=engine.name)]
        raise EngineUnavailable(" ".join(["No engine can run here.", *problems]))
    if name not in ENGINES:
        raise EngineUnavailable(f"The engine {name!r} is not part of this installation; it has {', '.join(ENGINES)}.")
    engine = _make(name)
    if problem := engine.problem():
        raise EngineUnavailable(problem)
    return engine, []


def _make(name: str) -> Engine:
    engine: Engine = make(ENGINES[name])
    return engine
