"""First step: decide the engine, the voice, the language and the chunks, before any work is spent."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from speech.engines import Engine, choose
from speech.request import SpeechRequest
from speech.script import Script
from speech.script import prepare as prepare_script
from speech.settings import settings
from speech.stores import Store
from speech.voices import Reference, Voice, find, shown
from speech.voices.library import reference as bring
from tasks.step import step

__all__ = ["Plan", "prepare"]


@dataclass(frozen=True, slots=True)
class Plan:
    """What the following steps work from."""

    engine: Engine
    voice: Voice
    reference: Reference | None
    script: Script
    warnings: tuple[str, ...]


@step("prepare", timeout=settings().processing_timeout)
def prepare(request: SpeechRequest, engine: str | None, store: Store, folder: Path) -> Plan:
    """Check what only now can be checked: that the engine runs here, speaks the language, knows the voice."""
    chosen, warnings = choose(engine or settings().engine)
    voice, reference = find(request.local_voice, store), None
    if voice.name and chosen.clones:
        reference, about = bring(voice, request.ref_text, store, folder, request.language)
        warnings += about
    elif voice.name:
        warnings.append(f"The {chosen.name} engine cannot clone a voice; {shown(voice.name)!r} was not used.")
    script, more = prepare_script(request, chosen, reference)
    return Plan(chosen, voice, reference, script, (*warnings, *more))
