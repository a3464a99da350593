"""Subtitles of a book: of each chapter, and of the whole, whose cues are those of the chapters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from speech.books.timeline import TimedChapter, Timeline
from speech.script.readers.markup import language
from speech.subtitles import Subtitles, make
from speech.subtitles.cues import Cue
from speech.words import Word, clamp

__all__ = ["subtitles_of_book", "subtitles_of_chapters"]


def subtitles_of_chapters(timeline: Timeline, preset: str = "netflix") -> Iterator[Subtitles]:
    """Yield the subtitles of each chapter, timed from its beginning."""
    for number, chapter in enumerate(timeline.chapters, 1):
        duration = chapter.length * 1000 // timeline.rate
        yield make(
            clamp(_words(chapter, timeline.rate), duration),
            text="\n".join(passage.text for passage in chapter.passages if passage.sentences),
            language=language(timeline.metadata.language) or "en",
            duration_ms=duration,
            method=timeline.method,
            job_id=f"{timeline.metadata.title}, {number}",
            preset=preset,
        )


def subtitles_of_book(timeline: Timeline, chapters: Sequence[Subtitles]) -> Subtitles:
    """Join the subtitles of the chapters, of which there is at least one."""
    words: list[Word] = []
    cues: list[Cue] = []
    for subtitles, start in zip(chapters, timeline.starts, strict=True):
        offset = start * 1000 // timeline.rate
        words += _later(subtitles.words, offset)
        cues += [
            Cue(_later(cue.words, offset), cue.lines, cue.start + offset, cue.end + offset) for cue in subtitles.cues
        ]
    return replace(
        chapters[0],
        job_id=timeline.metadata.title,
        text="\n".join(each.text for each in chapters),
        duration_ms=timeline.length * 1000 // timeline.rate,
        words=tuple(words),
        cues=tuple(cues),
    )


def _later(words: tuple[Word, ...], milliseconds: int) -> tuple[Word, ...]:
    return tuple(replace(word, start=word.start + milliseconds, end=word.end + milliseconds) for word in words)


def _words(chapter: TimedChapter, rate: int) -> list[Word]:
    """Return the words of a chapter in milliseconds; the last of each passage ends its paragraph."""
    words: list[Word] = []
    for passage in chapter.passages:
        for sentence in passage.sentences:
            words += [
                Word(
                    word.text,
                    word.begin * 1000 // rate,
                    word.end * 1000 // rate,
                    word.confidence,
                    word.interpolated,
                    word.space,
                )
                for word in sentence.words
            ]
        if passage.sentences:
            words[-1] = replace(words[-1], space="\n")
    return words
