"""Sentences: which tokens end one. Chunks, cues and paragraphs all take their sentences from here."""

from speech.sentences.ends import Piece, ends

__all__ = ["Piece", "ends"]
