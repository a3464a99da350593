"""Comma-separated words, quoted as RFC 4180 says."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from speech.subtitles import Subtitles


def write(subtitles: Subtitles) -> str:
    out = io.StringIO(newline="")
    rows = csv.writer(out)
    rows.writerow(["word", "start_time", "end_time", "confidence"])
    rows.writerows(
        [word.text, f"{word.start / 1000:.3f}", f"{word.end / 1000:.3f}", f"{word.confidence:.3f}"]
        for word in subtitles.words
    )
    return out.getvalue()
