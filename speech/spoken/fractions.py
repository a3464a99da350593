"""Fractions, with or without a whole number before them: `½`, `3½`, `3 1/4`."""

from __future__ import annotations

import unicodedata
from fractions import Fraction

import regex

from speech.spoken.numbers import number
from speech.spoken.symbols import FRACTIONS, HALVES, ONE_AND_A_HALF, ONES, PARTS

__all__ = ["FRACTION", "fraction_of"]

FRACTION = regex.compile(r"(?P<sign>[½¼¾⅓⅔⅛⅜⅝⅞⅕⅖⅗⅘⅙⅚])|(?P<a>[1-9])/(?P<b>[2-9])")
_FRACTION = regex.compile(rf"(?:(?P<w>\d{{1,3}})(?=[^\d/])[ -]?)?(?:{FRACTION.pattern})")


def fraction_of(core: str, language: str, *, measures: bool = False) -> str | None:
    """Spell a fraction, with or without a whole number before it; None if the word is none.

    Args:
        measures: whether a unit follows, so that `7/8` is no date.

    >>> fraction_of("2½", "en"), fraction_of("3 1/4", "en"), fraction_of("5/6", "en")
    ('two and a half', 'three and one quarter', None)
    """
    match = _FRACTION.fullmatch(core)
    names = FRACTIONS.get(language)
    if not match or names is None:
        return None
    if match["a"]:
        parts = int(match["a"]), int(match["b"])
    else:
        part = Fraction(unicodedata.numeric(match["sign"])).limit_denominator(8)
        parts = part.numerator, part.denominator
    name = names.get(parts) or (_eighths(*parts, language) if measures or match["sign"] or match["w"] else None)
    if not match["w"] or name is None:
        return name
    joint, half = HALVES[language]
    whole = number(int(match["w"]), language)
    if parts == (1, 2) and int(match["w"]) == 1 and language in ONE_AND_A_HALF:
        return ONE_AND_A_HALF[language]
    if parts == (1, 2):
        # Dutch: tweeënhalf, but zesenhalf.
        return whole + ("enhalf" if language == "nl" and not whole.endswith("e") else half)
    return f"{whole}{joint}{name}"


def _eighths(numerator: int, denominator: int, language: str) -> str | None:
    """Spell a fraction that has no name of its own: `⅛`, `⅗`."""
    one, several = PARTS.get(language, {}).get(denominator, ("", ""))
    if not one or numerator >= denominator:
        return None
    return f"{ONES[language]} {one}" if numerator == 1 else f"{number(numerator, language)} {several}"
