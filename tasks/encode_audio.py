"""Encode the recording if the request wants an audio format other than WAV."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from speech.audio import Recording
from speech.choices import AudioFormat
from speech.encoding import ENCODERS, RATES, encode
from speech.errors import AudioError
from tasks.step import step

__all__ = ["DeliveredAudio", "encode_audio"]


@dataclass(frozen=True, slots=True)
class DeliveredAudio:
    """The audio file that the client receives.

    Attributes:
        kind: format of the file; None for WAV.
        delay_ms: delay that the encoder added, relative to the recording.
    """

    path: Path
    rate: int
    kind: AudioFormat | None = None
    delay_ms: int = 0
    warnings: tuple[str, ...] = ()


@step("encode audio", timeout="processing_timeout")
def encode_audio(recording: Recording, kind: AudioFormat) -> DeliveredAudio:
    """Encode the recording; if that fails, deliver it as WAV, with a warning that says why."""
    try:
        encoded = encode(recording.path, recording.path.with_suffix(f".{kind}"), ENCODERS[kind])
    except AudioError as fault:
        return DeliveredAudio(recording.path, recording.rate, warnings=(f"The audio is delivered as WAV: {fault}",))
    return DeliveredAudio(encoded.path, RATES.get(kind, recording.rate), kind, encoded.delay_ms)
