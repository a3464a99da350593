"""Prepare: choose the engine, fetch the references of the voices, and cut the script into chunks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from speech.engines import Engine, choose
from speech.script import Reading
from speech.script import prepare as prepare_script
from speech.script.lexicon import Lexicon
from speech.stores import Store
from speech.voices import Reference, redact_url
from speech.voices.library import reference as fetch_reference
from tasks.resolve import ResolvedRequest
from tasks.step import step

__all__ = ["PreparedRequest", "prepare"]


@dataclass(frozen=True, slots=True)
class PreparedRequest:
    """The decisions that the following steps work from.

    Attributes:
        references: the references of the voices, by the names that the script gives them; None is the request's voice.
    """

    engine: Engine
    references: Mapping[str | None, Reference | None]
    reading: Reading
    warnings: tuple[str, ...]


@step("prepare", timeout="processing_timeout")
def prepare(resolved: ResolvedRequest, store: Store, folder: Path) -> PreparedRequest:
    """Check that the engine runs here, speaks the languages and can use the voices; prepare the script for it."""
    request, references = resolved.request, dict[str | None, Reference | None]()
    chosen, warnings = choose(resolved.engine)
    for number, (name, voice) in enumerate(resolved.voices.items()):
        references[name] = None
        if voice.name and chosen.clones:
            text = request.ref_text if name is None else None
            voice_folder = folder / f"voice-{number}"
            voice_folder.mkdir(exist_ok=True)
            references[name], voice_warnings = fetch_reference(voice, text, store, voice_folder, request.language)
            warnings += voice_warnings
        elif voice.name:
            warnings.append(f"The {chosen.name} engine cannot clone a voice; {redact_url(voice.name)!r} was not used.")
    if request.ref_text and not request.local_voice:
        warnings.append("ref_text was not used, since no local_voice is named.")
    lexicon = Lexicon(resolved.lexicon, {name: voice.name for name, voice in resolved.voices.items()})
    reading, notes = prepare_script(request, chosen, references, resolved.script, resolved.language, lexicon.pronounce)
    return PreparedRequest(chosen, references, reading, (*warnings, *notes))
