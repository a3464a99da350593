"""Cues: the words of a script, grouped into what is on screen at one time.

Dynamic programming over the possible breaks between cues finds the cheapest grouping that the rules
allow. A cue holds at most a few lines, so the time grows linearly with the number of words.
"""

from __future__ import annotations

import itertools
import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import regex

from speech.phrases import Joint, joints
from speech.subtitles.breaks import SENTENCE, break_costs
from speech.subtitles.rules import Rules
from speech.words import Word, paragraphs

__all__ = ["DASH", "Cue", "Violation", "build", "violations"]

# Costs on the same scale as those of breaks (`speech.subtitles.breaks`).
_EACH_CUE = 4.0
_SENTENCE_INSIDE = 5.0
_PAUSE_INSIDE = 12.0
_BROKEN = 12.0
_TOO_FAST = 40.0
_TOO_SHORT = 6.0
_EACH_LINE = 1.0
_UNBALANCED = 0.15

# A longer pause inside a cue adds to its cost.
_PAUSE_MS = 700

_GRAPHEME = regex.compile(r"\X")

DASH = "- "
"""What begins a cue of another voice than the one before, in a format that has no names."""


@dataclass(frozen=True, slots=True)
class Cue:
    """The words that are on screen from `start` to `end` (milliseconds).

    Attributes:
        words: the words with their own times; the last may be heard a little longer than the cue stays.
        lines: number of words in each line.
    """

    words: tuple[Word, ...]
    lines: tuple[int, ...]
    start: int
    end: int

    @property
    def voice(self) -> str | None:
        """Name of the voice of its words, as the script gives it; None for the voice of the request."""
        return self.words[0].voice

    @property
    def speaker(self) -> str | None:
        """Name of the voice as people read it."""
        return self.voice.removesuffix(".wav") if self.voice else None

    def rows(self) -> list[tuple[Word, ...]]:
        """Return the words, line by line."""
        borders = [0, *itertools.accumulate(self.lines)]
        return [self.words[first:last] for first, last in itertools.pairwise(borders)]

    def texts(self) -> list[str]:
        """Return the text of each line."""
        return [_text_of(row) for row in self.rows()]


@dataclass(frozen=True, slots=True)
class Violation:
    """A rule that a cue breaks.

    Attributes:
        cue: number of the cue, counted from 1.
        rule: "characters", "speed", "short", "long" or "gap".
        value, limit: the measured value, and the limit that the rules set.
    """

    cue: int
    rule: str
    value: float
    limit: float


def build(
    words: Sequence[Word], rules: Rules, language: str, duration_ms: int | None = None, *, dashes: bool = False
) -> list[Cue]:
    """Group all words, in order, into cues under the rules.

    A cue never runs from one paragraph into the next, nor from one voice to another.

    Args:
        words: timed and clamped words (see `speech.words.clamp`).
        duration_ms: length of the recording, after which no cue ends; None for no such limit.
        dashes: whether to leave room for a dash where another voice begins.
    """
    if not words:
        return []
    groups: list[tuple[Sequence[Word], tuple[int, ...]]] = []
    voice = words[0].voice
    for paragraph in paragraphs(words):
        lead = len(DASH) if dashes and paragraph[0].voice != voice else 0
        ranges = _one_by_one(paragraph, language) if rules.one_word else _cheapest(paragraph, rules, language, lead)
        groups += [(paragraph[first:last], lines) for first, last, lines in ranges]
        voice = paragraph[0].voice
    return _timed(groups, rules, duration_ms)


def violations(cues: Sequence[Cue], rules: Rules) -> list[Violation]:
    """Return every violation of the rules; causes are words longer than a line and speech faster than the limit."""
    result: list[Violation] = []
    for number, cue in enumerate(cues, 1):
        length, texts = cue.end - cue.start, cue.texts()
        widest = max(_width(text) for text in texts)
        if widest > rules.max_chars and not rules.one_word:
            result.append(Violation(number, "characters", widest, rules.max_chars))
        if rules.max_cps is not None and length > 0:
            speed = sum(_width(text) for text in texts) * 1000 / length
            if speed > rules.max_cps * 1.0001:
                result.append(Violation(number, "speed", round(speed, 1), rules.max_cps))
        if length < rules.min_ms:
            result.append(Violation(number, "short", length, rules.min_ms))
        if length > rules.max_ms and not rules.one_word:
            result.append(Violation(number, "long", length, rules.max_ms))
        if number < len(cues) and cues[number].start - cue.end < rules.gap_ms:
            result.append(Violation(number, "gap", cues[number].start - cue.end, rules.gap_ms))
    return result


Group = tuple[int, int, tuple[int, ...]]
"""First and past-the-last word of a cue, and the number of words in each of its lines."""


def _one_by_one(words: Sequence[Word], language: str) -> list[Group]:
    """Make a cue of each word, or phrase of a script without spaces.

    A token that takes no time, such as a dash, stays with the word before it.
    """
    inside = joints(words, language)
    firsts = [0] + [
        index
        for index in range(1, len(words))
        if inside[index - 1] is Joint.OPEN and words[index].end > words[index].start
    ]
    return [(first, last, (last - first,)) for first, last in itertools.pairwise([*firsts, len(words)])]


