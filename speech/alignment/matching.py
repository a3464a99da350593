"""Matching a recording to its reference: where each word is, and how sure that is.

Three searches (see `path.track`): coarsely, to find a first path; coarsely again, after a linear regression over the
first match has mapped the reference onto the speaker's voice; and finely, in a narrow band around the second path. A
word that follows a pause is then moved to the onset of its sound.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from speech.alignment.cepstra import FRAME_MS, WIDTH, Frames
from speech.alignment.features import LOUDNESS, Features
from speech.alignment.path import POOL, Indices, States, distances, pool, track
from speech.alignment.rows import Table
from speech.alignment.synthetic import Segment

__all__ = ["match"]

# Half widths of the searched bands: 20 s for the first match, 5 s for the second, 1.2 s for the fine one.
_COARSE_REACH = 20_000 // (FRAME_MS * POOL)
_SECOND_REACH = 5_000 // (FRAME_MS * POOL)
_FINE_REACH = 1_200 // FRAME_MS

# In frames: how far a word may be moved to the onset of its sound, and the shortest pause before it.
_SNAP = 12
_SNAP_PAUSE = 6
# The sound begins where its level has risen by this fraction of the difference between pause and word.
_ONSET_SHARE = 0.2
# Minimum rise of a word from silence, in natural log of energy, if the path shows no pause before it.
_MIN_RISE = 3.0
# Added to a start that was moved to an onset: a frame registers an onset up to half its window early.
# Measured by benchmarks/alignment.py; the bias of words inside a phrase (0.6 ms) is too small to correct.
_ONSET_MS = 7

# Strength of the regression's prior, the identity mapping, in frames.
_RIDGE = 20.0

# Ratio of the distance along the path to the mean distance to the whole reference at which a word has
# confidence 1 and 0. Over whole recordings, right scripts have 0.60 to 0.76, wrong ones 0.89 to 0.93.
_CERTAIN, _WRONG = 0.65, 0.95
_SAMPLE = 200

# Frames that are in memory at once.
_AT_ONCE = 4_096

Places = tuple[list[tuple[int, int] | None], list[float]]


def match(segments: Sequence[Segment], reference: Features, features: Features, outside: float) -> Places:
    """Match the recording to the segments; return the span (ms) and confidence of every token.

    The span of a token that was not found is None.

    Args:
        outside: see `path.track`.
    """
    voice = _Voice(2 * WIDTH)
    coarse: list[Indices] = []
    for segment in segments:
        if _is_long_enough(segment):
            states, _ = _pool_states(segment.states(reference))
            recording, loudness = _pooled_recording(segment, features)
            path = track(recording, loudness, states, _COARSE_REACH, outside)
            voice.learn(recording, states, path)
            coarse.append(path)
    mapping = voice.mapping()
    background = _background(segments, reference, mapping)
    firsts = iter(coarse)
    spans: list[tuple[int, int] | None] = []
    scores: list[float] = []
    for segment in segments:
        if not _is_long_enough(segment):
            spans += [None] * segment.tokens
            scores += [0.0] * segment.tokens
            continue
        states = _map_states(segment.states(reference), mapping)
        path = _path(segment, states, _refine(segment, states, features, outside, next(firsts)), features, outside)
        token_spans = _spans(segment, path)
        moved = _snap(token_spans, segment, features)
        for index, span in enumerate(token_spans):
            late = _ONSET_MS if index in moved else 0
            spans.append(span and ((span[0] + segment.first) * FRAME_MS + late, (span[1] + segment.first) * FRAME_MS))
        scores += _confidence(segment, states, path, features, background)
    return spans, scores


def _is_long_enough(segment: Segment) -> bool:
    return segment.last - segment.first >= POOL


def _refine(segment: Segment, states: States, features: Features, outside: float, first: Indices) -> Indices:
    """Match a segment coarsely once more, around the first path; return the state of each frame, not pooled."""
    pooled, groups = _pool_states(states)
    path = track(*_pooled_recording(segment, features), pooled, _SECOND_REACH, outside, first)
    return np.repeat(groups[path], POOL)[: segment.last - segment.first]


def _path(segment: Segment, states: States, centre: Indices, features: Features, outside: float) -> Indices:
    loudness = features.loudness[segment.first : segment.last]
    return track(_recording(segment, features), loudness, states, _FINE_REACH, outside, centre)


def _recording(segment: Segment, features: Features) -> Table:
    """Return the frames of the recording in which a segment is heard."""
    return lambda first, last: features.frames(segment.first + first, segment.first + last)


def _pooled_recording(segment: Segment, features: Features) -> tuple[Table, Frames]:
    """Return the pooled frames in which a segment is heard, and their loudness."""
    frames, length = _recording(segment, features), segment.last - segment.first
    loudness = pool(features.loudness[segment.first : segment.last])
    return lambda first, last: pool(frames(first * POOL, min(last * POOL, length))), loudness


def _pool_states(states: States) -> tuple[States, Indices]:
    """Average each word's states in groups of up to `POOL`, leaving pauses alone, and return the groups' starts."""
    total = len(states.word)
    fresh = np.ones(total, bool)
    fresh[1:] = (states.word[1:] != states.word[:-1]) | (states.pause[1:] != states.pause[:-1])
    begins = np.flatnonzero(fresh).astype(np.int32)
    lengths = np.diff(np.append(begins, total))
    offsets = np.arange(total, dtype=np.int32) - np.repeat(begins, lengths)
    groups = np.flatnonzero(offsets % POOL == 0).astype(np.int32)

    def read(first: int, last: int) -> Frames:
        begin, end = int(groups[first]), int(groups[last]) if last < len(groups) else total
        starts = groups[first:last] - begin
        counts = np.diff(np.append(starts, end - begin)).astype(np.float32)
        sums: Frames = np.add.reduceat(states.frames(begin, end), starts, axis=0)
        return sums / counts[:, None]

    return States(read, states.word[groups], states.pause[groups]), groups


class _Voice:
    """Learns how the speaker's voice differs from the reference's: a ridge regression, whose prior is identity."""

    def __init__(self, width: int) -> None:
        self._gram = np.eye(width + 1) * _RIDGE
        self._moment = _RIDGE * np.vstack([np.eye(width), np.zeros((1, width))])

    def learn(self, recording: Table, states: States, path: Indices) -> None:
        """Learn from the sounds along a path."""
        for frames, references, _ in _frames_along(recording, states, path):
            source = _with_one(references).astype(np.float64)
            self._gram += source.T @ source
            self._moment += source.T @ frames.astype(np.float64)

    def mapping(self) -> Frames:
        """Return the (D + 1, D) mapping."""
        return np.linalg.solve(self._gram, self._moment).astype(np.float32)


def _frames_along(recording: Table, states: States, path: Indices) -> Iterator[tuple[Frames, Frames, Indices]]:
    """Yield what is heard along a path, pauses left out, what is expected there, and the word: (T, D), (T, D), (T,)."""
    for first in range(0, len(path), _AT_ONCE):
        part = path[first : first + _AT_ONCE]
        sound = ~states.pause[part]
        references = states.frames(int(part[0]), int(part[-1]) + 1)[part[sound] - part[0]]
        yield recording(first, first + len(part))[sound], references, states.word[part[sound]]


def _with_one(frames: Frames) -> Frames:
    return np.hstack([frames, np.ones((len(frames), 1), np.float32)])


def _map_states(states: States, mapping: Frames) -> States:
    return replace(states, frames=lambda first, last: _apply(mapping, states.frames(first, last)))


def _apply(mapping: Frames, frames: Frames) -> Frames:
    mapped: Frames = _with_one(frames) @ mapping
    # A regression pulls everything towards the mean. Loudness, which is normalised already, must keep its
    # contrast, or quiet sounds are matched to pauses.
    mapped[:, LOUDNESS] = frames[:, LOUDNESS]
    return mapped


def _spans(segment: Segment, path: Indices) -> list[tuple[int, int] | None]:
    """Return each token's first and past-the-last frame, counted from the start of the segment."""
    word = np.where(segment.pause[path], np.int32(-1), segment.word[path])
    spans: list[tuple[int, int] | None] = [None] * segment.tokens
    borders = np.flatnonzero(np.diff(word, prepend=-2, append=-2))
    for first, last in itertools.pairwise(borders.tolist()):
        token = int(word[first])
        if token >= 0:
            earlier = spans[token]
            spans[token] = (earlier[0] if earlier else first, last)
    return spans


