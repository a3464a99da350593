"""Finding the text of passages in the pages that they were read from.

Letters and digits are compared, without case and accents, so that spaces, punctuation and normalisation do not matter.
What was edited since is found by its words, between what was found before and after it.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from difflib import SequenceMatcher
from functools import lru_cache

from speech.audio import Span

__all__ = ["find"]

# The letters that make a text unlikely to stand anywhere else by chance.
_CERTAIN = 24
# Longer stretches of a page are not searched for words one by one: it would take too long, and find the wrong ones.
_MOST_LETTERS = 20_000
_OPENING = ("Ps", "Pi")
_WORD = re.compile(r"\S+")


class _Letters:
    """The letters of a text, and where each stands in it."""

    def __init__(self, text: str) -> None:
        self.places: list[int] = []
        letters: list[str] = []
        for position, character in enumerate(text):
            for letter in _folded(character):
                letters.append(letter)
                self.places.append(position)
        self.all = "".join(letters)


@lru_cache(maxsize=10_000)
def _folded(character: str) -> str:
    plain = unicodedata.normalize("NFKD", character).casefold()
    return "".join(letter for letter in plain if letter.isalnum())


def find(page: str, passages: Sequence[Sequence[str]]) -> list[list[Span | None]]:
    """Return where each unit of each passage stands in a page, in characters; None for what is not in it.

    Spans are in order and do not overlap. They hold the punctuation around the words.

    Args:
        passages: in the order of the page; each is a list of units, such as its sentences.
    """
    letters = _Letters(page)
    units = [[_Letters(unit).all for unit in passage] for passage in passages]
    positions = _located(letters.all, ["".join(each) for each in units])
    matches: list[list[Span | None]] = []
    low = 0
    for number, texts in enumerate(units):
        position = positions[number]
        if position is not None:
            spans: list[Span | None] = []
            for unit in texts:
                spans.append((position, position + len(unit)) if unit else None)
                position += len(unit)
            low = position
        else:
            high = next((each for each in positions[number + 1 :] if each is not None), len(letters.all))
            spans = _match_words(letters, page, passages[number], low, high)
            low = max([low, *(span[1] for span in spans if span)])
        matches.append(spans)
    return _widened(page, letters, matches)


def _located(page: str, passages: Sequence[str]) -> list[int | None]:
    """Return where the letters of each passage begin: first of those that can be no others, then between them."""
    positions: list[int | None] = [None] * len(passages)
    twice = {text for text, number in Counter(passages).items() if number > 1}
    sure: list[tuple[int, int]] = []
    for number, text in enumerate(passages):
        if len(text) >= _CERTAIN and text not in twice:
            at = page.find(text)
            if at >= 0 and page.find(text, at + 1) < 0:
                sure.append((number, at))
    for number, at in _longest_rising(sure):
        positions[number] = at
    low = 0
    for number, text in enumerate(passages):
        position = positions[number]
        if position is None and text:
            high = next((each for each in positions[number + 1 :] if each is not None), len(page))
            at = page.find(text, low, high)
            position = positions[number] = at if at >= 0 else None
        if position is not None:
            low = position + len(text)
    return positions


def _longest_rising(pairs: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the longest list of pairs whose second values rise, in their order."""
    ends: list[int] = []
    lasts: list[int] = []
    before: list[int] = []
    for index, (_, at) in enumerate(pairs):
        slot = bisect_left(ends, at)
        before.append(lasts[slot - 1] if slot else -1)
        ends[slot : slot + 1] = [at]
        lasts[slot : slot + 1] = [index]
    chosen = []
    index = lasts[-1] if lasts else -1
    while index >= 0:
        chosen.append(pairs[index])
        index = before[index]
    return chosen[::-1]


def _match_words(letters: _Letters, page: str, units: Sequence[str], low: int, high: int) -> list[Span | None]:
    """Return where units stand between two letters of the page by the words that are there, as spans of letters."""
    if high <= low or high - low > _MOST_LETTERS:
        return [None] * len(units)
    first = letters.places[low]
    part = page[first : letters.places[high - 1] + 1]
    there = [(first + word.start(), first + word.end(), _Letters(word[0]).all) for word in _WORD.finditer(part)]
    script_words = [(number, _Letters(word).all) for number, unit in enumerate(units) for word in unit.split()]
    matcher = SequenceMatcher(None, [word for *_, word in there], [word for _, word in script_words], autojunk=False)
    spans: list[Span | None] = [None] * len(units)
    for begin, other, length in matcher.get_matching_blocks():
        for (start, end, word), (number, _) in zip(
            there[begin : begin + length], script_words[other : other + length], strict=True
        ):
            if word:
                match = bisect_left(letters.places, start), bisect_left(letters.places, end)
                span = spans[number]
                spans[number] = (span[0] if span else match[0], match[1])
    return spans


def _widened(page: str, letters: _Letters, matches: Sequence[Sequence[Span | None]]) -> list[list[Span | None]]:
    """Return spans of letters as spans of characters, with the punctuation around them."""
    flat = [span for spans in matches for span in spans if span]
    bounds = [(letters.places[begin], letters.places[end - 1] + 1) for begin, end in flat]
    widened: list[Span] = []
    for index, (begin, end) in enumerate(bounds):
        floor = widened[-1][1] if widened else 0
        ceiling = bounds[index + 1][0] if index + 1 < len(bounds) else len(page)
        while begin > floor and not page[begin - 1].isspace():
            begin -= 1
        while end < ceiling and not page[end].isspace() and unicodedata.category(page[end]) not in _OPENING:
            end += 1
        widened.append((begin, max(end, begin)))
    rest = iter(widened)
    return [[next(rest) if span else None for span in spans] for spans in matches]
