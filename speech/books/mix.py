"""The sound of a chapter: its takes, each faded in and out, added up in place."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import zip_longest
from pathlib import Path

import numpy as np

from speech.audio import Samples
from speech.books.timeline import PlacedTake, TimedChapter
from speech.errors import AudioError
from speech.processes import interrupt

__all__ = ["Takes", "mix"]

Takes = Callable[[str], Path]
"""Returns the file of a take: FLAC or WAV, mono, at the rate of the timeline. It is asked once for each placed take."""


def mix(chapter: TimedChapter, rate: int, takes: Takes, most: int = 1 << 20) -> Iterator[Samples]:
    """Yield the samples of a chapter, block by block; where no take is heard they are zero.

    Args:
        most: samples of a take to read at once.

    Raises:
        AudioError: a take is not what the timeline says, or a take lies outside of its chapter.
    """
    at, buffer = 0, np.zeros(0, np.float32)
    for take, follower in zip_longest(chapter.takes, chapter.takes[1:]):
        border = follower.begin if follower else chapter.length
        if take.begin < at or take.end > chapter.length:
            raise AudioError(f"Take {take.key} does not lie within its place in {chapter.title!r}.")
        interrupt.get()()
        position = take.begin
        for samples in _read(take, rate, takes(take.key), most):
            end = position + len(samples)
            buffer = np.pad(buffer, (0, max(end - at - len(buffer), 0)))
            buffer[position - at : end - at] += samples
            position = end
            ready = max(min(border, end) - at, 0)
            yield buffer[:ready]
            at, buffer = at + ready, buffer[ready:]
    yield np.pad(buffer, (0, chapter.length - at - len(buffer)))


def _read(take: PlacedTake, rate: int, path: Path, most: int) -> Iterator[Samples]:
    """Yield the samples of a take, faded."""
    import soundfile

    try:
        with soundfile.SoundFile(path) as file:
            if (file.samplerate, file.channels) != (rate, 1) or file.frames < take.last:
                raise AudioError(
                    f"Take {take.key} has {file.frames} samples, {file.channels} channel(s), {file.samplerate} Hz; "
                    f"the book needs {take.last} samples, 1 channel, {rate} Hz."
                )
            file.seek(take.first)
            at, length = 0, take.last - take.first
            while at < length:
                samples = file.read(min(length - at, most), dtype="float32")
                if not len(samples):
                    raise AudioError(f"Take {take.key} is damaged.")
                yield _fade(samples, at, take)
                at += len(samples)
    except soundfile.SoundFileError as fault:
        raise AudioError(f"Take {take.key} cannot be read: {fault}") from None


def _fade(samples: Samples, at: int, take: PlacedTake) -> Samples:
    """Fade what of a block lies in the fades of its take; `at` is the block's position in it."""
    length = take.last - take.first
    if (rising := take.fade_in - at) > 0:
        ramp = np.linspace(0, 1, take.fade_in, dtype=np.float32)[at : at + len(samples)]
        samples[: min(rising, len(samples))] *= ramp
    if (falling := at + len(samples) - length + take.fade_out) > 0:
        width = min(falling, len(samples))
        ramp = np.linspace(1, 0, take.fade_out, dtype=np.float32)
        first = at + len(samples) - width - length + take.fade_out
        samples[len(samples) - width :] *= ramp[first : first + width]
    return samples
