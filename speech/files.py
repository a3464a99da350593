"""Atomic writes, and UTF-8 text files."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from speech.errors import InvalidRequest, Problem

__all__ = ["as_text", "replacing", "write_pieces", "write_text"]

# Of a name in that of its temporary file; a name has at most 255 bytes.
_MOST_BYTES = 200


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it to `path` if the block succeeds, else remove it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{_beginning(path.name)}.{uuid4().hex[:8]}.part")
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _beginning(name: str) -> str:
    """Cut a name so that the longest that a file may have leaves room for what a temporary file's adds."""
    return os.fsencode(name)[:_MOST_BYTES].decode("utf-8", "ignore")


def as_text(raw: bytes, name: str) -> str:
    """Decode UTF-8, with or without a byte order mark.

    Raises:
        InvalidRequest: the bytes are not UTF-8; the text calls them `name`.
    """
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        sentence = f"{name} is not UTF-8 text (byte {fault.start}); save it as UTF-8."
        raise InvalidRequest([Problem("", None, "", sentence)]) from None


def write_text(path: Path, text: str, *, durable: bool = True) -> None:
    """Write UTF-8 text, keeping its line ends, and flush it to disk before the file takes its name.

    Args:
        durable: False to skip the flush, which is slow, if losing the text in a power cut is acceptable.
    """
    write_pieces(path, [text], durable=durable)


def write_pieces(path: Path, pieces: Iterable[str], *, durable: bool = True) -> None:
    """Write a text as `write_text` does, each piece before the next is made."""
    with replacing(path) as partial, partial.open("w", encoding="utf-8", newline="") as file:
        file.writelines(pieces)
        file.flush()
        if durable:
            os.fsync(file.fileno())
