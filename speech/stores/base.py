"""The interface of stores: objects by key, written atomically."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from typing_extensions import Buffer

from speech.errors import NotFound

__all__ = ["EXPIRES_IN", "Entry", "Store", "Stray", "exists"]

EXPIRES_IN = 3600
"""Seconds for which a presigned URL is valid; clients of the earlier system rely on this value."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A listed object.

    Attributes:
        key: the object's key.
        size: size in bytes.
        modified: time of the last write, with time zone.
    """

    key: str
    size: int
    modified: datetime


@dataclass(frozen=True, slots=True)
class Stray:
    """Something in a store that is not an object: it has no valid key, and only `move` accepts it.

    Attributes:
        key: its path in the store, which may contain anything.
        reason: why it is not an object, as a sentence.
    """

    key: str
    reason: str


class Store(Protocol):
    """A store of objects by key.

    Writes are atomic: a reader sees the old object or the new one, never a part. All methods raise
    `KeyRefused` for an invalid key, `NotFound`, `Denied`, `StoreFull`, `Unreachable` (transient), or another
    `StoreError`; the text says what to do.
    """

    def put(self, key: str, path: Path, content_type: str) -> None:
        """Store a file."""

    def write(self, key: str, text: str, content_type: str) -> None:
        """Store a text as UTF-8."""

    def update(self, key: str, change: Callable[[str | None], str], content_type: str) -> None:
        """Replace a text by what `change` makes of it, so that of several changes at once none is lost.

        A service without conditional writes (`If-Match`) is written to as by `write`.

        Args:
            change: gets the text, or None if there is none; it may be called again with a later text.
        """

    def get(self, key: str, path: Path) -> None:
        """Fetch an object into a file, which appears only once it is complete."""

    def read(self, key: str) -> str:
        """Fetch a UTF-8 text."""

    def read_range(self, key: str, start: int, end: int) -> Buffer:
        """Fetch the bytes from `start` up to, but not including, `end`."""

    def list(self, prefix: str) -> Iterator[Entry]:
        """Yield every object below a prefix that ends at a slash, across all pages."""

    def strays(self, prefix: str) -> Iterator[Stray]:
        """Yield everything below a prefix that is not an object."""

    def head(self, key: str) -> Entry:
        """Return the entry of one object."""

    def delete(self, key: str) -> None:
        """Remove an object; it is not an error if there is none."""

    def move(self, source: str, target: str) -> None:
        """Move an object, or a stray, to another key; an object that has that key is replaced."""

    def presign(self, key: str, expires_in: int = EXPIRES_IN, disposition: str | None = None) -> str:
        """Return a URL from which anyone can fetch the object for `expires_in` seconds.

        Args:
            disposition: the header Content-Disposition (RFC 6266) with which the object is sent.
        """

    def locate(self, prefix: str) -> str:
        """Return where people find, and put, what lies below a prefix that ends at a slash; a folder is created."""

    def __str__(self) -> str:
        """Return the name of the store for people, without credentials."""


def exists(store: Store, key: str) -> bool:
    """Check whether there is an object under a key."""
    try:
        store.head(key)
    except NotFound:
        return False
    return True
