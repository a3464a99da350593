"""Comma-separated words, quoted as RFC 4180 says, in which a spreadsheet finds nothing to compute."""

from __future__ import annotations

import csv
import io
from decimal import Decimal
from typing import TYPE_CHECKING

import regex

if TYPE_CHECKING:
    from speech.subtitles import Subtitles

# Spreadsheets compute a cell that begins so, quoted or not, but for signs alone, numbers, plain words and @names.
_FORMULA = regex.compile(
    r"[=+@＝＋－＠-](?!(?:[^\w(|]*+|(?<=[+-])\d[\d.,:]*+[%°]?+|(?<=[+-])[\p{L}\p{M}'’-]++|(?<=@)[\p{L}_][\w.]*+)"
    r"[.,:;!?…]*+$)"
)
# With a word joiner before it, which nobody sees and no script keeps, the cell is text.
_JOINER = "\u2060"
# What parts cells where a spreadsheet's list separator is no comma.
_OTHER_SEPARATORS = ";\t|"


def write(subtitles: Subtitles) -> str:
    out = io.StringIO(newline="")
    rows, quoted = csv.writer(out), csv.writer(out, quoting=csv.QUOTE_NONNUMERIC)
    rows.writerow(["word", "start_time", "end_time", "confidence"])
    for word in subtitles.words:
        times = Decimal(word.start).scaleb(-3), Decimal(word.end).scaleb(-3)
        writer = quoted if any(sign in word.text for sign in _OTHER_SEPARATORS) else rows
        writer.writerow([_plain(word.text), *times, Decimal(f"{word.confidence:.3f}")])
    return out.getvalue()


def _plain(word: str) -> str:
    return _JOINER + word if _FORMULA.match(word) else word
