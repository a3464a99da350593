"""The features that the embedded aligner compares: normalised cepstra and loudness, one frame every 10 ms."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from speech.alignment.cepstra import WIDTH, Frames
from speech.alignment.rows import Rows

__all__ = ["LOUDNESS", "Features", "gather", "level"]

LOUDNESS = [0, WIDTH]
"""The columns of features that hold loudness and its slope."""

# A frame is speech if its log energy lies above this fraction of the recording's range, which reaches
# from its 5th to its 95th percentile.
_SPEECH_SHARE = 0.35
# A recording whose log energies span less than this is taken to contain no silence.
_FLAT = 3.0
# Higher cepstra depend more on the voice and less on the sound that is spoken.
_WEIGHTS = np.array([1, 1, 1, 1, 1, 1, 1, 0.8, 0.8, 0.8, 0.8, 0.8, 0.8], np.float32)
# Frames on either side from which the slopes of a frame are taken.
_SIDE = 2
_AT_ONCE = 8_192


@dataclass(frozen=True, slots=True)
class Features:
    """The features of one recording: what fits in memory, and the rest by `frames`.

    Attributes:
        energy: (T,) natural log of the frame's energy.
        loudness: (T,) 0 at the recording's noise floor, 1 at the level of its speech.
        speech: (T,) whether the frame is speech.
    """

    energy: Frames
    loudness: Frames
    speech: npt.NDArray[np.bool_]
    _cepstra: Rows
    _mean: Frames
    _spread: Frames
    _quiet: float
    _room: float

    def frames(self, first: int, last: int) -> Frames:
        """Return the (last - first, 26) features of some frames."""
        before, after = max(first - _SIDE, 0), min(last + _SIDE, len(self.energy))
        return self.normalise(self._cepstra(before, after))[first - before : last - before]

    def normalise(self, cepstra: Frames) -> Frames:
        """Return the (T, 26) features of the (T, 13) cepstra of any sounds: the first replaced by loudness, and slopes.

        They are normalised as those of the recording are, which have zero mean and unit spread over its speech.
        """
        frames = (cepstra - self._mean) / self._spread
        frames[:, 0] = np.clip((cepstra[:, 0] - self._quiet - self._room) / self._room, -1.2, 0.5) * 4.5
        frames *= _WEIGHTS
        padded = np.pad(frames, ((_SIDE, _SIDE), (0, 0)), mode="edge")
        slopes = (2 * (padded[4:] - padded[:-4]) + (padded[3:-1] - padded[1:-3])) / 5
        return np.hstack([frames, slopes]).astype(np.float32)


def gather(blocks: Iterable[Frames], cepstra: Rows) -> Frames:
    """Keep the cepstra of a recording; return the (T,) energies of its frames."""
    energies = [np.zeros(0, np.float32)]
    for block in blocks:
        cepstra.append(block)
        energies.append(block[:, 0].copy())
    return np.concatenate(energies)


def level(cepstra: Rows, energy: Frames) -> Features:
    """Normalise the cepstra of one recording, which removes the microphone, the gain and much of the voice.

    Args:
        cepstra: (T, 13), with the energy (T,) of each frame; they must be kept as long as the features.
    """
    quiet, loud = (float(value) for value in np.percentile(energy, [5, 95]))
    flat = loud - quiet <= _FLAT
    speech = np.ones(len(energy), bool) if flat else energy > quiet + _SPEECH_SHARE * (loud - quiet)
    mean, spread = _statistics(cepstra, speech)
    room = max(float(np.percentile(energy[speech], 90)) - quiet, 6.0)
    speech_level = max(float(np.percentile(energy[speech], 70)) - quiet, 6.0)
    loudness = np.clip((energy - np.float32(quiet)) / np.float32(speech_level), 0, 1).astype(np.float32)
    return Features(energy, loudness, speech, cepstra, mean, spread + np.float32(1e-3), quiet, room)


def _statistics(cepstra: Rows, speech: npt.NDArray[np.bool_]) -> tuple[Frames, Frames]:
    """Return the mean and the standard deviation of the cepstra of speech, each (13,)."""
    count, total, squares = int(speech.sum()), np.zeros(WIDTH), np.zeros(WIDTH)
    for first in range(0, len(speech), _AT_ONCE):
        last = min(first + _AT_ONCE, len(speech))
        rows = cepstra(first, last)[speech[first:last]].astype(np.float64)
        total += rows.sum(axis=0)
        squares += (rows**2).sum(axis=0)
    mean = total / count
    spread = np.sqrt(np.maximum(squares / count - mean**2, 0))
    return mean.astype(np.float32), spread.astype(np.float32)
