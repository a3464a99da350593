"""The files that go into a store and come out of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from speech.errors import NotKept, StoreError
from speech.files import replacing

__all__ = ["keeping", "reading"]


@contextmanager
def reading(path: Path) -> Iterator[BinaryIO]:
    """A file to read.

    Raises:
        StoreError: it cannot be opened.
    """
    try:
        file = path.open("rb")
    except OSError as fault:
        raise StoreError(f"{path.name} cannot be read, and was not stored: {fault.strerror}.") from None
    with file:
        yield file


class _Kept:
    """A file whose faults are those of the disk, not of the store that is read meanwhile."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        self._file, self._name = file, name
        self.size = 0

    def write(self, data: bytes) -> None:
        try:
            self._file.write(data)
            self._file.flush()
        except OSError as fault:
            raise NotKept(f"{self._name} cannot be written: {fault.strerror}.") from fault
        self.size += len(data)


@contextmanager
def keeping(path: Path) -> Iterator[_Kept]:
    """A file to write, which takes its name when the block ends well.

    Raises:
        NotKept: there is no room for it, or no right to write.
    """
    try:
        with replacing(path) as partial, partial.open("wb") as file:
            yield _Kept(file, path.name)
    except OSError as fault:
        raise NotKept(f"{path.name} cannot be written: {fault.strerror}.") from fault
