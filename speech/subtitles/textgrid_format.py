"""TextGrid for Praat, written with praatio: a tier of words and a tier of cues."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from praatio.utilities import textgrid_io

if TYPE_CHECKING:
    from speech.subtitles import Subtitles


def write(subtitles: Subtitles) -> str:
    """Return the words and cues as a TextGrid."""
    length = max(subtitles.duration_ms, 1) / 1000
    words = ((word.start, word.end, word.text) for word in subtitles.words)
    cues = ((cue.start, cue.end, " ".join(cue.texts())) for cue in subtitles.cues)
    tiers = [_tier("words", words, length), _tier("cues", cues, length)]
    grid = {"xmin": 0, "xmax": length, "tiers": tiers}
    text: str = textgrid_io.getTextgridAsStr(grid, "long_textgrid", includeBlankSpaces=True)
    return text


def _tier(name: str, spans: Iterable[tuple[int, int, str]], length: float) -> dict[str, Any]:
    """Return a tier; a word that takes no time joins the one before it, since Praat has no empty intervals."""
    entries: list[tuple[float, float, str]] = []
    prefix = ""
    for start, end, text in spans:
        if end > start:
            entries.append((start / 1000, end / 1000, f"{prefix} {text}".strip()))
            prefix = ""
        elif entries:
            entries[-1] = (*entries[-1][:2], f"{entries[-1][2]} {text}")
        else:
            prefix = f"{prefix} {text}".strip()
    return {"class": "IntervalTier", "name": name, "xmin": 0, "xmax": length, "entries": entries}