def _cheapest(words: Sequence[Word], rules: Rules, language: str, lead: int) -> list[Group]:
    """Return the grouping with the lowest total cost.

    Args:
        lead: characters that will stand before the first word.
    """
    text = _Text.of(words, break_costs(words, language), rules, lead)
    begins, ends, breaks = text.begins, text.ends, text.breaks
    best: list[tuple[float, int, tuple[int, ...]]] = [(0.0, 0, ())]
    for last in range(1, len(words) + 1):
        inside, speech_end, ending = 0.0, words[last - 1].end, _EACH_CUE + breaks[last - 1]
        max_words = rules.max_words or last
        # Lower bounds of the cost of each cue that ends here. They are examined from the lowest, and most never are.
        bounds: list[tuple[float, int]] = []
        for first in range(last - 1, max(last - max_words, 0) - 1, -1):
            if first < last - 1:
                pause = words[first + 1].start - words[first].end
                if pause > _PAUSE_MS:
                    inside += _PAUSE_INSIDE * (pause / _PAUSE_MS - 1)
                if breaks[first] == SENTENCE:
                    inside += _SENTENCE_INSIDE
                if ends[last] - begins[first] > text.room or speech_end - words[first].start > rules.max_ms:
                    break
            bounds.append((best[first][0] + ending + inside, first))
        bounds.sort()
        choice: tuple[float, int, tuple[int, ...]] = (float("inf"), 0, ())
        for cost, first in bounds:
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
    """The words, with values that the search needs repeatedly.

    Attributes:
        begins, ends: positions of words in characters, counted from the beginning of the first word:
            `begins[i]` is where word `i` begins, `ends[i]` where the word before it ends.
        breaks: cost of a break after each word.
        room: maximum number of characters in a cue.
    """

    words: Sequence[Word]
    begins: list[int]
    ends: list[int]
    breaks: list[float]
    rules: Rules
    room: int

    @classmethod
    def of(cls, words: Sequence[Word], breaks: list[float], rules: Rules, lead: int) -> _Text:
        begins = [0, *itertools.accumulate(_width(word.text) + len(word.space) for word in words)]
        ends = [0, *(begin - len(word.space) for begin, word in zip(begins[1:], words, strict=True))]
        begins[0] = -lead
        return cls(words, begins, ends, breaks, rules, (rules.max_chars + 1) * rules.max_lines - 1)

    def width(self, first: int, last: int) -> int:
        """Return the number of characters of words `first` to before `last` in one line."""
        return self.ends[last] - self.begins[first]

    def lines(self, first: int, last: int, limit: float) -> tuple[tuple[int, ...], float] | None:
        """Return the cheapest layout into lines and its cost; None if none fits and costs less than `limit`."""
        if self.width(first, last) <= self.rules.max_chars or last - first == 1:
            return ((last - first,), 0.0) if limit > 0 else None
        best = None
        for number in range(2, self.rules.max_lines + 1):
            if limit > _EACH_LINE * (number - 1) and (setting := self._set(first, last, number, limit)):
                best, limit = setting, setting[1]
        return best

    def _set(self, first: int, last: int, number: int, limit: float) -> tuple[tuple[int, ...], float] | None:
        """Return the cheapest layout into `number` lines: each within the limit, balanced as far as breaks allow."""
        max_chars, target = self.rules.max_chars, self.width(first, last) / number
        layouts: dict[int, tuple[float, tuple[int, ...]]] = {first: (_EACH_LINE * (number - 1), ())}
        for remaining in range(number - 1, -1, -1):
            extended: dict[int, tuple[float, tuple[int, ...]]] = {}
            # The remaining words must fit into the remaining lines.
            earliest = (
                bisect_left(self.begins, self.ends[last] - remaining * (max_chars + 1) + 1) if remaining else last
            )
            for begin, (cost, shape) in layouts.items():
                latest = min(bisect_right(self.ends, self.begins[begin] + max_chars) - 1, last - remaining)
                for end in range(max(earliest, begin + 1), latest + 1):
                    so_far = cost + _UNBALANCED * abs(self.ends[end] - self.begins[begin] - target)
                    so_far += self.breaks[end - 1] / 2 if remaining else 0
                    if so_far < limit and (end not in extended or so_far < extended[end][0]):
                        extended[end] = so_far, (*shape, end - begin)
            layouts = extended
        return (layouts[last][1], layouts[last][0]) if last in layouts else None


def _reading_cost(text: _Text, first: int, last: int) -> float:
    """Return the cost of breaking the reading speed and minimum duration, if the cue lasts until the next one."""
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
    """Time each group: from its first word, for as long as the rules want and the next group allows."""
    cues: list[Cue] = []
    for index, (words, lines) in enumerate(groups):
        start, speech_end = words[0].start, words[-1].end
        if cues and start < cues[-1].end:
            start = cues[-1].end
        length = sum(_width(word.text) + len(word.space) for word in words)
        target_end = max(speech_end, start + rules.min_ms)
        if rules.max_cps is not None:
            target_end = max(target_end, start + math.ceil(length * 1000 / rules.max_cps))
        target_end = max(speech_end, min(target_end, start + rules.max_ms))
        if index + 1 < len(groups):
            following = groups[index + 1][0][0].start
            if following - target_end < max(rules.close_ms, rules.gap_ms) and not rules.one_word:
                target_end = (
                    following - rules.gap_ms if following - rules.gap_ms - start <= rules.max_ms else target_end
                )
            target_end = min(target_end, following if rules.one_word else following - rules.gap_ms)
        # The cue must last until its last word begins, even at the cost of the gap; a dash, which takes no
        # time, does not count.
        last_start = next((word.start for word in reversed(words) if word.end > word.start), start)
        end = max(target_end, last_start + 1, start + 1)
        if duration_ms is not None and end > duration_ms:
            start, end = min(start, max(duration_ms - 1, 0)), max(duration_ms, 1)
        cues.append(Cue(tuple(words), lines, start, end))
    return cues


def _text_of(words: Sequence[Word]) -> str:
    return "".join(word.text + word.space for word in words).rstrip()


@lru_cache(maxsize=50_000)
def _width(text: str) -> int:
    """Count the characters as a reader does."""
    return len(text) if text.isascii() else len(_GRAPHEME.findall(text))
