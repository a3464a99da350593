"""A request made ready to be spoken: everything that is decided before any second of work is spent."""

from __future__ import annotations

import random
from dataclasses import dataclass

from speech.engines import Engine
from speech.errors import InvalidRequest, Problem
from speech.language import DEFAULT, detect
from speech.request import SpeechRequest
from speech.text import Chunk, chunks, normalise
from speech.voices import Reference

__all__ = ["Script", "prepare"]


@dataclass(frozen=True, slots=True)
class Script:
    """What will be said.

    Attributes:
        text: normalised.
        chunks: in order; each is synthesized and aligned as one piece.
        language: ISO 639-1, given or detected.
        seed: given or drawn.
    """

    text: str
    chunks: tuple[Chunk, ...]
    language: str
    seed: int


def prepare(request: SpeechRequest, engine: Engine, reference: Reference | None = None) -> tuple[Script, list[str]]:
    """The script of a request for an engine, and what to tell the user about the choices.

    Raises:
        InvalidRequest: nothing in the text is spoken, or the engine does not speak its language.
    """
    text = normalise(request.text)
    language, warnings = request.language or detect(text), []
    spoken = engine.languages()
    if language not in spoken:
        if request.language is not None:
            accepted = f"one of {', '.join(sorted(spoken))} (what {engine.name} speaks)"
            raise InvalidRequest([Problem("language", language, accepted)])
        warnings.append(
            f"{engine.name} does not speak {language!r}, which the text looks like; it was read as English."
        )
        language = DEFAULT
    parts = tuple(chunks(text, language, engine.max_chunk_chars(text, request.speed, reference)))
    if not any(part.spoken for part in parts):
        raise InvalidRequest([Problem("text", request.text, "words to speak")])
    seed = request.seed or random.SystemRandom().randint(1, 2_147_483_647)
    return Script(text, parts, language, seed), warnings
