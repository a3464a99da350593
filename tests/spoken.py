"""Speech whose word times are known."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from speech.alignment.bias import starts_of
from speech.audio import Samples, Span
from speech.engines.espeak import say
from speech.text import Chunk

RATE = 22_050


def speak(chunks: Sequence[Chunk], wpm: int = 160) -> tuple[Samples, list[Span], list[float | None]]:
    """Chunks by espeak-ng at `RATE`: their samples, their spans, and when each token begins in milliseconds."""
    pieces, spans, starts, at = [], [], [], 0
    for chunk in chunks:
        utterance = say(chunk.spoken, "en", wpm)
        begun = 1000 * at / RATE
        starts += [None if start is None else begun + start for start in starts_of(chunk, utterance)]
        pieces.append(utterance.samples)
        spans.append((at, at + len(utterance.samples)))
        at = spans[-1][1]
    return np.concatenate(pieces), spans, starts
