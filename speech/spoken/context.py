"""Readings of several words together: grouped numbers, amounts with units, dates, times and abbreviations.

Each reading takes the words, the index of the first and the language, and returns one text for each of the words that
it reads, or None if it does not concern them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

import regex

from speech.sentences.tables import ORDINAL_DOT
from speech.spoken.abbreviations import expand
from speech.spoken.amounts import quantity, sign_first
from speech.spoken.codes import code
from speech.spoken.dates import date, day_and_month, german_ordinal, month_name
from speech.spoken.numbers import digits, number
from speech.spoken.parts import parted
from speech.spoken.romans import roman
from speech.spoken.rules import RULES
from speech.spoken.symbols import BY, COMPARISONS, FEET, RANGES, SECTIONS
from speech.spoken.times import time

__all__ = ["READINGS"]

Reading = Callable[[Sequence[str], int, str], list[str] | None]

_DAY = regex.compile(r"\d{1,2}\.")
_DATED = {"am", "vom", "zum", "bis", "ab", "seit", "dem", "den", "der", "beim"}
_SECTION = regex.compile(r"(?P<before>\(?)(?P<sign>§§?)(?P<n>\d.{0,16})?")
_BARE_DECIMAL = regex.compile(r"(?P<before>[(\"'“]?)\.(?P<n>\d{1,6}\p{L}{0,4}\W{0,4})")
_FEET = regex.compile(r"(?P<n>\d{1,2})['′’]")
_PRIMES = "'′’"
_FEET_RANGE = regex.compile(r"(?P<a>\d{1,2})['′’\"″”]?[-–](?P<b>\d{1,2})(?P<mark>['′’\"″”])(?P<after>\W{0,4})")
_INCHES = regex.compile(r"(?P<n>\d{1,2})(?:[\"″”]|''|in\b\.?)(?P<after>\W{0,4})")
# The most words that are read together with one.
_AHEAD = 8
# What is counted with another two in Chinese than numbers and dates have.
_COUNTED = regex.compile("[个個位人本天次岁歲家只隻张張条條种種斤米块塊元杯周週倍名]")


def _abbreviation(words: Sequence[str], index: int, language: str) -> list[str] | None:
    return expand(words, index, language)


def _german_date(words: Sequence[str], index: int, language: str) -> list[str] | None:
    """Read German ordinals and dates: `am 3. Mai`, `am 3. 5. 2024`, `am 3.5.`, `der 3.5.2024`."""
    if language != "de" or not words[index][:1].isdigit():
        return None
    word, before = words[index], words[index - 1] if index else ""
    opening, core, closing = parted(word)
    if form := date(core, "de", before):
        return [f"{opening}{form}{closing}"]
    dated = before.lower() in _DATED
    if dated and (form := day_and_month(core + closing[:1], before) or day_and_month(core, before)):
        return [f"{opening}{form}{closing.removeprefix('.')}"]
    after = words[index + 1] if index + 1 < len(words) else ""
    if not _DAY.fullmatch(word) or not after:
        return None
    ordinal = german_ordinal(int(word[:-1]), before, words[index - 2] if index > 1 else "")
    if dated and _DAY.fullmatch(after) and (name := month_name(int(after[:-1]), "de")):
        return [ordinal, name]
    return [ordinal] if after[0].isalpha() else None


def _ordinal(words: Sequence[str], index: int, language: str) -> list[str] | None:
    """Read a number with a dot before a word as an ordinal, in languages that write ordinals so."""
    if language == "de" or language not in ORDINAL_DOT or not _DAY.fullmatch(words[index]):
        return None
    after = words[index + 1] if index + 1 < len(words) else ""
    return [number(int(words[index][:-1]), language, "ordinal")] if after[:1].isalpha() else None


def _english_day(words: Sequence[str], index: int, language: str) -> list[str] | None:
    """Read the day after a month as an ordinal: `May 5`."""
    if language != "en" or not index or words[index - 1] not in _english_months() | _SHORT_MONTHS:
        return None
    opening, core, closing = parted(words[index])
    if opening or not core.isdecimal() or not 1 <= int(core[:3]) <= 31:
        return None
    return [number(int(core), "en", "ordinal") + closing]


_SHORT_MONTHS = {"Jan.", "Feb.", "Mar.", "Apr.", "Jun.", "Jul.", "Aug.", "Sep.", "Sept.", "Oct.", "Nov.", "Dec."}


@cache
def _english_months() -> frozenset[str]:
    return frozenset(str(month_name(month, "en")) for month in range(1, 13))


def _chinese(words: Sequence[str], index: int, language: str) -> list[str] | None:
    """Read a year digit by digit, and two of what is counted as 两."""
    if language != "zh" or index + 1 == len(words) or not words[index].isdecimal():
        return None
    if len(words[index]) == 4 and words[index + 1].startswith("年"):
        return [digits(words[index], language)]
    return ["两"] if words[index] == "2" and _COUNTED.match(words[index + 1]) else None


def _bare_decimal(words: Sequence[str], index: int, language: str) -> list[str] | None:
    """Read a decimal without the zero before its point: `.5`."""
    match = _BARE_DECIMAL.fullmatch(words[index])
    if match is None:
        return None
    after = [f"0.{match['n']}", *words[index + 1 : index + _AHEAD]]
    read = next((each for reading in READINGS if (each := reading(after, 0, language))), None)
    if read:
        return [match["before"] + read[0], *read[1:]]
    _, core, closing = parted(after[0])
    spoken = next((form for rule in RULES if (form := rule(core, language))), core)
    return [f"{match['before']}{spoken}{closing}"]


def _feet(words: Sequence[str], index: int, language: str) -> list[str] | None:
    """Read feet and inches that stand apart: `6' 2"`, and a range of either: `5'–6'`."""
    if language not in FEET:
        return None
    if ranged := _FEET_RANGE.fullmatch(words[index]):
        spelled = f" {RANGES[language]} ".join(number(int(ranged[each]), language) for each in "ab")
        return [f"{spelled} {FEET[language][1 if ranged['mark'] in _PRIMES else 3]}{ranged['after']}"]
    if index + 1 == len(words):
        return None
    matches = _FEET.fullmatch(words[index]), _INCHES.fullmatch(words[index + 1])
    if not matches[0] or not matches[1]:
        return None
    foot, feet, inch, inches = FEET[language]
    counts = int(matches[0]["n"]), int(matches[1]["n"])
    return [
        f"{number(counts[0], language)} {foot if counts[0] == 1 else feet}",
        f"{number(counts[1], language)} {inch if counts[1] == 1 else inches}{matches[1]['after']}",
    ]


def _by(words: Sequence[str], index: int, language: str) -> list[str] | None:
    """Read an x between two numbers: `8 x 10 in.`"""
    if words[index] not in ("x", "X", "×") or language not in BY or not index or index + 1 == len(words):
        return None
    near = words[index - 1][-3:], words[index + 1][:1]
    return [BY[language]] if any(map(str.isdecimal, near[0])) and near[1].isdecimal() else None


def _section(words: Sequence[str], index: int, language: str) -> list[str] | None:
    """Read the section sign before its number: `§ 5`, `§§ 5–7`, `§12`."""
    match = _SECTION.fullmatch(words[index])
    if match is None or language not in SECTIONS:
        return None
    one, several = SECTIONS[language]
    name = several if match["sign"] == "§§" else one
    if not match["n"]:
        return [match["before"] + name]
    read = next((each for reading in READINGS if (each := reading([match["n"]], 0, language))), None)
    _, core, closing = parted(match["n"])
    spoken = read[0] if read else next((form for rule in RULES if (form := rule(core, language))), core) + closing
    return [f"{match['before']}{name} {spoken}"]


def _comparison(words: Sequence[str], index: int, language: str) -> list[str] | None:
    """Read a symbol before a number, apart from it or not: `≤ 5 kW`, `±3`."""
    name = COMPARISONS.get(language, {}).get(words[index][:1])
    rest = words[index][1:]
    if name is None or not (rest or "".join(words[index + 1 : index + 2]))[:1].isdecimal():
        return None
    if not rest:
        return [name]
    after = [rest, *words[index + 1 : index + _AHEAD]]
    read = next((forms for reading in READINGS if (forms := reading(after, 0, language))), None)
    if read is None:
        _, core, closing = parted(rest)
        spoken = next((form for rule in RULES if (form := rule(core, language)) is not None), core)
        read = [spoken + closing]
    return [f"{name} {read[0]}", *read[1:]]


READINGS: tuple[Reading, ...] = (
    code,
    roman,
    _comparison,
    _section,
    _abbreviation,
    _german_date,
    _ordinal,
    sign_first,
    _english_day,
    time,
    _chinese,
    _by,
    _bare_decimal,
    _feet,
    quantity,
)
