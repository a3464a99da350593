"""Sentences: which tokens end one. Chunks, cues and paragraphs all take their sentences from here."""

from speech.sentences.ends import TokenLike, ends

__all__ = ["TokenLike", "ends"]
