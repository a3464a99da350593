"""What a request needs that a machine may still lack: runtime components, and models."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec

from speech.models import aligner
from speech.request import SpeechRequest
from speech.settings import settings

__all__ = ["Needs", "needs"]


@dataclass(frozen=True, slots=True)
class Needs:
    """Names of components and models: those without which the request fails, and those it can do without."""

    components: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    useful_components: tuple[str, ...] = ()
    useful_models: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.components or self.models or self.useful_components or self.useful_models)


def needs(request: SpeechRequest, engine: str | None = None) -> Needs:
    """What to install and fetch for a request; nothing where the demo voice will speak.

    Args:
        engine: auto, f5-tts or espeak; None for what the worker is set up for.
    """
    from speech.engines.f5 import F5, models

    name = engine or settings().engine
    if name != "f5-tts" and not (name == "auto" and find_spec("torch") and F5().reluctance() is None):
        return Needs()
    values = settings()
    faster = ("flash-attn",) if values.flash_attention else ()
    if not request.return_word_timings:
        return Needs(("f5-tts",), models(), faster)
    from speech.language import detect
    from speech.text import normalise

    language = request.language or detect(normalise(request.text))
    account = values.google_credentials_json or values.google_application_credentials or values.google_block
    useful = (*faster, "whisperx", "google") if account else (*faster, "whisperx")
    return Needs(("f5-tts",), models(), useful, (aligner(language),))
