"""Amounts: numbers with what they count, which may stand apart from them: groups, units, currencies, powers of ten."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from functools import cache

import regex

from speech.spoken.fractions import FRACTION, fraction_of
from speech.spoken.money import (
    amount_of,
    currency_of,
    magnitude,
    money,
    money_range,
    power_of,
    power_of_symbol,
    whole,
)
from speech.spoken.numbers import NUMBER, minus, number, value
from speech.spoken.parts import parted, share
from speech.spoken.rules import between, rate
from speech.spoken.symbols import SYMBOLS
from speech.spoken.units import UNIT_POWERS, counted, dotted, frame, unit_of

__all__ = ["quantity", "sign_first"]

_PLAIN = regex.compile(rf"(?P<sign>[-−+])?(?P<n>{NUMBER})")
_LEADING_GROUP = regex.compile(r"[-−]?\d{1,3}")
_GROUP = regex.compile(r"\d{3}(?:[.,]\d+)?")
_MOST_GROUPS = 6
_ONE, _MANY = Decimal(1), Decimal(2)
# A unit or a currency and what it is for: `€/kg`.
_PER = regex.compile(r"[^/\d]{1,4}/\p{L}{1,12}")
_CLOSE_UNIT = regex.compile(rf"(?P<n>{NUMBER})(?P<hyphen>-)?(?P<unit>\p{{L}}{{1,4}})")
# Spanish groups with points in the CLDR, with spaces in the academy's rules.
_SPACED = {"es"}


def sign_first(words: Sequence[str], index: int, language: str) -> list[str] | None:
    """Read a currency that stands apart before its amount: `R$ 5,50`, `CHF 30.–`, `USD 3 million`."""
    opening, symbol, closing = parted(words[index])
    currency = currency_of(words[index][len(opening) :], language) or (
        None if closing else currency_of(symbol, language)
    )
    if currency is None or index + 1 == len(words):
        return None
    before, core, tail = parted(whole(words[index + 1]))
    if before or not core[:1].isdecimal():
        return None
    count, core, tail = _grouped(words, index + 1, core, tail, language)
    if count == 1 and not tail and (power := _power(words, index + 2, language, currency)):
        amount = f"{number(value(core, language), language)} {' '.join(power)}"
        return share(f"{opening}{amount}", 2 + len(power)) if _PLAIN.fullmatch(core) else None
    form = money(currency + core, language) or money_range(core, language, currency)
    if form is None:
        return None
    shared = share(form, count + 1)
    return _with_tail([opening + shared[0], *shared[1:]], tail)


def quantity(words: Sequence[str], index: int, language: str) -> list[str] | None:
    """Read a number with the groups, the unit, the currency or the power of ten that stand apart after it."""
    word = _whole(words, index, language)
    opening, core, closing = parted(word)
    if not any(map(str.isnumeric, core)):
        return None
    even = word != words[index]
    if even and (form := money(core, language)):
        return [f"{opening}{form}{closing}"]
    if amount_parts := amount_of(core, language):
        symbol, amount, head = amount_parts
        power = None if closing else _power(words, index + 1, language, symbol)
        return power and [f"{opening}{head}{number(amount, language)}", *power]
    if read := _fractional(words, index, language) or _abbreviated(words, index, language):
        return read
    count, core, closing = _grouped(words, index, core, closing, language)
    plain = _PLAIN.fullmatch(core)
    if plain is None:
        return _range(words, index, language)
    amount = value(plain["n"], language)
    head = _sign(core, language)
    after = None if closing else _after(words, index + count, amount, core, language)
    if after:
        before, *rest = after
        # The currency may decide how the whole is said: five euros and fifty cents.
        shared = share(before or head + number(amount, language), count if rest else count + 1) + rest
    elif count > 1:
        shared = share(head + number(amount, language), count)
    elif even:
        shared = [head + number(amount, language)]
    else:
        return None
    return _with_tail([opening + shared[0], *shared[1:]], closing)


def _whole(words: Sequence[str], index: int, language: str) -> str:
    """Return a word without the dash in the place of cents; after a dot it is one only beside a currency."""
    word = words[index]
    after = parted(words[index + 1])[1] if index + 1 < len(words) else ""
    number_part = whole(word)
    if number_part == word or "," in word[len(number_part) - 1 :]:
        return number_part
    return number_part if currency_of(after, language) or money(parted(number_part)[1], language) else word


def _sign(core: str, language: str) -> str:
    if core[0] == "+":
        return f"{SYMBOLS.get(language, SYMBOLS['en'])['+']} "
    return minus(language) if core[0] in "-−" else ""


def _with_tail(forms: list[str], tail: str) -> list[str]:
    """Return what is said for some words, with the punctuation after the last of them that is spoken."""
    last = max((index for index, each in enumerate(forms) if each), default=0)
    forms[last] += tail
    return forms


def _fractional(words: Sequence[str], index: int, language: str) -> list[str] | None:
    """Read a fraction with the number before it and the unit after it: `3 ½`, `2 1/2 km`."""
    opening, core, closing = parted(words[index])
    count, fraction = 1, core
    if not closing and core.isdecimal() and len(core) <= 3 and index + 1 < len(words):
        before, part, tail = parted(words[index + 1])
        if not before and FRACTION.fullmatch(part):
            count, fraction, closing = 2, f"{core} {part}", tail
    following = index + count
    before, symbol, tail = parted(words[following]) if not closing and following < len(words) else ("", "", "")
    unit = None if before or not symbol else unit_of(symbol, tail, language)
    form = fraction_of(fraction, language, measures=unit is not None)
    if form is None:
        return None
    if unit is not None:
        start, end = frame(_ONE if FRACTION.fullmatch(fraction) else _MANY, unit[0], language)
        forms = [*share(f"{opening}{start}{form}", count), end.strip() or symbol]
        return _with_tail(forms, unit[1])
    return _with_tail(
        [opening + each if position == 0 else each for position, each in enumerate(share(form, count))], closing
    )


def _abbreviated(words: Sequence[str], index: int, language: str) -> list[str] | None:
    """Read a number that its unit's abbreviation, with a dot, stands close to: `5ft.`"""
    opening, core, closing = parted(words[index])
    match = _CLOSE_UNIT.fullmatch(core)
    name = dotted(match["unit"], language) if match and closing.startswith(".") else None
    if not match or not name:
        return None
    amount = value(match["n"], language)
    before, after = frame(_ONE if match["hyphen"] else amount, name, language)
    return [f"{opening}{before}{counted(amount, name, language)}{after}{closing[1:]}"]


