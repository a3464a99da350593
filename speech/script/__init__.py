"""Scripts: what is to be spoken, as passages; reading them, and preparing them for an engine."""

from speech.script.languages import localise
from speech.script.passage import Passage, Script
from speech.script.readers import read
from speech.script.reading import Pronounce, Reading, certain_language_of, language_of, prepare, settle

__all__ = [
    "Passage",
    "Pronounce",
    "Reading",
    "Script",
    "certain_language_of",
    "language_of",
    "localise",
    "prepare",
    "read",
    "settle",
]
