"""Preparing a script for an engine: everything that is decided before the expensive work starts."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from speech.choices import SEED
from speech.engines import Engine
from speech.engines.speaking import unsupported_language
from speech.errors import InvalidRequest, Problem
from speech.language import DEFAULT, detect, detect_surely
from speech.request import SpeechRequest
from speech.script.chunks import cut
from speech.script.languages import localise, speakable
from speech.script.passage import Passage, Script
from speech.script.readers import read
from speech.text import Chunk
from speech.voices import Reference

__all__ = ["Pronounce", "Reading", "certain_language_of", "language_of", "prepare", "settle"]

Pronounce = Callable[[Script, str], Script]
"""Returns a script in a language, with more substitutions in its passages."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A script that is ready for synthesis.

    Attributes:
        script: as it is spoken.
        chunks: the chunks in order; each is synthesized and aligned as one piece.
        language: ISO 639-1 code, requested or detected.
        seed: requested, or chosen at random unless takes are reused.
    """

    script: Script
    chunks: tuple[Chunk, ...]
    language: str
    seed: int

    @property
    def text(self) -> str:
        """The normalised text, a line for each passage that has any."""
        return self.script.text

    @property
    def passages(self) -> tuple[Passage, ...]:
        """The passages that have text, in order; the tokens of each end with a line break."""
        return tuple(passage for passage in self.script.passages if passage.text)


def language_of(request: SpeechRequest, script: Script) -> str:
    """Return the language of a script: the requested one, that of the document, or the detected one."""
    return request.language or script.language or detect(script.text)


def certain_language_of(request: SpeechRequest, script: Script) -> str | None:
    """Return the language of a script if it is requested, given by the document or surely detected; else None."""
    return request.language or script.language or detect_surely(script.text)


def prepare(
    request: SpeechRequest,
    engine: Engine,
    references: Mapping[str | None, Reference | None] = MappingProxyType({}),
    script: Script | None = None,
    language: str | None = None,
    pronounce: Pronounce | None = None,
) -> tuple[Reading, list[str]]:
    """Prepare a request for an engine; return the reading and warnings for the user.

    Args:
        references: the references of the voices, by the names that the script gives them; None is the request's voice.
        script: the request's script; None to read it here.
        language: the resolved language; None to resolve it here.
        pronounce: changes how words are spoken.

    Raises:
        InvalidRequest: nothing in the text can be spoken, or the engine does not speak its language.
    """
    if script is None:
        script = read(request.text, request.script_format, request.cast)
        language = language or language_of(request, script)
        script = localise(script, request, language)
    script, language, warnings = settle(request, engine, script, language)
    script = pronounce(script, language) if pronounce else script
    # The tightest limit of all voices, so that a change of the cast does not change the chunks.
    widths = [engine.max_chunk_chars(script.text, request.speed, each) for each in references.values() or [None]]
    chunks = tuple(cut(script, language, min(widths), request.pauses))
    if not any(chunk.spoken for chunk in chunks):
        raise InvalidRequest([Problem("text", request.text, "words to speak")])
    # With another seed each time, no take would ever be found again.
    chosen = SEED if request.reuse_takes else random.SystemRandom().randint(1, 2_147_483_647)
    return Reading(script, chunks, language, request.seed or chosen), warnings


def settle(
    request: SpeechRequest, engine: Engine, script: Script, language: str | None = None
) -> tuple[Script, str, list[str]]:
    """Settle how an engine speaks a script; return the script as it can speak it, its language, and warnings.

    Args:
        language: the resolved language; None to resolve it here.

    Raises:
        InvalidRequest: the engine does not speak its language.
    """
    language, warnings = language or language_of(request, script), [*script.notes]
    supported = engine.languages()
    if language not in supported:
        if language == certain_language_of(request, script):
            raise unsupported_language(language, engine)
        warnings.append(
            f"{engine.name} does not speak {language!r}, which the text may be in; it was read as English. "
            "Name its language if that is another."
        )
        language = DEFAULT
    script, notes = speakable(script, language, engine)
    return script, language, [*warnings, *notes]
