"""Readings of a single word of digits and symbols. Each rule returns None for a word that it does not apply to."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import regex

from speech.spoken.dates import date
from speech.spoken.fractions import fraction_of
from speech.spoken.money import money, money_range
from speech.spoken.numbers import NUMBER, digits, grouped, minus, number, spells, value
from speech.spoken.symbols import (
    BY,
    FEET,
    PER,
    RANGES,
    RATIOS,
    SHORT,
    SYMBOLS,
    TIMES,
)
from speech.spoken.units import UNIT, UNITS, counted, dotted, frame, unit_of

__all__ = ["RULES", "between", "measured", "rate"]

_ORDINALS = {
    "en": regex.compile(r"(?P<n>\d+)(?:st|nd|rd|th)"),
    "de": regex.compile(r"(?P<n>\d{1,3})\.(?=\w|$)"),
    "fr": regex.compile(r"(?P<n>\d+)(?:er|re|ère|ᵉ|e|ème|nd|nde)"),
    "es": regex.compile(r"(?P<n>\d+)\.?(?:[ºª]|er)"),
    "it": regex.compile(r"(?P<n>\d+)[º°ª]"),
    "pt": regex.compile(r"(?P<n>\d+)\.?[ºª]"),
    "nl": regex.compile(r"(?P<n>\d+)(?:e|de|ste)"),
    "ru": regex.compile(r"(?P<n>\d+)-(?:й|го|му|м|я|ю|е|х)"),
}
_ADDRESS = regex.compile(
    r"(?:https?://|www\.)\S+|[\w.+-]+@[\w-]+(?:\.[\w-]+)+|[\w-]+(?:\.[\w-]+)*\.(?:com|org|net|de|fr|es|it|io|eu|uk|dev)"
    r"(?:/\S*)?",
    regex.IGNORECASE,
)
# Turkish writes the percent sign first.
_MEASURE = regex.compile(rf"(?P<sign>[-−])?(?P<percent>%)?(?P<n>{NUMBER})(?P<unit>{UNIT})?")
_RANGE = regex.compile(rf"(?P<a>{NUMBER})[-–〜～](?P<b>{NUMBER})(?P<unit>{UNIT})?")
_DOTTED = regex.compile(r"(?P<v>[vV])?(?P<n>\d+(?:\.\d+){1,6})")
_FEET = regex.compile(r"(?P<f>\d{1,2})['′’](?P<i>\d{1,2})(?:[\"″”]|'')?|(?P<feet>\d{1,3})′|(?P<inches>\d{1,3})″")
_RATE = regex.compile(r"(?P<amount>[^/]{2,20})/(?P<unit>\p{L}{1,12})")
_CENTS = regex.compile(r"\d{1,3}¢")
_BY = regex.compile(r"[x×]")
_DIMENSIONS = regex.compile(rf"(?P<n>{NUMBER}(?:[x×]{NUMBER}){{0,3}})(?:(?P<x>[x×])|(?P<unit>{UNIT}))?")
_RATIO = regex.compile(r"(?P<a>\d{1,4}):(?P<b>\d{1,4})(?:[-–](?P<c>\d{1,3}))?")
_CUSTOMARY = regex.compile(rf"(?P<n>{NUMBER})(?P<unit>\p{{L}}{{2,4}})")
_GENITIVE = regex.compile(r"(?P<n>\d[\d.,]{0,15})['’]s")
_GERMAN_DECADE = regex.compile(r"(?P<n>\d{1,4})(?P<ending>ern?)")
_ORDINAL_ENDING = regex.compile(r"o(?=\s|$)")
_MOST_PARTS = 6
_DECADE = regex.compile(r"(?:[12]\d)?\d0s")
_PARTS = regex.compile(r"\d+(?:\.\d+)+|\d+|[^\d]+")
_PROTOCOL = regex.compile(r"^https?://")
_ADDRESS_PARTS = regex.compile(r"[\w&&[^_]]+|[^\s]", regex.V1)
_UNSAID = regex.compile(r"[/_+=%°\s-]+")
# A byte of an IP number.
_BYTE = 255

Rule = Callable[[str, str], str | None]


def measured(amount: Decimal, words: str, unit: str, language: str) -> str:
    """Return a spelled number with its unit around it."""
    before, after = frame(amount, unit, language)
    return f"{before}{words}{after}"


def _symbol(core: str, language: str) -> str | None:
    return SYMBOLS.get(language, {}).get(core) if core in {"&", "+", "=", "@"} else None


def _hashtag(core: str, language: str) -> str | None:
    if not core.startswith("#") or len(core) < 2:
        return None
    spelled = _spell_parts(core[1:], language)
    return f"{SYMBOLS.get(language, {}).get('#', '')} {spelled}".strip() if core[1:].isdigit() else core[1:]


def _address(core: str, language: str) -> str | None:
    if not _ADDRESS.fullmatch(core):
        return None
    symbols = SYMBOLS.get(language, SYMBOLS["en"])
    text = _PROTOCOL.sub("", core).rstrip("/")
    return " ".join(symbols.get(part) or _spell_parts(part, language) for part in _ADDRESS_PARTS.findall(text))


def _ordinal(core: str, language: str) -> str | None:
    pattern = _ORDINALS.get(language)
    match = pattern.fullmatch(core) if pattern else None
    if not match:
        return None
    form, ending = number(Decimal(match["n"]), language, "ordinal"), core[-2:]
    if language == "fr":
        return "première" if ending == "re" else form
    if language == "es" and ending == "er":
        # `3.er piso`
        return form.removesuffix("o")
    return _ORDINAL_ENDING.sub("a", form) if ending[-1] == "ª" else form


def between(core: str, language: str) -> tuple[str, str] | None:
    """Spell a range without its unit; return it and its upper end as written. None if the word is none."""
    match = _RANGE.fullmatch(core)
    if not match:
        return None
    first = _measure(match["a"], language) or match["a"]
    last = _measure(match["b"], language) or match["b"]
    to = RANGES.get(language, "")
    form = f"{first}{to}{last}" if language in ("zh", "ja") else f"{first} {to} {last}".replace("  ", " ")
    return form, match["b"]


def _range(core: str, language: str) -> str | None:
    interval = between(core, language)
    unit = _RANGE.fullmatch(core)["unit"] if interval else None  # type: ignore[index]
    return (
        measured(value(interval[1], language), interval[0], unit, language)
        if interval and unit
        else interval and interval[0]
    )


def _rate(core: str, language: str) -> str | None:
    """Spell an amount and what it is for: `$20/month`, `5€/kg`."""
    match = _RATE.fullmatch(core)
    amount = match and (money(match["amount"], language) or _measure(match["amount"], language))
    if not match or not amount or match["amount"].isdecimal():
        return None
    return f"{amount} {rate(match['unit'], language)}"


def _cents(core: str, language: str) -> str | None:
    return f"{number(int(core[:-1]), 'en')} cents" if language == "en" and _CENTS.fullmatch(core) else None


def _dimensions(core: str, language: str) -> str | None:
    """Spell measures with an x between them, `8x10`, and how many times something is: `3x`."""
    match = _DIMENSIONS.fullmatch(core)
    if not match or language not in BY:
        return None
    numbers = [number(value(each, language), language) for each in _BY.split(match["n"])]
    if len(numbers) == 1 and match["x"]:
        return f"{numbers[0]} {TIMES[language]}"
    if len(numbers) < 2 or match["x"]:
        return None
    form = f" {BY[language]} ".join(numbers)
    last = value(_BY.split(match["n"])[-1], language)
    return measured(last, form, match["unit"], language) if match["unit"] else form


def _ratio(core: str, language: str) -> str | None:
    """Spell two numbers with a colon between them, `16:9`; a third of them after a dash is a verse's."""
    match = _RATIO.fullmatch(core)
    if not match or language not in RATIOS:
        return None
    first, last = (number(int(match[each]), language) for each in "ab")
    if match["c"]:
        return f"{first} {last} {RANGES[language]} {number(int(match['c']), language)}"
    return f"{first} {RATIOS[language]} {last}"


