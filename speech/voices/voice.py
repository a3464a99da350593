"""The requested voice, and the reference that an engine clones it from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from speech.errors import InvalidRequest, NotFound, Problem
from speech.stores import Store

__all__ = ["DEFAULT", "DEMO", "Reference", "Voice", "find", "name_of", "names"]

_FOLDER = "voices/"


@dataclass(frozen=True, slots=True)
class Voice:
    """The voice of one request.

    Attributes:
        name: the name given by the client; None for the default voice.
        key: the recording's key in the store; None if it is not in the store.
    """

    name: str | None
    key: str | None = None


DEFAULT = Voice(None)
DEMO = "demo"
"""The name of the packaged voice, unless a stored voice has it."""


@dataclass(frozen=True, slots=True)
class Reference:
    """The recording that an engine clones a voice from.

    Attributes:
        path: a few seconds of speech, mono.
        text: the exact transcript.
    """

    path: Path
    text: str

    @property
    def seconds(self) -> float:
        from speech.audio import duration_ms

        return duration_ms(self.path) / 1000


def find(name: str | None, store: Store, field: str = "local_voice") -> Voice:
    """Find a voice by name; a URL is returned as a voice without a key.

    Args:
        field: the field of the request that names it.

    Raises:
        InvalidRequest: there is no stored voice of that name; the text is the one that clients know.
    """
    if name is None:
        return DEFAULT
    if "://" in name:
        return Voice(name)
    key = f"{_FOLDER}{name if name.endswith('.wav') else name + '.wav'}"
    try:
        store.head(key)
    except NotFound:
        if name == DEMO:
            return DEFAULT
        message = f"Failed to download voice file: {name}"
        raise InvalidRequest([Problem(field, name, "the name of a stored voice", message)]) from None
    return Voice(name, key)


def names(store: Store) -> list[str]:
    """Return the names of the stored voices, each with its ending."""
    return [name for entry in store.list(_FOLDER) if (name := name_of(entry.key))]


def name_of(key: str) -> str | None:
    """Return the name of the voice whose recording has this key; None for other objects, such as transcripts."""
    name = key.removeprefix(_FOLDER)
    return name if name.endswith(".wav") and "/" not in name else None
