"""Lexicons: how the words of a script are spoken; their rows, their files, and the stored ones."""

from speech.lexicons.row import MOST_INLINE, MOST_ROWS, LexiconField, Row, check_name

__all__ = ["MOST_INLINE", "MOST_ROWS", "LexiconField", "Row", "check_name"]
