"""The choice of an engine by name."""

from __future__ import annotations

from speech.engines.base import Engine
from speech.errors import EngineUnavailable
from speech.notes import DEMO, Note
from speech.registry import make

__all__ = ["ENGINES", "choose"]

# In the order in which `auto` tries them; each entry is module:class, imported when the engine is first used.
ENGINES = {"f5-tts": "speech.engines.f5:F5", "espeak": "speech.engines.espeak:Espeak"}

_DEMO = (
    "This is the demo voice ({name}). F5-TTS, which clones voices, cannot run here; "
    "set ENGINE=f5-tts on a machine that has it."
)


def choose(name: str) -> tuple[Engine, list[str]]:
    """Return the engine of that name, and notes for the user about the choice.

    `auto` falls back to the demo voice; any other name never falls back.

    Raises:
        EngineUnavailable: the engine cannot run here; the message says what is missing.
    """
    if name == "auto":
        problems = []
        for engine in map(_make, ENGINES):
            if problem := engine.avoid_reason() or engine.problem():
                problems.append(problem)
                continue
            return engine, [] if engine.clones else [Note(_DEMO.format(name=engine.name), DEMO)]
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
