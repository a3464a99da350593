"""What words are read as together: grouped numbers, amounts before units, dates and times, abbreviations.

Each reading takes the words, the index of the first and the language, and returns one text for each of the words that
it reads, or None if it does not concern them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import cache

import regex

from speech.sentences.tables import ORDINAL_DOT
from speech.spoken.abbreviations import expand
from speech.spoken.dates import date, day_and_month, german_ordinal, month_name, time_of_day
from speech.spoken.money import CURRENCIES, amount_of, magnitude, money, power_of, power_of_sign
from speech.spoken.numbers import NUMBER, digits, minus, number, value
from speech.spoken.parts import parted, share
from speech.spoken.rules import RULES, between
from speech.spoken.signs import COMPARISONS
from speech.spoken.units import UNITS, frame

__all__ = ["READINGS"]

Reading = Callable[[Sequence[str], int, str], list[str] | None]

_PLAIN = regex.compile(rf"(?P<sign>[-−])?(?P<n>{NUMBER})")
_LEADING_GROUP = regex.compile(r"[-−]?\d{1,3}")
_GROUP = regex.compile(r"\d{3}(?:[.,]\d+)?")
_MOST_GROUPS = 6
_MANY = Decimal(2)
# Spanish groups with points in the CLDR, with spaces in the academy's rules.
_SPACED = {"es"}

_DAY = regex.compile(r"\d{1,2}\.")
_DATED = {"am", "vom", "zum", "bis", "ab", "seit", "dem", "den", "der", "beim"}
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
    if spoken := date(core, "de", before):
        return [f"{opening}{spoken}{closing}"]
    dated = before.lower() in _DATED
    if dated and (spoken := day_and_month(core + closing[:1], before) or day_and_month(core, before)):
        return [f"{opening}{spoken}{closing.removeprefix('.')}"]
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


def _sign_first(words: Sequence[str], index: int, language: str) -> list[str] | None:
    """Read a currency that stands apart before its amount: `R$ 5,50`."""
    opening, sign, closing = parted(words[index])
    if sign not in CURRENCIES or closing or index + 1 == len(words):
        return None
    before, core, tail = parted(words[index + 1])
    spoken = None if before or not core[:1].isdecimal() else money(sign + core, language)
    if spoken is None:
        return None
    first, last = share(spoken, 2)
    return [opening + first, last + tail]


def _time(words: Sequence[str], index: int, language: str) -> list[str] | None:
    opening, core, closing = parted(words[index])
    after = words[index + 1] if index + 1 < len(words) and not closing else ""
    found = time_of_day(core, language, after) if ":" in core else None
    if found is None:
        return None
    spoken, following = found
    return [f"{opening}{spoken}{closing}"] + ([following] if following is not None else [])


def _english_day(words: Sequence[str], index: int, language: str) -> list[str] | None:
    """Read the day after a month as an ordinal: `May 5`."""
    if language != "en" or not index or words[index - 1] not in _english_months():
        return None
    opening, core, closing = parted(words[index])
    if opening or not core.isdecimal() or not 1 <= int(core[:3]) <= 31:
        return None
    return [number(int(core), "en", "ordinal") + closing]


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


def _amount(words: Sequence[str], index: int, language: str) -> list[str] | None:
    """Read a number with the groups, the unit, the currency or the power of ten that stand apart after it."""
    opening, core, closing = parted(words[index])
    if not any(map(str.isdecimal, core)):
        return None
    if found := amount_of(core, language):
        sign, amount, head = found
        named = None if closing else _power(words, index + 1, language, sign)
        return named and [f"{opening}{head}{number(amount, language)}", *named]
    count, core, closing = _grouped(words, index, core, closing, language)
    plain = _PLAIN.fullmatch(core)
    if plain is None:
        return _range(words, index, language)
    amount = value(plain["n"], language)
    head = minus(language) if plain["sign"] else ""
    after = None if closing else _after(words, index + count, amount, core, language)
    if after:
        before, *rest = after
        # The currency may decide how the whole is said: five euros and fifty cents.
        shared = share(before or head + number(amount, language), count if rest else count + 1) + rest
    elif count > 1:
        shared = share(head + number(amount, language), count)
    else:
        return None
    return [opening + shared[0], *shared[1:-1], shared[-1] + closing]


def _range(words: Sequence[str], index: int, language: str) -> list[str] | None:
    """Read a range with the unit that stands apart after it: `10–20 km`."""
    opening, core, closing = parted(words[index])
    sign, tail = parted(words[index + 1])[1:] if index + 1 < len(words) and not closing else ("", "")
    found = between(core, language) if sign in UNITS else None
    if found is None:
        return None
    before, after = frame(value(found[1], language), sign, language)
    return [f"{opening}{before}{found[0]}", after.strip() + tail]


def _after(words: Sequence[str], index: int, amount: Decimal, core: str, language: str) -> list[str] | None:
    """Return what is said instead of a number and for the words after it, which a unit, currency or power begins."""
    if index >= len(words):
        return None
    opening, sign, tail = parted(words[index])
    if opening:
        return None
    if sign in CURRENCIES and (spoken := money(core + sign, language)):
        return [spoken + tail]
    if sign in UNITS:
        before, after = frame(amount, sign, language)
        head = minus(language) if core[0] in "-−" else ""
        return [f"{before}{head}{number(amount, language)}", after.strip() + tail]
    named = _power(words, index, language)
    return named and ["", *named]


def _power(words: Sequence[str], index: int, language: str, sign: str = "") -> list[str] | None:
    """Read a power of ten after an amount: `$3.5 million`, `5 Mio. €`, `2,5 M€`; None if none follows.

    Args:
        sign: the currency that stands before the amount, if one does.
    """
    if index >= len(words):
        return None
    _, core, closing = parted(words[index])
    if not sign and (found := power_of_sign(core)):
        named = magnitude(_MANY, found[0], found[1], language)
        return [named + closing] if named else None
    power = power_of(words[index], language)
    if power is None:
        return None
    if sign:
        named = magnitude(_MANY, power, sign, language)
        return [named + closing] if named else None
    after, tail = parted(words[index + 1])[1:] if index + 1 < len(words) else ("", "")
    named = magnitude(_MANY, power, after, language) if after in CURRENCIES else None
    if not named:
        return None
    first, _, rest = named.partition(" ")
    return [first, rest + tail]


def _grouped(words: Sequence[str], index: int, core: str, closing: str, language: str) -> tuple[int, str, str]:
    """Join the groups of a number that is written with spaces; return their count, the number and what follows it."""
    count = 1
    if closing or not _LEADING_GROUP.fullmatch(core) or not _groups_by_space(language):
        return count, core, closing
    while count < _MOST_GROUPS and index + count < len(words):
        opening, group, closing = parted(words[index + count])
        if opening or not _GROUP.fullmatch(group):
            return count, core, ""
        core, count = core + group, count + 1
        if closing or len(group) > 3:
            return count, core, closing
    return count, core, ""


@cache
def _groups_by_space(language: str) -> bool:
    from babel import Locale, UnknownLocaleError

    try:
        symbols = Locale.parse(language).number_symbols
    except (UnknownLocaleError, ValueError):
        return False
    return language in _SPACED or str(symbols.get("latn", symbols).get("group", "")).isspace()


def _comparison(words: Sequence[str], index: int, language: str) -> list[str] | None:
    """Read a sign before a number, apart from it or not: `≤ 5 kW`, `±3`."""
    name = COMPARISONS.get(language, {}).get(words[index][:1])
    rest = words[index][1:]
    if name is None or not (rest or "".join(words[index + 1 : index + 2]))[:1].isdecimal():
        return None
    if not rest:
        return [name]
    after = [rest, *words[index + 1 : index + _MOST_GROUPS + 2]]
    read = next((found for reading in READINGS if (found := reading(after, 0, language))), None)
    if read is None:
        _, core, closing = parted(rest)
        spoken = next((form for rule in RULES if (form := rule(core, language)) is not None), core)
        read = [spoken + closing]
    return [f"{name} {read[0]}", *read[1:]]


READINGS: tuple[Reading, ...] = (
    _comparison,
    _abbreviation,
    _german_date,
    _ordinal,
    _sign_first,
    _english_day,
    _time,
    _chinese,
    _amount,
)
