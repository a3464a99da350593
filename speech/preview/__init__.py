"""The preview page, for reading and listening to a result."""

from speech.preview.page import DOUBTFUL, write
from speech.preview.sound import address, listenable

__all__ = ["DOUBTFUL", "address", "listenable", "write"]
