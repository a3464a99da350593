"""What every store offers: objects by key, written whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from typing_extensions import Buffer

__all__ = ["EXPIRES_IN", "Entry", "Store", "Stray"]

EXPIRES_IN = 3600
"""Seconds for which a presigned URL works, as clients of the earlier system know it."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One object.

    Attributes:
        key: where it lies.
        size: bytes.
        modified: when it was written, with its time zone.
    """

    key: str
    size: int
    modified: datetime


@dataclass(frozen=True, slots=True)
class Stray:
    """Something in a store that is no object: no key leads to it, and only `move` takes it.

    Attributes:
        key: where it lies; it may hold anything.
        reason: why it is none, as a sentence.
    """

    key: str
    reason: str


class Store(Protocol):
    """Objects by key.

    Writes are atomic: a reader sees the old object or the new one, never a part. All methods raise
    `KeyRefused` for a key that would leave the store, `NotFound`, `Denied`, `StoreFull`,
    `Unreachable` (which may pass), or another `StoreError`; each says what to do.
    """

    def put(self, key: str, path: Path, content_type: str) -> None:
        """Store a file."""

    def write(self, key: str, text: str, content_type: str) -> None:
        """Store a text as UTF-8."""

    def get(self, key: str, path: Path) -> None:
        """Fetch an object into a file, which appears only when it is complete."""

    def read(self, key: str) -> str:
        """Fetch a UTF-8 text."""

    def read_range(self, key: str, start: int, end: int) -> Buffer:
        """The bytes from `start` to before `end`."""

    def list(self, prefix: str) -> Iterator[Entry]:
        """Every object below a prefix that ends at a slash, all pages of it."""

    def strays(self, prefix: str) -> Iterator[Stray]:
        """What lies there beside the objects."""

    def head(self, key: str) -> Entry:
        """What is known of one object."""

    def delete(self, key: str) -> None:
        """Remove an object; removing what is not there is no error."""

    def move(self, source: str, target: str) -> None:
        """Give an object, or a stray, another key; what was there is replaced."""

    def presign(self, key: str, expires_in: int = EXPIRES_IN) -> str:
        """A URL from which anyone can fetch the object for a while."""

    def __str__(self) -> str:
        """The store as a person would name it; no credentials."""