def _snap(spans: list[tuple[int, int] | None], segment: Segment, features: Features) -> set[int]:
    """Move each word that follows a pause to the onset of its sound, in `spans`; return which words were moved."""
    moved: set[int] = set()
    energy = features.energy[segment.first : segment.last]
    before = 0
    for index, span in enumerate(spans):
        if span is None:
            continue
        start, end = span
        paused = start - before >= _SNAP_PAUSE
        if paused or segment.fresh[index]:
            earliest = before if paused else max(0, start - 2 * _SNAP)
            floor = float(
                np.median(energy[before:start]) if paused else np.percentile(energy[earliest : start + 1], 20)
            )
            peak = float(np.percentile(energy[start : max(end, start + 10)], 80))
            limit = floor + _ONSET_SHARE * (peak - floor)
            low, high = max(earliest, start - _SNAP), min(start + _SNAP, end, len(energy) - 1)
            loud = energy[low : high + 1] > limit
            onsets = np.flatnonzero(loud[1:] & ~loud[:-1]) + 1 + low
            if not paused:
                # If the path has no pause here, accept only an onset after four quiet frames.
                onsets = np.array([at for at in onsets if at >= 4 and (energy[at - 4 : at] <= limit).all()], int)
            if peak - floor > (1.5 if paused else _MIN_RISE) and len(onsets):
                spans[index] = (int(onsets[np.argmin(np.abs(onsets - start))]), end)
                moved.add(index)
        before = end
    return moved


