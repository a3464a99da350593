"""Which takes of a book are doubtful, and why: by their words, their pace and their loudness."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import median

from speech.books.lines import Line
from speech.books.take_store import TakeRecord

__all__ = ["Doubt", "find_doubts"]

# Scores from which a take is spoken again end at 0.3 (`speech.takes`); up to here words were found badly.
_LOW_SCORE = 0.5
# A voice is as fast and as loud as most of its takes are. What is that far from it is heard as another pace or level.
_PACE_RATIO, _LEVEL_DB = 1.4, 6.0
# So many takes tell how a voice speaks; in fewer letters silence counts for more than speech.
_FEWEST_TAKES, _FEWEST_LETTERS = 8, 40


@dataclass(frozen=True, slots=True)
class Doubt:
    """A doubtful take.

    Attributes:
        reasons: sentences without their full stops.
        weight: how doubtful it is; the higher, the more.
    """

    line: Line
    reasons: tuple[str, ...]
    weight: float


def find_doubts(lines: Iterable[Line], records: Mapping[str, TakeRecord]) -> list[Doubt]:
    """Return the doubtful takes, the worst first.

    Args:
        records: the records of the takes, by their keys.
    """
    audible_lines = [line for line in lines if line.chunk.spoken]
    paces, levels = defaultdict(list), defaultdict(list)
    for line in audible_lines:
        if pace := _pace(line, records[line.key]):
            paces[_voice(line)].append(pace)
        if (level := records[line.key].level) is not None:
            levels[_voice(line)].append(level)
    usual_pace, usual_level = _usual(paces), _usual(levels)
    doubts = []
    for line in audible_lines:
        doubt = _doubt(line, records[line.key], usual_pace.get(_voice(line)), usual_level.get(_voice(line)))
        if doubt.reasons:
            doubts.append(doubt)
    return sorted(doubts, key=lambda doubt: -doubt.weight)


def _doubt(line: Line, record: TakeRecord, usual_pace: float | None, usual_level: float | None) -> Doubt:
    reasons, weight = [*record.problems], 10.0 * len(record.problems)
    if record.score is not None and record.score < _LOW_SCORE:
        weight += _LOW_SCORE - record.score
        if not record.problems:
            reasons.append(f"its words were found badly in it (score {record.score:.2f})")
            weight += 1
    if usual_pace and (pace := _pace(line, record)):
        ratio = pace / usual_pace
        if not 1 / _PACE_RATIO <= ratio <= _PACE_RATIO:
            tempo, times = ("fast", ratio) if ratio > 1 else ("slow", 1 / ratio)
            reasons.append(f"it is {times:.1f} times as {tempo} as this voice usually is")
            weight += times
    if usual_level is not None and record.level is not None and abs(off := record.level - usual_level) > _LEVEL_DB:
        reasons.append(f"it is {abs(off):.0f} dB {'louder' if off > 0 else 'softer'} than this voice usually is")
        weight += abs(off) / _LEVEL_DB
    return Doubt(line, tuple(reasons), weight)


def _voice(line: Line) -> tuple[str | None, str | None]:
    return line.chunk.voice, line.chunk.language


def _pace(line: Line, record: TakeRecord) -> float | None:
    """Return the letters a second of what is audible, as if no other pace were asked for; None if they are too few."""
    letters = sum(map(str.isalnum, line.chunk.spoken))
    first, last = record.audible
    if letters < _FEWEST_LETTERS or last <= first:
        return None
    return letters * record.rate / (last - first) / line.chunk.speed


def _usual(
    measurements: Mapping[tuple[str | None, str | None], list[float]],
) -> dict[tuple[str | None, str | None], float]:
    return {voice: median(values) for voice, values in measurements.items() if len(values) >= _FEWEST_TAKES}
