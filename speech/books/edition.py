"""An edition: a book cut into chunks, each with the key of its take, and into parts of about ten minutes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from speech.books.book import Book
from speech.books.chapters import Chapter, digest
from speech.books.choices import Choices
from speech.books.lines import Line, Planner
from speech.books.sample import sampled
from speech.books.take_store import TakeStore
from speech.engines import Engine, SynthesisOptions
from speech.request import SpeechRequest
from speech.script import Pronounce, language_of, localise, settle
from speech.script.chunks import cut
from speech.script.passage import Script
from speech.voices import Reference

__all__ = ["CHARACTERS_A_SECOND", "Edition", "EditionPart", "MissingKeys", "plan"]

CHARACTERS_A_SECOND = 15.0
"""An estimate: people speak 10 to 20."""

_PART_CHARS = round(600 * CHARACTERS_A_SECOND)


@dataclass(frozen=True, slots=True)
class EditionPart:
    """About ten minutes of an edition, spoken by one run.

    Attributes:
        number: from 1.
        lines: the lines whose take or word times no earlier part makes.
        chapter: the number of the chapter in which it begins, from 1.
    """

    number: int
    lines: tuple[Line, ...]
    chapter: int


@dataclass(frozen=True, slots=True)
class MissingKeys:
    """The keys of the takes and of the word times of an edition that a store lacks."""

    takes: frozenset[str]
    words: frozenset[str]

    def of(self, part: EditionPart) -> tuple[Line, ...]:
        """Return the lines of a part that are not finished."""
        return tuple(line for line in part.lines if line.key in self.takes or line.words in self.words)


@dataclass(frozen=True, slots=True)
class Edition:
    """An edition of a book.

    Attributes:
        name: a digest of what is heard: the takes, their order, the pauses and the chapters.
        language: ISO 639-1 code of the passages that name none.
        lines: of each chapter.
        parts: in the order in which they are to be spoken.
        planner: what made the lines.
        notes: sentences for the user.
    """

    name: str
    book: Book
    chapters: tuple[Chapter, ...]
    language: str
    lines: tuple[tuple[Line, ...], ...]
    parts: tuple[EditionPart, ...]
    planner: Planner
    notes: tuple[str, ...] = ()

    @property
    def engine(self) -> Engine:
        """What speaks it."""
        return self.planner.engine

    @property
    def request(self) -> SpeechRequest:
        """How it is spoken."""
        return self.planner.request

    @property
    def choices(self) -> Choices:
        """What people decided about its lines."""
        ids = {line.id for line in self.all_lines if line.versions}
        return {name: choice for name, choice in self.planner.choices.items() if name in ids}

    @property
    def all_lines(self) -> list[Line]:
        """The lines of all chapters."""
        return [line for lines in self.lines for line in lines]

    @property
    def characters(self) -> int:
        """Number of characters that are spoken."""
        return sum(len(line.chunk.spoken) for line in self.all_lines)

    @property
    def keys(self) -> list[str]:
        """The key of each take, once, in the order in which they are first heard."""
        return list(dict.fromkeys(line.key for line in self.all_lines))

    def titles(self) -> dict[str, str]:
        """Return the title of the chapter in which each line is first heard, by the key of its word times."""
        both = [*zip(self.chapters, self.lines, strict=True)]
        return {line.words: chapter.title for chapter, lines in reversed(both) for line in lines}

    def missing(self, take_store: TakeStore) -> MissingKeys:
        """Return what of the edition is not in a store."""
        lines = self.all_lines
        present, timed = (
            take_store.present([line.key for line in lines]),
            take_store.timed([line.words for line in lines]),
        )
        return MissingKeys(
            frozenset(line.key for line in lines if line.key not in present),
            frozenset(line.words for line in lines if line.words not in timed),
        )

    def finished(self, missing: MissingKeys) -> Edition | None:
        """Return the edition of those chapters of which nothing is missing; None if there is none.

        It is spoken already, so it has no parts.
        """
        both = [
            (chapter, chapter_lines)
            for chapter, chapter_lines in zip(self.chapters, self.lines, strict=True)
            if not any(line.key in missing.takes or line.words in missing.words for line in chapter_lines)
        ]
        if not both:
            return None
        chapters, lines = tuple(chapter for chapter, _ in both), tuple(chapter_lines for _, chapter_lines in both)
        return replace(self, name=_name(chapters, lines), chapters=chapters, lines=lines, parts=())

    def options_of(self, line: Line) -> SynthesisOptions:
        """Return how a line is spoken."""
        return self.planner.options(line.chunk, line.seed)

    def outline(self) -> str:
        """Return what is kept of the edition: its chapters, their chunks and the keys of their takes, as JSON."""
        chapters = [
            {
                "id": chapter.id,
                "title": chapter.title,
                "level": chapter.level,
                "keys": [line.key for line in lines],
                "chunks": [line.id for line in lines],
                "words": [line.words for line in lines],
                "others": [version.key for line in lines for version in line.versions if version.key != line.key],
            }
            for chapter, lines in zip(self.chapters, self.lines, strict=True)
        ]
        parts = [{"keys": [line.key for line in part.lines]} for part in self.parts]
        facts = {"edition": self.name, "title": self.book.title, "engine": self.engine.name, "language": self.language,
                 "seeded": self.engine.is_stochastic}  # fmt: skip
        return json.dumps(facts | {"chapters": chapters, "parts": parts}, ensure_ascii=False)


def plan(
    book: Book,
    request: SpeechRequest,
    engine: Engine,
    references: Mapping[str | None, Reference | None] = MappingProxyType({}),
    pronounce: Pronounce | None = None,
    chosen: Sequence[int] | None = None,
    choices: Choices = MappingProxyType({}),
    *,
    sample: bool = False,
) -> Edition:
    """Plan an edition; nothing is spoken.

    Args:
        request: says how the book is spoken; its text is ignored.
        references: the references of the voices, by the names that the script gives them; None is the book's voice.
        pronounce: changes how words are spoken.
        chosen: numbers of the chapters to speak, from 1; None for all.
        choices: what people decided about single chunks.
        sample: speak only the first minutes of each voice.

    Raises:
        InvalidRequest: the engine does not speak a language of the book.
    """
    script = Script(book.passages, book.format, book.title, book.language)
    script = localise(script, request, language_of(request, script))
    script, language, notes = settle(request, engine, script)
    book = book.rewritten(script.passages)
    width = _width(book, request, engine, references)
    chapters = tuple(chapter for number, chapter in enumerate(book.chapters, 1) if not chosen or number in chosen)
    chapters = sampled(chapters) if sample else chapters
    planner = Planner(engine, request, language, references, width, choices)
    scripts = (Script(chapter.passages) for chapter in chapters)
    lines = planner.lines(
        [
            cut(pronounce(chapter_script, language) if pronounce else chapter_script, language, width, request.pauses)
            for chapter_script in scripts
        ]
    )
    remarks = (*book.notes, *notes, *planner.notes)
    return Edition(_name(chapters, lines), book, chapters, language, lines, tuple(_parts(lines)), planner, remarks)


def _width(
    book: Book, request: SpeechRequest, engine: Engine, references: Mapping[str | None, Reference | None]
) -> int:
    """Return the most characters of a chunk: the tightest limit of all voices.

    It depends on the script only by how many bytes its letters take, so that an edit does not cut the book anew.
    """
    text = "".join(passage.text for passage in book.passages)
    size = len(text.encode("utf-8", "replace")) / max(len(text), 1)
    letter = "a" if size < 1.25 else "é" if size < 2.25 else "中"
    return min(engine.max_chunk_chars(letter, request.speed, each) for each in references.values() or [None])


def _name(chapters: Sequence[Chapter], lines: Sequence[Sequence[Line]]) -> str:
    content = [
        [
            chapter.id,
            chapter.title,
            chapter.level,
            [[line.key, line.chunk.pause_ms, line.chunk.text] for line in chapter_lines],
        ]
        for chapter, chapter_lines in zip(chapters, lines, strict=True)
    ]
    return digest(json.dumps(content))[:16]


def _parts(lines: Sequence[Sequence[Line]]) -> Iterator[EditionPart]:
    """Yield the parts: cut where a chapter ends if they are half full, and where a passage ends if they are full."""
    keys: set[str] = set()
    part_lines: list[Line] = []
    number, length, chapter_number = 1, 0, 1
    for chapter, those in enumerate(lines, 1):
        for index, line in enumerate(those, 1):
            if line.words not in keys:
                keys.add(line.words)
                chapter_number = chapter_number if part_lines else chapter
                part_lines.append(line)
                length += len(line.chunk.spoken)
            ends = length >= _PART_CHARS and line.chunk.tokens[-1].space == "\n"
            if part_lines and (ends or (index == len(those) and 2 * length >= _PART_CHARS)):
                yield EditionPart(number, tuple(part_lines), chapter_number)
                number, length, part_lines = number + 1, 0, []
    if part_lines:
        yield EditionPart(number, tuple(part_lines), chapter_number)
