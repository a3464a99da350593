"""The embedded aligner: the last in the chain, for any voice, with no model, account or GPU.

espeak-ng synthesizes the script's spoken form and reports exactly where each word begins. The recording
is matched to that reference (`features`, `path`) three times: coarsely, to find a first path; coarsely
again, after a linear regression over the first match has mapped the reference onto the speaker's voice;
and finely, in a narrow band around the second path. A word that follows a pause is then moved to the
onset of its sound. If espeak-ng is not installed or cannot read the language, the words divide the
speech of the recording in proportion to their letters, and all are marked as interpolated.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import regex

from speech.alignment.features import FRAME_MS, LOUDNESS, RATE, Features, Frames, cepstra, level
from speech.alignment.path import POOL, States, distances, pool, track
from speech.alignment.synthetic import Piece, estimate_pace, read_pieces
from speech.audio import Recording, blocks
from speech.engines.espeak import available, voices
from speech.errors import AlignmentError
from speech.language import DEFAULT
from speech.text import Chunk
from speech.words import Word, place

__all__ = ["Embedded"]

# Half widths of the searched bands: 20 s for the first match, 5 s for the second, 1.2 s for the fine one.
_COARSE_REACH = 20_000 // (FRAME_MS * POOL)
_SECOND_REACH = 5_000 // (FRAME_MS * POOL)
_FINE_REACH = 1_200 // FRAME_MS

# Maximum cost of a frame outside the script (see `path.track`) if the recording holds only the script.
_OUTSIDE = 1.35
# If the match is doubtful, the recording may hold more than the script, such as an introduction. Then the
# pace cannot be estimated from its length, and frames outside must cost less: the paces and costs to try.
_WITH_EXTRA = ((1.0, 1.15), (1.0, 1.0), (1.15, 1.05))
# Natural log of the energy of a frame at -70 dBFS.
_SILENT = -10.0
# Mean confidence from which a match is convincing.
_CONVINCING = 0.5
# In a longer recording an introduction is too small a share to mislead the first try.
_LONG_MS = 15 * 60_000


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

_LATIN = regex.compile(r"\p{Latin}")


"""The states of one chunk, and the `placed` and `fresh` of its tokens (see `Piece`)."""


class Embedded:
    """The embedded aligner (see the module's docstring); implements `Aligner`."""

    name = "embedded"
    # Wrong scripts score at most 0.31, right ones 0.4 in poor recordings and 0.57 or more in good ones.
    doubtful = 0.33
    cost_usd = 0.0
    by_spans = True

    def align(self, recording: Recording, chunks: Sequence[Chunk], language: str) -> list[Word]:
        if not any(chunk.spoken for chunk in chunks):
            raise AlignmentError("the script has no words to speak.")
        raw = cepstra(blocks(recording.path, RATE))
        if len(raw) < POOL:
            raise AlignmentError("the recording is shorter than any word.")
        if np.percentile(raw[:, 0], 95) < _SILENT:
            raise AlignmentError("the recording is silent.")
        heard = level(raw)
        if not available() or not _readable(chunks, language):
            return _by_letters(heard, recording, chunks)
        language = language if language in voices() else DEFAULT
        pace = estimate_pace([chunk.spoken for chunk in chunks], language, heard)
        spans, scores = _match(read_pieces(recording, chunks, language, pace, heard), heard, _OUTSIDE)
        if not recording.spans_ms and recording.duration_ms <= _LONG_MS and np.mean(scores) < _CONVINCING:
            for pace, outside in _WITH_EXTRA:
                retried = _match(read_pieces(recording, chunks, language, pace, heard), heard, outside)
                # Accept only a convincing match: if enough is left outside, even a wrong script fits somewhere.
                if np.mean(retried[1]) >= _CONVINCING:
                    spans, scores = retried
                    break
        tokens = [token for chunk in chunks for token in chunk.tokens]
        return place(tokens, spans, scores, recording.duration_ms)


def _match(
    pieces: Sequence[Piece], heard: Features, outside: float
) -> tuple[list[tuple[int, int] | None], list[float]]:
    """Match the recording to the pieces; return the span (ms) and confidence of every token.

    The span of a token that was not found is None.
    """
    long_enough = [piece for piece in pieces if piece.last - piece.first >= POOL]
    coarse = [_pooled(piece.states) for piece in long_enough]
    frames = [pool(heard.frames[piece.first : piece.last]) for piece in long_enough]
    loudness = [pool(heard.loudness[piece.first : piece.last]) for piece in long_enough]
    paths = [
        track(frame, loud, states, _COARSE_REACH, outside)
        for frame, loud, (states, _) in zip(frames, loudness, coarse, strict=True)
    ]
    mapping = _regress(frames, paths, [states for states, _ in coarse], heard.frames.shape[1])
    background = _background(pieces, mapping)
    matches = iter(zip(coarse, frames, loudness, paths, strict=True))
    spans: list[tuple[int, int] | None] = []
    scores: list[float] = []
    for piece in pieces:
        if piece.last - piece.first < POOL:
            spans += [None] * piece.tokens
            scores += [0.0] * piece.tokens
            continue
        (pooled, firsts), frame, loud, first = next(matches)
        pooled = replace(pooled, frames=_apply(mapping, pooled.frames))
        path = track(frame, loud, pooled, _SECOND_REACH, outside, first)
        centre = np.repeat(firsts[path], POOL)[: piece.last - piece.first]
        states = replace(piece.states, frames=_apply(mapping, piece.states.frames))
        exact = heard.frames[piece.first : piece.last]
        path = track(exact, heard.loudness[piece.first : piece.last], states, _FINE_REACH, outside, centre)
        found = _spans(piece, path)
        moved = _snap(found, piece, heard)
        for index, span in enumerate(found):
            late = _ONSET_MS if index in moved else 0
            spans.append(span and ((span[0] + piece.first) * FRAME_MS + late, (span[1] + piece.first) * FRAME_MS))
        scores += _confidence(piece, states, path, exact, background)
    return spans, scores


def _pooled(states: States) -> tuple[States, npt.NDArray[np.int64]]:
    """Average each word's states in groups of up to `POOL`, leaving pauses alone, and return the groups' starts."""
    fresh = np.ones(len(states.word), bool)
    fresh[1:] = (states.word[1:] != states.word[:-1]) | (states.pause[1:] != states.pause[:-1])
    begins = np.flatnonzero(fresh)
    place = np.arange(len(fresh)) - np.repeat(begins, np.diff(np.append(begins, len(fresh))))
    firsts = np.flatnonzero(place % POOL == 0)
    counts = np.diff(np.append(firsts, len(fresh))).astype(np.float32)
    sums = np.add.reduceat(states.frames, firsts, axis=0)
    return States((sums / counts[:, None]).astype(np.float32), states.word[firsts], states.pause[firsts]), firsts


def _regress(
    frames: Sequence[Frames], paths: Sequence[npt.NDArray[np.int64]], states: Sequence[States], width: int
) -> Frames:
    """Return the (D + 1, D) ridge regression from the reference's frames to the speaker's; its prior is identity."""
    gram = np.eye(width + 1) * _RIDGE
    prior = np.vstack([np.eye(width), np.zeros((1, width))])
    moment = _RIDGE * prior
    for frame, path, reference in zip(frames, paths, states, strict=True):
        sound = ~reference.pause[path]
        source = _with_one(reference.frames[path[sound]]).astype(np.float64)
        gram += source.T @ source
        moment += source.T @ frame[sound].astype(np.float64)
    mapping: Frames = np.linalg.solve(gram, moment).astype(np.float32)
    return mapping


def _with_one(frames: Frames) -> Frames:
    return np.hstack([frames, np.ones((len(frames), 1), np.float32)])


def _apply(mapping: Frames, frames: Frames) -> Frames:
    mapped: Frames = _with_one(frames) @ mapping
    # A regression pulls everything towards the mean. Loudness, which is normalised already, must keep its
    # contrast, or quiet sounds are matched to pauses.
    mapped[:, LOUDNESS] = frames[:, LOUDNESS]
    return mapped


def _spans(piece: Piece, path: npt.NDArray[np.int64]) -> list[tuple[int, int] | None]:
    """Return each token's first and past-the-last frame, counted from the start of the piece."""
    word = np.where(piece.states.pause[path], -1, piece.states.word[path])
    spans: list[tuple[int, int] | None] = [None] * piece.tokens
    borders = np.flatnonzero(np.diff(word, prepend=-2, append=-2))
    for first, last in itertools.pairwise(borders):
        token = int(word[first])
        if token >= 0:
            earlier = spans[token]
            spans[token] = (earlier[0] if earlier else int(first), int(last))
    return spans


def _snap(spans: list[tuple[int, int] | None], piece: Piece, heard: Features) -> set[int]:
    """Move each word that follows a pause to the onset of its sound, in `spans`; return which words were moved."""
    moved: set[int] = set()
    energy = heard.energy[piece.first : piece.last]
    before = 0
    for index, span in enumerate(spans):
        if span is None:
            continue
        start, end = span
        paused = start - before >= _SNAP_PAUSE
        if paused or piece.fresh[index]:
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


def _background(pieces: Sequence[Piece], mapping: Frames) -> Frames:
    """Return up to 200 states from all over the reference, as a sample of wrong matches."""
    rows = np.concatenate([piece.states.frames[~piece.states.pause] for piece in pieces])
    return _apply(mapping, rows[np.linspace(0, len(rows) - 1, min(len(rows), 200)).astype(int)])


def _confidence(
    piece: Piece, states: States, path: npt.NDArray[np.int64], frames: Frames, background: Frames
) -> list[float]:
    """Return the confidence of each token, 0 to 1: how much closer its sound is to the expected one than to others.

    A path can bend until even a wrong script fits, so the distance alone says little. Its ratio to the
    mean distance to the whole reference is informative.
    """
    sound = ~states.pause[path]
    heard, expected = _without_loudness(frames[sound]), _without_loudness(states.frames[path[sound]])
    near = np.sqrt(((heard - expected) ** 2).mean(axis=1) * 2)
    others = _without_loudness(background)
    word = states.word[path[sound]]
    far = np.empty(len(near), np.float32)
    for first in range(0, len(far), 4096):
        far[first : first + 4096] = distances(heard[first : first + 4096], others).mean(axis=1)
    sums, wholes = (np.bincount(word, weights=cost, minlength=piece.tokens) for cost in (near, far))
    ratio = np.divide(sums, wholes, out=np.full(piece.tokens, _WRONG), where=wholes > 0)
    score = np.clip((_WRONG - ratio) / (_WRONG - _CERTAIN), 0, 1)
    return [round(float(value), 3) if known else 0.0 for value, known in zip(score, piece.placed, strict=True)]


def _without_loudness(frames: Frames) -> Frames:
    return np.delete(frames, LOUDNESS, axis=1)


def _readable(chunks: Sequence[Chunk], language: str) -> bool:
    """Check whether espeak-ng can read the chunks: in their language, or as English if they have Latin letters."""
    text = "".join(chunk.spoken for chunk in chunks)
    return language in voices() or 2 * len(_LATIN.findall(text)) > sum(map(str.isalpha, text))


def _by_letters(heard: Features, recording: Recording, chunks: Sequence[Chunk]) -> list[Word]:
    """Time the words without a reference: each gets a share of the speech in proportion to its letters."""
    spans = [(s // FRAME_MS, e // FRAME_MS) for s, e in recording.spans_ms] or [(0, len(heard.speech))]
    groups = [[chunk] for chunk in chunks] if recording.spans_ms else [list(chunks)]
    words: list[Word] = []
    for (first, last), group in zip(spans, groups, strict=True):
        tokens = [token for chunk in group for token in chunk.tokens]
        sounding = np.flatnonzero(heard.speech[first:last]) + first
        if not len(sounding):
            sounding = np.arange(first, max(last, first + 1))
        total = sum(len(token.spoken) for token in tokens) or 1
        borders = [
            len(sounding) * done // total for done in itertools.accumulate((len(t.spoken) for t in tokens), initial=0)
        ]
        for token, begin, end in zip(tokens, borders, borders[1:], strict=False):
            at = int(sounding[min(begin, len(sounding) - 1)]) * FRAME_MS
            until = (int(sounding[min(max(end - 1, begin), len(sounding) - 1)]) + 1) * FRAME_MS
            words.append(Word(token.text, at, until if end > begin else at, 0.0, True, token.space))
    return words
