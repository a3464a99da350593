"""The runtime components and models that a request requires, and how they are installed and fetched."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.util import find_spec

from speech.errors import InstallError, ModelError
from speech.models import aligner, announce, cache_in, choose, fsync_model, obtain
from speech.request import SpeechRequest
from speech.runtime import ensure
from speech.settings import settings
from speech.stores import Store

__all__ = ["Requirements", "fetch_models", "install_components", "requirements_of"]

Notify = Callable[[str], None]

# Within this time a warm worker does not check again whether the model cache has changed.
_TRUSTED_SECONDS = 600.0
_obtained: dict[tuple[str, str], float] = {}


@dataclass(frozen=True, slots=True)
class Requirements:
    """Names of components and models that a request needs, and of optional ones ("useful")."""

    components: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    useful_components: tuple[str, ...] = ()
    useful_models: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.components or self.models or self.useful_components or self.useful_models)


def requirements_of(request: SpeechRequest, languages: Iterable[str], engine: str | None = None) -> Requirements:
    """Return what to install and fetch for a request; nothing if espeak-ng will speak it.

    Args:
        languages: those of the script, resolved.
        engine: auto, f5-tts or espeak; None for the worker's setting.
    """
    from speech.engines.f5 import F5, models

    name = engine or settings().engine
    if name != "f5-tts" and not (name == "auto" and find_spec("torch") and F5().avoid_reason() is None):
        return Requirements()
    values = settings()
    faster = ("flash-attn",) if values.flash_attention else ()
    if not request.return_word_timings:
        return Requirements(("f5-tts",), models(), faster)
    account = values.google_credentials_json or values.google_application_credentials or values.google_block
    useful = (*faster, "whisperx", "google") if account else (*faster, "whisperx")
    return Requirements(("f5-tts",), models(), useful, tuple(dict.fromkeys(map(aligner, languages))))


def install_components(required: Requirements, notify: Notify) -> list[str]:
    """Install the missing components; return the reasons why optional ones could not be installed.

    Raises:
        InstallError: a required component cannot be installed.
    """
    notes = []
    for name in required.components:
        ensure(name, notify)
    for name in required.useful_components:
        try:
            ensure(name, notify)
        except InstallError as fault:
            notes.append(str(fault))
    return notes


def fetch_models(required: Requirements, store: Store, notify: Notify) -> list[str]:
    """Fetch the missing models; return notes for the user.

    Raises:
        ModelError: a required model cannot be fetched.
    """
    location = choose()
    names = [
        name
        for name in (*required.models, *required.useful_models)
        if time.monotonic() - _obtained.get((str(location.root), name), -_TRUSTED_SECONDS) >= _TRUSTED_SECONDS
    ]
    if not names:
        return []
    announce(location)
    outcome = obtain(names, location, cache_in(store), notify=notify)
    announce(location, offline=True)
    _obtained.update({(str(location.root), name): time.monotonic() for name in outcome.models})
    for name in outcome.models:
        threading.Thread(target=fsync_model, args=(name, location), daemon=True).start()
    if lacking := [problem for name, problem in outcome.problems.items() if name in required.models]:
        raise ModelError("; ".join(lacking))
    return [*outcome.notes, *outcome.problems.values()]
