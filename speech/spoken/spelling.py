"""Spelling out the words of a script as they are read aloud."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import regex

from speech.spoken.abbreviations import begins
from speech.spoken.context import READINGS
from speech.spoken.parts import parted
from speech.spoken.rules import RULES

__all__ = ["broken_up", "spell"]

# A mark of feet or inches is no quotation mark.
_LENGTH = regex.compile(r"\d{1,2}['′’]\d{1,2}(?:[\"″”]|'')?|\d{1,3}[′″]")
_SYMBOLS = regex.compile(r"[@&+=#%°$€£¥§./½¼¾⅓⅔⅛⅜⅝⅞⅕⅖⅗⅘⅙⅚℃％‰]")
# A word of letters that are no Roman numeral, with punctuation around it; most words are such. No word has more
# apostrophes, and without a bound the time for 20,000 of them grows with their square.
_LETTERS = regex.compile(
    r"[\p{Ps}\p{Pi}\"']*(?P<core>(?:(?![IVXLCDM])\p{Lu})?\p{Ll}+(?:['’]\p{Ll}+){0,5}\.?)[\p{Pe}\p{Pf}\"',;:!?…]*"
)
# The longest words of dictionaries have 45 letters, those of place names 85.
_LONGEST_WORD = 100
_TOO_LONG = regex.compile(rf"\S{{{_LONGEST_WORD}}}(?=\S)")


def spell(words: Sequence[str], language: str) -> list[str]:
    """Return the spoken form of each word of a script, in order, with the punctuation around it kept.

    The spoken form of a word that is not read aloud (a dash, an emoji) is empty.

    >>> spell("It cost $5.50 in 1984 — see www.example.com!".split(), "en")[2:5]
    ['five dollars, fifty cents', 'in', 'nineteen eighty-four']
    """
    result: list[str] = []
    while len(result) < len(words):
        index = len(result)
        if _stays(words, index, language):
            result.append(words[index])
            continue
        read = next((forms for reading in READINGS if (forms := reading(words, index, language))), None)
        result += map(broken_up, read or [_spell(words[index], language)])
    return result


def _stays(words: Sequence[str], index: int, language: str) -> bool:
    """Check whether a word is certainly spoken as it is written, which takes a fraction of the time of all readings."""
    if not _is_plain(words[index], language):
        return False
    # The name of a currency may stand before its amount.
    return not any(map(str.isnumeric, words[index + 1])) if index + 1 < len(words) else True


@lru_cache(maxsize=8192)
def _is_plain(word: str, language: str) -> bool:
    """Check whether a word consists of letters, and begins no abbreviation."""
    match = _LETTERS.fullmatch(word) if len(word) <= _LONGEST_WORD else None
    return match is not None and not begins(match["core"], language)


def broken_up(form: str) -> str:
    """Break up overlong words with spaces: espeak-ng crashes on those, and on as many dots in a row."""
    if not _TOO_LONG.search(form):
        return form
    return _TOO_LONG.sub(r"\g<0> ", form.replace(".", " "))


def _spell(word: str, language: str) -> str:
    if not any(map(str.isdigit, word)) and not _SYMBOLS.search(word):
        return word if any(map(str.isalpha, word)) else ""
    opening, core, closing = parted(word)
    if closing[:1] in tuple("'′’\"″”") and (match := _LENGTH.match(core + closing)) and match.end() > len(core):
        core, closing = (core + closing)[: match.end()], (core + closing)[match.end() :]
    spoken = next((form for rule in RULES if (form := rule(core, language)) is not None), None)
    if spoken is None:
        spoken = core if any(map(str.isalpha, core)) else ""
    return f"{opening}{spoken}{closing}" if spoken else ""
