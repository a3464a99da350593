"""The synthetic reading that the embedded aligner matches a recording to: the script, spoken by espeak-ng."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import soxr

from speech.alignment.cepstra import FRAME_MS, RATE, Frames, cepstra
from speech.alignment.features import Features, gather, level
from speech.alignment.path import Indices, Mask, States
from speech.alignment.rows import Rows
from speech.audio import Recording
from speech.engines.espeak import WORDS_PER_MINUTE, Utterance, say
from speech.text import Chunk
from speech.words import interpolate

__all__ = ["Segment", "estimate_pace", "hesitations", "read_segments"]

# Minimum number of chunks from which the pace is estimated, if the script has as many.
_PACE_CHUNKS = 20
# Silences of the reference of at least this many frames are cut; pause states represent them.
_REFERENCE_PAUSE = 10

# What people say when they do not know how to go on.
_HESITATIONS = {
    "en": "uh, er, um", "de": "äh, ähm", "fr": "euh", "es": "eh", "it": "eh, ehm", "pt": "é, hum", "nl": "eh, ehm",
    "pl": "yyy, eee", "ru": "э, эм", "sv": "eh, öh", "da": "øh", "no": "eh, øh", "fi": "öö", "cs": "eee", "hu": "ööö",
    "ja": "えー", "zh": "呃", "ko": "어",
}  # fmt: skip
# Natural logs of energy by which a frame of theirs may be below the loudest.
_QUIETER = 3.5


@dataclass(frozen=True, slots=True)
class Segment:
    """Chunks that are heard inside one span of the recording, and their reference.

    Attributes:
        first, last: first and past-the-last frame of the recording.
        rows: (N,) the frame of the reference that each state is. Never decreases; what it is for pauses is no matter.
        word: (N,) index of the state's word, counted in this segment; -1 for the pause before the first word.
        pause: (N,) whether the state is the filler or the pause after its word (see `path.States`).
        placed: (tokens,) whether espeak-ng reported the token's start.
        fresh: (tokens,) whether the token follows the end of a clause or sentence, where speakers pause.
    """

    first: int
    last: int
    rows: Indices
    word: Indices
    pause: Mask
    placed: Mask
    fresh: Mask

    @property
    def tokens(self) -> int:
        """Number of tokens."""
        return len(self.placed)

    def states(self, reference: Features) -> States:
        """Return the states, whose features are those of the reference."""

        def read(first: int, last: int) -> Frames:
            rows = self.rows[first:last]
            frames: Frames = reference.frames(int(rows[0]), int(rows[-1]) + 1)[rows - rows[0]]
            return frames

        return States(read, self.word, self.pause)


def estimate_pace(texts: Sequence[str], language: str, features: Features) -> float:
    """Return how many times faster the recording is than espeak-ng's default pace.

    At this pace the reference is about as long as the speech, so the path is nearly straight.
    """
    voiced = max(features.speech.sum() * FRAME_MS / 1000, 0.1)
    sample = texts[:: max(1, len(texts) // _PACE_CHUNKS)]
    share = sum(map(len, sample)) / sum(map(len, texts))
    seconds = sum(_voiced_seconds(say(text, language)) for text in sample) / share
    return float(seconds / voiced)


def read_segments(
    recording: Recording, chunks: Sequence[Chunk], language: str, pace: float, features: Features, rows: Rows
) -> tuple[list[Segment], Features]:
    """Return the segments of a recording, one for each chunk whose span is known or one for all, and the reference.

    Args:
        rows: empty; holds the cepstra of the reference.
    """
    readings: list[_Reading] = []

    def read() -> Iterator[Frames]:
        for chunk in chunks:
            utterance = say(chunk.spoken, language, round(WORDS_PER_MINUTE * pace))
            before = len(rows)
            yield from _cepstra(utterance)
            words = [(position, sample / utterance.rate) for position, _, sample in utterance.words]
            readings.append(_Reading(before, len(rows), words, len(utterance.samples) / utterance.rate))

    reference = level(rows, gather(read(), rows))
    parts = [_segment(chunk, reading, reference) for chunk, reading in zip(chunks, readings, strict=True)]
    if not recording.spans_ms:
        return [_join(parts, 0, len(features.energy))], reference
    frames = [(-(-start // FRAME_MS), min(end // FRAME_MS, len(features.energy))) for start, end in recording.spans_ms]
    return [_join([part], first, last) for part, (first, last) in zip(parts, frames, strict=True)], reference


def hesitations(language: str, pace: float, reference: Features) -> Frames:
    """Return the (M, D) features of the sounds of hesitation, at the pace of a reference and normalised as it is."""
    utterance = say(_HESITATIONS.get(language, "eh"), language, round(WORDS_PER_MINUTE * pace))
    frames = np.concatenate([*_cepstra(utterance)])
    loud = frames[:, 0] > frames[:, 0].max() - _QUIETER
    # Neighbours are alike: every other one is enough.
    result: Frames = reference.normalise(frames)[loud][::2]
    return result


@dataclass(frozen=True, slots=True)
class _Reading:
    """One chunk in the reference.

    Attributes:
        first, last: its first and past-the-last frame.
        words: first character and start in seconds of each word event.
        seconds: length.
    """

    first: int
    last: int
    words: list[tuple[int, float]]
    seconds: float


def _cepstra(utterance: Utterance) -> Iterator[Frames]:
    return cepstra([soxr.resample(utterance.samples, utterance.rate, RATE)])


def _voiced_seconds(utterance: Utterance) -> float:
    """Return how many seconds of an utterance are not silent."""
    hop = utterance.rate * FRAME_MS // 1000
    rows = utterance.samples[: len(utterance.samples) // hop * hop].reshape(-1, hop)
    return float((np.abs(rows).max(axis=1, initial=0) > 0.02).sum()) * FRAME_MS / 1000


def _segment(chunk: Chunk, reading: _Reading, reference: Features) -> Segment:
    """Build the states of one chunk, without the pause before it."""
    starts, placed = _token_starts(chunk, reading)
    length = reading.last - reading.first
    borders = np.append(np.minimum(np.round(starts * (1000 / FRAME_MS)).astype(int), length), length)
    loud = reference.loudness[reading.first : reading.last] > 0.3
    rows: list[int] = []
    words: list[int] = []
    pauses: list[bool] = []
    for token in range(len(chunk.tokens)):
        if not chunk.tokens[token].spoken:
            continue
        frames = np.arange(borders[token], borders[token + 1])
        frames = frames[_sounding(loud[frames])] if len(frames) else frames
        if not len(frames):
            frames = np.array([min(borders[token], length - 1)])
        # Its sounds, and then its filler and its pause.
        rows += [*frames, frames[-1], frames[-1]]
        words += [token] * (len(frames) + 2)
        pauses += [False] * len(frames) + [True, True]
    if not rows:
        rows, words, pauses = [0], [0], [True]
    ends = [not token.text[-1].isalnum() for token in chunk.tokens]
    fresh = np.array([True, *ends[:-1]])
    placings = np.array(rows, np.int32) + np.int32(reading.first), np.array(words, np.int32), np.array(pauses)
    return Segment(0, 0, *placings, placed, fresh)


def _sounding(loud: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Return which frames to keep: all but long silences, of which two frames at either end stay."""
    keep = np.ones(len(loud), bool)
    borders = np.flatnonzero(np.diff(loud.astype(np.int8), prepend=-1, append=-1))
    for first, last in itertools.pairwise(borders):
        if not loud[first] and last - first >= _REFERENCE_PAUSE:
            keep[first + 2 : last - 2] = False
    return keep


