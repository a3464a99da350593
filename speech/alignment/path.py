"""The path: the frame of the reference that each frame of the recording corresponds to.

A Viterbi search whose states are the reference's frames. At each frame of the recording the path stays
in its state or advances by one to three states. Between words there is a pause state, which may be
skipped or last any time. All paths up to a given frame have the same number of steps, so their costs
are comparable, and the search can be limited to a moving window: time and memory grow linearly with the
length of the recording.
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
"""Number of frames that the coarse search averages into one."""

# Costs added to the distance between two frames, which is about 1 for a good match and 2 for a bad one.
# Tuned on the recordings of benchmarks/alignment.py.
_STAY = 0.4
_SKIP = 0.4
_PAUSE_LOUD = 4.0
_PAUSE_QUIET = 0.6
_LONGEST_STEP = 3
_BLOCK = 64


@dataclass(frozen=True, slots=True)
class States:
    """The states of the reference.

    Attributes:
        frames: (N, D) features of each state; ignored for pauses.
        word: (N,) index of the state's word; -1 for the pause before the first word. Never decreases.
        pause: (N,) whether the state is the pause after its word.
    """

    frames: Frames
    word: Indices
    pause: Mask


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


def track(
    frames: Frames, loudness: Frames, states: States, reach: int, outside: float, centre: Indices | None = None
) -> Indices:
    """Return the best path: (T,) the state of each frame, never decreasing.

    Args:
        frames: (T, D) frames of the recording.
        loudness: (T,) 0 (silence) to 1 (speech).
        states: the N states of the reference.
        reach: number of states searched on either side of the expected one.
        outside: maximum cost of a frame before the first word or after the last, however loud it is: it
            may be speech that is not in the script.
        centre: (T,) the expected state of each frame; without it the search window follows the best
            path so far.
    """
    count, total = len(frames), len(states.word)
    stay = np.where(states.pause, 0, _STAY).astype(np.float32)
    skipped = np.where(states.pause, 0, _SKIP).astype(np.float32)
    # Cost of reaching a state by a step of 1, 2 or 3: that of the states skipped.
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
    """Follow the recorded steps back from the best final state; return the state of each frame."""
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