def _customary(core: str, language: str) -> str | None:
    """Spell a number and the unit that it stands close to, which with a dot is an abbreviation: `10in`."""
    match = _CUSTOMARY.fullmatch(core)
    name = dotted(match["unit"], language) if match else None
    if not match or not name:
        return None
    amount = value(match["n"], language)
    return measured(amount, counted(amount, name, language), name, language)


def _plus(core: str, language: str) -> str | None:
    """Spell a number with a plus before or after it: `+5`, `18+`."""
    operand = core.strip("+")
    if (
        len(operand) != len(core) - 1
        or not (operand[0].isdecimal() and operand[-1].isnumeric())
        or language not in SYMBOLS
    ):
        return None
    spoken_form = next((form for rule in RULES if (form := rule(operand, language))), operand)
    plus = SYMBOLS[language]["+"]
    return f"{plus} {spoken_form}" if core[0] == "+" else f"{spoken_form} {plus}"


def _genitive(core: str, language: str) -> str | None:
    match = _GENITIVE.fullmatch(core) if language == "en" else None
    if not match:
        return None
    return _decade(f"{match['n']}s", language) or f"{_part(match['n'], language)}'s"


def _hyphened(core: str, language: str) -> str | None:
    """Spell each part of a compound: `mid-1990s`, `½-inch`, `6-foot`, `3rd–4th`."""
    parts, dash = core.split("-"), ""
    if len(parts) == 1:
        parts, dash = core.split("–"), RANGES.get(language, "")
    is_hyphened = 1 < len(parts) <= _MOST_PARTS and all(parts)
    if not is_hyphened or not any(map(str.isalpha, core)) or not any(map(str.isnumeric, core)):
        return None
    forms = [_part(part, language) for part in parts]
    starts_with_number = parts[0][-1].isnumeric()
    if len(parts) == 2 and starts_with_number and (unit := UNITS.get(parts[1]) or dotted(parts[1], language)):
        forms[1] = frame(Decimal(1), unit, language)[1].strip() or forms[1]
    if len(parts) > 2 and parts[0].isdecimal() and parts[1].isdecimal():
        # 10-15-year-olds
        forms[:2] = [f"{forms[0]} {RANGES.get(language, '')} {forms[1]}"]
    ranged = dash and all(any(map(str.isnumeric, part)) for part in parts)
    compound = language == "de" and len(parts) == 2 and starts_with_number and parts[1].islower()
    return (f" {dash} " if ranged else "" if compound else " ").join(forms)


