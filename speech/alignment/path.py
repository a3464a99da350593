"""The path: which moment of the reference each moment of the recording belongs to.

A Viterbi search over the reference's frames as states. With each frame of the recording the path
stays, or moves on by one to three states; between words lies a state that stands for a pause, may
be skipped, and may last. All paths to one moment have the same number of steps, so their costs
compare fairly, and the search can move a window along: time and memory grow with the length.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from speech.alignment.features import Frames

__all__ = ["POOL", "States", "distances", "pool", "track"]

Indices = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

POOL = 4
"""Frames that the coarse search takes together."""

# Costs beside the distance between two frames, which is about 1 for a good match and 2 for a bad one.
# Found by search on the recordings of benchmarks/alignment.py.
_STAY = 0.4
_SKIP = 0.4
_PAUSE_LOUD = 4.0
_PAUSE_QUIET = 0.6
_LONGEST_STEP = 3
_BLOCK = 64


@dataclass(frozen=True, slots=True)
class States:
    """The reference.

    Attributes:
        frames: (N, D) what each state sounds like; anything for a pause.
        word: (N,) the word it belongs to; -1 for the pause before the first. Never decreases.
        pause: (N,) whether it stands for the pause after its word.
    """

    frames: Frames
    word: Indices
    pause: Mask


def pool(frames: Frames) -> Frames:
    """(T, D) to (T / POOL rounded up, D): the mean of each run of `POOL` frames."""
    if not len(frames):
        return frames
    firsts = np.arange(0, len(frames), POOL)
    sums = np.add.reduceat(frames, firsts, axis=0)
    counts = np.minimum(POOL, len(frames) - firsts).astype(np.float32)
    pooled: Frames = (sums / counts.reshape(-1, *[1] * (frames.ndim - 1))).astype(np.float32)
    return pooled


def distances(left: Frames, right: Frames) -> Frames:
    """(A, B) root mean square distances between the rows of (A, D) and (B, D)."""
    squares = (left**2).sum(axis=1)[:, None] + (right**2).sum(axis=1)[None] - 2 * left @ right.T
    result: Frames = np.sqrt(np.maximum(squares, 0) / (left.shape[1] / 2)).astype(np.float32)
    return result


def track(
    frames: Frames, loudness: Frames, states: States, reach: int, outside: float, centre: Indices | None = None
) -> Indices:
    """The best path: (T,) the state of each frame, never decreasing.

    Args:
        frames: (T, D) of the recording.
        loudness: (T,) 0 (silence) to 1 (speech).
        states: N of them.
        reach: how many states to either side of the expected one are searched.
        outside: cost of a frame before the first word or after the last at most, however loud: it may
            be speech that the script does not hold.
        centre: (T,) the expected state of each frame; without it the search follows its own best
            path.
    """
    count, total = len(frames), len(states.word)
    stay = np.where(states.pause, 0, _STAY).astype(np.float32)
    skipped = np.where(states.pause, 0, _SKIP).astype(np.float32)
    # What it costs to arrive at a state by a step of 1, 2, 3: the states jumped over.
    jump = np.zeros((_LONGEST_STEP + 1, total), np.float32)
    for step in range(2, _LONGEST_STEP + 1):
        jump[step, step:] = sum(skipped[step - over : total - over] for over in range(1, step))

    scores = np.full(total, np.inf, np.float32)
    low, high, best = 0, 0, 0
    history: list[tuple[int, npt.NDArray[np.uint8]]] = []
    for first in range(0, count, _BLOCK):
        last = min(first + _BLOCK, count)
        if centre is not None:
            new_low, new_high = int(centre[first]) - reach, int(centre[last - 1]) + reach
        else:
            new_low, new_high = best - reach, best + reach + _LONGEST_STEP * _BLOCK
        new_low, new_high = max(0, min(new_low, total - 1), low), min(total, max(new_high, high))
        scores[low:new_low] = np.inf
        low, high = new_low, new_high
        cost = distances(frames[first:last], states.frames[low:high])
        quiet = (_PAUSE_LOUD * loudness[first:last] + _PAUSE_QUIET).astype(np.float32)
        cost[:, states.pause[low:high]] = quiet[:, None]
        for edge in (0, total - 1):
            if low <= edge < high and states.pause[edge]:
                cost[:, edge - low] = np.minimum(quiet, outside)
        steps = np.zeros((last - first, high - low), np.uint8)
        here = scores[low:high].copy()
        if first == 0:
            here[: _LONGEST_STEP + 1] = 0
        for row in range(last - first):
            if first == 0 and row == 0:
                here += cost[0]
                continue
            arrived = here + stay[low:high]
            step_row = steps[row]
            for step in range(1, _LONGEST_STEP + 1):
                by_step = here[:-step] + jump[step, low + step : high]
                better = by_step < arrived[step:]
                np.copyto(arrived[step:], by_step, where=better)
                step_row[step:][better] = step
            arrived += cost[row]
            here = arrived
        scores[low:high] = here
        best = low + int(np.argmin(here))
        history.append((low, steps))
    return _trace(history, scores, best, count)


def _trace(history: list[tuple[int, npt.NDArray[np.uint8]]], scores: Frames, best: int, count: int) -> Indices:
    ends = scores[-_LONGEST_STEP - 1 :]
    state = len(scores) - len(ends) + int(np.argmin(ends)) if np.isfinite(ends).any() else best
    path = np.empty(count, np.int64)
    frame = count
    for low, steps in reversed(history):
        for row in range(len(steps) - 1, -1, -1):
            frame -= 1
            path[frame] = state
            state -= int(steps[row, state - low])
    return path
