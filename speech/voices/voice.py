"""A voice that is asked for, and the reference that an engine clones it from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from speech.errors import InvalidRequest, NotFound, Problem
from speech.stores import Store

__all__ = ["DEFAULT", "Reference", "Voice", "find"]


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
