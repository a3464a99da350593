"""The part of whisperx that alignment calls: its choice of a model and the loading of it.

Its own search for the letters, with a table that it makes of each word, takes many times as long as
`speech.alignment.ctc`, which finds the same.
"""

from __future__ import annotations

from speech.imports import importing

__all__ = ["load_align_model"]

with importing({"nltk": {}, "nltk.data": {}, "pandas": {}}):
    from whisperx.alignment import load_align_model
