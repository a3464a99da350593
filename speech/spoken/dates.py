"""Dates."""

from __future__ import annotations

import datetime
from decimal import Decimal

import regex

from speech.spoken.numbers import by_num2words, digits, number

__all__ = ["date", "day_and_month", "german_ordinal", "month_name"]

_YEAR_FIRST = regex.compile(r"(?P<y>[12]\d{3})(?P<m>[-/.])(?P<mo>\d{1,2})(?P=m)(?P<d>\d{1,2})")
_YEAR_LAST = regex.compile(r"(?P<a>\d{1,2})(?P<m>[-/.])(?P<b>\d{1,2})(?P=m)(?P<y>[12]\d{3})")
_DAY_AND_MONTH = regex.compile(r"(?P<a>\d{1,2})\.(?P<b>\d{1,2})\.(?P<y>\d\d)?")

# Languages that write the month first between slashes.
_MONTH_FIRST = {"en"}
# What stands between day, month and year where they are read as words.
_OF = {"es": " de ", "pt": " de ", "ca": " de "}
# Languages whose dates these rules can spell.
_KNOWN = {"en", "de", "fr", "es", "it", "pt", "ca", "nl", "ru", "sv", "da", "no", "id", "ro", "tr", "zh", "ja", "ko"}
_ORDINAL_DAYS = {"sv", "da", "no"}
# The first of the month is an ordinal.
_FIRST = {"fr": "premier", "it": "primo", "pt": "primeiro", "ca": "primer"}


def date(core: str, language: str, before: str = "") -> str | None:
    """Spell a date of digits; None if the word is none.

    Args:
        before: the word before it, on which the ending of a German ordinal depends.
    """
    match = _YEAR_FIRST.fullmatch(core)
    if match:
        return _spell(int(match["y"]), int(match["mo"]), int(match["d"]), language, before)
    match = _YEAR_LAST.fullmatch(core)
    if not match:
        return None
    day, month = int(match["a"]), int(match["b"])
    if (language in _MONTH_FIRST and match["m"] != "." and day <= 12) or month > 12:
        day, month = month, day
    return _spell(int(match["y"]), month, day, language, before)


def day_and_month(word: str, before: str) -> str | None:
    """Spell a German day and month, with or without a short year: `am 3.5.`, `am 3.5.24`; None if it is none."""
    match = _DAY_AND_MONTH.fullmatch(word)
    if not match or not 1 <= int(match["a"]) <= 31 or (name := month_name(int(match["b"]), "de")) is None:
        return None
    year = f" {number(int(match['y']), 'de')}" if match["y"] else ""
    return f"{german_ordinal(int(match['a']), before)} {name}{year}"


def month_name(month: int, language: str) -> str | None:
    """Return the name of a month as it stands in a date; None if there is no such month or language."""
    from babel import Locale, UnknownLocaleError

    try:
        names = Locale.parse(language).months["format"]["wide"]
    except (UnknownLocaleError, ValueError):
        return None
    return str(names[month]) if month in names else None


def german_ordinal(amount: int, before: str, earlier: str = "") -> str:
    """Return a German ordinal in the case that the words before it ask for."""
    stem = number(amount, "de", "ordinal")
    article = before.lower()
    if article in ("der", "die", "das") and earlier.lower() not in _DATIVE:
        return stem
    if article in ("als", "ein", "kein", "mein", "sein", "ihr", "unser"):
        return stem + "r"
    return stem + "n" if before and before[-1].isalpha() else stem + "r"


_DATIVE = {"in", "an", "auf", "mit", "von", "zu", "bei", "nach", "seit", "aus", "während", "wegen", "unter", "vor"}


def _spell(year: int, month: int, day: int, language: str, before: str) -> str | None:
    try:
        datetime.date(year, month, day)
    except ValueError:
        return None
    name = month_name(month, language) if language in _KNOWN else None
    if name is None:
        return None
    if language in ("zh", "ja", "ko"):
        year_name = digits(str(year), "zh") if language == "zh" else number(year, language)
        counts = (year_name, number(month, language), number(day, language))
        names = "년월일" if language == "ko" else "年月日"
        return (" " if language == "ko" else "").join(map("".join, zip(counts, names, strict=True)))
    year_name = number(Decimal(year), language, "year")
    if language == "de":
        return f"{german_ordinal(day, before)} {name} {year_name}"
    if language == "en":
        return f"{name} {number(day, 'en', 'ordinal')}, {year_name}"
    if language == "ru":
        ordinals = by_num2words(day, "ru", to="ordinal", gender="n"), by_num2words(year, "ru", to="ordinal", case="g")
        return f"{ordinals[0]} {name} {ordinals[1]} года" if all(ordinals) else None
    day_name = number(day, language, "ordinal" if language in _ORDINAL_DAYS else "cardinal")
    if day == 1:
        day_name = _FIRST.get(language, day_name)
    return _OF.get(language, " ").join((day_name, name, year_name))
