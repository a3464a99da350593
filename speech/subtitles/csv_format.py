"""Comma-separated words, quoted as RFC 4180 says, and protected from being read as formulas by a spreadsheet."""

from __future__ import annotations

import csv
import io
from decimal import Decimal
from typing import TYPE_CHECKING

import regex

if TYPE_CHECKING:
    from speech.subtitles import Subtitles

# Beginnings of cells that spreadsheets evaluate, quoted or not; symbols alone, numbers, plain words and @names are not.
_FORMULA = regex.compile(
    r"[=+@＝＋－＠-](?!(?:[^\w(|]*+|(?<=[+-])\d[\d.,:]*+[%°]?+|(?<=[+-])[\p{L}\p{M}'’-]++|(?<=@)[\p{L}_][\w.]*+)"
    r"[.,:;!?…]*+$)"
)
# With a word joiner before it, which is invisible and removed from every script, the cell is text.
_JOINER = "\u2060"
# List separators of spreadsheets that do not use a comma.
_OTHER_SEPARATORS = ";\t|"


def write(subtitles: Subtitles) -> str:
    """Return the words as CSV."""
    out = io.StringIO(newline="")
    rows, quoted = csv.writer(out), csv.writer(out, quoting=csv.QUOTE_NONNUMERIC)
    rows.writerow(["word", "start_time", "end_time", "confidence"])
    for word in subtitles.words:
        times = Decimal(word.start).scaleb(-3), Decimal(word.end).scaleb(-3)
        writer = quoted if any(separator in word.text for separator in _OTHER_SEPARATORS) else rows
        writer.writerow([_plain(word.text), *times, Decimal(f"{word.confidence:.3f}")])
    return out.getvalue()


def _plain(word: str) -> str:
    return _JOINER + word if _FORMULA.match(word) else word
