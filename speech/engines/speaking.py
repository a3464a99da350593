"""Which engine speaks a language: refusing one that an engine does not speak before any work is done for it."""

from __future__ import annotations

from speech.engines.base import Engine
from speech.engines.choice import ENGINES
from speech.errors import InvalidRequest, Problem
from speech.registry import make

__all__ = ["check_spoken", "unsupported_language"]


def check_spoken(language: str, name: str) -> None:
    """Check that the engine of a name speaks a language, or for `auto` that one does; nothing is loaded.

    Raises:
        InvalidRequest: it does not; the message says which engines do.
    """
    engines = [_make(each) for each in ([name] if name in ENGINES else ENGINES)]
    if name not in (*ENGINES, "auto") or any(_may_speak(language, engine) for engine in engines):
        return
    # The engine that would have been chosen.
    raise unsupported_language(language, next(engine for engine in engines if engine.languages()))


def unsupported_language(
    language: str, engine: Engine, field: str = "language", value: str | None = None
) -> InvalidRequest:
    """Return the error for a language that an engine does not speak; it says which engines do.

    Args:
        value: what is refused, if it is not the language alone.
    """
    languages = engine.languages()
    accepted = f"one of {', '.join(sorted(languages))} (the languages of {engine.name})"
    alternatives = [name for name in ENGINES if name != engine.name and language in _make(name).languages()]
    if alternatives:
        accepted += f"; {language} is spoken by {' and '.join(alternatives)} (set ENGINE={alternatives[0]})"
    else:
        accepted += f"; no engine here speaks {language}"
    return InvalidRequest([Problem(field, value or language, accepted)])


def _may_speak(language: str, engine: Engine) -> bool:
    # An engine that is not installed names no languages; that is reported where it is chosen.
    return not engine.languages() or language in engine.languages()


def _make(name: str) -> Engine:
    engine: Engine = make(ENGINES[name])
    return engine
