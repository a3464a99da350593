"""Engines: what turns text into samples.

An engine is chosen by name from `ENGINES`; callers see only the protocol. `auto` takes the first
that can run here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from speech.audio import Samples, Span
from speech.errors import EngineUnavailable
from speech.registry import make

__all__ = ["ENGINES", "Engine", "Speech", "choose"]

Progress = Callable[[int, int], None]
"""Called with the chunks done and the chunks in all."""


@dataclass(frozen=True, slots=True)
class Speech:
    """What an engine made.

    Attributes:
        samples: mono, within -1 and 1, of length n.
        rate: hertz, as the engine made them.
        spans: for each chunk its first and past-the-last sample.
    """

    samples: Samples
    rate: int
    spans: tuple[Span, ...]


class Engine(Protocol):
    """Speaks chunks of text.

    Attributes:
        name: as it is asked for.
        chunk_chars: how long a chunk suits it.
        clones: whether it can take a voice from a recording.

    `problem` says in one sentence why the engine cannot run here and what to do, or None; it must
    be cheap. `languages` are the ISO 639-1 codes it speaks. `speak` takes the spoken form of each
    chunk and returns their samples and spans in order; the same arguments give the same samples. It
    raises `EngineError`.
    """

    name: str
    chunk_chars: int
    clones: bool

    def problem(self) -> str | None: ...

    def languages(self) -> frozenset[str]: ...

    def speak(
        self,
        chunks: Sequence[str],
        *,
        language: str,
        speed: float,
        seed: int,
        progress: Progress | None = None,
    ) -> Speech: ...


# In the order in which `auto` tries them; each entry is module:class, imported when it is asked for.
ENGINES = {"espeak": "speech.engines.espeak:Espeak"}


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
            if problem := engine.problem():
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