def _token_starts(chunk: Chunk, reading: _Reading) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Return each token's start in seconds of the reference, and whether espeak-ng reported it; both (tokens,).

    Word events are matched by their position in the text, not by their order: espeak-ng merges some
    words ("of the") and gives several events for others.
    """
    indices = [index for index, token in enumerate(chunk.tokens) if token.spoken]
    offsets = list(
        itertools.accumulate((len(chunk.tokens[i].spoken) + len(chunk.tokens[i].space) for i in indices), initial=0)
    )
    starts = np.full(len(chunk.tokens), np.nan)
    for position, second in reading.words:
        order = int(np.searchsorted(offsets, position, side="right")) - 1
        index = indices[min(max(order, 0), len(indices) - 1)]
        if np.isnan(starts[index]):
            starts[index] = second
    placed = ~np.isnan(starts)
    lengths = [len(token.spoken) for token in chunk.tokens]
    spans = [None if np.isnan(at) else (int(at * 1e4), int(at * 1e4)) for at in starts]
    # Tokens without an event share the time of the placed token before them.
    cumulated = np.concatenate([[0.0], np.cumsum(lengths)])[:-1]
    if placed.any() and not placed.all():
        anchors = np.append(cumulated[placed], cumulated[-1] + lengths[-1])
        times = np.append(starts[placed], reading.seconds)
        starts = np.where(placed, starts, np.interp(cumulated, anchors, np.maximum.accumulate(times)))
    elif not placed.any():
        starts = np.array([start / 1e4 for start, _ in interpolate(spans, lengths, int(reading.seconds * 1e4))])
    return np.maximum.accumulate(starts), placed


def _join(parts: Sequence[Segment], first: int, last: int) -> Segment:
    """Join the segments of chunks into one that is heard inside a span, with a pause before the first word."""
    offsets = itertools.accumulate((part.tokens for part in parts), initial=0)
    return Segment(
        first,
        last,
        np.concatenate([parts[0].rows[:1], *(part.rows for part in parts)]),
        np.concatenate(
            [
                np.full(1, -1, np.int32),
                *(part.word + np.int32(offset) for part, offset in zip(parts, offsets, strict=False)),
            ]
        ),
        np.concatenate([[True], *(part.pause for part in parts)]),
        np.concatenate([part.placed for part in parts]),
        np.concatenate([part.fresh for part in parts]),
    )
