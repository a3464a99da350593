"""Where another kind of audio than WAV is asked for: the recording is encoded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from speech.audio import Recording
from speech.encoding import ENCODERS, RATES, encode
from speech.errors import AudioError
from speech.request import AudioFormat
from tasks.step import step

__all__ = ["Delivered", "encode_audio"]


@dataclass(frozen=True, slots=True)
class Delivered:
    """The audio file that a client gets.

    Attributes:
        kind: of the file, where it is not WAV.
        delay_ms: how much later than in the recording everything is heard in it.
    """

    path: Path
    rate: int
    kind: AudioFormat | None = None
    delay_ms: int = 0
    warnings: tuple[str, ...] = ()


@step("encode audio", timeout="processing_timeout")
def encode_audio(recording: Recording, kind: AudioFormat) -> Delivered:
    """Encode it; where that cannot be done the recording is delivered as it is, and why is said."""
    try:
        made = encode(recording.path, recording.path.with_suffix(f".{kind}"), ENCODERS[kind])
    except AudioError as fault:
        return Delivered(recording.path, recording.rate, warnings=(f"The audio is delivered as WAV: {fault}",))
    return Delivered(made.path, RATES.get(kind, recording.rate), kind, made.delay_ms)
