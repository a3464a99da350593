"""A book: its chapters, its metadata, and what of it is left out."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from speech.books.chapters import Chapter, digest, divide
from speech.books.timeline import Cover
from speech.script.directions import direct
from speech.script.passage import LeftOut, Passage, Script
from speech.script.readers import load
from speech.script.readers.archive import Archive

__all__ = ["Book", "book_in", "read_book", "read_script", "script_of"]

_LARGEST_COVER = 20_000_000


@dataclass(frozen=True, slots=True)
class Book:
    """A book.

    Attributes:
        facts: what it says of itself, by the names of Dublin Core; a name may stand more than once.
        cover: a JPEG or PNG picture.
        left_out: what is not spoken, and why.
        notes: sentences for the user.
    """

    title: str
    format: str
    language: str | None
    chapters: tuple[Chapter, ...]
    facts: tuple[tuple[str, str], ...] = ()
    cover: bytes | None = None
    left_out: tuple[LeftOut, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def passages(self) -> tuple[Passage, ...]:
        """The passages of all chapters."""
        return tuple(passage for chapter in self.chapters for passage in chapter.passages)

    @property
    def authors(self) -> tuple[str, ...]:
        """Who wrote it."""
        return tuple(value for name, value in self.facts if name == "creator")

    def rewritten(self, passages: Sequence[Passage]) -> Book:
        """Return the book with its passages replaced, in order."""
        rest = iter(passages)
        chapters = (replace(each, passages=tuple(islice(rest, len(each.passages)))) for each in self.chapters)
        return replace(self, chapters=tuple(chapters))

    def digest(self) -> str:
        """Return a digest of its metadata."""
        cover = self.cover.hex() if self.cover else None
        return digest(repr((self.title, self.language, self.facts, cover)))

    def fact(self, name: str) -> str | None:
        """Return the first fact of a name."""
        return next((value for each, value in self.facts if each == name), None)


def read_book(
    data: bytes,
    name: str,
    title: str,
    cast: Collection[str] = (),
    stored: Callable[[], Collection[str]] = tuple,
) -> Book:
    """Read a book from a file; see `read_script` and `book_in`.

    Raises:
        InvalidRequest: see `read_script`.
    """
    return book_in(read_script(data, name, cast, stored), data, title)


def read_script(
    data: bytes, name: str, cast: Collection[str] = (), stored: Callable[[], Collection[str]] = tuple
) -> Script:
    """Read the script of a book from a file of any format that scripts may have.

    Args:
        name: what messages call the file.
        cast, stored: the names of voices; see `speech.script.directions.direct`.

    Raises:
        InvalidRequest: the file cannot be read, or a direction in it is not understood.
    """
    return direct(load(data, name), cast, stored)


def book_in(script: Script, data: bytes, title: str) -> Book:
    """Return the book that a script is.

    Args:
        data: the file that it was read from, for its cover.
        title: for a book that states none.
    """
    chapters = divide(script.passages, script.title or title, script.depth)
    alike = sum(chapter.level == chapters[0].level for chapter in chapters)
    # If several chapters share the level of the first, its heading is the chapter's, not the book's.
    is_chapters = script.format != "epub" and script.title == chapters[0].title and alike > 1
    title = title if is_chapters else script.title or title
    cover = _cover(data) if script.format == "epub" else None
    return Book(
        title, script.format, script.language, chapters, script.facts, cover, script.left_out, script.notes
    )  # fmt: skip


def script_of(book: Book) -> Script:
    """Return a book as a script to be written as Markdown and edited: its headings say where chapters begin."""
    depth = min(max((chapter.level for chapter in book.chapters), default=1), 5)
    passages = [passage for chapter in book.chapters for passage in _levelled(chapter, depth)]
    return Script(tuple(passages), "markdown", book.title, book.language, facts=book.facts, depth=depth)


def _levelled(chapter: Chapter, depth: int) -> Iterator[Passage]:
    """Yield the passages of a chapter: its own heading on its level, all others below those of chapters."""
    opens = True
    for passage in chapter.passages:
        if passage.kind != "heading":
            opens = opens and not passage.text
            yield passage
        elif opens and (passage is _first(chapter.passages) or passage.continues):
            yield replace(passage, level=min(chapter.level, depth))
        else:
            opens = False
            yield replace(passage, level=min(max(passage.level, depth + 1), 6))


def _first(passages: Sequence[Passage]) -> Passage | None:
    return next((passage for passage in passages if passage.text), None)


def _cover(data: bytes) -> bytes | None:
    from speech.script.readers import epub

    picture = epub.cover(Archive(data))
    return picture if picture and len(picture) <= _LARGEST_COVER and Cover.of(picture) else None
