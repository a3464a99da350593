"""Files that appear whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from speech.errors import InvalidRequest, Problem

__all__ = ["as_text", "read_text", "replacing", "write_text"]


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A path beside `path` to write to; it takes the name when the block ends well, else it is removed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{uuid4().hex[:8]}.part")
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def read_text(path: Path) -> str:
    """The text of a UTF-8 file; see `as_text`."""
    return as_text(path.read_bytes(), path.name)


def as_text(raw: bytes, name: str) -> str:
    """UTF-8 as text, with or without a mark at its beginning.

    Raises:
        InvalidRequest: it is not UTF-8; `name` says what is not.
    """
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        sentence = f"{name} is not UTF-8 text (byte {fault.start}); save it as UTF-8."
        raise InvalidRequest([Problem("", None, "", sentence)]) from None


def write_text(path: Path, text: str, *, durable: bool = True) -> None:
    """Write UTF-8 text with the line ends it has, flushed to disk before it takes its name.

    Args:
        durable: false where a power cut may take the text, and waiting for the disk costs too much.
    """
    with replacing(path) as partial, partial.open("w", encoding="utf-8", newline="") as file:
        file.write(text)
        file.flush()
        if durable:
            os.fsync(file.fileno())
