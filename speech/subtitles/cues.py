"""Cues: the words of a script grouped into what is on screen at one time.

The grouping is the cheapest of all that the rules allow, found by dynamic programming over the
places where one cue can end and the next begin. A cue holds at most a few lines, so the time grows
with the number of words.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import regex

from speech.subtitles.rules import Rules
from speech.words import Word

__all__ = ["Cue", "Violation", "build", "violations"]

# What a place to break costs, from the best to one that tears a name or a number apart.
_SENTENCE, _CLAUSE, _BEFORE_JOINT, _ANYWHERE, _AFTER_JOINT, _NEVER = 0.0, 1.0, 3.0, 6.0, 12.0, 60.0
# And what else is weighed against it, in the same coin.
_EACH_CUE = 4.0
_SENTENCE_INSIDE = 5.0
_PAUSE_INSIDE = 12.0
_TOO_FAST = 4.0
_TOO_SHORT = 6.0
_SECOND_LINE = 1.0
_UNBALANCED = 0.15

_PAUSE_MS = 700

# Words that open a phrase: a line should begin with them and not end on them. By language, the
# commonest conjunctions and prepositions, then articles and the like, which only must not end a line.
_JOINTS = {
    "en": "and or but nor so yet because although while if when where that which who than as of in on at to for from "
    "with by into over under about after before between through during without against",
    "de": "und oder aber denn sondern weil dass daß wenn als ob der die das in im an am auf aus bei mit nach seit von "
    "vom zu zum zur für durch gegen ohne um über unter vor hinter zwischen",
    "fr": "et ou mais donc or ni car que qui quand lorsque si comme de du des à au aux en dans par pour sur sous avec "
    "sans entre vers chez contre après avant",
    "es": "y e o u pero sino porque que quien cuando donde si como de del a al en por para con sin sobre entre hacia "
    "hasta desde contra según",
    "it": "e o ma però perché che chi quando dove se come di del della dei a al alla in nel nella da dal dalla con su "
    "per tra fra senza sotto sopra",
}
_DETERMINERS = {
    "en": "a an the my your his her its our their this these those no very",
    "de": "ein eine einen einem einer eines der die das den dem des mein sein ihr kein",
    "fr": "le la les un une mon ma mes ton ta tes son sa ses ce cette ces l'",
    "es": "el la los las un una unos unas mi tu su mis tus sus este esta ese esa",
    "it": "il lo la i gli le un uno una mio mia tuo tua suo sua questo questa",
}
_ENDS_SENTENCE = regex.compile(r"[.!?…。！？؟।][\p{Pe}\p{Pf}\"'»”]*$")
_ENDS_CLAUSE = regex.compile(r"[,;:—–、，；：،؛)\]]\p{P}*$")
_TITLE = regex.compile(
    r"(?:Mr|Mrs|Ms|Dr|Prof|St|Hr|Fr|Sr|Sra|Srta|Sig|Sig\.ra|Dott|M|Mme|Mlle|Jr|No|Nr|Mt)\.?", regex.IGNORECASE
)
_NAME = regex.compile(r"\p{Lu}[\p{L}'’-]*\.?")
_NUMBER = regex.compile(r"[\p{P}\p{Sc}]*\d[\d.,:/]*[\p{Sc}%°]?")


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
        words: timed and settled (see `speech.words.settle`).
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
    breaks = [_break_cost(words, index, language) for index in range(1, len(words))] + [_SENTENCE]
    widths = [_width(word.text) + len(word.space) for word in words]
    ahead = [0, *itertools.accumulate(widths)]
    best: list[tuple[float, int, tuple[int, ...]]] = [(0.0, 0, ())]
    room = rules.max_chars * rules.max_lines
    for last in range(1, len(words) + 1):
        choice: tuple[float, int, tuple[int, ...]] | None = None
        inside = 0.0
        for first in range(last - 1, -1, -1):
            if first < last - 1:
                pause = words[first + 1].start - words[first].end
                inside += _PAUSE_INSIDE * max(0.0, pause / _PAUSE_MS - 1) + (
                    _SENTENCE_INSIDE if breaks[first] == _SENTENCE else 0
                )
            single = last - first == 1
            if not single and (
                ahead[last] - ahead[first] - len(words[last - 1].space) > room + rules.max_lines - 1
                or words[last - 1].end - words[first].start > rules.max_ms
            ):
                break
            lines = _lines(words, first, last, ahead, breaks, rules)
            if lines is None:
                continue
            shape, shape_cost = lines
            cost = best[first][0] + _EACH_CUE + breaks[last - 1] + inside + shape_cost
            cost += _reading_cost(words, first, last, ahead, rules)
            if choice is None or cost < choice[0]:
                choice = (cost, first, shape)
        assert choice is not None
        best.append(choice)
    groups: list[Group] = []
    last = len(words)
    while last:
        _, first, shape = best[last]
        groups.append((first, last, shape))
        last = first
    return groups[::-1]


def _reading_cost(words: Sequence[Word], first: int, last: int, ahead: Sequence[int], rules: Rules) -> float:
    """How far the cue would be from the reading speed and the shortest stay, with the room after it used."""
    start = words[first].start
    follow = words[last].start - rules.gap_ms if last < len(words) else words[last - 1].end + rules.min_ms
    length = max(follow - start, 1)
    cost = _TOO_SHORT * max(0.0, 1 - length / rules.min_ms) if rules.min_ms else 0.0
    if rules.max_cps is not None:
        speed = (ahead[last] - ahead[first] - len(words[last - 1].space)) * 1000 / length
        cost += _TOO_FAST * max(0.0, speed / rules.max_cps - 1) * 10
    return cost


def _lines(
    words: Sequence[Word], first: int, last: int, ahead: Sequence[int], breaks: Sequence[float], rules: Rules
) -> tuple[tuple[int, ...], float] | None:
    """The best way to set words into lines and what it costs; None where they do not fit."""

    def width(begin: int, end: int) -> int:
        return ahead[end] - ahead[begin] - len(words[end - 1].space)

    whole = width(first, last)
    if whole <= rules.max_chars or last - first == 1:
        return (last - first,), 0.0
    best: tuple[tuple[int, ...], float] | None = None
    if rules.max_lines == 2:
        for middle in range(first + 1, last):
            upper, lower = width(first, middle), width(middle, last)
            if (upper > rules.max_chars and middle - first > 1) or (lower > rules.max_chars and last - middle > 1):
                continue
            cost = _SECOND_LINE + breaks[middle - 1] / 2 + _UNBALANCED * abs(upper - lower)
            if best is None or cost < best[1]:
                best = (middle - first, last - middle), cost
    return best


def _break_cost(words: Sequence[Word], index: int, language: str) -> float:
    """What it costs to part word `index` from the one before it."""
    before, after = words[index - 1].text, words[index].text
    joints, determiners = _tables(language)
    bare_before, bare_after = before.strip("\"'“”‘’«»()[].,;:!?").lower(), after.strip("\"'“”‘’«»()[]").lower()
    titled = _TITLE.fullmatch(before.lstrip("\"'“‘(")) and before.endswith(".")
    if titled and after[:1].isupper():
        return _NEVER
    if _ENDS_SENTENCE.search(before):
        return _SENTENCE
    if _ENDS_CLAUSE.search(before):
        return _CLAUSE
    if not words[index - 1].space:
        return _ANYWHERE
    if _NUMBER.fullmatch(before) or (_NUMBER.fullmatch(after) and _NAME.fullmatch(before)):
        return _NEVER
    if not any(character.isalnum() for character in after):
        return _NEVER
    if (
        _NAME.fullmatch(before)
        and _NAME.match(after)
        and index > 1
        and not _ENDS_SENTENCE.search(words[index - 2].text)
    ):
        return _NEVER
    if bare_before in determiners or bare_before in joints:
        return _AFTER_JOINT
    return _BEFORE_JOINT if bare_after in joints else _ANYWHERE


@cache
def _tables(language: str) -> tuple[frozenset[str], frozenset[str]]:
    return frozenset(_JOINTS.get(language, "").split()), frozenset(_DETERMINERS.get(language, "").split())


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
            wanted = max(wanted, start + -(-length * 1000 // int(rules.max_cps)))
        wanted = max(heard, min(wanted, start + rules.max_ms))
        if index + 1 < len(groups):
            following = groups[index + 1][0][0].start
            if following - wanted < max(rules.close_ms, rules.gap_ms) and not rules.one_word:
                wanted = following - rules.gap_ms if following - rules.gap_ms - start <= rules.max_ms else wanted
            wanted = min(wanted, following if rules.one_word else following - rules.gap_ms)
        # A reader must see the last word begin, whatever the gap.
        end = max(wanted, words[-1].start + 1, start + 1)
        if duration_ms is not None and end > duration_ms:
            start, end = min(start, max(duration_ms - 1, 0)), max(duration_ms, 1)
        cues.append(Cue(tuple(words), lines, start, end))
    return cues


def _joined(words: Sequence[Word]) -> str:
    return "".join(word.text + word.space for word in words).rstrip()


@cache
def _width(text: str) -> int:
    """Characters as a reader counts them."""
    return len(text) if text.isascii() else len(regex.findall(r"\X", text))
