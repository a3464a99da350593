"""Recordings as compressed files, through ffmpeg, and how late such a file is heard."""

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

# Speech is transparent well below these; a voice-over is often encoded once more.
ENCODERS: dict[str, tuple[str, ...]] = {
    "wav": ("-c:a", "pcm_s16le", "-f", "wav"),
    "mp3": ("-c:a", "libmp3lame", "-b:a", "128k", "-f", "mp3"),
    "flac": ("-c:a", "flac", "-f", "flac"),
    "ogg": ("-c:a", "libopus", "-b:a", "96k", "-f", "ogg"),
    "m4a": ("-c:a", "aac", "-b:a", "128k", "-movflags", "+faststart", "-f", "ipod"),
}
# Opus knows no other rate.
RATES = {"ogg": 48_000}
# What a page carries: constant in rate, so that a player finds any place at once.
PREVIEW = ("-c:a", "libmp3lame", "-b:a", "64k", "-f", "mp3")

_SECONDS, _MEMORY = LONGEST_SECONDS / 10, 500_000_000
_RATE = 16_000
_WINDOW_SECONDS, _LOOK_SECONDS, _FARTHEST_SECONDS = 4, 60, 0.25


@dataclass(frozen=True, slots=True)
class Encoded:
    """A file, and how many milliseconds later than in its source everything is heard in it."""

    path: Path
    delay_ms: int


def encode(recording: Path, target: Path, options: tuple[str, ...]) -> Encoded:
    """Encode a recording as mono. The file appears under its name only when it is whole.

    Encoders start with silence of their own, and note it in the file for players to skip; whether that
    holds is found by decoding it.

    Raises:
        AudioError: it is of no kind that is taken, ffmpeg cannot read it, or lacks the encoder.
    """
    with replacing(target) as partial:
        command = [ffmpeg(), "-v", "error", "-nostdin", "-y", *source(recording), "-map", "0:a:0", "-ac", "1"]
        command += [*options, f"file:{partial.resolve()}"]
        with Program(command, fault=AudioError, seconds=_SECONDS, memory=_MEMORY) as program:
            program.run()
        if program.code:
            raise AudioError(f"ffmpeg could not make {target.name}: {program.complaint}")
        late = delay_ms(recording, partial)
    return Encoded(target, late)


def delay_ms(source: Path, copy: Path) -> int:
    """How much later a copy says what its source says, in milliseconds: the peak of their cross-correlation.

    Compared are the loudest seconds of the first minute, decoded as players decode them.
    """
    heard, copied = _opening(source), _opening(copy)
    far, size = int(_FARTHEST_SECONDS * _RATE), min(_WINDOW_SECONDS * _RATE, len(heard))
    energy = np.concatenate([[0.0], np.cumsum(heard.astype(np.float64) ** 2)])
    first = int(np.argmax(energy[size:] - energy[: len(energy) - size]))
    window = heard[first : first + size]
    if not window.any():
        return 0
    # Silence on both sides, so that every lag has the same number of samples.
    around = np.pad(copied, (far, far + size))[first : first + size + 2 * far]
    length = 1 << (len(around) + size).bit_length()
    likeness = np.fft.irfft(np.fft.rfft(around, length) * np.conj(np.fft.rfft(window, length)), length)
    return round((int(np.argmax(likeness[: 2 * far + 1])) - far) * 1000 / _RATE)


def _opening(path: Path) -> Samples:
    pieces: list[Samples] = []
    for block in blocks(path, _RATE):
        pieces.append(block)
        if sum(map(len, pieces)) >= _LOOK_SECONDS * _RATE:
            break
    return np.concatenate(pieces)[: _LOOK_SECONDS * _RATE]
