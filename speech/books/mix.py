"""The sound of a chapter: its pieces, each faded in and out, added up in place."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import zip_longest
from pathlib import Path

import numpy as np

from speech.audio import Samples
from speech.books.timeline import Piece, TimedChapter
from speech.errors import AudioError
from speech.processes import interrupt

__all__ = ["Takes", "mix"]

Takes = Callable[[str], Path]
"""Returns the file of a take: FLAC or WAV, mono, at the rate of the timeline. It is asked once for each piece."""


def mix(chapter: TimedChapter, rate: int, takes: Takes, most: int = 1 << 20) -> Iterator[Samples]:
    """Yield the samples of a chapter, block by block; where no piece is heard they are zero.

    Args:
        most: samples of a take to read at once.

    Raises:
        AudioError: a take is not what the timeline says, or a piece lies outside of its chapter.
    """
    at, held = 0, np.zeros(0, np.float32)
    for piece, follower in zip_longest(chapter.pieces, chapter.pieces[1:]):
        border = follower.begin if follower else chapter.length
        if piece.begin < at or piece.end > chapter.length:
            raise AudioError(f"Take {piece.take} does not lie within its place in {chapter.title!r}.")
        interrupt.get()()
        position = piece.begin
        for samples in _read(piece, rate, takes(piece.take), most):
            end = position + len(samples)
            held = np.pad(held, (0, max(end - at - len(held), 0)))
            held[position - at : end - at] += samples
            position = end
            ready = max(min(border, end) - at, 0)
            yield held[:ready]
            at, held = at + ready, held[ready:]
    yield np.pad(held, (0, chapter.length - at - len(held)))


def _read(piece: Piece, rate: int, path: Path, most: int) -> Iterator[Samples]:
    """Yield the samples of a piece, faded."""
    import soundfile

    try:
        with soundfile.SoundFile(path) as file:
            if (file.samplerate, file.channels) != (rate, 1) or file.frames < piece.last:
                raise AudioError(
                    f"Take {piece.take} has {file.frames} samples, {file.channels} channel(s), {file.samplerate} Hz; "
                    f"the book needs {piece.last} samples, 1 channel, {rate} Hz."
                )
            file.seek(piece.first)
            at, length = 0, piece.last - piece.first
            while at < length:
                samples = file.read(min(length - at, most), dtype="float32")
                if not len(samples):
                    raise AudioError(f"Take {piece.take} is damaged.")
                yield _fade(samples, at, piece)
                at += len(samples)
    except soundfile.SoundFileError as fault:
        raise AudioError(f"Take {piece.take} cannot be read: {fault}") from None


def _fade(samples: Samples, at: int, piece: Piece) -> Samples:
    """Fade what of a block lies in the fades of its piece; `at` is the block's position in it."""
    length = piece.last - piece.first
    if (rising := piece.fade_in - at) > 0:
        ramp = np.linspace(0, 1, piece.fade_in, dtype=np.float32)[at : at + len(samples)]
        samples[: min(rising, len(samples))] *= ramp
    if (falling := at + len(samples) - length + piece.fade_out) > 0:
        width = min(falling, len(samples))
        ramp = np.linspace(1, 0, piece.fade_out, dtype=np.float32)
        first = at + len(samples) - width - length + piece.fade_out
        samples[len(samples) - width :] *= ramp[first : first + width]
    return samples
