"""Timed words: the output of every aligner and the input of every subtitle format."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from speech.text import Token

__all__ = ["Word", "clamp", "confidence_of", "delay", "interpolate", "paragraphs", "place"]


@dataclass(frozen=True, slots=True)
class Word:
    """One token of the script with its time in the recording.

    Attributes:
        text: the script's spelling.
        start, end: milliseconds from the start of the recording, start <= end.
        confidence: 0 (a guess) to 1.
        interpolated: whether the word was not found, and was placed between its neighbours.
        space: the separator after it in the script: a space, nothing, or a line break at the end of a paragraph.
        voice: name of the voice that speaks it, as the script gives it; None for the voice of the request.
    """

    text: str
    start: int
    end: int
    confidence: float = 1.0
    interpolated: bool = False
    space: str = " "
    voice: str | None = None


def confidence_of(words: Sequence[Word]) -> float:
    """Return the mean confidence of the words, 0 to 1, rounded to three decimals."""
    return round(sum(word.confidence for word in words) / len(words), 3) if words else 0.0


def paragraphs(words: Sequence[Word]) -> list[list[Word]]:
    """Return the words of each paragraph; one that takes no time, such as a dash, is part of the one before it.

    No paragraph holds the words of two voices.
    """
    result: list[list[Word]] = []
    paragraph: list[Word] = []
    for index, word in enumerate(words, 1):
        paragraph.append(word)
        if index < len(words) and word.space != "\n" and words[index].voice == word.voice:
            continue
        if result and result[-1][-1].voice == word.voice and all(each.end <= each.start for each in paragraph):
            result[-1][-1] = replace(result[-1][-1], space=" ")
            result[-1] += paragraph
        else:
            result.append(paragraph)
        paragraph = []
    return result


def interpolate(spans: Sequence[tuple[int, int] | None], lengths: Sequence[int], end: int) -> list[tuple[int, int]]:
    """Fill the gaps in a list of spans: missing words share the time between their neighbours by length.

    Args:
        spans: start and end in milliseconds, or None for a word that was not placed.
        lengths: number of letters of each word; 0 for unspoken tokens, which get no time.
        end: the end of the recording in milliseconds.
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
        for position in range(index, stop):
            start = left + (right - left) * before // total if total else left
            before += lengths[position]
            filled.append((start, left + (right - left) * before // total if total else left))
        index = stop
    return filled


def place(
    tokens: Sequence[Token], spans: Sequence[tuple[int, int] | None], scores: Sequence[float], end: int
) -> list[Word]:
    """Convert the script's tokens to words: at their spans, else interpolated between their neighbours.

    Args:
        spans: span of each token in milliseconds; None if it was not found.
        scores: confidence of each token, 0 to 1; ignored for tokens that were not found.
        end: the end of the recording in milliseconds.
    """
    times = interpolate(spans, [len(token.spoken) for token in tokens], end)
    return [
        Word(token.text, start, stop, round(score, 3) if span else 0.0, span is None, token.space)
        for token, (start, stop), span, score in zip(tokens, times, spans, scores, strict=True)
    ]


def clamp(words: Sequence[Word], duration_ms: int) -> list[Word]:
    """Adjust the words so that their times never run backwards, overlap, or pass the end."""
    clamped: list[Word] = []
    floor = 0
    for word in words:
        start = min(max(word.start, floor), duration_ms)
        end = min(max(word.end, start), duration_ms)
        clamped.append(word if (start, end) == (word.start, word.end) else replace(word, start=start, end=end))
        floor = end
    return clamped


def delay(words: Sequence[Word], milliseconds: int, duration_ms: int) -> list[Word]:
    """Shift the words' times by the delay that an encoder added to a copy of the recording."""
    later = [replace(word, start=word.start + milliseconds, end=word.end + milliseconds) for word in words]
    return clamp(later, duration_ms + max(milliseconds, 0)) if milliseconds else list(words)
