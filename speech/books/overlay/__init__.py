"""EPUB 3 Media Overlays: a book that is read along, each sentence or word lit while it is heard."""

from __future__ import annotations

from speech.books.overlay.clips import Level
from speech.books.overlay.writing import write

__all__ = ["Level", "write"]
