"""The reference transcriber: hears what a voice recording says, where nobody tells (whisper-large-v3-turbo)."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from speech.errors import InstallError, ModelError
from speech.models import TRANSCRIBER, choose, find

__all__ = ["transcribe"]


def transcribe(path: Path, language: str | None = None) -> str:
    """What a recording of at most 30 s at 16 kHz says.

    Raises:
        ModelError: the transcriber or its model is not here, or it failed.
    """
    import soundfile

    from speech.runtime import check, use

    state = check("whisperx") if check("f5-tts").level != "ready" else check("f5-tts")
    local = find(TRANSCRIBER, choose())
    if state.level != "ready" or local is None:
        raise ModelError(f"the transcriber {TRANSCRIBER} is not here; run: f5-flows models sync {TRANSCRIBER}")
    use(state)
    samples, rate = soundfile.read(path, dtype="float32")
    try:
        told = {"task": "transcribe"} | ({"language": language} if language else {})
        heard = _load(local.folder)({"raw": samples, "sampling_rate": rate}, generate_kwargs=told)
    except (ImportError, OSError, RuntimeError, ValueError, InstallError) as fault:
        raise ModelError(f"the transcriber failed ({type(fault).__name__})") from fault
    return " ".join(str(heard["text"]).split())


@cache
def _load(folder: Path) -> Any:
    import torch
    from transformers import pipeline

    cuda = torch.cuda.is_available()
    return pipeline(
        "automatic-speech-recognition",
        model=str(folder),
        device="cuda" if cuda else "cpu",
        dtype=torch.float16 if cuda else torch.float32,
    )
