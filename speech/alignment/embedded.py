"""The embedded aligner: the last link of the chain, for any voice, with no model, account or GPU.

The script's spoken form is synthesized by espeak-ng, which says exactly where each word begins. The
recording is matched to that reference (`features`, `path`) three times: coarsely, to find the way;
coarsely again, after the reference has been mapped onto the speaker's voice by a linear regression
over the first match; and finely, in a narrow band around it. A word that follows a pause is then
moved to the moment at which the sound sets in. Where espeak-ng is not installed, words share the
speech of the recording by their letters, and all are marked as interpolated.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import soxr

from speech.alignment.features import FRAME_MS, LOUDNESS, RATE, Features, Frames, cepstra, level
from speech.alignment.path import POOL, States, distances, pool, track
from speech.audio import Recording, blocks
from speech.engines.espeak import WORDS_PER_MINUTE, Utterance, available, say, voices
from speech.errors import AlignmentError
from speech.language import DEFAULT
from speech.text import Chunk
from speech.words import Word, interpolate, place

__all__ = ["Embedded"]

# Half widths of the searched bands: 20 s where the way is not known yet, 5 s once it has been walked
# with another voice's ears, 1.2 s in the end.
_COARSE_REACH = 20_000 // (FRAME_MS * POOL)
_SECOND_REACH = 5_000 // (FRAME_MS * POOL)
_FINE_REACH = 1_200 // FRAME_MS

# What a frame outside the script may cost, see `path.track`, in a recording of just the script.
_OUTSIDE = 1.35
# Where the match is doubtful the recording may hold more than the script, such as an introduction.
# Then its length tells no pace, and what is outside must cost less: pace and cost to try.
_WITH_MORE = ((1.0, 1.15), (1.0, 1.0), (1.15, 1.05))
_CONTENT = 0.5
# In a longer recording an introduction is too small a share to mislead the first try.
_LONG_MS = 15 * 60_000

# Chunks from which the pace of the recording is told, at least.
_PACE_CHUNKS = 20

# How far a word may be moved to the onset of its sound.
_SNAP = 12
_SNAP_PAUSE = 6
# Share of the way from the pause's level to the word's at which the sound counts as begun.
_ONSET_SHARE = 0.2
# How far, in natural logs of energy, a word must rise from silence where the path shows no pause.
_PLAIN = 3.0
# Added to a start that was moved so: a frame hears an onset up to half its window early. Measured by
# benchmarks/alignment.py, which found no bias worth taking from words inside a phrase (0.6 ms).
_ONSET_MS = 7

# Strength of the pull towards "no change" in the regression, in frames.
_RIDGE = 20.0

# Ratio of the distance along the path to that of other places, at which a word counts as certain
# and as wrong. Over whole recordings right scripts have 0.60 to 0.76, wrong ones 0.89 to 0.93.
_CERTAIN, _WRONG = 0.65, 0.95

# Silence of the reference longer than this is left out; the pause states stand for it.
_REFERENCE_PAUSE = 10


@dataclass(frozen=True, slots=True)
class _Piece:
    """Chunks that are heard inside one span of the recording, and their reference.

    Attributes:
        first, last: frames of the recording.
        tokens: number of tokens.
        states: the reference; its words count the tokens of this piece.
        placed: (tokens,) whether espeak-ng told the token's place.
        fresh: (tokens,) whether the token follows the end of a clause or sentence, where speakers pause.
    """

    first: int
    last: int
    tokens: int
    states: States
    placed: npt.NDArray[np.bool_]
    fresh: npt.NDArray[np.bool_]


_Part = tuple[States, npt.NDArray[np.bool_], npt.NDArray[np.bool_]]
"""The states of one chunk; whether each token's place is known; whether it follows a clause's end."""


class Embedded:
    """See the module; see `Aligner` for the protocol."""

    name = "embedded"
    # Wrong scripts have at most 0.31, right ones in poor recordings 0.4, in good ones 0.57 and more.
    doubtful = 0.33
    cost_usd = 0.0

    def align(self, recording: Recording, chunks: Sequence[Chunk], language: str) -> list[Word]:
        if not any(chunk.spoken for chunk in chunks):
            raise AlignmentError("nothing in the script is said.")
        raw = cepstra(blocks(recording.path, RATE))
        if len(raw) < POOL:
            raise AlignmentError("the recording is shorter than any word.")
        heard = level(raw)
        if not available():
            return _by_letters(heard, recording, chunks)
        language = language if language in voices() else DEFAULT
        fitting = _fitting_pace([chunk.spoken for chunk in chunks], language, heard)
        spans, scores = _match(_pieces(recording, chunks, language, fitting, heard), heard, _OUTSIDE)
        if not recording.spans_ms and recording.duration_ms <= _LONG_MS and np.mean(scores) < _CONTENT:
            for pace, outside in _WITH_MORE:
                again = _match(_pieces(recording, chunks, language, pace, heard), heard, outside)
                # Only a convincing match: with enough left out, a wrong script finds a place too.
                if np.mean(again[1]) >= _CONTENT:
                    spans, scores = again
                    break
        tokens = [token for chunk in chunks for token in chunk.tokens]
        return place(tokens, spans, scores, recording.duration_ms)


def _fitting_pace(spoken: Sequence[str], language: str, heard: Features) -> float:
    """How much faster the recording is than the reference's own pace, so that the path is nearly straight."""
    voiced = max(heard.speech.sum() * FRAME_MS / 1000, 0.1)
    sample = spoken[:: max(1, len(spoken) // _PACE_CHUNKS)]
    share = sum(map(len, sample)) / sum(map(len, spoken))
    seconds = sum(_voiced(say(text, language)) for text in sample) / share
    return float(seconds / voiced)


def _pieces(recording: Recording, chunks: Sequence[Chunk], language: str, pace: float, heard: Features) -> list[_Piece]:
    utterances = [_listen(say(chunk.spoken, language, round(WORDS_PER_MINUTE * pace))) for chunk in chunks]
    raws = [utterance.raw for utterance in utterances]
    reference = level(np.concatenate(raws))
    offsets = [0, *itertools.accumulate(len(raw) for raw in raws)]
    parts = [
        _reference(chunk, utterance, reference, offset, end)
        for chunk, utterance, offset, end in zip(chunks, utterances, offsets, offsets[1:], strict=False)
    ]
    if recording.spans_ms:
        frames = [(-(-start // FRAME_MS), min(end // FRAME_MS, len(heard.energy))) for start, end in recording.spans_ms]
        return [_join([part], first, last) for part, (first, last) in zip(parts, frames, strict=True)]
    return [_join(parts, 0, len(heard.energy))]


@dataclass(frozen=True, slots=True)
class _Heard:
    """What is kept of one utterance of the reference: its samples would fill the memory.

    Attributes:
        raw: (T, 13) cepstra.
        words: first character and start in seconds of each word event.
        seconds: length.
    """

    raw: Frames
    words: list[tuple[int, float]]
    seconds: float


def _listen(utterance: Utterance) -> _Heard:
    return _Heard(
        cepstra([soxr.resample(utterance.samples, utterance.rate, RATE)]),
        [(position, sample / utterance.rate) for position, _, sample in utterance.words],
        len(utterance.samples) / utterance.rate,
    )


def _voiced(utterance: Utterance) -> float:
    """Seconds that are not silent."""
    hop = utterance.rate * FRAME_MS // 1000
    rows = utterance.samples[: len(utterance.samples) // hop * hop].reshape(-1, hop)
    return float((np.abs(rows).max(axis=1, initial=0) > 0.02).sum()) * FRAME_MS / 1000


def _reference(chunk: Chunk, utterance: _Heard, reference: Features, offset: int, end: int) -> _Part:
    """The states of one chunk, its tokens counted from 0."""
    starts, placed = _token_starts(chunk, utterance)
    frames = np.minimum(np.round(starts * (1000 / FRAME_MS)).astype(int), end - offset)
    borders = np.append(frames, end - offset)
    loud = reference.loudness[offset:end] > 0.3
    rows: list[int] = []
    words: list[int] = []
    pauses: list[bool] = []
    for token in range(len(chunk.tokens)):
        mine = np.arange(borders[token], borders[token + 1])
        mine = mine[_sounding(loud[mine])] if len(mine) else mine
        if not len(mine) and chunk.tokens[token].spoken:
            mine = np.array([min(borders[token], end - offset - 1)])
        rows += [*(mine + offset), offset]
        words += [token] * (len(mine) + 1)
        pauses += [False] * len(mine) + [True]
    ends = [not token.text[-1].isalnum() for token in chunk.tokens]
    fresh = np.array([True, *ends[:-1]])
    return States(reference.frames[rows], np.array(words), np.array(pauses)), placed, fresh


def _sounding(loud: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """True but for long silences, of which two frames at either end stay."""
    keep = np.ones(len(loud), bool)
    borders = np.flatnonzero(np.diff(loud.astype(np.int8), prepend=-1, append=-1))
    for first, last in itertools.pairwise(borders):
        if not loud[first] and last - first >= _REFERENCE_PAUSE:
            keep[first + 2 : last - 2] = False
    return keep


def _token_starts(chunk: Chunk, utterance: _Heard) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """(tokens,) start of each token in seconds of the reference, and whether espeak-ng said so.

    Word events are matched by their place in the text, not by their order: espeak-ng merges some
    words ("of the") and gives several events for others.
    """
    said = [index for index, token in enumerate(chunk.tokens) if token.spoken]
    places = list(
        itertools.accumulate((len(chunk.tokens[i].spoken) + len(chunk.tokens[i].space) for i in said), initial=0)
    )
    starts = np.full(len(chunk.tokens), np.nan)
    for position, second in utterance.words:
        order = int(np.searchsorted(places, position, side="right")) - 1
        index = said[min(max(order, 0), len(said) - 1)]
        if np.isnan(starts[index]):
            starts[index] = second
    placed = ~np.isnan(starts)
    lengths = [len(token.spoken) for token in chunk.tokens]
    known = [None if np.isnan(at) else (int(at * 1e4), int(at * 1e4)) for at in starts]
    # A placed word lends part of its own time to those after it that have no place.
    cumulated = np.concatenate([[0.0], np.cumsum(lengths)])[:-1]
    if placed.any() and not placed.all():
        anchors = np.append(cumulated[placed], cumulated[-1] + lengths[-1])
        times = np.append(starts[placed], utterance.seconds)
        starts = np.where(placed, starts, np.interp(cumulated, anchors, np.maximum.accumulate(times)))
    elif not placed.any():
        starts = np.array([start / 1e4 for start, _ in interpolate(known, lengths, int(utterance.seconds * 1e4))])
    return np.maximum.accumulate(starts), placed


def _join(parts: Sequence[_Part], first: int, last: int) -> _Piece:
    counts = [len(placed) for _, placed, _ in parts]
    offsets = [0, *itertools.accumulate(counts)]
    width = parts[0][0].frames.shape[1]
    states = States(
        np.concatenate([np.zeros((1, width), np.float32), *(part.frames for part, _, _ in parts)]),
        np.concatenate([[-1], *(part.word + offset for (part, _, _), offset in zip(parts, offsets, strict=False))]),
        np.concatenate([[True], *(part.pause for part, _, _ in parts)]),
    )
    placed, fresh = (np.concatenate([part[kind] for part in parts]) for kind in (1, 2))
    return _Piece(first, last, sum(counts), states, placed, fresh)


def _match(
    pieces: Sequence[_Piece], heard: Features, outside: float
) -> tuple[list[tuple[int, int] | None], list[float]]:
    """Milliseconds and confidence of every token; None where nothing was heard for it."""
    roomy = [piece for piece in pieces if piece.last - piece.first >= POOL]
    coarse = [_pooled(piece.states) for piece in roomy]
    frames = [pool(heard.frames[piece.first : piece.last]) for piece in roomy]
    loudness = [pool(heard.loudness[piece.first : piece.last]) for piece in roomy]
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
    """Each word's states taken `POOL` at a time, each pause left alone; and the first of each group."""
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
    """(D + 1, D) ridge regression from the reference's frames to the speaker's, pulled towards identity."""
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
    # A regression draws everything towards the mean; loudness must keep its contrast, or quiet
    # sounds are found in pauses. It is levelled already.
    mapped[:, LOUDNESS] = frames[:, LOUDNESS]
    return mapped


def _spans(piece: _Piece, path: npt.NDArray[np.int64]) -> list[tuple[int, int] | None]:
    """First and past-the-last frame of each token, from the start of the piece."""
    word = np.where(piece.states.pause[path], -1, piece.states.word[path])
    spans: list[tuple[int, int] | None] = [None] * piece.tokens
    borders = np.flatnonzero(np.diff(word, prepend=-2, append=-2))
    for first, last in itertools.pairwise(borders):
        token = int(word[first])
        if token >= 0:
            earlier = spans[token]
            spans[token] = (earlier[0] if earlier else int(first), int(last))
    return spans


def _snap(spans: list[tuple[int, int] | None], piece: _Piece, heard: Features) -> set[int]:
    """Move each word that follows a pause to the onset of its sound; returns which were moved."""
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
                # Without a pause in the path, only silence that is plainly there is believed.
                onsets = np.array([at for at in onsets if at >= 4 and (energy[at - 4 : at] <= limit).all()], int)
            if peak - floor > (1.5 if paused else _PLAIN) and len(onsets):
                spans[index] = (int(onsets[np.argmin(np.abs(onsets - start))]), end)
                moved.add(index)
        before = end
    return moved


def _background(pieces: Sequence[_Piece], mapping: Frames) -> Frames:
    """Up to 200 states from all over the reference: what a wrong place would sound like."""
    rows = np.concatenate([piece.states.frames[~piece.states.pause] for piece in pieces])
    return _apply(mapping, rows[np.linspace(0, len(rows) - 1, min(len(rows), 200)).astype(int)])


def _confidence(
    piece: _Piece, states: States, path: npt.NDArray[np.int64], frames: Frames, background: Frames
) -> list[float]:
    """0 to 1 for each token: how much nearer its sound is to the expected one than to any other.

    A path bends until even a wrong script fits, so the distance alone tells little; its ratio to
    the mean distance to the whole reference does.
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


def _by_letters(heard: Features, recording: Recording, chunks: Sequence[Chunk]) -> list[Word]:
    """Without a reference: each word gets a share of the sound by its letters."""
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
