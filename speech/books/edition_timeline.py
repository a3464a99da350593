"""The timeline of an edition, computed from the records of its takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from speech.books import timeline
from speech.books.book import Book
from speech.books.chapters import Chapter
from speech.books.edition import Edition
from speech.books.layout import ChapterLayout, TakeSound
from speech.books.lines import Line
from speech.books.take_store import TakeRecord, TakeStore
from speech.books.timeline import Cover, Metadata, TimedPassage, TimedWord, Timeline, sentences

__all__ = ["timeline_of"]

_MAIN = "main"


def timeline_of(edition: Edition, take_store: TakeStore, records: Mapping[str, TakeRecord] | None = None) -> Timeline:
    """Return the timeline of an edition whose takes are all kept, with their word times.

    Args:
        records: the records of the takes, by their keys; None to read them.

    Raises:
        NotFound: a take or its word times are not there.
    """
    if records is None:
        records = dict(zip(edition.keys, take_store.records(edition.keys), strict=True))
    chapters = tuple(
        _chapter(edition, chapter, lines, records, take_store)
        for chapter, lines in zip(edition.chapters, edition.lines, strict=True)
    )
    return Timeline(_metadata(edition.book, edition.language), edition.engine.rate, chapters)


def _chapter(
    edition: Edition, chapter: Chapter, lines: Sequence[Line], records: Mapping[str, TakeRecord], take_store: TakeStore
) -> timeline.TimedChapter:
    layout = ChapterLayout(edition.engine.rate, overlap=edition.engine.overlap / edition.engine.rate)
    passage_words: list[list[TimedWord]] = [[]]
    for line in lines:
        record = records[line.key]
        words = take_store.words(line.words, line.chunk.tokens)
        take = TakeSound(line.key, line.chunk.voice or _MAIN, record.length, record.audible, words)
        for word in layout.add(take, line.chunk.pause_ms):
            passage_words[-1].append(word)
            if word.space == "\n":
                passage_words.append([])
    takes, length = layout.finish()
    heard_words = iter(passage_words)
    passages = tuple(
        TimedPassage(
            id,
            passage.kind,
            sentences(next(heard_words), passage.language or edition.language) if passage.text else (),
            passage.level,
            passage.continues,
            passage.language,
            passage.part,
        )
        for id, passage in zip(chapter.ids, chapter.passages, strict=True)
        if passage.kind != "pause"
    )
    return timeline.TimedChapter(chapter.title, length, takes, passages, chapter.level)


def _metadata(book: Book, language: str) -> Metadata:
    cover = Cover.of(book.cover) if book.cover else None
    return Metadata(
        book.title,
        book.authors,
        book.language or language,
        identifier=book.fact("identifier"),
        date=book.fact("date"),
        publisher=book.fact("publisher"),
        description=book.fact("description"),
        rights=book.fact("rights"),
        cover=cover,
    )