def _range(words: Sequence[str], index: int, language: str) -> list[str] | None:
    """Read a range with the unit or the currency that stands apart after it: `10–20 km`, `5–10 €`."""
    opening, core, closing = parted(words[index])
    symbol, tail = parted(words[index + 1])[1:] if index + 1 < len(words) and not closing else ("", "")
    if (currency := currency_of(symbol, language)) and (form := money_range(core, language, currency)):
        first, last = share(form, 2)
        return [opening + first, last + tail]
    unit = unit_of(symbol, tail, language)
    interval = between(core, language) if unit else None
    if interval is None or unit is None:
        return None
    before, after = frame(value(interval[1], language), unit[0], language)
    return [f"{opening}{before}{interval[0]}", (after.strip() or symbol) + unit[1]]


def _after(words: Sequence[str], index: int, amount: Decimal, core: str, language: str) -> list[str] | None:
    """Return what is said instead of a number and for the words after it, which a unit, currency or power begins."""
    if index >= len(words):
        return None
    opening, symbol, tail = parted(words[index])
    if opening:
        return None
    symbol, slash, each = symbol.partition("/") if _PER.fullmatch(symbol) else (symbol, "", "")
    per = f" {rate(each, language)}" if slash else ""
    local = currency_of(words[index].rstrip(",;:!?"), language) if tail.startswith(".") else None
    currency = local or currency_of(symbol, language)
    if currency and (form := money(core + currency, language)):
        return [form + per + (tail[1:] if local else tail)]
    if name_forms := _of_two_words(words, index, amount, language):
        return [number(amount, language), *name_forms]
    if unit := unit_of(symbol, tail, language):
        before, after = frame(amount, unit[0], language)
        head = _sign(core, language)
        return [f"{before}{head}{counted(amount, unit[0], language)}", (after.strip() or symbol) + per + unit[1]]
    power = _power(words, index, language)
    return power and ["", *power]


def _of_two_words(words: Sequence[str], index: int, amount: Decimal, language: str) -> list[str] | None:
    """Read a unit of two words: `sq. ft.`, `fl. oz.`"""
    power = UNIT_POWERS.get(words[index].rstrip(".").lower()) if language == "en" else None
    if power is None or index + 1 == len(words):
        return None
    opening, symbol, tail = parted(words[index + 1])
    unit = None if opening else unit_of(symbol, tail, language)
    return unit and [power, frame(amount, unit[0], language)[1].strip() + unit[1]]


def _power(words: Sequence[str], index: int, language: str, symbol: str = "") -> list[str] | None:
    """Read a power of ten after an amount: `$3.5 million`, `5 Mio. €`, `2,5 M€`; None if none follows.

    Args:
        symbol: the currency that stands before the amount, if one does.
    """
    if index >= len(words):
        return None
    _, core, closing = parted(words[index])
    if not symbol and (power_and_symbol := power_of_symbol(core)):
        name = magnitude(_MANY, power_and_symbol[0], power_and_symbol[1], language)
        return [name + closing] if name else None
    power = power_of(words[index], language)
    if power is None:
        return None
    if symbol:
        name = magnitude(_MANY, power, symbol, language)
        return [name + closing] if name else None
    after, tail = parted(words[index + 1])[1:] if index + 1 < len(words) else ("", "")
    currency = currency_of(after, language)
    name = magnitude(_MANY, power, currency, language) if currency else None
    if not name:
        return None
    first, _, rest = name.partition(" ")
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
