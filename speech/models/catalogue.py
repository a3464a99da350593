"""The known models and their publishers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["ALIAS", "TRANSCRIBER", "VOCODER", "Source", "aligner", "f5", "source_of"]

# The name that operators of the earlier system use.
ALIAS = {"F5-TTS": "F5TTS_v1_Base"}

VOCODER = "vocoder/vocos-mel-24khz"
TRANSCRIBER = "transcriber/whisper-large-v3-turbo"


@dataclass(frozen=True, slots=True)
class Source:
    """The origin of a model, for when no cache has it.

    Attributes:
        kind: the Hugging Face hub, or a file from torchaudio.
        name: repository, or torchaudio's name of the bundle.
        files: patterns of the required files; if empty, all files.
    """

    kind: Literal["hub", "torchaudio"]
    name: str
    files: tuple[str, ...] = ()


_WEIGHTS = ("*.json", "*.txt", "*.safetensors", "*.bin", "*.model")

_SOURCES = {
    "f5-tts/F5TTS_v1_Base": Source(
        "hub", "SWivid/F5-TTS", ("F5TTS_v1_Base/model_1250000.safetensors", "F5TTS_v1_Base/vocab.txt")
    ),
    "f5-tts/F5TTS_Base": Source(
        "hub", "SWivid/F5-TTS", ("F5TTS_Base/model_1200000.safetensors", "F5TTS_Base/vocab.txt")
    ),
    VOCODER: Source("hub", "charactr/vocos-mel-24khz", ("config.yaml", "pytorch_model.bin")),
    TRANSCRIBER: Source("hub", "openai/whisper-large-v3-turbo", ("*.json", "*.txt", "model.safetensors")),
}

# The models that whisperx chooses by default; torchaudio's consist of one file each.
_BUNDLES = {
    "en": "WAV2VEC2_ASR_BASE_960H",
    "fr": "VOXPOPULI_ASR_BASE_10K_FR",
    "de": "VOXPOPULI_ASR_BASE_10K_DE",
    "es": "VOXPOPULI_ASR_BASE_10K_ES",
    "it": "VOXPOPULI_ASR_BASE_10K_IT",
}


def f5(name: str) -> str:
    """Return the name of an F5-TTS checkpoint's model.

    >>> f5("F5-TTS")
    'f5-tts/F5TTS_v1_Base'
    """
    return f"f5-tts/{ALIAS.get(name, name)}"


def aligner(language: str) -> str:
    """Return the name of a language's alignment model, by ISO 639-1 code."""
    return f"align/{language}"


def source_of(model: str) -> Source | None:
    """Return the publisher of a model; None if only a cache can have it.

    The alignment models are those of the installed whisperx.
    """
    if source := _SOURCES.get(model):
        return source
    kind, _, name = model.partition("/")
    if kind != "align":
        return None
    if name in _BUNDLES:
        return Source("torchaudio", _BUNDLES[name])
    try:
        from speech.alignment.whisperx_library import DEFAULT_ALIGN_MODELS_HF
    except ImportError:
        return None
    repository = DEFAULT_ALIGN_MODELS_HF.get(name)
    return Source("hub", repository, _WEIGHTS) if repository else None
