"""Voices: which names a client may give, and where a stored voice lies."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from speech.errors import FetchError, InvalidRequest, NotFound, Problem
from speech.fetch import locate
from speech.stores import Store

__all__ = ["DEFAULT", "Reference", "Voice", "check_name", "check_stored_name", "find", "shown"]

_LONGEST_URL = 2048
_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}")


@dataclass(frozen=True, slots=True)
class Voice:
    """The voice of one request.

    Attributes:
        name: as the client gave it; None for the default voice.
        key: where the recording lies in the store; None where there is none.
    """

    name: str | None
    key: str | None = None


DEFAULT = Voice(None)


@dataclass(frozen=True, slots=True)
class Reference:
    """What an engine clones a voice from.

    Attributes:
        path: a few seconds of speech, mono.
        text: exactly what is said there.
    """

    path: Path
    text: str

    @property
    def seconds(self) -> float:
        from speech.audio import duration_ms

        return duration_ms(self.path) / 1000


def check_name(voice: str) -> str:
    """The name, if it can be a stored voice's or is an https URL.

    Raises:
        ValueError: it could leave its place, or could not be fetched safely.
    """
    if "://" in voice:
        if len(voice.partition("#sealed-")[0]) > _LONGEST_URL:
            raise ValueError(f"local_voice: {shown(voice)[:80]!r} is longer than {_LONGEST_URL} characters")
        try:
            locate(voice)
        except FetchError as fault:
            raise ValueError(f"local_voice: {shown(voice)!r} is not accepted: {fault}") from None
        return voice
    if _NAME.fullmatch(voice) and ".." not in voice:
        return voice
    raise ValueError(
        f"local_voice: {voice[:60]!r} is not accepted; expected the name of a stored voice "
        "(letters, digits, '.', '_' and '-', at most 128) or an https URL"
    )


def check_stored_name(name: str) -> str:
    """The name, if a voice can be stored under it.

    Raises:
        ValueError: it could leave its place, or does not end in .wav.
    """
    if _NAME.fullmatch(name) and ".." not in name and name.endswith(".wav"):
        return name
    raise ValueError(
        f"voice_name: {name[:60]!r} is not accepted; expected letters, digits, '.', '_' and '-', ending in .wav, "
        "at most 128"
    )


def shown(voice: str) -> str:
    """A voice as it may be logged: a URL without its query, which can hold a signature, or a password.

    >>> shown("https://example.com/a.wav?X-Amz-Signature=abc")
    'https://example.com/a.wav'
    """
    return re.sub(r"//[^/]*@", "//", re.split(r"[?#]", voice)[0]) if "://" in voice else voice


def find(name: str | None, store: Store) -> Voice:
    """The stored voice of that name.

    Raises:
        InvalidRequest: there is none, in the words that clients know.
    """
    if name is None:
        return DEFAULT
    if "://" in name:
        return Voice(name)
    key = f"voices/{name if name.endswith('.wav') else name + '.wav'}"
    try:
        store.head(key)
    except NotFound:
        missing = f"Failed to download voice file: {name}"
        raise InvalidRequest([Problem("local_voice", name, "the name of a stored voice", missing)]) from None
    return Voice(name, key)
