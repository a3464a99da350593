"""Cues: the words of a script grouped into what is on screen at one time.

The grouping is the cheapest of all that the rules allow, found by dynamic programming over the
places where one cue can end and the next begin. A cue holds at most a few lines, so the time grows
with the number of words.
"""

from __future__ import annotations

import itertools
import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import regex

from speech.subtitles.breaks import SENTENCE, break_costs
from speech.subtitles.rules import Rules
from speech.words import Word

__all__ = ["Cue", "Violation", "build", "violations"]

# What is weighed against the places to break (`speech.subtitles.breaks`), in the same coin.
_EACH_CUE = 4.0
_SENTENCE_INSIDE = 5.0
_PAUSE_INSIDE = 12.0
_BROKEN = 12.0
_TOO_FAST = 40.0
_TOO_SHORT = 6.0
_EACH_LINE = 1.0
_UNBALANCED = 0.15

_PAUSE_MS = 700

_SEEN = regex.compile(r"\X")


@dataclass(frozen=True, slots=True)
class Cue:
    """What is on screen from `start` to `end` (milliseconds).

    Attributes:
        words: as they were aligned; the last may be heard a little longer than the cue stays.
        lines: number of words in each line.
    """

    words: tuple[Word, ...]
    lines: tuple[int, ...]
    start: int
    end: int

    def rows(self) -> list[tuple[Word, ...]]:
        """The words line by line."""
        borders = [0, *itertools.accumulate(self.lines)]
        return [self.words[first:last] for first, last in itertools.pairwise(borders)]

    def texts(self) -> list[str]:
        """The lines as they are read."""
        return [_joined(row) for row in self.rows()]


@dataclass(frozen=True, slots=True)
class Violation:
    """A rule that a cue does not keep.

    Attributes:
        cue: its number, counted from 1.
        rule: "characters", "speed", "short", "long" or "gap".
        value, limit: what it is and what the rules allow.
    """

    cue: int
    rule: str
    value: float
    limit: float


def build(words: Sequence[Word], rules: Rules, language: str, duration_ms: int | None = None) -> list[Cue]:
    """Group all words, in order, into cues under the rules.

    Args:
        words: timed and clamped (see `speech.words.clamp`).
        duration_ms: of the recording, which no cue outlasts; None where that is no concern.
    """
    if not words:
        return []
    groups = _one_by_one(words) if rules.one_word else _cheapest(words, rules, language)
    return _timed([(words[first:last], lines) for first, last, lines in groups], rules, duration_ms)


def violations(cues: Sequence[Cue], rules: Rules) -> list[Violation]:
    """Every rule that could not be kept: a word longer than a line, or speech faster than the limit."""
    found: list[Violation] = []
    for number, cue in enumerate(cues, 1):
        length, texts = cue.end - cue.start, cue.texts()
        widest = max(_width(text) for text in texts)
        if widest > rules.max_chars and not rules.one_word:
            found.append(Violation(number, "characters", widest, rules.max_chars))
        if rules.max_cps is not None and length > 0:
            speed = sum(_width(text) for text in texts) * 1000 / length
            if speed > rules.max_cps * 1.0001:
                found.append(Violation(number, "speed", round(speed, 1), rules.max_cps))
        if length < rules.min_ms:
            found.append(Violation(number, "short", length, rules.min_ms))
        if length > rules.max_ms and not rules.one_word:
            found.append(Violation(number, "long", length, rules.max_ms))
        if number < len(cues) and cues[number].start - cue.end < rules.gap_ms:
            found.append(Violation(number, "gap", cues[number].start - cue.end, rules.gap_ms))
    return found


Group = tuple[int, int, tuple[int, ...]]
"""First and past-the-last word of a cue, and the number of words in each of its lines."""


def _one_by_one(words: Sequence[Word]) -> list[Group]:
    """A cue a word; what takes no time (a dash) stays with the word before it."""
    firsts = [0] + [index for index in range(1, len(words)) if words[index].end > words[index].start]
    return [(first, last, (last - first,)) for first, last in itertools.pairwise([*firsts, len(words)])]


def _cheapest(words: Sequence[Word], rules: Rules, language: str) -> list[Group]:
    text = _Text.of(words, break_costs(words, language), rules)
    begins, ends, breaks = text.begins, text.ends, text.breaks
    best: list[tuple[float, int, tuple[int, ...]]] = [(0.0, 0, ())]
    for last in range(1, len(words) + 1):
        inside, heard, ending = 0.0, words[last - 1].end, _EACH_CUE + breaks[last - 1]
        most = rules.max_words or last
        # What each cue that ends here costs at least; the cheapest is looked at first, most of the others never.
        least: list[tuple[float, int]] = []
        for first in range(last - 1, max(last - most, 0) - 1, -1):
            if first < last - 1:
                pause = words[first + 1].start - words[first].end
                if pause > _PAUSE_MS:
                    inside += _PAUSE_INSIDE * (pause / _PAUSE_MS - 1)
                if breaks[first] == SENTENCE:
                    inside += _SENTENCE_INSIDE
                if ends[last] - begins[first] > text.room or heard - words[first].start > rules.max_ms:
                    break
            least.append((best[first][0] + ending + inside, first))
        least.sort()
        choice: tuple[float, int, tuple[int, ...]] = (float("inf"), 0, ())
        for cost, first in least:
            if cost >= choice[0]:
                break
            cost += _reading_cost(text, first, last)
            if cost < choice[0] and (lines := text.lines(first, last, choice[0] - cost)):
                choice = (cost + lines[1], first, lines[0])
        best.append(choice)
    groups: list[Group] = []
    last = len(words)
    while last:
        _, first, shape = best[last]
        groups.append((first, last, shape))
        last = first
    return groups[::-1]


