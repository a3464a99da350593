"""How loud a book is while each of its voices speaks."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from speech.books.timeline import Timeline

__all__ = ["STEPS", "STEP_SECONDS", "Track", "Voices", "integrated"]

STEP_SECONDS, STEPS = 0.1, 4
"""The blocks of ITU-R BS.1770: 400 ms long, one every 100 ms."""

# The gates of ITU-R BS.1770: an absolute one, then one relative to the loudness of what passed the first.
_SILENT_LUFS, _QUIETER_LU = -70.0, 10.0


def integrated(momentary: npt.NDArray[np.float64]) -> float | None:
    """Return the integrated loudness of blocks in LUFS, from the loudness of each; None if all are silent."""
    loud = momentary[momentary > _SILENT_LUFS]
    if not len(loud):
        return None
    return _mean(loud[loud > _mean(loud) - _QUIETER_LU])


def _mean(levels: npt.NDArray[np.float64]) -> float:
    return float(10 * np.log10(np.mean(10 ** (levels / 10))))


class Track:
    """Who speaks when: each voice, by its number, from where it begins until another one does."""

    def __init__(self) -> None:
        self._begins: list[int] = []
        self._voices: list[int] = []

    def add(self, begin: int, voice: int) -> None:
        """Have a voice speak from a sample on; the first speaks from the beginning."""
        if not self._voices or voice != self._voices[-1]:
            self._begins.append(begin if self._voices else 0)
            self._voices.append(voice)

    def stretches(self, begin: int, end: int) -> Iterator[tuple[slice, int]]:
        """Yield the parts of a block of samples, as slices, each with the voice that speaks it."""
        at, index = begin, bisect_right(self._begins, begin) - 1
        while at < end and self._voices:
            last = min(end, self._begins[index + 1]) if index + 1 < len(self._begins) else end
            yield slice(at - begin, last - begin), self._voices[index]
            at, index = last, index + 1

    def alone(self, begins: npt.NDArray[np.int64], ends: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Return the voice that each span belongs to; -1 if two share it, or nobody speaks."""
        if not self._voices:
            return np.full(len(begins), -1)
        first, last = (np.searchsorted(self._begins, each, "right") - 1 for each in (begins, ends - 1))
        return np.where(first == last, np.array(self._voices)[first], -1)


class Voices:
    """The voices of a book.

    Attributes:
        names: the voices; their places are their numbers.
        track: who of them speaks when.
    """

    def __init__(self, timeline: Timeline) -> None:
        self.track = Track()
        names: dict[str, int] = {}
        for start, chapter in zip(timeline.starts, timeline.chapters, strict=True):
            for take in chapter.takes:
                self.track.add(start + take.begin, names.setdefault(take.voice, len(names)))
        self.names = [*names]
