"""Reading the rows of a lexicon from a file, CSV or PLS, whichever it holds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pydantic import ValidationError

from speech.errors import InvalidRequest, Problem
from speech.files import as_text
from speech.lexicons import pls, table
from speech.lexicons.entry import Entry, refusal
from speech.lexicons.row import MOST_ROWS, Row
from speech.problems import problems_of

__all__ = ["MOST_BYTES", "Read", "read"]

MOST_BYTES = 4_000_000

_MOST_PROBLEMS = 20


@dataclass(frozen=True, slots=True)
class Read:
    """What a file holds.

    Attributes:
        notes: sentences on what of it is not honoured.
    """

    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()


def read(raw: bytes, label: str) -> Read:
    """Read a lexicon.

    Args:
        label: what errors call it.

    Raises:
        InvalidRequest: it cannot be read; each problem names the line, the field, the value and what is accepted.
    """
    if len(raw) > MOST_BYTES:
        raise refusal(label, 0, f"it has {len(raw) / 1e6:.1f} MB; at most {MOST_BYTES / 1e6:g} MB are accepted")
    text = as_text(raw, label)
    entries: Iterable[Entry]
    notes: list[str] = []
    if text.lstrip().startswith("<"):
        entries, notes = pls.read(text.lstrip(), label)
    else:
        entries = table.read(text, label)
    rows = _checked(entries, label)
    if not rows:
        raise refusal(label, 0, " ".join(["it holds no row that can be spoken; expected at least one.", *notes]))
    return Read(tuple(rows), tuple(notes))


def _checked(entries: Iterable[Entry], label: str) -> list[Row]:
    rows: list[Row] = []
    problems: list[Problem] = []
    for line, fields in entries:
        if len(rows) == MOST_ROWS:
            raise refusal(label, line, f"it has more than {MOST_ROWS} rows; split it, and store what a script needs")
        try:
            rows.append(Row.model_validate(fields))
        except ValidationError as fault:
            problems += [_with_line(problem, label, line) for problem in problems_of(fault, Row)]
        if len(problems) >= _MOST_PROBLEMS:
            break
    if problems:
        raise InvalidRequest(problems)
    return rows


def _with_line(problem: Problem, label: str, line: int) -> Problem:
    return Problem("lexicon", problem.value, problem.accepted, f"{label}, line {line}: {problem}")
