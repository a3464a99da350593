"""Encoding recordings with ffmpeg, and measuring the delay that an encoder adds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from speech.audio import Samples, blocks
from speech.errors import AudioError
from speech.files import replacing
from speech.media import LONGEST_SECONDS, ffmpeg, source
from speech.processes import Program

__all__ = ["ENCODERS", "PREVIEW", "RATES", "Encoded", "delay_ms", "encode"]

# Speech is transparent well below these bit rates, but a voice-over is often encoded again.
ENCODERS: dict[str, tuple[str, ...]] = {
    "wav": ("-c:a", "pcm_s16le", "-f", "wav"),
    "mp3": ("-c:a", "libmp3lame", "-b:a", "128k", "-f", "mp3"),
    "flac": ("-c:a", "flac", "-f", "flac"),
    "ogg": ("-c:a", "libopus", "-b:a", "96k", "-f", "ogg"),
    "m4a": ("-c:a", "aac", "-b:a", "128k", "-movflags", "+faststart", "-f", "ipod"),
}
# Opus is always delivered at 48 kHz.
RATES = {"ogg": 48_000}
# The audio embedded in a preview page: constant bit rate, so that a player can seek at once.
PREVIEW = ("-c:a", "libmp3lame", "-b:a", "64k", "-f", "mp3")

_SECONDS, _MEMORY = LONGEST_SECONDS / 10, 500_000_000
_RATE = 16_000
_WINDOW_SECONDS, _LOOK_SECONDS, _FARTHEST_SECONDS = 4, 60, 0.25


@dataclass(frozen=True, slots=True)
class Encoded:
    """An encoded file, and its delay behind the source in milliseconds."""

    path: Path
    delay_ms: int


def encode(recording: Path, target: Path, options: tuple[str, ...]) -> Encoded:
    """Encode a recording as mono. The file appears under its name only once it is complete.

    Encoders prepend silence and record its length in the file, for players to skip. The result is decoded
    to measure how much of it remains.

    Raises:
        AudioError: the format is not supported, ffmpeg cannot read the file, or ffmpeg lacks the encoder.
    """
    with replacing(target) as partial:
        command = [ffmpeg(), "-v", "error", "-nostdin", "-y", *source(recording), "-map", "0:a:0", "-ac", "1"]
        command += [*options, f"file:{partial.resolve()}"]
        with Program(command, fault=AudioError, seconds=_SECONDS, memory=_MEMORY) as program:
            program.run()
        if program.code:
            raise AudioError(f"ffmpeg could not make {target.name}: {program.complaint}")
        delay = delay_ms(recording, partial)
    return Encoded(target, delay)


def delay_ms(source: Path, copy: Path) -> int:
    """Return the delay of a copy behind its source in milliseconds: the peak of their cross-correlation.

    The loudest seconds of the first minute are compared, decoded as players decode them.
    """
    original, copied = _opening(source), _opening(copy)
    max_lag, size = int(_FARTHEST_SECONDS * _RATE), min(_WINDOW_SECONDS * _RATE, len(original))
    energy = np.concatenate([[0.0], np.cumsum(original.astype(np.float64) ** 2)])
    first = int(np.argmax(energy[size:] - energy[: len(energy) - size]))
    window = original[first : first + size]
    if not window.any():
        return 0
    # Pad with silence on both sides, so that every lag compares the same number of samples.
    around = np.pad(copied, (max_lag, max_lag + size))[first : first + size + 2 * max_lag]
    length = 1 << (len(around) + size).bit_length()
    correlation = np.fft.irfft(np.fft.rfft(around, length) * np.conj(np.fft.rfft(window, length)), length)
    return round((int(np.argmax(correlation[: 2 * max_lag + 1])) - max_lag) * 1000 / _RATE)


def _opening(path: Path) -> Samples:
    pieces: list[Samples] = []
    for block in blocks(path, _RATE):
        pieces.append(block)
        if sum(map(len, pieces)) >= _LOOK_SECONDS * _RATE:
            break
    return np.concatenate(pieces)[: _LOOK_SECONDS * _RATE]
