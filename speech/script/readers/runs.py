"""Paragraphs in the making: runs of text of one style, from which passages are made."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import regex

from speech.script.marks import unmark, unmarked
from speech.script.passage import Passage
from speech.text import has_words, normalise

__all__ = ["HARD", "MAX_VERSE", "SOFT", "Run", "Style", "breadth", "passages", "tidy"]

MAX_VERSE = 60
"""Lines that an author broke are verse if all are shorter."""

# How a run holds a line break that the author wants, and one that only wraps a line.
HARD, SOFT = "\u2028", "\n"
# A foreign word or two are spoken with the sentence that they stand in.
_FEWEST_WORDS = 3
_DIRECTION = regex.compile(r"\[[^\[\]\n]{1,60}\]")
_WORD = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}]|[^\s\p{Han}\p{Hiragana}\p{Katakana}]+")
_STOP = regex.compile(r"[\p{Pe}\p{Pf}\p{Po}]+(?=\s|$)")
_SOFT_HYPHEN = "\u00ad"


@dataclass(frozen=True, slots=True)
class Style:
    """How a run is spoken; see `Passage`."""

    voice: str | None = None
    language: str | None = None
    speed: float = 1.0
    speaker: str | None = None


@dataclass(slots=True)
class Run:
    """A piece of text of one style.

    Attributes:
        text: with `HARD` and `SOFT` line breaks, and marks around what is spoken otherwise than it is written.
        says: the words to speak in the place of what is marked.
    """

    style: Style
    text: str
    says: list[str] = field(default_factory=list)

    @property
    def words(self) -> int:
        """Number of words, without those of directions."""
        words = _WORD.findall(_DIRECTION.sub(" ", unmarked(self.text)))
        return sum(map(has_words, words))


def passages(runs: Sequence[Run], model: Passage) -> list[Passage]:
    """Return the passages of one line of a paragraph: one for each voice, language and pace in it.

    Args:
        model: gives the kind, the level, the language around it, and whether the first one continues a paragraph.
    """
    result: list[Passage] = []
    for run in _merge_short(runs, model.language):
        text = tidy(run.text)
        if not text:
            continue
        words, says, _ = unmark(text, run.says)
        voiced = replace(
            model, text=words, says=says, continues=model.continues or bool(result), speaker=run.style.speaker
        )
        result.append(
            replace(voiced, voice=run.style.voice, language=run.style.language, speed=round(run.style.speed, 3))
        )
    return result


def tidy(text: str) -> str:
    """Return a text with its lines normalised, and without soft hyphens and empty lines."""
    lines = (normalise(line) for line in text.replace(_SOFT_HYPHEN, "").replace(HARD, SOFT).split(SOFT))
    return SOFT.join(line for line in lines if line)


def breadth(text: str) -> int:
    """Return the number of characters of a line, without its directions."""
    return len(tidy(_DIRECTION.sub("", unmarked(text))))


def _merge_short(runs: Sequence[Run], language: str | None) -> list[Run]:
    """Merge runs until each is worth a passage of its own, in a paragraph of that language."""
    merged = _merged(runs)
    if len(merged) == 1:
        return merged
    for before, run, after in zip(merged, merged[1:], merged[2:], strict=False):
        if not run.words and before.style == after.style:
            # What stands between two parts of a quotation does not divide it.
            run.style = before.style
    merged = _merged(merged)
    if len({run.style.language for run in merged if run.words}) > 1:
        for run in merged:
            if run.words < _FEWEST_WORDS:
                run.style = replace(run.style, language=language)
        merged = _merged(merged)
    result: list[Run] = []
    opening: Run | None = None
    for run in merged:
        if opening is not None:
            run, opening = Run(run.style, opening.text + run.text, opening.says + run.says), None
        if run.words:
            result.append(run)
        elif result and not _DIRECTION.search(run.text):
            result[-1] = _joined(result[-1], run)
        else:
            # A direction, or a quotation mark, belongs to what follows.
            opening = run
    if opening is not None:
        if result:
            result[-1] = _joined(result[-1], opening)
        else:
            result.append(opening)
    result = _merged(result)
    for before, after in itertools.pairwise(result):
        if match := _STOP.match(after.text):
            # The stop after a quotation ends it.
            before.text, after.text = before.text + match[0], after.text[match.end() :]
    return result


def _merged(runs: Iterable[Run]) -> list[Run]:
    merged: list[Run] = []
    for run in runs:
        if merged and merged[-1].style == run.style:
            merged[-1] = _joined(merged[-1], run)
        else:
            merged.append(Run(run.style, run.text, [*run.says]))
    return merged


def _joined(first: Run, second: Run) -> Run:
    return Run(first.style, first.text + second.text, first.says + second.says)
