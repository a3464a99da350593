"""What a single word of digits and signs is read as. Each rule returns None for a word that it does not concern."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction

import regex

from speech.spoken.dates import date
from speech.spoken.money import money
from speech.spoken.numbers import NUMBER, digits, grouped, minus, number, spells, value
from speech.spoken.signs import FEET, FRACTIONS, HALVES, RANGES, SIGNS
from speech.spoken.units import UNIT, frame

__all__ = ["RULES", "between", "measured"]

_ORDINALS = {
    "en": regex.compile(r"(?P<n>\d+)(?:st|nd|rd|th)"),
    "de": regex.compile(r"(?P<n>\d{1,3})\.(?=\w|$)"),
    "fr": regex.compile(r"(?P<n>\d+)(?:er|re|ère|ᵉ|e|ème|nd|nde)"),
    "es": regex.compile(r"(?P<n>\d+)\.?[ºª]"),
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
_FRACTION = regex.compile(r"(?P<w>\d{1,3})?(?P<sign>[½¼¾⅓⅔])|(?P<a>[123])/(?P<b>[234])")
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


def _sign(core: str, language: str) -> str | None:
    return SIGNS.get(language, {}).get(core) if core in {"&", "+", "=", "@"} else None


def _hashtag(core: str, language: str) -> str | None:
    if not core.startswith("#") or len(core) < 2:
        return None
    spoken = _spell_parts(core[1:], language)
    return f"{SIGNS.get(language, {}).get('#', '')} {spoken}".strip() if core[1:].isdigit() else core[1:]


def _address(core: str, language: str) -> str | None:
    if not _ADDRESS.fullmatch(core):
        return None
    signs = SIGNS.get(language, SIGNS["en"])
    text = _PROTOCOL.sub("", core).rstrip("/")
    return " ".join(signs.get(part) or _spell_parts(part, language) for part in _ADDRESS_PARTS.findall(text))


def _ordinal(core: str, language: str) -> str | None:
    pattern = _ORDINALS.get(language)
    found = pattern.fullmatch(core) if pattern else None
    return number(Decimal(found["n"]), language, "ordinal") if found else None


def between(core: str, language: str) -> tuple[str, str] | None:
    """Spell a range without its unit; return it and its upper end as written. None if the word is none."""
    found = _RANGE.fullmatch(core)
    if not found:
        return None
    first = _measure(found["a"], language) or found["a"]
    last = _measure(found["b"], language) or found["b"]
    to = RANGES.get(language, "")
    said = f"{first}{to}{last}" if language in ("zh", "ja") else f"{first} {to} {last}".replace("  ", " ")
    return said, found["b"]


def _range(core: str, language: str) -> str | None:
    said = between(core, language)
    unit = _RANGE.fullmatch(core)["unit"] if said else None  # type: ignore[index]
    return measured(value(said[1], language), said[0], unit, language) if said and unit else said and said[0]


def _decade(core: str, language: str) -> str | None:
    if language != "en" or not _DECADE.fullmatch(core):
        return None
    words = number(int(core[:-1]), "en", "year")
    return (words.removesuffix("y") + "ies") if words.endswith("y") else words + "s"


def _feet(core: str, language: str) -> str | None:
    found = _FEET.fullmatch(core)
    if not found or language not in FEET:
        return None
    foot, feet, inch, inches = FEET[language]
    parts = [(found["f"] or found["feet"], foot, feet), (found["i"] or found["inches"], inch, inches)]
    return " ".join(
        f"{number(int(count), language)} {one if count == '1' else many}" for count, one, many in parts if count
    )


def _fraction(core: str, language: str) -> str | None:
    found = _FRACTION.fullmatch(core)
    names = FRACTIONS.get(language)
    if not found or names is None:
        return None
    if found["a"]:
        return names.get((int(found["a"]), int(found["b"])))
    part = Fraction(unicodedata.numeric(found["sign"])).limit_denominator(4)
    name = names[part.numerator, part.denominator]
    if not found["w"]:
        return name
    joint, half = HALVES[language]
    whole = number(int(found["w"]), language)
    if part == Fraction(1, 2):
        # Dutch: tweeënhalf, but zesenhalf.
        return whole + ("enhalf" if language == "nl" and not whole.endswith("e") else half)
    return f"{whole}{joint}{name}"


def _dotted(core: str, language: str) -> str | None:
    """Spell a version or an IP number, group by group."""
    found = _DOTTED.fullmatch(core)
    if not found:
        return None
    parts = found["n"].split(".")
    if not found["v"]:
        address = len(parts) == 4 and all(len(part) <= 3 and int(part) <= _BYTE for part in parts)
        if not address and (len(parts) == 2 or grouped(found["n"])):
            return None
    return f"{found['v'] or ''} {_groups(parts, language)}".strip()


def _groups(parts: list[str], language: str) -> str:
    dot = SIGNS.get(language, SIGNS["en"])["."]
    said = [
        number(int(part), language)
        if len(part) < 3 and not (len(part) > 1 and part[0] == "0")
        else digits(part, language)
        for part in parts
    ]
    return f" {dot} ".join(said)


def _measure(core: str, language: str) -> str | None:
    found = _MEASURE.fullmatch(core)
    if not found:
        return None
    text = found["n"]
    amount = value(text, language)
    unit = found["unit"] or found["percent"]
    year = not unit and not found["sign"] and text.isdigit() and len(text) == 4 and 1100 <= amount < 2100
    if text.isdigit() and text.startswith("0") and len(text) > 1:
        words = digits(text, language)
    elif not spells(language):
        words = text
    else:
        words = number(amount, language, "year" if year else "cardinal")
    words = (minus(language) if found["sign"] else "") + words
    return measured(amount, words, unit, language) if unit else words


def _mixed(core: str, language: str) -> str | None:
    """Spell a word of letters and digits, such as B2B or A4."""
    return _spell_parts(core, language) if any(map(str.isdecimal, core)) else None


RULES: tuple[Rule, ...] = (
    _sign, _hashtag, _address, money, _ordinal, _decade, date, _fraction, _feet, _dotted, _range, _measure, _mixed,
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