@dataclass(frozen=True, slots=True)
class _Text:
    """Words with what the search asks of them again and again.

    Attributes:
        begins, ends: where each word begins and ends, counted in characters from the first one's
            beginning; `ends[i]` is of the word before `i`.
        breaks: what it costs to part each word from the next.
        room: characters that a cue holds.
    """

    words: Sequence[Word]
    begins: list[int]
    ends: list[int]
    breaks: list[float]
    rules: Rules
    room: int

    @classmethod
    def of(cls, words: Sequence[Word], breaks: list[float], rules: Rules) -> _Text:
        begins = [0, *itertools.accumulate(_width(word.text) + len(word.space) for word in words)]
        ends = [0, *(begin - len(word.space) for begin, word in zip(begins[1:], words, strict=True))]
        return cls(words, begins, ends, breaks, rules, (rules.max_chars + 1) * rules.max_lines - 1)

    def width(self, first: int, last: int) -> int:
        """Characters from one word to before another, as they stand in one line."""
        return self.ends[last] - self.begins[first]

    def lines(self, first: int, last: int, limit: float) -> tuple[tuple[int, ...], float] | None:
        """The best way to set words into lines and what it costs; None where none fits or costs less than `limit`."""
        if self.width(first, last) <= self.rules.max_chars or last - first == 1:
            return ((last - first,), 0.0) if limit > 0 else None
        best = None
        for number in range(2, self.rules.max_lines + 1):
            if limit > _EACH_LINE * (number - 1) and (found := self._set(first, last, number, limit)):
                best, limit = found, found[1]
        return best

    def _set(self, first: int, last: int, number: int, limit: float) -> tuple[tuple[int, ...], float] | None:
        """Words in that many lines, each within the limit and as near to the same length as the breaks allow."""
        most, target = self.rules.max_chars, self.width(first, last) / number
        ways: dict[int, tuple[float, tuple[int, ...]]] = {first: (_EACH_LINE * (number - 1), ())}
        for left in range(number - 1, -1, -1):
            onward: dict[int, tuple[float, tuple[int, ...]]] = {}
            # What is left must fit the lines that are left.
            earliest = bisect_left(self.begins, self.ends[last] - left * (most + 1) + 1) if left else last
            for begin, (cost, shape) in ways.items():
                latest = min(bisect_right(self.ends, self.begins[begin] + most) - 1, last - left)
                for end in range(max(earliest, begin + 1), latest + 1):
                    so_far = cost + _UNBALANCED * abs(self.ends[end] - self.begins[begin] - target)
                    so_far += self.breaks[end - 1] / 2 if left else 0
                    if so_far < limit and (end not in onward or so_far < onward[end][0]):
                        onward[end] = so_far, (*shape, end - begin)
            ways = onward
        return (ways[last][1], ways[last][0]) if last in ways else None


def _reading_cost(text: _Text, first: int, last: int) -> float:
    """How far the cue would be from the reading speed and the shortest stay, with the room after it used."""
    words, rules = text.words, text.rules
    if rules.max_cps is None and not rules.min_ms and not rules.gap_ms:
        return 0.0
    follow = words[last].start - rules.gap_ms if last < len(words) else words[last - 1].end + rules.min_ms
    length = max(follow - words[first].start, 1)
    cost = _BROKEN + _TOO_SHORT * (1 - length / rules.min_ms) if length < rules.min_ms else 0.0
    if last < len(words) and words[last].start - rules.gap_ms <= words[last - 1].start:
        cost += _BROKEN
    if rules.max_cps is not None:
        speed = text.width(first, last) * 1000 / length
        if speed > rules.max_cps:
            cost += _BROKEN + _TOO_FAST * (speed / rules.max_cps - 1)
    return cost


def _timed(
    groups: Sequence[tuple[Sequence[Word], tuple[int, ...]]], rules: Rules, duration_ms: int | None
) -> list[Cue]:
    """Give each group its time: from its first word, for as long as it should stay and the next allows."""
    cues: list[Cue] = []
    for index, (words, lines) in enumerate(groups):
        start, heard = words[0].start, words[-1].end
        if cues and start < cues[-1].end:
            start = cues[-1].end
        length = sum(_width(word.text) + len(word.space) for word in words)
        wanted = max(heard, start + rules.min_ms)
        if rules.max_cps is not None:
            wanted = max(wanted, start + math.ceil(length * 1000 / rules.max_cps))
        wanted = max(heard, min(wanted, start + rules.max_ms))
        if index + 1 < len(groups):
            following = groups[index + 1][0][0].start
            if following - wanted < max(rules.close_ms, rules.gap_ms) and not rules.one_word:
                wanted = following - rules.gap_ms if following - rules.gap_ms - start <= rules.max_ms else wanted
            wanted = min(wanted, following if rules.one_word else following - rules.gap_ms)
        # A reader must see the last word begin, whatever the gap; a dash is not heard to begin.
        begun = next((word.start for word in reversed(words) if word.end > word.start), start)
        end = max(wanted, begun + 1, start + 1)
        if duration_ms is not None and end > duration_ms:
            start, end = min(start, max(duration_ms - 1, 0)), max(duration_ms, 1)
        cues.append(Cue(tuple(words), lines, start, end))
    return cues


def _joined(words: Sequence[Word]) -> str:
    return "".join(word.text + word.space for word in words).rstrip()


@lru_cache(maxsize=50_000)
def _width(text: str) -> int:
    """Characters as a reader counts them."""
    return len(text) if text.isascii() else len(_SEEN.findall(text))
