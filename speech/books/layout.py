"""Laying takes one after another in a chapter: crossfaded, or cut to what is heard of them, with a pause between.

Only lengths are needed, which the record of a take holds, so a book's timeline is known before any samples are read.
The rules are those of `speech.assembly.Assembly`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from speech.assembly import FADE_SECONDS, REST_SECONDS, SILENT
from speech.audio import Samples, Span
from speech.books.timeline import PlacedTake, TimedWord
from speech.words import Word

__all__ = ["ChapterLayout", "TakeSound", "audible"]

HEAD_SECONDS, TAIL_SECONDS = 0.75, 2.5
"""Room tone before and after what is spoken in a chapter; within what ACX asks for: 0.5 to 1, and 1 to 5."""
OVERLAP_SECONDS = 0.15
"""The crossfade of F5-TTS."""


@dataclass(frozen=True, slots=True)
class TakeSound:
    """What a take's record says about its sound.

    Attributes:
        key: names the take.
        voice: the voice that speaks.
        length: in samples.
        audible: first and past-the-last sample that is louder than silence (see `audible`).
        words: in milliseconds from the beginning of the take.
    """

    key: str
    voice: str
    length: int
    audible: Span
    words: tuple[Word, ...] = ()


def audible(samples: Samples) -> Span:
    """Return the first and past-the-last sample that is louder than silence; all of them if none is."""
    loud = np.flatnonzero(np.abs(samples) > SILENT)
    return (int(loud[0]), int(loud[-1]) + 1) if len(loud) else (0, len(samples))


class ChapterLayout:
    """Lays out one chapter.

    Args:
        rate: sample rate of the takes in hertz.
        head, tail: seconds of room tone before the first take and after the last.
        overlap: seconds over which takes fade into each other.
    """

    def __init__(
        self, rate: int, head: float = HEAD_SECONDS, tail: float = TAIL_SECONDS, overlap: float = OVERLAP_SECONDS
    ) -> None:
        self._rate, self._overlap = rate, round(overlap * rate)
        self._fade, self._rest = round(FADE_SECONDS * rate), round(REST_SECONDS * rate)
        self._head, self._tail = round(head * rate), round(tail * rate)
        self._takes: list[PlacedTake] = []
        self._last: TakeSound | None = None
        self._last_end = 0

    def add(self, take: TakeSound, pause_ms: int = 0) -> list[TimedWord]:
        """Add a take; return its words at their positions in the chapter, in order and without overlaps.

        Args:
            pause_ms: silence before it; 0 to fade the take before into it. The chapter's first take follows the head,
                whatever its pause.
        """
        if self._last is None or pause_ms:
            self._end()
            first, _ = self._audible_span(take)
            begin = self._takes[-1].end + pause_ms * self._rate // 1000 if self._takes else self._head
            fade = min(self._fade, take.length - first)
            self._takes.append(PlacedTake(take.key, take.voice, first, take.length, begin, fade_in=fade))
        else:
            before = self._takes[-1]
            # What is faded already must not be faded again.
            width = min(self._overlap, before.last - before.first - before.fade_in, take.length)
            self._takes[-1] = replace(before, fade_out=width)
            self._takes.append(PlacedTake(take.key, take.voice, 0, take.length, before.end - width, fade_in=width))
        self._last = take
        return self._place_words(take.words, self._takes[-1])

    def finish(self) -> tuple[tuple[PlacedTake, ...], int]:
        """Return the placed takes of the chapter, and its length in samples."""
        self._end()
        end = self._takes[-1].end if self._takes else self._head
        return tuple(self._takes), end + self._tail

    def _end(self) -> None:
        """Cut the silence at the end of the last take, and fade it out."""
        if self._last is None:
            return
        take = self._takes[-1]
        _, last = self._audible_span(self._last)
        last = max(last, take.first + take.fade_in)
        fade = min(self._fade, last - take.first - take.fade_in)
        self._takes[-1] = replace(take, last=last, fade_out=fade)
        self._last = None

    def _audible_span(self, take: TakeSound) -> Span:
        first, last = take.audible
        return max(first - self._rest, 0), min(last + self._rest, take.length)

    def _place_words(self, words: Sequence[Word], take: PlacedTake) -> list[TimedWord]:
        placed = []
        offset = take.begin - take.first
        for word in words:
            begin = max(offset + word.start * self._rate // 1000, self._last_end, take.begin)
            end = max(offset + word.end * self._rate // 1000, begin)
            self._last_end = end
            placed.append(TimedWord(word.text, begin, end, word.space, word.confidence, word.interpolated))
        return placed
