"""How sure it is that each word is where it was found."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from speech.alignment.cepstra import Frames
from speech.alignment.features import LOUDNESS
from speech.alignment.path import Indices, States, along, distance, distances
from speech.alignment.rows import Table

__all__ = ["Spans", "rate"]

Spans = list[tuple[int, int] | None]
"""First and past-the-last frame of each word; None for one that was not found."""

# Ratio of the distance along the path to the mean distance to the whole reference at which a word has
# confidence 1 and 0. Over whole recordings, right scripts have 0.60 to 0.76, wrong ones 0.89 to 0.93.
_CERTAIN, _WRONG = 0.65, 0.95

# Fillers of fewer loud frames are no place for a word.
_LEAST_FILLER, _LOUD = 5, 0.35
# How far from a word another place for it is looked for, and how far its own may be off, in frames.
_FAR, _SLACK = 300, 3
# A word that fits better than elsewhere by this distance is sure of its place.
_LEAD = 0.5
# Words with a shorter gap between them are moved together, and the one beside the filler is the less sure.
_GAP, _NEXT = 5, 0.2


def rate(
    states: States, path: Indices, spans: Spans, recording: Table, loudness: Frames, background: Frames
) -> npt.NDArray[np.float64]:
    """Return the confidence of each word, 0 to 1.

    A path can bend until even a wrong script fits, so the distance along it says little. Two things are informative:
    how much closer the sound is to the expected one than to others, and whether the word fits as well where the path
    has a filler instead.

    Args:
        path: (T,) the state of each frame.
        recording: the T frames.
        loudness: (T,) 0 (silence) to 1 (speech).
        background: (B, D) states from all over the reference.
    """
    closeness = (_WRONG - _ratios(states, path, len(spans), recording, background)) / (_WRONG - _CERTAIN)
    doubt = np.clip(_LEAD - _leads(states, path, spans, recording, loudness), 0, 1)
    confidence: npt.NDArray[np.float64] = np.clip(np.clip(closeness, 0, 1) - doubt, 0, 1)
    return confidence


def _ratios(states: States, path: Indices, words: int, recording: Table, background: Frames) -> npt.NDArray[np.float64]:
    """Return each word's mean distance to what is expected as a ratio to that to the background."""
    backgrounds = _without_loudness(background)
    near, far = np.zeros(words), np.zeros(words)
    for frames, references, word in along(recording, states, path):
        if not len(word):
            continue
        sound = _without_loudness(frames)
        first, last = int(word.min()), int(word.max()) + 1
        near[first:last] += np.bincount(word - first, weights=distance(sound, _without_loudness(references)))
        far[first:last] += np.bincount(word - first, weights=distances(sound, backgrounds).mean(axis=1))
    ratios = np.full(words, _WRONG)
    np.divide(near, far, out=ratios, where=far > 0)
    return ratios


def _leads(states: States, path: Indices, spans: Spans, recording: Table, loudness: Frames) -> npt.NDArray[np.float64]:
    """Return by how much each word's own place fits it better than the fillers beside it; infinite without any."""
    leads = np.full(len(spans), np.inf)
    filler = states.filler[path] & (loudness > _LOUD)
    begins = np.searchsorted(states.word, np.arange(len(spans) + 1)).tolist()
    found = [(word, *span) for word, span in enumerate(spans) if span]
    edges = (-1, 0, 0), (len(spans), len(path), len(path))
    for before, after in itertools.pairwise([edges[0], *found, edges[1]]):
        end, start = before[2], after[1]
        if filler[end:start].sum() < _LEAST_FILLER:
            continue
        beside = ((before, end, min(start, end + _FAR)), (after, max(end, start - _FAR), start))
        for (word, own_first, own_last), first, last in beside:
            if 0 <= word < len(spans):
                sounds = states.frames(begins[word], begins[word + 1])[~states.pause[begins[word] : begins[word + 1]]]
                own = recording(max(own_first - _SLACK, 0), min(own_last + _SLACK, len(path)))
                leads[word] = min(leads[word], _fit(recording(first, last), sounds) - _fit(own, sounds))
    return _spread(leads, found)


def _spread(leads: npt.NDArray[np.float64], found: Sequence[tuple[int, int, int]]) -> npt.NDArray[np.float64]:
    """Let the words that follow each other without a gap share their doubts."""
    shared = leads.copy()
    for (left, _, end), (right, start, _) in itertools.pairwise(found):
        if start - end < _GAP:
            shared[left] = min(shared[left], leads[right] + _NEXT)
            shared[right] = min(shared[right], leads[left] + _NEXT)
    return shared


def _fit(frames: Frames, sounds: Frames) -> float:
    """Return the least mean distance of a word's (N, D) sounds to frames among (T, D) that follow each other.

    Each sound takes the frame of the one before it, the next, or the one after that.
    """
    costs = distances(sounds, frames)
    total = costs[0]
    for cost in costs[1:]:
        least = total.copy()
        np.minimum(least[1:], total[:-1], out=least[1:])
        np.minimum(least[2:], total[:-2], out=least[2:])
        total = least + cost
    return float(total.min()) / len(sounds)


def _without_loudness(frames: Frames) -> Frames:
    return np.delete(frames, LOUDNESS, axis=1)
