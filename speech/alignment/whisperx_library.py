"""The part of whisperx that alignment calls: its choice of a model and the loading of it.

Its own search for the letters, with a table that it makes of each word, takes many times as long as
`speech.alignment.ctc`, which finds the same. Nothing else imports whisperx.alignment: it asks for nltk and pandas,
which are not installed.
"""

from __future__ import annotations

from speech.imports import importing

__all__ = ["DEFAULT_ALIGN_MODELS_HF", "load_align_model"]

with importing({"nltk": {}, "nltk.data": {}, "pandas": {}}):
    from whisperx.alignment import DEFAULT_ALIGN_MODELS_HF, load_align_model
