"""The models that there are, and where each comes from at first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["ALIAS", "TRANSCRIBER", "VOCODER", "Source", "aligner", "f5", "source_of"]

# The name that operators of the earlier system know.
ALIAS = {"F5-TTS": "F5TTS_v1_Base"}

VOCODER = "vocoder/vocos-mel-24khz"
TRANSCRIBER = "transcriber/whisper-large-v3-turbo"


@dataclass(frozen=True, slots=True)
class Source:
    """Where a model comes from when no cache has it.

    Attributes:
        kind: the Hugging Face hub, or a file that torchaudio knows.
        name: repository, or torchaudio's name of the bundle.
        files: patterns of the files that are needed; all, where it is empty.
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

# The models that whisperx chooses by itself; those of torchaudio come as one file each.
_BUNDLES = {
    "en": "WAV2VEC2_ASR_BASE_960H",
    "fr": "VOXPOPULI_ASR_BASE_10K_FR",
    "de": "VOXPOPULI_ASR_BASE_10K_DE",
    "es": "VOXPOPULI_ASR_BASE_10K_ES",
    "it": "VOXPOPULI_ASR_BASE_10K_IT",
}


def f5(name: str) -> str:
    """The model of an F5-TTS checkpoint.

    >>> f5("F5-TTS")
    'f5-tts/F5TTS_v1_Base'
    """
    return f"f5-tts/{ALIAS.get(name, name)}"


def aligner(language: str) -> str:
    """The alignment model of a language, by its ISO 639-1 code."""
    return f"align/{language}"


def source_of(model: str) -> Source | None:
    """Where a model comes from at first; None where only a cache can have it.

    The alignment models are those of the whisperx that is installed.
    """
    if known := _SOURCES.get(model):
        return known
    kind, _, name = model.partition("/")
    if kind != "align":
        return None
    if name in _BUNDLES:
        return Source("torchaudio", _BUNDLES[name])
    try:
        from whisperx.alignment import DEFAULT_ALIGN_MODELS_HF
    except ImportError:
        return None
    repository = DEFAULT_ALIGN_MODELS_HF.get(name)
    return Source("hub", repository, _WEIGHTS) if repository else None
