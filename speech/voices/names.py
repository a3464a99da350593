"""Names that a client may give a voice, and how they may be logged."""

from __future__ import annotations

import re

from speech.errors import FetchError
from speech.fetch import locate

__all__ = ["check_name", "check_stored_name", "redact_url"]

_LONGEST_URL = 2048
_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}")


def check_name(voice: str) -> str:
    """The name, if it can be a stored voice's or is an https URL.

    Raises:
        ValueError: it could leave its place, or could not be fetched safely.
    """
    if "://" in voice:
        if len(voice.partition("#sealed-")[0]) > _LONGEST_URL:
            raise ValueError(f"local_voice: {redact_url(voice)[:80]!r} is longer than {_LONGEST_URL} characters")
        try:
            locate(voice)
        except FetchError as fault:
            raise ValueError(f"local_voice: {redact_url(voice)!r} is not accepted: {fault}") from None
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


def redact_url(voice: str) -> str:
    """A voice as it may be logged: a URL without its query, which can hold a signature, or a password.

    >>> redact_url("https://example.com/a.wav?X-Amz-Signature=abc")
    'https://example.com/a.wav'
    """
    return re.sub(r"//[^/]*@", "//", re.split(r"[?#]", voice)[0]) if "://" in voice else voice
