"""The synthetic reading that the embedded aligner matches a recording to: the script, spoken by espeak-ng."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import soxr

from speech.alignment.features import FRAME_MS, RATE, Features, Frames, cepstra, level
from speech.alignment.path import States
from speech.audio import Recording
from speech.engines.espeak import WORDS_PER_MINUTE, Utterance, say
from speech.text import Chunk
from speech.words import interpolate

__all__ = ["Piece", "estimate_pace", "read_pieces"]

# Minimum number of chunks from which the pace is estimated, if the script has as many.
_PACE_CHUNKS = 20
# Silences of the reference of at least this many frames are cut; pause states represent them.
_REFERENCE_PAUSE = 10


@dataclass(frozen=True, slots=True)
class Piece:
    """Chunks that are heard inside one span of the recording, and their reference.

    Attributes:
        first, last: first and past-the-last frame of the recording.
        tokens: number of tokens.
        states: the reference; its word indices count the tokens of this piece.
        placed: (tokens,) whether espeak-ng reported the token's start.
        fresh: (tokens,) whether the token follows the end of a clause or sentence, where speakers pause.
    """

    first: int
    last: int
    tokens: int
    states: States
    placed: npt.NDArray[np.bool_]
    fresh: npt.NDArray[np.bool_]


_Part = tuple[States, npt.NDArray[np.bool_], npt.NDArray[np.bool_]]


def estimate_pace(spoken: Sequence[str], language: str, heard: Features) -> float:
    """Return how many times faster the recording is than espeak-ng's default pace.

    At this pace the reference is about as long as the speech, so the path is nearly straight.
    """
    voiced = max(heard.speech.sum() * FRAME_MS / 1000, 0.1)
    sample = spoken[:: max(1, len(spoken) // _PACE_CHUNKS)]
    share = sum(map(len, sample)) / sum(map(len, spoken))
    seconds = sum(_voiced_seconds(say(text, language)) for text in sample) / share
    return float(seconds / voiced)


def read_pieces(
    recording: Recording, chunks: Sequence[Chunk], language: str, pace: float, heard: Features
) -> list[Piece]:
    """Return the pieces of a recording: one for each chunk whose span is known, or one for all of it."""
    utterances = [_analyse(say(chunk.spoken, language, round(WORDS_PER_MINUTE * pace))) for chunk in chunks]
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
class _Analysed:
    """The parts of one utterance of the reference that are kept; the samples would take too much memory.

    Attributes:
        raw: (T, 13) cepstra.
        words: first character and start in seconds of each word event.
        seconds: length.
    """

    raw: Frames
    words: list[tuple[int, float]]
    seconds: float


def _analyse(utterance: Utterance) -> _Analysed:
    return _Analysed(
        cepstra([soxr.resample(utterance.samples, utterance.rate, RATE)]),
        [(position, sample / utterance.rate) for position, _, sample in utterance.words],
        len(utterance.samples) / utterance.rate,
    )


def _voiced_seconds(utterance: Utterance) -> float:
    """Return how many seconds of an utterance are not silent."""
    hop = utterance.rate * FRAME_MS // 1000
    rows = utterance.samples[: len(utterance.samples) // hop * hop].reshape(-1, hop)
    return float((np.abs(rows).max(axis=1, initial=0) > 0.02).sum()) * FRAME_MS / 1000


def _reference(chunk: Chunk, utterance: _Analysed, reference: Features, offset: int, end: int) -> _Part:
    """Build the states of one chunk; its tokens are counted from 0."""
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
    """Return which frames to keep: all but long silences, of which two frames at either end stay."""
    keep = np.ones(len(loud), bool)
    borders = np.flatnonzero(np.diff(loud.astype(np.int8), prepend=-1, append=-1))
    for first, last in itertools.pairwise(borders):
        if not loud[first] and last - first >= _REFERENCE_PAUSE:
            keep[first + 2 : last - 2] = False
    return keep


def _token_starts(chunk: Chunk, utterance: _Analysed) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Return each token's start in seconds of the reference, and whether espeak-ng reported it; both (tokens,).

    Word events are matched by their position in the text, not by their order: espeak-ng merges some
    words ("of the") and gives several events for others.
    """
    indices = [index for index, token in enumerate(chunk.tokens) if token.spoken]
    places = list(
        itertools.accumulate((len(chunk.tokens[i].spoken) + len(chunk.tokens[i].space) for i in indices), initial=0)
    )
    starts = np.full(len(chunk.tokens), np.nan)
    for position, second in utterance.words:
        order = int(np.searchsorted(places, position, side="right")) - 1
        index = indices[min(max(order, 0), len(indices) - 1)]
        if np.isnan(starts[index]):
            starts[index] = second
    placed = ~np.isnan(starts)
    lengths = [len(token.spoken) for token in chunk.tokens]
    known = [None if np.isnan(at) else (int(at * 1e4), int(at * 1e4)) for at in starts]
    # Tokens without an event share the time of the placed token before them.
    cumulated = np.concatenate([[0.0], np.cumsum(lengths)])[:-1]
    if placed.any() and not placed.all():
        anchors = np.append(cumulated[placed], cumulated[-1] + lengths[-1])
        times = np.append(starts[placed], utterance.seconds)
        starts = np.where(placed, starts, np.interp(cumulated, anchors, np.maximum.accumulate(times)))
    elif not placed.any():
        starts = np.array([start / 1e4 for start, _ in interpolate(known, lengths, int(utterance.seconds * 1e4))])
    return np.maximum.accumulate(starts), placed


def _join(parts: Sequence[_Part], first: int, last: int) -> Piece:
    """Join the references of chunks into one piece, with a pause before the first word."""
    counts = [len(placed) for _, placed, _ in parts]
    offsets = [0, *itertools.accumulate(counts)]
    width = parts[0][0].frames.shape[1]
    states = States(
        np.concatenate([np.zeros((1, width), np.float32), *(part.frames for part, _, _ in parts)]),
        np.concatenate([[-1], *(part.word + offset for (part, _, _), offset in zip(parts, offsets, strict=False))]),
        np.concatenate([[True], *(part.pause for part, _, _ in parts)]),
    )
    placed, fresh = (np.concatenate([part[kind] for part in parts]) for kind in (1, 2))
    return Piece(first, last, sum(counts), states, placed, fresh)
