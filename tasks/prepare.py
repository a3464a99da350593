"""First step: decide the engine, the voice, the language and the chunks, before any work is spent."""

from __future__ import annotations

from dataclasses import dataclass

from speech.engines import Engine, choose
from speech.request import SpeechRequest
from speech.script import Script
from speech.script import prepare as prepare_script
from speech.settings import settings
from speech.stores import Store
from speech.voices import Voice, find, shown
from tasks.step import step

__all__ = ["Plan", "prepare"]


@dataclass(frozen=True, slots=True)
class Plan:
    """What the following steps work from."""

    engine: Engine
    voice: Voice
    script: Script
    warnings: tuple[str, ...]


@step("prepare", timeout=settings().request_timeout)
def prepare(request: SpeechRequest, engine: str | None, store: Store) -> Plan:
    """Check what only now can be checked: that the engine runs here, speaks the language, knows the voice."""
    chosen, warnings = choose(engine or settings().engine)
    script, more = prepare_script(request, chosen)
    voice = find(request.local_voice, store)
    if voice.name and not chosen.clones:
        more.append(f"The {chosen.name} engine cannot clone a voice; {shown(voice.name)!r} was not used.")
    return Plan(chosen, voice, script, (*warnings, *more))