def _part(part: str, language: str) -> str:
    if not any(map(str.isnumeric, part)):
        return part
    return next((form for rule in RULES if (form := rule(part, language)) is not None), part)


def _decade(core: str, language: str) -> str | None:
    if language == "de" and (match := _GERMAN_DECADE.fullmatch(core)):
        return number(int(match["n"]), "de", "year") + match["ending"]
    if language != "en" or not _DECADE.fullmatch(core):
        return None
    words = number(int(core[:-1]), "en", "year")
    return (words.removesuffix("y") + "ies") if words.endswith("y") else words + "s"


def _feet(core: str, language: str) -> str | None:
    match = _FEET.fullmatch(core)
    if not match or language not in FEET:
        return None
    foot, feet, inch, inches = FEET[language]
    parts = [(match["f"] or match["feet"], foot, feet), (match["i"] or match["inches"], inch, inches)]
    return " ".join(
        f"{number(int(count), language)} {singular if count == '1' else plural}"
        for count, singular, plural in parts
        if count
    )


def rate(unit: str, language: str) -> str:
    """Return what is said of what something is counted for, after a stroke: `per kilogram`."""
    unit_name = unit_of(unit, "", language)
    form = frame(Decimal(1), unit_name[0], language)[1].strip() if unit_name else ""
    return f"{PER.get(language, '')} {form or SHORT.get(language, {}).get(unit, unit)}".strip()


def _dotted(core: str, language: str) -> str | None:
    """Spell a version or an IP number, group by group."""
    match = _DOTTED.fullmatch(core)
    if not match:
        return None
    parts = match["n"].split(".")
    if not match["v"]:
        address = len(parts) == 4 and all(len(part) <= 3 and int(part) <= _BYTE for part in parts)
        if not address and (len(parts) == 2 or grouped(match["n"])):
            return None
    return f"{match['v'] or ''} {_groups(parts, language)}".strip()


def _groups(parts: list[str], language: str) -> str:
    dot = SYMBOLS.get(language, SYMBOLS["en"])["."]
    forms = [
        number(int(part), language)
        if len(part) < 3 and not (len(part) > 1 and part[0] == "0")
        else digits(part, language)
        for part in parts
    ]
    return f" {dot} ".join(forms)


def _measure(core: str, language: str) -> str | None:
    match = _MEASURE.fullmatch(core)
    if not match:
        return None
    text = match["n"]
    amount = value(text, language)
    unit = match["unit"] or match["percent"]
    year = not unit and not match["sign"] and text.isdigit() and len(text) == 4 and 1100 <= amount < 2100
    if text.isdigit() and text.startswith("0") and len(text) > 1:
        words = digits(text, language)
    elif not spells(language):
        words = text
    else:
        words = counted(amount, unit, language) if unit else number(amount, language, "year" if year else "cardinal")
    words = (minus(language) if match["sign"] else "") + words
    return measured(amount, words, unit, language) if unit else words


def _mixed(core: str, language: str) -> str | None:
    """Spell a word of letters and digits, such as B2B or A4."""
    return _spell_parts(core, language) if any(map(str.isdecimal, core)) else None


RULES: tuple[Rule, ...] = (
    _symbol, _hashtag, _address, money, money_range, _rate, _cents, _ordinal, _decade, date, fraction_of, _feet,
    _dotted, _range, _ratio, _dimensions, _measure, _customary, _plus, _genitive, _hyphened, _mixed,
)  # fmt: skip


def _spell_parts(text: str, language: str) -> str:
    words = []
    for part in _PARTS.findall(text):
        if part.isdecimal():
            words.append(number(Decimal(part), language))
        elif part[0].isdecimal() and part.count(".") == 1:
            words.append(number(value(part, "en"), language))
        elif part[0].isdecimal():
            words.append(_groups(part.split("."), language))
        else:
            words.append(part)
    return _UNSAID.sub(" ", " ".join(words)).strip()
