"""Rows of numbers that may be too many for memory: beyond a size they are kept in a temporary file."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from types import TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt

from speech.scratch import unusable

__all__ = ["Rows", "Table", "Window"]

Table = Callable[[int, int], npt.NDArray[np.float32]]
"""Returns the rows from one number to before another, (last - first, D), of more than memory may hold."""

# Some 40 minutes of cepstra. The file has no name, so it is gone however the process ends.
_IN_MEMORY = 16_000_000
# Rows that are read in advance.
_AHEAD = 1_024


class Rows:
    """Rows of D numbers, appended and then read. A context manager, which forgets them at its end."""

    def __init__(self, width: int) -> None:
        self._width, self._count = width, 0
        self._file = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, at: TracebackType | None) -> None:
        self._file.close()

    def __len__(self) -> int:
        return self._count

    def append(self, rows: npt.NDArray[np.float32]) -> None:
        """Append rows; all must be there before the first is read.

        Raises:
            SettingsError: the temporary file cannot be written.
        """
        try:
            self._file.write(np.ascontiguousarray(rows, np.float32).tobytes())
        except OSError as fault:
            raise unusable(tempfile.gettempdir(), fault) from None
        self._count += len(rows)

    def __call__(self, first: int, last: int) -> npt.NDArray[np.float32]:
        """Return rows `first` to before `last`, as `Table` does."""
        self._file.seek(4 * self._width * first)
        data = self._file.read(4 * self._width * (last - first))
        return np.frombuffer(data, np.float32).reshape(-1, self._width)


class Window:
    """Rows of a table that are asked for from its beginning to its end; the last ones are kept."""

    def __init__(self, table: Table, total: int) -> None:
        """Look at a table of that many rows."""
        self._table, self._total = table, total
        self._first, self._rows = 0, table(0, min(_AHEAD, total))

    def __call__(self, first: int, last: int) -> npt.NDArray[np.float32]:
        """Return rows `first` to before `last`; `first` is never less than in the call before."""
        end = self._first + len(self._rows)
        if last > end:
            overlap = self._rows[first - self._first :] if first < end else self._rows[:0]
            more = self._table(max(first, end), min(last + _AHEAD, self._total))
            self._first, self._rows = first, np.concatenate([overlap, more])
        return self._rows[first - self._first : last - self._first]
