"""Keys: relative paths with forward slashes, which cannot lead out of the store."""

from __future__ import annotations

import re

from speech.errors import KeyRefused

__all__ = ["check_key", "is_key"]

_PART = re.compile(r"[^\x00-\x1f\x7f\\\ud800-\udfff]+")


def is_key(key: str) -> bool:
    """Check whether a key stays inside the store, and is one that every store can hold."""
    parts = key.split("/")
    return all(_PART.fullmatch(part) and part not in (".", "..") for part in parts) and len(key.encode()) <= 1024


def check_key(key: str) -> str:
    """Return the key, if it is valid.

    Raises:
        KeyRefused: the key is empty, absolute or too long, or holds '..', backslashes or control characters.

    >>> check_key("voices/../secret")
    Traceback (most recent call last):
    speech.errors.KeyRefused: The key 'voices/../secret' is not accepted; ...
    """
    if not is_key(key):
        raise KeyRefused(
            f"The key {key[:80]!r} is not accepted; expected names separated by '/', without '..', backslashes or "
            "control characters, at most 1024 bytes."
        )
    return key
