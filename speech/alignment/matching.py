"""Matching a recording to its reference: where each word is, and how sure that is.

Three searches (see `path.track`): coarsely, to find a first path; coarsely again, after a linear regression over the
first match has mapped the reference onto the speaker's voice; and finely, in a narrow band around the second path, by
which the mapping was learnt anew. A word that follows a pause is then moved to the onset of its sound.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from speech.alignment.cepstra import FRAME_MS, WIDTH, Frames
from speech.alignment.confidence import Spans, rate
from speech.alignment.features import LOUDNESS, Features
from speech.alignment.path import POOL, Indices, Search, States, along, distance, pool, track
from speech.alignment.rows import Table
from speech.alignment.synthetic import Segment

__all__ = ["match"]

# Half widths of the searched bands: 20 s for the first match, 5 s for the second, 1.2 s for the fine one.
_COARSE_REACH = 20_000 // (FRAME_MS * POOL)
_SECOND_REACH = 5_000 // (FRAME_MS * POOL)
_FINE_REACH = 1_200 // FRAME_MS

# Cost of a frame of filler in the coarse searches, before and after the voice is known. In the fine one it is so
# many times the cost at which this speaker's sounds match, within limits.
_FIRST_FILLER, _SECOND_FILLER = 1.35, 0.9
_FILLER_RATIO, _LEAST_FILLER, _MOST_FILLER = 1.4, 0.5, 1.3

# In frames: how far a word may be moved to the onset of its sound, the shortest pause before it, and how long
# something that sounds right before it may be its beginning.
_SNAP = 12
_SNAP_PAUSE = 6
_BEGUN = 25
# The sound begins where its level has risen by this fraction of the difference between pause and word.
_ONSET_SHARE = 0.2
# Minimum rise of a word from silence, in natural log of energy, if the path shows a pause before it, and if not.
_MIN_RISE_AFTER_PAUSE, _MIN_RISE = 1.5, 3.0
# Added to a start that was moved to an onset: a frame registers an onset up to half its window early.
# Measured by benchmarks/alignment.py; the bias of words inside a phrase (0.6 ms) is too small to correct.
_ONSET_MS = 7

# Strength of the regression's prior, the identity mapping, in frames.
_RIDGE = 20.0

# Number of states in a sample of the reference.
_SAMPLE = 200

Places = tuple[Spans, list[float]]
Pooled = tuple[States, Indices]
"""Pooled states, and the first of those that each was made of."""


def match(
    segments: Sequence[Segment], reference: Features, features: Features, hesitations: Frames, outside: float
) -> Places:
    """Match the recording to the segments; return the span (ms) and confidence of every token.

    The span of a token that was not found is None.

    Args:
        hesitations: see `path.Search`; of the fine search, as they are like some sounds of words.
        outside: see `path.Search`; of the first search.
    """
    heard = [segment for segment in segments if _is_long_enough(segment)]
    pooled = [_pool_states(segment.states(reference)) for segment in heard]
    first = Search(_COARSE_REACH, outside, _FIRST_FILLER, goes_back=False, pooled=POOL)
    paths, mapping = _search_coarsely(heard, pooled, features, first)
    second = Search(_SECOND_REACH, min(outside, _SECOND_FILLER), _SECOND_FILLER, pooled=POOL)
    paths, mapping = _search_coarsely(heard, pooled, features, second, paths, mapping)
    typical = _typical_cost(heard, pooled, features, paths, mapping)
    filler = min(max(_FILLER_RATIO * typical, _LEAST_FILLER), _MOST_FILLER)
    fine = Search(_FINE_REACH, min(outside, filler), filler, hesitations=_apply(mapping, hesitations))
    background = _background(segments, reference, mapping)
    coarse = iter([groups[path] for (_, groups), path in zip(pooled, paths, strict=True)])
    spans: Spans = []
    scores: list[float] = []
    for segment in segments:
        if not _is_long_enough(segment):
            spans += [None] * segment.tokens
            scores += [0.0] * segment.tokens
            continue
        states = _map_states(segment.states(reference), mapping)
        path = _search_finely(segment, states, features, fine, next(coarse))
        token_spans = _spans(segment, path)
        moved = _snap(token_spans, segment, features)
        for index, span in enumerate(token_spans):
            late = _ONSET_MS if index in moved else 0
            spans.append(span and ((span[0] + segment.first) * FRAME_MS + late, (span[1] + segment.first) * FRAME_MS))
        loudness = features.loudness[segment.first : segment.last]
        confidence = rate(states, path, token_spans, _recording(segment, features), loudness, background)
        scores += np.where(segment.placed, confidence, 0).round(3).tolist()
    return spans, scores


def _is_long_enough(segment: Segment) -> bool:
    return segment.last - segment.first >= POOL


def _search_coarsely(
    segments: Sequence[Segment],
    pooled: Sequence[Pooled],
    features: Features,
    search: Search,
    centres: Sequence[Indices] | None = None,
    mapping: Frames | None = None,
) -> tuple[list[Indices], Frames]:
    """Return the path of each segment, pooled, and how they map the reference onto the speaker's voice.

    Args:
        centres, mapping: those of the search before.
    """
    voice = _Voice(2 * WIDTH)
    paths: list[Indices] = []
    for index, (segment, (states, _)) in enumerate(zip(segments, pooled, strict=True)):
        recording, loudness = _pooled_recording(segment, features)
        mapped = states if mapping is None else _map_states(states, mapping)
        paths.append(track(recording, loudness, mapped, search, centres[index] if centres else None))
        voice.learn(recording, states, paths[-1])
    return paths, voice.mapping()


def _typical_cost(
    segments: Sequence[Segment], pooled: Sequence[Pooled], features: Features, paths: Sequence[Indices], mapping: Frames
) -> float:
    """Return the median distance between what is heard along pooled paths and what is expected there."""
    found = [np.zeros(0, np.float32)]
    for segment, (states, _), path in zip(segments, pooled, paths, strict=True):
        recording, _ = _pooled_recording(segment, features)
        heard = along(recording, _map_states(states, mapping), path)
        found += [distance(frames, references) for frames, references, _ in heard]
    costs = np.concatenate(found)
    return float(np.median(costs)) if len(costs) else _MOST_FILLER


def _search_finely(segment: Segment, states: States, features: Features, search: Search, coarse: Indices) -> Indices:
    """Return the path of a segment, around its coarse path, whose states are not those that were pooled."""
    centre = np.repeat(coarse, POOL)[: segment.last - segment.first]
    loudness = features.loudness[segment.first : segment.last]
    return track(_recording(segment, features), loudness, states, search, centre)


def _recording(segment: Segment, features: Features) -> Table:
    """Return the frames of the recording in which a segment is heard."""
    return lambda first, last: features.frames(segment.first + first, segment.first + last)


def _pooled_recording(segment: Segment, features: Features) -> tuple[Table, Frames]:
    """Return the pooled frames in which a segment is heard, and their loudness."""
    frames, length = _recording(segment, features), segment.last - segment.first
    loudness = pool(features.loudness[segment.first : segment.last])
    return lambda first, last: pool(frames(first * POOL, min(last * POOL, length))), loudness


def _pool_states(states: States) -> Pooled:
    """Average each word's states in groups of up to `POOL`, leaving pauses alone, and return the groups' starts."""
    total = len(states.word)
    fresh = np.ones(total, bool)
    fresh[1:] = (states.word[1:] != states.word[:-1]) | states.pause[1:] | states.pause[:-1]
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
        for frames, references, _ in along(recording, states, path):
            source = _with_one(references).astype(np.float64)
            self._gram += source.T @ source
            self._moment += source.T @ frames.astype(np.float64)

    def mapping(self) -> Frames:
        """Return the (D + 1, D) mapping."""
        return np.linalg.solve(self._gram, self._moment).astype(np.float32)


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


def _spans(segment: Segment, path: Indices) -> Spans:
    """Return each token's first and past-the-last frame, counted from the start of the segment.

    Of a word that is said several times, the last counts, after which the script goes on.
    """
    word = np.where(segment.pause[path], np.int32(-1), segment.word[path])
    spans: Spans = [None] * segment.tokens
    borders = np.flatnonzero(np.diff(word, prepend=-2, append=-2))
    for first, last in itertools.pairwise(borders.tolist()):
        token = int(word[first])
        if token >= 0:
            spans[token] = (first, last)
    return spans


def _snap(spans: Spans, segment: Segment, features: Features) -> set[int]:
    """Move each word that follows a pause to the onset of its sound, in `spans`; return which words were moved."""
    moved: set[int] = set()
    energy = features.energy[segment.first : segment.last]
    before = 0
    for index, span in enumerate(spans):
        if span is None:
            continue
        start, end = span
        onset = _onset(energy, before, start, end, bool(segment.fresh[index]))
        if onset is not None:
            spans[index] = (onset, end)
            moved.add(index)
        before = end
    return moved


def _onset(energy: Frames, before: int, start: int, end: int, is_fresh: bool) -> int | None:
    """Return the frame in which the sound of a word begins, or None if it shows no onset.

    Args:
        before: past-the-last frame of the word before.
        start, end: the word's first and past-the-last frame, by the path.
        is_fresh: see `Segment`.
    """
    paused = start - before >= _SNAP_PAUSE
    if not paused and not is_fresh:
        return None
    earliest = before if paused else max(0, start - 2 * _SNAP)
    floor = float(np.median(energy[before:start]) if paused else np.percentile(energy[earliest : start + 1], 20))
    peak = float(np.percentile(energy[start : max(end, start + 10)], 80))
    if peak - floor <= (_MIN_RISE_AFTER_PAUSE if paused else _MIN_RISE):
        return None
    limit = floor + _ONSET_SHARE * (peak - floor)
    if paused:
        # What sounds right before the word is its beginning, unless it goes on for longer, as an "um" does.
        quiet = np.flatnonzero(energy[max(earliest, start - _BEGUN) : start] <= limit)
        begun = max(earliest, start - _BEGUN) + int(quiet[-1]) + 1 if len(quiet) else start
        if begun < start:
            return begun
    low, high = max(earliest, start - _SNAP), min(start + _SNAP, end, len(energy) - 1)
    loud = energy[low : high + 1] > limit
    onsets = np.flatnonzero(loud[1:] & ~loud[:-1]) + 1 + low
    if not paused:
        # If the path has no pause here, accept only an onset after four quiet frames.
        onsets = np.array([at for at in onsets if at >= 4 and (energy[at - 4 : at] <= limit).all()], int)
    return int(onsets[np.argmin(np.abs(onsets - start))]) if len(onsets) else None


def _background(segments: Sequence[Segment], reference: Features, mapping: Frames) -> Frames:
    """Return up to 200 states from all over the reference, as a sample of wrong matches."""
    rows = np.concatenate([segment.rows[~segment.pause] for segment in segments])
    chosen = rows[np.linspace(0, len(rows) - 1, min(len(rows), _SAMPLE)).astype(int)]
    return _apply(mapping, np.concatenate([reference.frames(row, row + 1) for row in chosen.tolist()]))
