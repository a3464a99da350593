"""What a book whose text was edited as a script keeps of the EPUB that it was before: the cover, and what is known."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

from speech.books.book import Book, read_book
from speech.books.order import FOLDER
from speech.errors import InvalidRequest, NotFound
from speech.stores import Store

__all__ = ["completed"]


def completed(book: Book, name: str, store: Store) -> Book:
    """Return a book with the cover and the facts that it lacks, and the EPUB of the same name in the store has."""
    if book.format == "epub" or book.cover:
        return book
    key = f"{FOLDER}{name}/source.epub"
    try:
        original = _read(bytes(store.read_range(key, 0, store.head(key).size)))
    except NotFound:
        return book
    if original is None:
        return book
    names = {fact for fact, _ in book.facts}
    facts = (*book.facts, *(fact for fact in original.facts if fact[0] not in names))
    return replace(book, cover=original.cover, facts=facts, language=book.language or original.language)


@lru_cache(maxsize=1)
def _read(data: bytes) -> Book | None:
    try:
        return read_book(data, "The book", "Untitled")
    except InvalidRequest:
        return None
