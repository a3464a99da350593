"""The samples of a whole book in one headerless 16-bit file, of which every encoder reads its part."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from speech.audio import Samples
from speech.errors import AudioError
from speech.media import ffmpeg
from speech.processes import Program

__all__ = ["Pcm", "decoded", "encoded", "program", "run"]

_MEMORY = 500_000_000
# The time limit of ffmpeg: a minute to start, plus the length of the audio divided by this speed.
_SPEED, _PATIENCE_SECONDS = 4, 60


@dataclass(frozen=True, slots=True)
class Pcm:
    """A file of samples.

    Attributes:
        frames: its length in samples.
    """

    path: Path
    rate: int
    frames: int

    def source(self, first: int = 0, last: int | None = None) -> list[str]:
        """Return ffmpeg's arguments that have it read the samples from `first` to before `last`."""
        end = self.frames if last is None else last
        part = f"subfile,,start,{2 * first},end,{2 * end},,:{self.path.resolve()}"
        return ["-protocol_whitelist", "subfile,file", "-f", "s16le", "-ar", str(self.rate), "-ac", "1", "-i", part]


def encoded(samples: Samples) -> bytes:
    """Return samples as 16-bit numbers; what is too loud for these is clipped."""
    return np.clip(np.rint(samples * 32768), -32768, 32767).astype("<i2").tobytes()


def decoded(data: bytes) -> Samples:
    """Return 16-bit numbers as samples."""
    return np.frombuffer(data, "<i2").astype(np.float32) / np.float32(32768)


def run(arguments: list[str], seconds: float, task: str) -> Program:
    """Run ffmpeg to its end; return the run, for what it said.

    Args:
        seconds: length of the audio, from which the patience with it follows.
        task: completes the error message "ffmpeg could not ...".

    Raises:
        AudioError: it failed, or took too long.
    """
    with program(["-nostdin", "-y", *arguments], seconds) as ran:
        ran.run()
    if ran.code:
        raise AudioError(f"ffmpeg could not {task}: {ran.complaint}")
    return ran


def program(arguments: list[str], seconds: float, feed: Iterable[bytes] | None = None) -> Program:
    """Return ffmpeg as a program to be run.

    Args:
        seconds: length of the audio, from which the patience with it follows.
        feed: what it reads from its standard input.
    """
    command = [ffmpeg(), "-hide_banner", "-nostats", *arguments]
    limit = _PATIENCE_SECONDS + seconds / _SPEED
    return Program(command, fault=AudioError, seconds=limit, memory=_MEMORY, feed=feed)
