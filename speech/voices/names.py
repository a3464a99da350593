"""Checking the names of voices that clients give, and redacting them for logs."""

from __future__ import annotations

import re

from speech.errors import FetchError
from speech.fetch import locate

__all__ = ["check_name", "check_stored_name", "is_name", "redact_url"]

_LONGEST_URL = 2048
_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}")


def is_name(name: str) -> bool:
    """Check whether something can be stored under a name: it cannot lead out of its folder."""
    return bool(_NAME.fullmatch(name)) and ".." not in name


def check_name(voice: str, field: str = "local_voice") -> str:
    """Return the name, if it is a valid name of a stored voice or an https URL.

    Args:
        field: the field of the request that gives it.

    Raises:
        ValueError: the name could lead out of the folder, or the URL could not be fetched safely.
    """
    if "://" in voice:
        if len(voice.partition("#sealed-")[0]) > _LONGEST_URL:
            raise ValueError(f"{field}: {redact_url(voice)[:80]!r} is longer than {_LONGEST_URL} characters")
        try:
            locate(voice)
        except FetchError as fault:
            raise ValueError(f"{field}: {redact_url(voice)!r} is not accepted: {fault}") from None
        return voice
    if is_name(voice):
        return voice
    raise ValueError(
        f"{field}: {voice[:60]!r} is not accepted; expected the name of a stored voice "
        "(letters, digits, '.', '_' and '-', at most 128) or an https URL"
    )


def check_stored_name(name: str) -> str:
    """Return the name, if a voice can be stored under it.

    Raises:
        ValueError: the name could lead out of the folder, or does not end in .wav.
    """
    if is_name(name) and name.endswith(".wav"):
        return name
    raise ValueError(
        f"voice_name: {name[:60]!r} is not accepted; expected letters, digits, '.', '_' and '-', ending in .wav, "
        "at most 128"
    )


def redact_url(voice: str) -> str:
    """Return a voice's name for logs: a URL without its query, which can hold a signature, and its credentials.

    >>> redact_url("https://example.com/a.wav?X-Amz-Signature=abc")
    'https://example.com/a.wav'
    """
    return re.sub(r"//[^/]*@", "//", re.split(r"[?#]", voice)[0]) if "://" in voice else voice