def _background(segments: Sequence[Segment], reference: Features, mapping: Frames) -> Frames:
    """Return up to 200 states from all over the reference, as a sample of wrong matches."""
    rows = np.concatenate([segment.rows[~segment.pause] for segment in segments])
    chosen = rows[np.linspace(0, len(rows) - 1, min(len(rows), _SAMPLE)).astype(int)]
    return _apply(mapping, np.concatenate([reference.frames(row, row + 1) for row in chosen.tolist()]))


def _confidence(segment: Segment, states: States, path: Indices, features: Features, background: Frames) -> list[float]:
    """Return the confidence of each token, 0 to 1: how much closer its sound is to the expected one than to others.

    A path can bend until even a wrong script fits, so the distance alone says little. Its ratio to the
    mean distance to the whole reference is informative.
    """
    backgrounds = _without_loudness(background)
    near, far = np.zeros(segment.tokens), np.zeros(segment.tokens)
    for frames, references, word in _frames_along(_recording(segment, features), states, path):
        if not len(word):
            continue
        sound = _without_loudness(frames)
        differences = np.sqrt(((sound - _without_loudness(references)) ** 2).mean(axis=1) * 2)
        first, last = int(word[0]), int(word[-1]) + 1
        near[first:last] += np.bincount(word - first, weights=differences)
        far[first:last] += np.bincount(word - first, weights=distances(sound, backgrounds).mean(axis=1))
    ratio = np.divide(near, far, out=np.full(segment.tokens, _WRONG), where=far > 0)
    score = np.clip((_WRONG - ratio) / (_WRONG - _CERTAIN), 0, 1)
    return [
        round(float(value), 3) if is_placed else 0.0 for value, is_placed in zip(score, segment.placed, strict=True)
    ]


def _without_loudness(frames: Frames) -> Frames:
    return np.delete(frames, LOUDNESS, axis=1)
