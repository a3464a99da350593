"""Words in time: what every aligner returns and every subtitle format is made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from speech.text import Token

__all__ = ["Word", "clamp", "confidence_of", "delay", "interpolate", "place"]


@dataclass(frozen=True, slots=True)
class Word:
    """One token of the script and when it is heard.

    Attributes:
        text: the script's own spelling.
        start, end: milliseconds from the start of the recording, start <= end.
        confidence: 0 (a guess) to 1.
        interpolated: nothing was heard for it; it was placed between its neighbours.
        space: what stands after it in the script: a blank, or nothing.
    """

    text: str
    start: int
    end: int
    confidence: float = 1.0
    interpolated: bool = False
    space: str = " "


def confidence_of(words: Sequence[Word]) -> float:
    """Mean confidence over the words, 0 to 1, three decimals."""
    return round(sum(word.confidence for word in words) / len(words), 3) if words else 0.0


def interpolate(spans: Sequence[tuple[int, int] | None], lengths: Sequence[int], end: int) -> list[tuple[int, int]]:
    """Fill the gaps of a list of spans: the missing share the room between their neighbours by length.

    Args:
        spans: start and end in milliseconds, or None where a word was not placed.
        lengths: of each word in letters; 0 for what is not spoken, which gets no time of its own.
        end: of the recording, in milliseconds.
    """
    filled: list[tuple[int, int]] = []
    index = 0
    while index < len(spans):
        span = spans[index]
        if span is not None:
            filled.append(span)
            index += 1
            continue
        stop = next((after for after in range(index, len(spans)) if spans[after] is not None), len(spans))
        left = filled[-1][1] if filled else 0
        following = spans[stop] if stop < len(spans) else None
        right = max(left, following[0] if following else end)
        total = sum(lengths[index:stop])
        before = 0
        for missing in range(index, stop):
            start = left + (right - left) * before // total if total else left
            before += lengths[missing]
            filled.append((start, left + (right - left) * before // total if total else left))
        index = stop
    return filled


def place(
    tokens: Sequence[Token], spans: Sequence[tuple[int, int] | None], scores: Sequence[float], end: int
) -> list[Word]:
    """The script's tokens as words: at their spans, else between their neighbours and marked so.

    Args:
        spans: of each token in milliseconds; None where it was not heard.
        scores: confidence of each, 0 to 1; not used for those that were not heard.
        end: of the recording, in milliseconds.
    """
    times = interpolate(spans, [len(token.spoken) for token in tokens], end)
    return [
        Word(token.text, start, stop, round(score, 3) if span else 0.0, span is None, token.space)
        for token, (start, stop), span, score in zip(tokens, times, spans, scores, strict=True)
    ]


def clamp(words: Sequence[Word], duration_ms: int) -> list[Word]:
    """The same words with the promises kept: times never run backwards, overlap, or pass the end."""
    settled: list[Word] = []
    floor = 0
    for word in words:
        start = min(max(word.start, floor), duration_ms)
        end = min(max(word.end, start), duration_ms)
        settled.append(word if (start, end) == (word.start, word.end) else replace(word, start=start, end=end))
        floor = end
    return settled


def delay(words: Sequence[Word], milliseconds: int, duration_ms: int) -> list[Word]:
    """The same words as they are heard in a copy that is so much later."""
    later = [replace(word, start=word.start + milliseconds, end=word.end + milliseconds) for word in words]
    return clamp(later, duration_ms + max(milliseconds, 0)) if milliseconds else list(words)
