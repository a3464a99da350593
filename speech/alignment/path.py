"""The path: the frame of the reference that each frame of the recording corresponds to.

A Viterbi search whose states are the reference's frames. At each frame of the recording the path stays in its state
or advances by one to three states. Between words there are two states that may be skipped or last any time: a filler,
which is any sound that the script does not have (a cough, or "um", which costs least), and a pause. From the pause
the path may also go back to its word, or to the word before that: people say words twice. All paths up to a given
frame have the same number of steps, so their costs are comparable, and the search can be limited to a moving window:
time grows linearly with the length of the recording. What lies so far back that all paths have met there is settled
and forgotten, so memory grows by the four bytes of each frame's state only.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from speech.alignment.cepstra import Frames
from speech.alignment.rows import Table, Window

__all__ = ["POOL", "Indices", "Mask", "Search", "States", "along", "distance", "distances", "pool", "track"]

Indices = npt.NDArray[np.int32]
Mask = npt.NDArray[np.bool_]

POOL = 4
"""Number of frames that the coarse search averages into one."""

# Costs added to the distance between two frames, which is about 1 for a good match and 2 for a bad one.
# Tuned on the recordings of benchmarks/alignment.py, these and those below on the half that it calls known.
_STAY = 0.35
_SKIP = 0.4
_PAUSE_LOUD = 4.0
_PAUSE_QUIET = 0.6
# Added to the distance to the nearest hesitation, of which there are many to choose from.
_HESITATION = 0.15
# Paid once: for a pause or a filler, for a filler that ends without a pause, and for going back.
_TO_PAUSE = 4.0
_FROM_FILLER = 2.0
_BACK = 0.5
_LONGEST_STEP = 3
_BLOCK = 64
# Blocks after which the path is traced back, and those at the end of it that may still change: 20 s of frames, 80 s of
# pooled ones, several times what the search reaches.
_HISTORY, _UNSETTLED = 96, 32
# Frames along a path that are in memory at once.
_AT_ONCE = 4_096


@dataclass(frozen=True, slots=True)
class States:
    """The N states of the reference.

    Attributes:
        frames: (N, D) features of each state; those of pauses are ignored.
        word: (N,) index of the state's word; -1 for the pause before the first word. Never decreases.
        pause: (N,) whether the state is the filler or the pause after its word, which come in this order.
    """

    frames: Table
    word: Indices
    pause: Mask

    @property
    def filler(self) -> Mask:
        """(N,) whether the state is a filler."""
        is_before_pause: Mask = np.append(self.pause[1:], False)
        return self.pause & is_before_pause


@dataclass(frozen=True, slots=True)
class Search:
    """Where a path is searched, and what it may leave out.

    Attributes:
        reach: number of states searched on either side of the expected one.
        outside: maximum cost of a frame before the first word or after the last, however loud it is: it
            may be speech that is not in the script.
        filler: the same between two words.
        goes_back: whether words may be said twice. While the voice is unknown, a few words that are said over and
            over may fit a whole recording better than its script does.
        hesitations: (M, D) sounds such as "um"; a filler that is close to one of them costs less.
        pooled: number of frames that were averaged into each.
    """

    reach: int
    outside: float
    filler: float
    goes_back: bool = True
    hesitations: Frames | None = None
    pooled: int = 1


def pool(frames: Frames) -> Frames:
    """Average each run of `POOL` frames: (T, D) to (T / POOL rounded up, D)."""
    if not len(frames):
        return frames
    firsts = np.arange(0, len(frames), POOL)
    sums = np.add.reduceat(frames, firsts, axis=0)
    counts = np.minimum(POOL, len(frames) - firsts).astype(np.float32)
    pooled: Frames = (sums / counts.reshape(-1, *[1] * (frames.ndim - 1))).astype(np.float32)
    return pooled


def distances(left: Frames, right: Frames) -> Frames:
    """Return the (A, B) root mean square distances between the rows of (A, D) and (B, D)."""
    squares = (left**2).sum(axis=1)[:, None] + (right**2).sum(axis=1)[None] - 2 * left @ right.T
    result: Frames = np.sqrt(np.maximum(squares, 0) / (left.shape[1] / 2)).astype(np.float32)
    return result


def distance(left: Frames, right: Frames) -> Frames:
    """Return the (T,) distances between the rows of (T, D) and (T, D)."""
    result: Frames = np.sqrt(((left - right) ** 2).mean(axis=1) * 2)
    return result


def along(recording: Table, states: States, path: Indices) -> Iterator[tuple[Frames, Frames, Indices]]:
    """Yield what is heard along a path, pauses left out, what is expected there, and the word: (T, D), (T, D), (T,)."""
    for first in range(0, len(path), _AT_ONCE):
        part = path[first : first + _AT_ONCE]
        sound = ~states.pause[part]
        lowest = int(part.min())
        references = states.frames(lowest, int(part.max()) + 1)[part[sound] - lowest]
        yield recording(first, first + len(part))[sound], references, states.word[part[sound]]


def track(table: Table, loudness: Frames, states: States, search: Search, centre: Indices | None = None) -> Indices:
    """Return the best path: (T,) the state of each frame, which decreases only where words are said again.

    Args:
        table: (T, D) frames of the recording.
        loudness: (T,) 0 (silence) to 1 (speech).
        states: the N states of the reference.
        search: its limits.
        centre: (T,) the expected state of each frame; without it the search window follows the best
            path so far.
    """
    count, total, reach = len(loudness), len(states.word), search.reach
    recording, reference = Window(table, count), Window(states.frames, total)
    filler = states.filler
    words = _Words(np.flatnonzero(~states.pause & np.roll(states.pause, 1)), total)
    path = np.zeros(count, np.int32)
    history: list[_Block] = []
    low, high, best = 0, 0, 0
    scores = np.zeros(0, np.float32)
    for first in range(0, count, _BLOCK):
        last = min(first + _BLOCK, count)
        if centre is not None:
            new_low, new_high = int(centre[first]) - reach, int(centre[last - 1]) + reach
        else:
            new_low, new_high = best - reach, best + reach + _LONGEST_STEP * _BLOCK
        new_low, new_high = max(0, min(new_low, total - 1), low), min(total, max(new_high, high))
        scores = np.concatenate([scores[new_low - low :], np.full(new_high - max(high, new_low), np.inf, np.float32)])
        low, high = new_low, new_high
        heard = recording(first, last)
        cost = distances(heard, reference(low, high))
        _price_pauses(cost, heard, loudness[first:last], states.pause[low:high], filler[low:high], search)
        for edge in (0, total - 1):
            if states.pause[edge] and low <= edge < high:
                cost[:, edge - low] = np.minimum(cost[:, edge - low], search.outside)
        if first == 0:
            scores = np.where(np.arange(high - low) <= _LONGEST_STEP, cost[0], np.float32(np.inf))
            cost = cost[1:]
        steps = _price_steps(states.pause[low:high], filler[low:high], search)
        back = words.among(low, high if search.goes_back else low, np.float32(_BACK / search.pooled))
        history.append(_advance(scores, cost, max(first - 1, 0), low, steps, back))
        scores = history[-1].scores[-1, _LONGEST_STEP:]
        best = low + int(np.argmin(scores))
        if len(history) >= _HISTORY:
            _trace(history, best, path)
            del history[:-_UNSETTLED]
    ends = scores[max(total - _LONGEST_STEP - 1 - low, 0) :]
    _trace(history, high - len(ends) + int(np.argmin(ends)) if np.isfinite(ends).any() else best, path)
    return path


def _price_pauses(cost: Frames, heard: Frames, loudness: Frames, pause: Mask, filler: Mask, search: Search) -> None:
    """Set the costs of the (W,) searched states that are pauses and fillers: the louder, the less it is a pause."""
    quiet = (_PAUSE_LOUD * loudness + _PAUSE_QUIET).astype(np.float32)
    cost[:, pause] = quiet[:, None]
    filled = np.minimum(quiet, np.float32(search.filler))
    if search.hesitations is not None:
        filled = np.minimum(filled, distances(heard, search.hesitations).min(axis=1) + np.float32(_HESITATION))
    cost[:, filler] = filled[:, None]


def _price_steps(pause: Mask, filler: Mask, search: Search) -> Frames:
    """Return the (4, W) costs of reaching each of the searched states by a step of 0 to 3."""
    width = len(pause)
    # A step costs what the states cost that it skips.
    skips = np.concatenate([np.zeros(_LONGEST_STEP, np.float32), np.where(pause, 0, _SKIP).astype(np.float32)])
    steps = np.zeros((_LONGEST_STEP + 1, width), np.float32)
    steps[0] = np.where(pause, 0, _STAY)
    for step in range(2, _LONGEST_STEP + 1):
        steps[step] = steps[step - 1] + skips[_LONGEST_STEP - step + 1 :][:width]
    steps[1:, filler] += _TO_PAUSE / search.pooled
    # The step from a filler to its pause is of one.
    steps[2:, pause & ~filler] += _TO_PAUSE / search.pooled
    for step in range(1, _LONGEST_STEP + 1):
        steps[step, step:][filler[:-step] & ~pause[step:]] += _FROM_FILLER / search.pooled
    return steps


@dataclass(frozen=True, slots=True)
class _Back:
    """The steps back among the W states searched: from the pause after a word to its first state.

    Attributes:
        starts: (K,) first states of words.
        ends: (K,) the pauses after them; from each a step leads to its own word, and to the one before.
        price: cost of such a step.
    """

    starts: npt.NDArray[np.intp]
    ends: npt.NDArray[np.intp]
    price: np.float32

    def origins(self) -> dict[int, tuple[int, ...]]:
        """Return the pauses from which each first state is reached."""
        ends = self.ends.tolist()
        return {start: tuple(ends[word : word + 2]) for word, start in enumerate(self.starts.tolist())}


class _Words:
    """Where words begin among the states, and where the pauses after them are."""

    def __init__(self, starts: npt.NDArray[np.intp], total: int) -> None:
        self._starts, self._ends = starts, np.append(starts[1:], total) - 1

    def among(self, low: int, high: int, price: np.float32) -> _Back:
        """Return the steps back among the states from `low` to before `high`."""
        inside = slice(np.searchsorted(self._starts, low), np.searchsorted(self._ends, high))
        return _Back(self._starts[inside] - low, self._ends[inside] - low, price)


@dataclass(frozen=True, slots=True)
class _Block:
    """What is needed to trace the paths through some frames.

    Attributes:
        first: the frame before them, or the very first.
        low: the state of the first column, after as many columns as the longest step has states.
        scores: (frames + 1, 3 + W) lowest cost of a path to each state; infinite where there is none.
        steps: (4, W) cost of reaching each state by a step of 0 to 3.
        back: the steps back.
    """

    first: int
    low: int
    scores: Frames
    steps: Frames
    back: _Back


def _advance(initial: Frames, cost: Frames, first: int, low: int, steps: Frames, back: _Back) -> _Block:
    """Continue the paths to W states, whose costs so far are (W,), through frames, whose costs are (frames, W)."""
    width = len(initial)
    scores = np.full((len(cost) + 1, _LONGEST_STEP + width), np.inf, np.float32)
    scores[0, _LONGEST_STEP:] = initial
    # Of each row the four columns that a state is reached from, as rows: no copy, and one call for all steps.
    row, column = scores.strides
    shape, strides = (len(cost), _LONGEST_STEP + 1, width), (row, -column, column)
    sources = np.lib.stride_tricks.as_strided(scores[:, _LONGEST_STEP:], shape, strides)
    starts, ends = back.starts, back.ends
    again, begun, smaller = np.empty(len(ends), np.float32), np.empty(len(ends), np.float32), np.minimum
    arriving, add, least = np.empty((_LONGEST_STEP + 1, width), np.float32), np.add, np.minimum.reduce
    for before, after, price in zip(sources, scores[1:, _LONGEST_STEP:], cost, strict=True):
        add(before, steps, out=arriving)
        least(arriving, axis=0, out=after)
        if len(starts):
            before[0].take(ends, mode="clip", out=again)
            smaller(again[:-1], again[1:], out=again[:-1])
            add(again, back.price, out=again)
            after.take(starts, mode="clip", out=begun)
            smaller(again, begun, out=begun)
            after[starts] = begun
        add(after, price, out=after)
    return _Block(first, low, scores, steps, back)


def _trace(history: list[_Block], state: int, path: Indices) -> None:
    """Follow the best path back from a state at the end of the history; write the state of each frame."""
    choices = range(1, _LONGEST_STEP + 1)
    for block in reversed(history):
        score, price = block.scores.item, block.steps.item
        origins, price_back = block.back.origins(), float(block.back.price)
        for row in range(len(block.scores) - 1, 0, -1):
            path[block.first + row] = state
            column = state - block.low
            index = column + _LONGEST_STEP
            least, best_step = score(row - 1, index) + price(0, column), 0
            for step in choices:
                cost = score(row - 1, index - step) + price(step, column)
                if cost < least:
                    least, best_step = cost, step
            for origin in origins.get(column, ()):
                cost = score(row - 1, origin + _LONGEST_STEP) + price_back
                if cost < least:
                    least, best_step = cost, column - origin
            state -= best_step
    path[history[0].first] = state
