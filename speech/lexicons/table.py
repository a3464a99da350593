"""Lexicons as CSV, with the header `word,say,language,voice,case`."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator

from speech.lexicons.entry import Entry, refusal
from speech.lexicons.row import Row

__all__ = ["read", "write"]

_COLUMNS = tuple(Row.model_fields)
# What spreadsheets put between cells, depending on the country.
_DELIMITERS = ",;\t"


def read(text: str, label: str) -> Iterator[Entry]:
    """Yield the rows of a CSV file, each with its line.

    Args:
        label: what errors call the file.

    Raises:
        InvalidRequest: the header is not accepted, or a line is not CSV.
    """
    first = text.strip().partition("\n")[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(_DELIMITERS, key=first.count), strict=True)
    names: list[str] = []
    line = 1
    try:
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                pass
            elif not names:
                names = _header(cells, label, line)
            else:
                if any(cell.strip() for cell in cells[len(names) :]):
                    mismatch = f"{len(cells)} cells, and the header has {len(names)}"
                    raise refusal(
                        label, line, f"it has {mismatch}; put a cell that holds a comma between quotation marks"
                    )
                yield line, dict(zip(names, cells, strict=False))
            line = reader.line_num + 1
    except csv.Error as fault:
        raise refusal(label, line, f"it is not CSV: {fault}") from None


def _header(cells: list[str], label: str, line: int) -> list[str]:
    names = [cell.strip().lower() for cell in cells]
    if not {"word", "say"} <= set(names) <= set(_COLUMNS) or len(set(names)) < len(names):
        columns = f"the header word,say, with {', '.join(_COLUMNS[2:])} as you need them"
        raise refusal(label, line, f"{','.join(cells)[:60]!r} is not accepted; expected {columns}")
    return names


def write(rows: Iterable[Row]) -> str:
    """Return rows as CSV."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    writer.writerows([getattr(row, name) or "" for name in _COLUMNS] for row in rows)
    return text.getvalue()
