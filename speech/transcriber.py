"""The transcriber of voice recordings that come without a transcript (whisper-large-v3-turbo)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from speech.errors import InstallError, ModelError
from speech.models import TRANSCRIBER, Local, announce, cache_in, choose, loading, obtain
from speech.models.config import check_config
from speech.models.loaded import parameter_bytes, reuse
from speech.stores import Store

__all__ = ["transcribe"]


def transcribe(path: Path, language: str | None = None, store: Store | None = None) -> str:
    """Transcribe a recording of at most 30 s at 16 kHz.

    Args:
        store: the store whose model cache may hold the model.

    Raises:
        ModelError: the transcriber or its model is not available, or it failed.
    """
    import soundfile

    from speech.runtime import ensure

    try:
        ensure("f5-tts")
    except InstallError as fault:
        raise ModelError(f"the transcriber cannot run here: {fault}") from None
    location = choose()
    announce(location)
    obtained = obtain([TRANSCRIBER], location, cache_in(store) if store else None)
    if problem := obtained.problems.get(TRANSCRIBER):
        raise ModelError(f"the transcriber's model is not available: {problem}")
    local = obtained.models[TRANSCRIBER]
    samples, rate = soundfile.read(path, dtype="float32")
    try:
        options = {"task": "transcribe"} | ({"language": language} if language else {})
        result = _load(local)({"raw": samples, "sampling_rate": rate}, generate_kwargs=options)
    except (ImportError, OSError, RuntimeError, ValueError, KeyError, TypeError) as fault:
        raise ModelError(f"the transcriber failed ({type(fault).__name__})") from fault
    return " ".join(str(result["text"]).split())


def _load(local: Local) -> Any:
    return reuse(local.state, lambda: _load_files(local.folder), lambda loaded: parameter_bytes(loaded.model))


def _load_files(folder: Path) -> Any:
    import torch

    cuda = torch.cuda.is_available()
    check_config(folder)
    with loading(TRANSCRIBER):
        from transformers import pipeline

        return pipeline(
            "automatic-speech-recognition",
            model=str(folder),
            device="cuda" if cuda else "cpu",
            dtype=torch.float16 if cuda else torch.float32,
        )
