"""Decide the engine, the voice, the language and the chunks, before any work is spent."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from speech.engines import Engine, choose
from speech.request import SpeechRequest
from speech.script import Script
from speech.script import prepare as prepare_script
from speech.settings import settings
from speech.stores import Store
from speech.voices import Reference, Voice, find, redact_url
from speech.voices.library import reference as fetch_reference
from tasks.step import step

__all__ = ["PreparedRequest", "prepare"]


@dataclass(frozen=True, slots=True)
class PreparedRequest:
    """What the following steps work from: everything that is decided once."""

    engine: Engine
    voice: Voice
    reference: Reference | None
    script: Script
    warnings: tuple[str, ...]


@step("prepare", timeout="processing_timeout")
def prepare(request: SpeechRequest, engine: str | None, store: Store, folder: Path) -> PreparedRequest:
    """Check what only now can be checked: that the engine runs here, speaks the language, knows the voice."""
    chosen, warnings = choose(engine or settings().engine)
    voice, reference = find(request.local_voice, store), None
    if voice.name and chosen.clones:
        reference, about = fetch_reference(voice, request.ref_text, store, folder, request.language)
        warnings += about
    elif voice.name:
        warnings.append(f"The {chosen.name} engine cannot clone a voice; {redact_url(voice.name)!r} was not used.")
    script, more = prepare_script(request, chosen, reference)
    return PreparedRequest(chosen, voice, reference, script, (*warnings, *more))
