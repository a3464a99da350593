"""A page to read and listen to a result."""

from speech.preview.page import DOUBTFUL, write

__all__ = ["DOUBTFUL", "write"]
