"""The reference transcriber: hears what a voice recording says, where nobody tells (whisper-large-v3-turbo)."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from speech.errors import InstallError, ModelError
from speech.models import TRANSCRIBER, announce, cache_in, choose, loading, obtain
from speech.models.config import check_config
from speech.stores import Store

__all__ = ["transcribe"]


def transcribe(path: Path, language: str | None = None, store: Store | None = None) -> str:
    """What a recording of at most 30 s at 16 kHz says.

    Args:
        store: the bucket, from whose model cache the model may come.

    Raises:
        ModelError: the transcriber or its model cannot be had, or it failed.
    """
    import soundfile

    from speech.runtime import ensure

    try:
        ensure("f5-tts")
    except InstallError as fault:
        raise ModelError(f"the transcriber cannot run here: {fault}") from None
    place = choose()
    announce(place)
    found = obtain([TRANSCRIBER], place, cache_in(store) if store else None)
    if problem := found.problems.get(TRANSCRIBER):
        raise ModelError(f"the transcriber's model cannot be had: {problem}")
    local = found.models[TRANSCRIBER]
    samples, rate = soundfile.read(path, dtype="float32")
    try:
        told = {"task": "transcribe"} | ({"language": language} if language else {})
        heard = _load(local.folder)({"raw": samples, "sampling_rate": rate}, generate_kwargs=told)
    except (ImportError, OSError, RuntimeError, ValueError, KeyError, TypeError) as fault:
        raise ModelError(f"the transcriber failed ({type(fault).__name__})") from fault
    return " ".join(str(heard["text"]).split())


@cache
def _load(folder: Path) -> Any:
    import torch
    from transformers import pipeline

    cuda = torch.cuda.is_available()
    check_config(folder)
    with loading(TRANSCRIBER):
        return pipeline(
            "automatic-speech-recognition",
            model=str(folder),
            device="cuda" if cuda else "cpu",
            dtype=torch.float16 if cuda else torch.float32,
        )
