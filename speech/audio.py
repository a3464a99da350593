"""Recordings: written whole or not at all, read in blocks so that an hour needs no more room than a minute."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from speech.errors import AudioError
from speech.files import replacing

__all__ = [
    "Recording",
    "Samples",
    "Span",
    "blocks",
    "complaint",
    "decoded",
    "duration_ms",
    "ffmpeg",
    "record",
    "write_wav",
]

Samples = npt.NDArray[np.float32]
Span = tuple[int, int]
"""First and past-the-last sample of a chunk, or the same in milliseconds where that is said."""

_BLOCK_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording on disk, and where each chunk of the script lies in it.

    Attributes:
        path: a WAV file, mono, 16 bit.
        rate: hertz.
        duration_ms: whole length, rounded down so that no time lies past the end.
        spans_ms: for each chunk its start and end in milliseconds; empty where nobody knows.
    """

    path: Path
    rate: int
    duration_ms: int
    spans_ms: tuple[Span, ...] = ()


def write_wav(path: Path, pieces: Iterable[Samples], rate: int, target_rate: int) -> int:
    """Write mono samples as 16-bit WAV at `target_rate` hertz, resampled by soxr; returns the frames written.

    The file appears under its name only when it is complete.
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
        raise AudioError("The engine made samples that are not numbers.")
    frames = write_wav(path, [samples], rate, target_rate)
    times = tuple((start * 1000 // rate, end * 1000 // rate) for start, end in spans)
    return Recording(path, target_rate, frames * 1000 // target_rate, times)


def duration_ms(path: Path) -> int:
    """Length of a recording in milliseconds, rounded down.

    Raises:
        AudioError: the file is not audio that can be read.
    """
    import soundfile

    try:
        with soundfile.SoundFile(str(path)) as file:
            # The header of a file that was cut off tells of more than there is.
            if file.frames:
                file.seek(file.frames - 1)
                if not len(file.read(1)):
                    raise RuntimeError
            return int(file.frames * 1000 // file.samplerate)
    except RuntimeError:
        return sum(len(block) for block in blocks(path, 1000))


def blocks(path: Path, rate: int) -> Iterator[Samples]:
    """The recording as mono blocks of about half a minute at `rate` hertz, samples within -1 and 1.

    libsndfile reads what it can (WAV, FLAC, Ogg, MP3); ffmpeg reads the rest.

    Raises:
        AudioError: the file is missing, empty, or not audio.
    """
    if not path.is_file():
        raise AudioError(f"There is no recording at {path}.")
    import soundfile

    try:
        file = soundfile.SoundFile(str(path))
    except (soundfile.LibsndfileError, RuntimeError):
        yield from decoded(path, rate)
        return
    with file:
        if not file.frames:
            raise AudioError(f"{path.name} holds no audio: its length is zero.")
        given = 0
        try:
            for block in _resampled(file, rate):
                given += len(block)
                yield block
        except soundfile.LibsndfileError:
            # Of a file that was cut off ffmpeg reads what is there.
            for block in decoded(path, rate):
                if len(rest := block[given:]):
                    yield rest
                given = max(given - len(block), 0)


def _resampled(file: Any, rate: int) -> Iterator[Samples]:
    import soxr

    stream = soxr.ResampleStream(file.samplerate, rate, 1, dtype="float32") if file.samplerate != rate else None
    while True:
        block: Samples = file.read(file.samplerate * _BLOCK_SECONDS, dtype="float32", always_2d=True).mean(axis=1)
        if stream is None:
            if not len(block):
                return
            yield block
            continue
        yield stream.resample_chunk(block, last=not len(block))
        if not len(block):
            return


def ffmpeg() -> str:
    """The ffmpeg of this machine, else the one that imageio-ffmpeg carries."""
    found = shutil.which("ffmpeg")
    if found:
        return found
    from imageio_ffmpeg import get_ffmpeg_exe

    return str(get_ffmpeg_exe())


def complaint(told: str) -> str:
    """Why ffmpeg failed: the last line of what it said."""
    return ([line.strip() for line in told.splitlines() if line.strip()] or ["it gave no reason"])[-1][:200]


def decoded(path: Path, rate: int) -> Iterator[Samples]:
    """The same through ffmpeg, which skips what encoders put before the sound, as players do."""
    command = [ffmpeg(), "-v", "quiet", "-nostdin", "-i", str(path.resolve()), "-vn", "-ac", "1", "-ar", str(rate)]
    size, heard = rate * _BLOCK_SECONDS * 2, False
    with subprocess.Popen([*command, "-f", "s16le", "-"], stdout=subprocess.PIPE) as process:
        assert process.stdout
        while raw := process.stdout.read(size):
            heard = True
            yield np.frombuffer(raw[: len(raw) // 2 * 2], "<i2").astype(np.float32) / np.float32(32768)
        process.wait()
    if not heard:
        raise AudioError(f"{path.name} is not audio that libsndfile or ffmpeg can read.")
