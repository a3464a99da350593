"""Finding the words of a lexicon in a script: whole words and phrases, the longest first, without overlaps."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import regex

from speech.lexicons import Row
from speech.phrases import SPACELESS
from speech.script.directions import MAIN
from speech.script.passage import Passage, Script, Substitution
from speech.text import Chunk, tokens

__all__ = ["Lexicon", "Match", "fold"]

# Where no spaces part words each letter is a unit, but for Katakana: a foreign name in them is one word.
_LETTER = rf"[\w--[{SPACELESS}]]"
# Addresses, decimals, times and abbreviations are single units.
_UNIT = regex.compile(
    rf"(?P<word>(?:https?://|www\.)\S+|{_LETTER}+(?:(?<=\d)[,:/'’](?=\d){_LETTER}+|[.@]{_LETTER}+)*)"
    r"|[\p{Katakana}\u30fc]+|\X",
    regex.V1,
)
_ALIKE = str.maketrans({"’": "'", "ʼ": "'", "‐": "-", "‑": "-"})
# What follows an apostrophe in English contractions is no word.
_TAILS = frozenset({"s", "t", "d", "m", "ll", "re", "ve"})

_Scope = tuple[str | None, str | None, str | None]
"""The spelling, the voice and the language that a row is for; None for any."""


@dataclass(frozen=True, slots=True)
class Match:
    """Characters of a text, from `start` up to `end`, that a row is for."""

    start: int
    end: int
    row: Row


@dataclass(frozen=True, slots=True)
class _Unit:
    """A word or symbol, in the form in which it is compared with rows.

    Attributes:
        key: without regard to letter case.
        is_word: whether it is written with spaces around it.
    """

    start: int
    end: int
    key: str
    is_word: bool


@dataclass(slots=True)
class _Node:
    """A node of the trie of phrases: what may follow, and the rows that end here."""

    following: dict[str, _Node] = field(default_factory=dict)
    rows: dict[_Scope, Row] = field(default_factory=dict)


class Lexicon:
    """How words are spoken.

    Args:
        rows: of several for the same word the one for its spelling counts, then that for the voice, then that for the
            language; of equals the first.
        voices: the voices by the names that the script gives them; None is the voice of the request.

    Attributes:
        shadowed: the rows that never apply, because an earlier row has the same word and scope.
    """

    def __init__(self, rows: Iterable[Row], voices: Mapping[str | None, str | None] = MappingProxyType({})) -> None:
        self._voices = voices
        self._root = _Node()
        self.shadowed: list[Row] = []
        for row in rows:
            node = self._root
            for unit in _units(row.word):
                node = node.following.setdefault(unit.key, _Node())
            exact = row.word.translate(_ALIKE) if row.case == "yes" else None
            if node.rows.setdefault((exact, row.voice and _stem(row.voice), row.language), row) is not row:
                self.shadowed.append(row)

    def pronounce(self, script: Script, language: str) -> Script:
        """Return the script with the substitutions of the lexicon added.

        Args:
            language: of the passages that name none.
        """
        return replace(script, passages=tuple(self._pronounced(passage, language) for passage in script.passages))

    def _pronounced(self, passage: Passage, language: str) -> Passage:
        passage_language = passage.language or language
        substitutions = [
            Substitution(match.start, match.end, _replacement(match.row, passage_language))
            for match in self.matches(passage.text, passage_language, passage.voice)
        ]
        # Substitutions in the document itself take precedence.
        merged = sorted([*passage.says, *_beside(substitutions, passage.says)], key=lambda each: each.start)
        return replace(passage, says=tuple(merged)) if substitutions else passage

    def matches(self, text: str, language: str, voice: str | None = None) -> list[Match]:
        """Return the matches of rows in a normalised text, in order, without overlaps.

        Args:
            voice: name of the voice as the script gives it.
        """
        if not self._root.following:
            return []
        units, results, at = _units(text), list[Match](), 0
        names = {_stem(name) for name in (voice or MAIN, self._voices.get(voice)) if name}
        while at < len(units):
            longest: Match | None = None
            after = at + 1
            for last, rows in self._walk(units, at):
                start, end = units[at].start, units[last].end
                if row := _choose(rows, text[start:end].translate(_ALIKE), names, language):
                    longest, after = Match(start, end, row), last + 1
            if longest:
                results.append(longest)
            at = after
        return results

    def _walk(self, units: Sequence[_Unit], at: int) -> Iterator[tuple[int, Mapping[_Scope, Row]]]:
        """Yield the last unit and the rows of each phrase that begins at a unit, the shortest first."""
        if not _may_begin(units, at):
            return
        node = self._root
        for last in range(at, len(units)):
            following = node.following.get(units[last].key)
            if following is None:
                return
            node = following
            if node.rows and _may_end(units, last):
                yield last, node.rows


def fold(text: str) -> str:
    """Return a text as rows are compared with it: without regard to letter case and kinds of apostrophes."""
    return text.casefold().translate(_ALIKE)


def _choose(rows: Mapping[_Scope, Row], spelling: str, voices: Iterable[str], language: str) -> Row | None:
    scopes = itertools.product((spelling, None), (*voices, None), (language, None))
    return next((rows[scope] for scope in scopes if scope in rows), None)


def _units(text: str) -> list[_Unit]:
    return [
        _Unit(match.start(), match.end(), fold(match[0]), match["word"] is not None) for match in _UNIT.finditer(text)
    ]


def _may_begin(units: Sequence[_Unit], at: int) -> bool:
    """Check whether a phrase may begin at a unit: not at the `s` of `Aoife's`, nor at a mark that ends a word."""
    if at and units[at - 1].is_word and not units[at].key[0].isalnum():
        return False
    apostrophe = at > 1 and units[at - 1].key == "'" and units[at - 2].is_word
    return not (apostrophe and units[at].key in _TAILS)


def _may_end(units: Sequence[_Unit], last: int) -> bool:
    """Check whether a phrase may end at a unit: not at the `don` of `don't`, nor at a mark that begins a word."""
    following = [unit.key for unit in units[last + 1 : last + 3]]
    if following and units[last + 1].is_word and not units[last].key[-1].isalnum():
        return False
    return following != ["'", "t"]


def _replacement(row: Row, language: str) -> str:
    """Return the replacement text of a row, with its digits spelled out."""
    if not any(map(str.isdigit, row.say)):
        return row.say
    return Chunk(tuple(tokens(row.say, language))).spoken or row.say


def _beside(candidates: Iterable[Substitution], existing: Sequence[Substitution]) -> Iterator[Substitution]:
    """Yield the substitutions that overlap none of others; both are in order."""
    at = 0
    for each in candidates:
        while at < len(existing) and existing[at].end <= each.start:
            at += 1
        if at == len(existing) or existing[at].start >= each.end:
            yield each


def _stem(voice: str) -> str:
    return voice.casefold().removesuffix(".wav")
