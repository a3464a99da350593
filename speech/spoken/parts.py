"""A word, apart from the punctuation around it; and the words that a reading knows."""

from __future__ import annotations

import itertools
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import regex

__all__ = ["parted", "share", "words_of"]

# Signs before and after a word that are not spoken. The second is matched in reverse, so that each takes one pass.
_OPEN = regex.compile(r"[^\w$€£¥￥₹₽₩₺₴₪₫฿+#@&=°%½¼¾⅓⅔⅛⅜⅝⅞⅕⅖⅗⅘⅙⅚§−-]*")
_CLOSE = regex.compile(r"(?r)[^\w%％°℃$€£¥￥₹₽₩₺₴₪₫฿¢²³‰+=&½¼¾⅓⅔⅛⅜⅝⅞⅕⅖⅗⅘⅙⅚]*")


def parted(
    word: str, opening: regex.Pattern[str] = _OPEN, closing: regex.Pattern[str] = _CLOSE
) -> tuple[str, str, str]:
    """Split a word into its leading punctuation, the word itself, and its trailing punctuation.

    Args:
        opening, closing: match the punctuation; the second is matched in reverse.
    """
    first = opening.match(word).end()  # type: ignore[union-attr]
    last = closing.match(word, first).start()  # type: ignore[union-attr]
    return word[:first], word[first:last], word[last:]


def share(text: str, count: int) -> list[str]:
    """Divide a text among a number of tokens, by words and about equally."""
    words = text.split(" ")
    if len(words) < count:
        return [text] + [""] * (count - 1)
    borders = [len(words) * part // count for part in range(count + 1)]
    return [" ".join(words[first:last]) for first, last in itertools.pairwise(borders)]


def words_of(reading: str, name: str, part: str | None = None) -> frozenset[str]:
    """Return words of a table of a reading, `<reading>.toml`; none if it lacks them.

    >>> "pope" in words_of("romans", "titles"), "siècle" in words_of("romans", "fr", "centuries")
    (True, True)
    """
    table = _table(reading)
    return _split((table[part] if part else table).get(name, ""))


@cache
def _table(reading: str) -> Mapping[str, Any]:
    return tomllib.loads((files("speech.spoken") / f"{reading}.toml").read_text(encoding="utf-8"))


@cache
def _split(words: str) -> frozenset[str]:
    return frozenset(words.split())
