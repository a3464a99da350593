"""The embedded aligner: the last in the chain, for any voice, with no model, account or GPU.

espeak-ng synthesizes the script's spoken form and reports exactly where each word begins (`synthetic`); the recording
is matched to that reference (`matching`). If espeak-ng is not installed or cannot read the language, the words divide
the speech of the recording in proportion to their letters, and all are marked as interpolated.

Memory hardly grows with the recording: its features, which would take some 60 MB an hour, are kept in temporary files
and made by window.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import regex

from speech.alignment.cepstra import FRAME_MS, RATE, WIDTH, cepstra
from speech.alignment.features import Features, gather, level
from speech.alignment.matching import Places, match
from speech.alignment.path import POOL
from speech.alignment.rows import Rows
from speech.alignment.synthetic import estimate_pace, hesitations, read_segments
from speech.audio import Recording, blocks
from speech.engines.espeak import available, voices
from speech.errors import AlignmentError
from speech.language import DEFAULT
from speech.text import Chunk
from speech.words import Word, place

__all__ = ["Embedded"]

# Maximum cost of a frame outside the script (see `path.Search`) if the recording holds only the script.
_OUTSIDE = 1.35
# If the match is doubtful, the recording may hold more than the script, such as an introduction. Then the
# pace cannot be estimated from its length, and frames outside must cost less: the paces and costs to try.
_WITH_EXTRA = ((1.0, 1.15), (1.0, 1.0), (1.15, 1.05))
# Natural log of the energy of a frame at -70 dBFS.
_SILENT = -10.0
# Mean confidence from which a match is convincing, and from which no other is looked for.
_CONVINCING, _SURE = 0.5, 0.75
# In a longer recording an introduction is too small a share to mislead the first try.
_LONG_MS = 15 * 60_000

_LATIN = regex.compile(r"\p{Latin}")


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
        with Rows(WIDTH) as rows:
            energy = gather(cepstra(blocks(recording.path, RATE)), rows)
            if len(energy) < POOL:
                raise AlignmentError("the recording is shorter than any word.")
            if np.percentile(energy, 95) < _SILENT:
                raise AlignmentError("the recording is silent.")
            features = level(rows, energy)
            if not available() or not _readable(chunks, language):
                return _by_letters(features, recording, chunks)
            spans, scores = _match_tokens(recording, chunks, language if language in voices() else DEFAULT, features)
        tokens = [token for chunk in chunks for token in chunk.tokens]
        return place(tokens, spans, scores, recording.duration_ms)


def _match_tokens(recording: Recording, chunks: Sequence[Chunk], language: str, features: Features) -> Places:
    """Return the span (ms) and the confidence of every token."""

    def attempt(pace: float, outside: float) -> Places:
        with Rows(WIDTH) as rows:
            segments, reference = read_segments(recording, chunks, language, pace, features, rows)
            return match(segments, reference, features, hesitations(language, pace, reference), outside)

    pace = estimate_pace([chunk.spoken for chunk in chunks], language, features)
    best = attempt(pace, _OUTSIDE)
    if not recording.spans_ms and recording.duration_ms <= _LONG_MS:
        for other, outside in _WITH_EXTRA:
            if _mean(best) >= _SURE:
                break
            # Accept only a convincing match: if enough is left outside, even a wrong script fits somewhere.
            retried = attempt(other, outside)
            if _mean(retried) >= _CONVINCING:
                best = max(best, retried, key=_mean)
    return best


def _mean(places: Places) -> float:
    return float(np.mean(places[1]))


def _readable(chunks: Sequence[Chunk], language: str) -> bool:
    """Check whether espeak-ng can read the chunks: in their language, or as English if they have Latin letters."""
    text = "".join(chunk.spoken for chunk in chunks)
    return language in voices() or 2 * len(_LATIN.findall(text)) > sum(map(str.isalpha, text))


def _by_letters(features: Features, recording: Recording, chunks: Sequence[Chunk]) -> list[Word]:
    """Time the words without a reference: each gets a share of the speech in proportion to its letters."""
    spans = [(s // FRAME_MS, e // FRAME_MS) for s, e in recording.spans_ms] or [(0, len(features.speech))]
    groups = [[chunk] for chunk in chunks] if recording.spans_ms else [list(chunks)]
    words: list[Word] = []
    for (first, last), group in zip(spans, groups, strict=True):
        tokens = [token for chunk in group for token in chunk.tokens]
        sounding = np.flatnonzero(features.speech[first:last]) + first
        if not len(sounding):
            sounding = np.arange(first, max(last, first + 1))
        total = sum(len(token.spoken) for token in tokens) or 1
        borders = [
            len(sounding) * letters // total
            for letters in itertools.accumulate((len(t.spoken) for t in tokens), initial=0)
        ]
        for token, begin, end in zip(tokens, borders, borders[1:], strict=False):
            at = int(sounding[min(begin, len(sounding) - 1)]) * FRAME_MS
            until = (int(sounding[min(max(end - 1, begin), len(sounding) - 1)]) + 1) * FRAME_MS
            words.append(Word(token.text, at, until if end > begin else at, 0.0, True, token.space))
    return words
