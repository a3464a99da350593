"""Recordings: written atomically, and read in blocks so that memory use does not grow with their length."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from speech.errors import AudioError
from speech.files import replacing
from speech.media import LONGEST_SECONDS, mixed, open_audio

__all__ = ["Recording", "Samples", "Span", "blocks", "check_sound", "duration_ms", "record", "write_wav"]

Samples = npt.NDArray[np.float32]
Span = tuple[int, int]
"""First and past-the-last sample of a chunk; in milliseconds where the name says so."""

# -60 dB: a whisper at arm's length is louder.
_SILENT = 0.001


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording on disk, and the position of each chunk of the script in it.

    Attributes:
        path: a WAV file, mono, 16 bit.
        rate: sample rate in hertz.
        duration_ms: total length, rounded down so that no time lies past the end.
        spans_ms: start and end of each chunk in milliseconds; empty if unknown.
    """

    path: Path
    rate: int
    duration_ms: int
    spans_ms: tuple[Span, ...] = ()

    @classmethod
    def of(cls, path: Path, frames: int, rate: int, spans: Iterable[Span], spans_rate: int) -> Recording:
        """Describe a file of that many frames; `spans` are in samples at `spans_rate` hertz."""
        times = tuple((start * 1000 // spans_rate, end * 1000 // spans_rate) for start, end in spans)
        return cls(path, rate, frames * 1000 // rate, times)


def write_wav(path: Path, pieces: Iterable[Samples], rate: int, target_rate: int) -> int:
    """Write mono samples as 16-bit WAV at `target_rate` hertz, resampled by soxr; return the number of frames.

    The file appears under its name only once it is complete.
    """
    import soundfile
    import soxr

    resampler = (
        soxr.ResampleStream(rate, target_rate, 1, dtype="float32", quality="VHQ") if rate != target_rate else None
    )
    frames = 0
    with (
        replacing(path) as partial,
        soundfile.SoundFile(partial, "w", samplerate=target_rate, channels=1, format="WAV", subtype="PCM_16") as file,
    ):
        for piece in pieces:
            out = resampler.resample_chunk(piece) if resampler else piece
            file.write(np.clip(out, -1.0, 1.0))
            frames += len(out)
        if resampler:
            out = resampler.resample_chunk(np.zeros(0, np.float32), last=True)
            file.write(np.clip(out, -1.0, 1.0))
            frames += len(out)
    return frames


def record(samples: Samples, rate: int, spans: Sequence[Span], path: Path, target_rate: int) -> Recording:
    """Write an engine's samples as a recording; `spans` are in samples at `rate`.

    Raises:
        AudioError: the samples are not finite numbers.
    """
    if not np.isfinite(samples).all():
        raise AudioError("The engine produced samples that are not finite numbers.")
    frames = write_wav(path, [samples], rate, target_rate)
    return Recording.of(path, frames, target_rate, spans, rate)


def duration_ms(path: Path) -> int:
    """Return the length of a recording in milliseconds, rounded down: that of its samples, not of its header.

    Raises:
        AudioError: see `speech.media.open_audio`.
    """
    with open_audio(path) as sound:
        return sum(map(len, sound.blocks)) * 1000 // sound.rate


def check_sound(path: Path) -> None:
    """Refuse a recording in which nothing can be heard.

    Raises:
        AudioError: it is silent throughout, or see `speech.media.open_audio`.
    """
    with open_audio(path) as sound:
        if not any(np.ptp(mixed(frames)) / 2 > _SILENT * 32768 for frames in sound.blocks if len(frames)):
            raise AudioError("The recording is silent: nothing in it can be heard.")


def blocks(path: Path, rate: int, seconds: float = LONGEST_SECONDS) -> Iterator[Samples]:
    """Yield a recording as mono blocks of at most about half a minute at `rate` hertz, samples within -1 and 1.

    Args:
        seconds: the maximum length of the recording.

    Raises:
        AudioError: see `speech.media.open_audio`.
    """
    import soxr

    with open_audio(path, seconds) as sound:
        stream = soxr.ResampleStream(sound.rate, rate, 1, dtype="float32") if sound.rate != rate else None
        for frames in sound.blocks:
            samples: Samples = mixed(frames) / np.float32(32768)
            yield stream.resample_chunk(samples) if stream else samples
        if stream:
            yield stream.resample_chunk(np.zeros(0, np.float32), last=True)
