"""First step: decide what the rest of the run works from, before anything is installed or loaded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from speech.engines.speaking import check_spoken
from speech.lexicons import Row
from speech.request import SpeechRequest
from speech.requirements import Requirements, requirements_of
from speech.script import Script, certain_language_of, language_of, localise
from speech.script.casting import cast
from speech.settings import settings
from speech.stores import Store
from speech.voices import Voice
from tasks.step import step

__all__ = ["ResolvedRequest", "resolve"]


@dataclass(frozen=True, slots=True)
class ResolvedRequest:
    """A request, and what was decided about it.

    Attributes:
        engine: the name that was asked for; auto, f5-tts or espeak.
        voices: by the names that the script gives them; None is the voice of the request.
        lexicon: how words are spoken.
        language: ISO 639-1 code, requested or detected.
        requirements: what must be installed and fetched; falsy if nothing.
    """

    request: SpeechRequest
    engine: str
    script: Script
    voices: Mapping[str | None, Voice]
    lexicon: tuple[Row, ...]
    language: str
    requirements: Requirements


@step("resolve", timeout="processing_timeout")
def resolve(request: SpeechRequest, engine: str | None, store: Store) -> ResolvedRequest:
    """Read the script of a request, and find its voices, its lexicon, its language and its requirements.

    Raises:
        InvalidRequest: the script cannot be read, there is no voice or lexicon of that name, or the engine does not
            speak the language.
    """
    name = engine or settings().engine
    script, voices, lexicon = cast(request, store)
    if certain := certain_language_of(request, script):
        check_spoken(certain, name)
    language = language_of(request, script)
    script = localise(script, request, language)
    languages = dict.fromkeys([language, *(passage.language or language for passage in script.passages)])
    return ResolvedRequest(request, name, script, voices, lexicon, language, requirements_of(request, languages, name))
