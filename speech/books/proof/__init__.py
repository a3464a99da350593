"""The page for proof-listening: a book to read and to hear, its doubtful takes first."""

from speech.books.proof.doubts import find_doubts
from speech.books.proof.page import sound_of, write

__all__ = ["find_doubts", "sound_of", "write"]
