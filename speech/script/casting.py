"""Casting: reading the script of a request, and finding the voices and the lexicon that it is spoken with."""

from __future__ import annotations

from collections.abc import Mapping

from speech.lexicons import Row
from speech.lexicons.library import find as find_lexicon
from speech.request import SpeechRequest
from speech.script.passage import Script
from speech.script.readers import read
from speech.stores import Store
from speech.voices import Voice, find, names

__all__ = ["cast"]


def cast(request: SpeechRequest, store: Store) -> tuple[Script, Mapping[str | None, Voice], tuple[Row, ...]]:
    """Read the script of a request, and find its voices and its lexicon.

    Returns:
        the script; its voices by the names that it gives them, None is the voice of the request; the lexicon's rows.

    Raises:
        InvalidRequest: the script cannot be read, or there is no such voice or lexicon.
    """
    script = read(request.text, request.script_format, request.cast, lambda: names(store))
    voices: dict[str | None, Voice] = {None: find(request.local_voice, store)}
    for name in dict.fromkeys(passage.voice for passage in script.passages if passage.voice):
        voices[name] = find(request.cast.get(name, name), store, f"cast.{name}")
    return script, voices, find_lexicon(request.lexicon, store)
