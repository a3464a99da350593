"""Reading local files that are stored, and writing local files that are fetched."""

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
    """Open a file for reading.

    Raises:
        StoreError: the file cannot be opened.
    """
    try:
        file = path.open("rb")
    except OSError as fault:
        raise StoreError(f"{path.name} cannot be read and was not stored: {fault.strerror}.") from None
    with file:
        yield file


class _Target:
    """A file whose write errors are raised as `NotKept`, to tell them from errors of the store being read."""

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
def keeping(path: Path) -> Iterator[_Target]:
    """Open a file for writing, which takes its name if the block succeeds.

    Raises:
        NotKept: the file cannot be written, such as for lack of space or permission.
    """
    try:
        with replacing(path) as partial, partial.open("wb") as file:
            yield _Target(file, path.name)
    except OSError as fault:
        raise NotKept(f"{path.name} cannot be written: {fault.strerror}.") from fault
