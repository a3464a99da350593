"""The spoken form: numbers, money, units, addresses and abbreviations, spelled out as a voice says them.

num2words knows the numbers and the money, Babel's copy of the CLDR knows the units and how each
language writes its decimals. What neither has (abbreviations, the names of a few signs) is in small
tables here, for the five languages that are spelled out fully: en, de, fr, es, it. In another
language numbers are still spelled where num2words knows it, and the rest is left as written.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Any

import regex

__all__ = ["spell"]

_CURRENCIES = {"$": "USD", "€": "EUR", "£": "GBP", "¥": "JPY", "US$": "USD"}
_CURRENCY = "|".join(regex.escape(sign) for sign in sorted(_CURRENCIES, key=len, reverse=True))

_UNITS = {
    "%": "concentr-percent", "‰": "concentr-permille", "°": "angle-degree",
    "°C": "temperature-celsius", "°F": "temperature-fahrenheit",
    "km": "length-kilometer", "m": "length-meter", "cm": "length-centimeter", "mm": "length-millimeter",
    "mi": "length-mile", "ft": "length-foot", "kg": "mass-kilogram", "g": "mass-gram", "mg": "mass-milligram",
    "lb": "mass-pound", "lbs": "mass-pound", "l": "volume-liter", "L": "volume-liter", "ml": "volume-milliliter",
    "km/h": "speed-kilometer-per-hour", "mph": "speed-mile-per-hour", "m/s": "speed-meter-per-second",
    "B": "digital-byte", "kB": "digital-kilobyte", "KB": "digital-kilobyte", "MB": "digital-megabyte",
    "GB": "digital-gigabyte", "TB": "digital-terabyte", "Hz": "frequency-hertz", "kHz": "frequency-kilohertz",
    "MHz": "frequency-megahertz", "GHz": "frequency-gigahertz", "W": "power-watt", "kW": "power-kilowatt",
    "V": "electric-volt", "min": "duration-minute", "ms": "duration-millisecond", "kWh": "energy-kilowatt-hour",
    "m²": "area-square-meter", "km²": "area-square-kilometer",
}  # fmt: skip
_UNIT = "|".join(regex.escape(unit) for unit in sorted(_UNITS, key=len, reverse=True))

_ABBREVIATIONS = {
    "en": {
        "Mr.": "Mister", "Mrs.": "Missus", "Ms.": "Miz", "Dr.": "Doctor", "Prof.": "Professor", "St.": "Saint",
        "Jr.": "Junior", "Sr.": "Senior", "vs.": "versus", "etc.": "et cetera", "e.g.": "for example",
        "i.e.": "that is", "No.": "number", "Ave.": "Avenue", "approx.": "approximately", "Mt.": "Mount",
    },
    "de": {
        "Dr.": "Doktor", "Prof.": "Professor", "Hr.": "Herr", "Fr.": "Frau", "z.B.": "zum Beispiel",
        "usw.": "und so weiter", "bzw.": "beziehungsweise", "ca.": "zirka", "Nr.": "Nummer", "Str.": "Straße",
        "St.": "Sankt", "d.h.": "das heißt", "evtl.": "eventuell",
    },
    "fr": {
        "M.": "Monsieur", "Mme": "Madame", "Mlle": "Mademoiselle", "Dr": "Docteur", "Pr": "Professeur",
        "etc.": "et cetera", "p.ex.": "par exemple", "St": "Saint", "Ste": "Sainte", "av.": "avenue",
    },
    "es": {
        "Sr.": "Señor", "Sra.": "Señora", "Srta.": "Señorita", "Dr.": "Doctor", "Dra.": "Doctora",
        "Ud.": "usted", "Uds.": "ustedes", "etc.": "etcétera", "p.ej.": "por ejemplo", "núm.": "número",
    },
    "it": {
        "Sig.": "Signor", "Sig.ra": "Signora", "Dott.": "Dottor", "Dott.ssa": "Dottoressa", "Prof.": "Professor",
        "ecc.": "eccetera", "es.": "esempio", "S.": "San", "pag.": "pagina",
    },
}  # fmt: skip

_SIGNS = {
    "en": {"&": "and", "+": "plus", "=": "equals", "@": "at", ".": "dot", "/": "slash", "-": "dash", "_": "underscore",
           ":": "colon", "#": "number", ",": "point"},
    "de": {"&": "und", "+": "plus", "=": "gleich", "@": "ät", ".": "Punkt", "/": "Schrägstrich", "-": "Strich",
           "_": "Unterstrich", ":": "Doppelpunkt", "#": "Nummer", ",": "Komma"},
    "fr": {"&": "et", "+": "plus", "=": "égale", "@": "arobase", ".": "point", "/": "barre", "-": "tiret",
           "_": "tiret bas", ":": "deux points", "#": "numéro", ",": "virgule"},
    "es": {"&": "y", "+": "más", "=": "igual a", "@": "arroba", ".": "punto", "/": "barra", "-": "guion",
           "_": "guion bajo", ":": "dos puntos", "#": "número", ",": "coma"},
    "it": {"&": "e", "+": "più", "=": "uguale", "@": "chiocciola", ".": "punto", "/": "barra", "-": "trattino",
           "_": "trattino basso", ":": "due punti", "#": "numero", ",": "virgola"},
}  # fmt: skip

# What num2words raises for a language, a currency or a number that it does not know.
_UNSPELLED = (NotImplementedError, KeyError, OverflowError, ValueError, TypeError)

_ORDINALS = {
    "en": r"(?P<n>\d+)(?:st|nd|rd|th)",
    "de": r"(?P<n>\d{1,3})\.(?=\w|$)",
    "fr": r"(?P<n>\d+)(?:er|re|ère|ᵉ|e|ème|nd|nde)",
    "es": r"(?P<n>\d+)\.?[ºª]",
    "it": r"(?P<n>\d+)[º°ª]",
}

_NUMBER = r"\d+(?:[.,'’\u202f\u00a0]\d+)*"
_ADDRESS = regex.compile(
    r"(?:https?://|www\.)\S+|[\w.+-]+@[\w-]+(?:\.[\w-]+)+|[\w-]+(?:\.[\w-]+)*\.(?:com|org|net|de|fr|es|it|io|eu|uk|dev)"
    r"(?:/\S*)?",
    regex.IGNORECASE,
)
_WORD = regex.compile(r"^(?P<open>[^\w\d$€£¥+#@&=°%-]*)(?P<core>.*?)(?P<close>[^\w\d%°$€£¥²‰+=&]*)$", regex.DOTALL)
_MONEY = regex.compile(rf"(?P<sign>-)?(?:(?P<a>{_CURRENCY})(?P<n1>{_NUMBER})|(?P<n2>{_NUMBER})(?P<b>{_CURRENCY}))")
_MEASURE = regex.compile(rf"(?P<sign>[-−])?(?P<n>{_NUMBER})(?P<unit>{_UNIT})?")
_TIME = regex.compile(r"(?P<h>[01]?\d|2[0-3]):(?P<m>[0-5]\d)(?::[0-5]\d)?")
_RANGE = regex.compile(rf"(?P<a>{_NUMBER})[-–](?P<b>{_NUMBER})")
_PLAIN_NUMBER = regex.compile(rf"[-−]?{_NUMBER}")
_PARTS = regex.compile(r"\d+|[^\d]+")


def spell(words: Sequence[str], language: str) -> list[str]:
    """The spoken form of each word of a script, in order; its punctuation stays around it.

    A word that is not said (a dash, an emoji) gives an empty text.

    >>> spell("It cost $5.50 in 1984 — see www.example.com!".split(), "en")[2:5]
    ['five dollars, fifty cents', 'in', 'nineteen eighty-four']
    """
    return [
        _spell(
            word,
            language,
            words[index - 1] if index else "",
            words[index + 1] if index + 1 < len(words) else "",
        )
        for index, word in enumerate(words)
    ]


def _spell(word: str, language: str, before: str, after: str) -> str:
    abbreviations = _ABBREVIATIONS.get(language, {})
    if word in abbreviations:
        return abbreviations[word]
    if _PLAIN_NUMBER.fullmatch(before) and (unit := _WORD.match(word)) and unit["core"]:
        name = _name(_value(before.lstrip("-−"), language), unit["core"], language)
        if name:
            return f"{unit['open']}{name}{unit['close']}"
    if not any(character.isdigit() or character in "@&+=#%°$€£¥./" for character in word):
        return word if any(character.isalpha() for character in word) else ""
    if language == "de" and regex.fullmatch(r"\d{1,2}\.", word) and after[:1].isalpha():
        return _number(int(word[:-1]), language, "ordinal") + "n"
    parts = _WORD.match(word)
    if parts is None:
        return word
    core = parts["core"]
    said = next((form for rule in _RULES if (form := rule(core, language)) is not None), None)
    if said is None:
        said = core if any(character.isalpha() for character in core) else ""
    return f"{parts['open']}{said}{parts['close']}" if said else ""


def _name(value: Decimal, sign: str, language: str) -> str | None:
    """The name of a unit or a currency that stands apart from its number, as in "5 km"."""
    if sign in _UNITS:
        return _unit_name(value, sign, language)
    if sign not in _CURRENCIES:
        return None
    said = _currency(Decimal(2) if value != 1 else value, _CURRENCIES[sign], language)
    return said.split(" ", 1)[-1] if said else None


def _sign(core: str, language: str) -> str | None:
    return _SIGNS.get(language, {}).get(core) if core in {"&", "+", "=", "@"} else None


def _hashtag(core: str, language: str) -> str | None:
    if not core.startswith("#") or len(core) < 2:
        return None
    number = core[1:].isdigit()
    return f"{_SIGNS.get(language, {}).get('#', '')} {_spell_parts(core[1:], language)}".strip() if number else core[1:]


def _address(core: str, language: str) -> str | None:
    if not _ADDRESS.fullmatch(core):
        return None
    signs = _SIGNS.get(language, _SIGNS["en"])
    text = regex.sub(r"^https?://", "", core).rstrip("/")
    return " ".join(
        signs.get(part, _spell_parts(part, language)) for part in regex.findall(r"[\w&&[^_]]+|[^\s]", text, regex.V1)
    )


def _money(core: str, language: str) -> str | None:
    found = _MONEY.fullmatch(core)
    if not found:
        return None
    amount = _value(found["n1"] or found["n2"], language)
    said = _currency(amount, _CURRENCIES[found["a"] or found["b"]], language)
    return said and (_minus(language) if found["sign"] else "") + said


def _time(core: str, language: str) -> str | None:
    found = _TIME.fullmatch(core)
    if not found:
        return None
    hours, minutes = _number(int(found["h"]), language), _number(int(found["m"]), language)
    joint = {"de": " Uhr ", "fr": " heures "}.get(language, " ")
    return hours + joint + (minutes if int(found["m"]) else "") if found["m"] != "00" else (hours + joint).strip()


def _ordinal(core: str, language: str) -> str | None:
    pattern = _ORDINALS.get(language)
    found = regex.fullmatch(pattern, core) if pattern else None
    return _number(int(found["n"]), language, "ordinal") if found else None


def _range(core: str, language: str) -> str | None:
    found = _RANGE.fullmatch(core)
    if not found:
        return None
    to = {"en": "to", "de": "bis", "fr": "à", "es": "a", "it": "a"}.get(language, "")
    ends = [_measure(found[end], language) or found[end] for end in ("a", "b")]
    return f" {to} ".replace("  ", " ").join(ends)


def _measure(core: str, language: str) -> str | None:
    found = _MEASURE.fullmatch(core)
    if not found:
        return None
    text = found["n"]
    value = _value(text, language)
    year = not found["unit"] and not found["sign"] and text.isdigit() and len(text) == 4 and 1100 <= value < 2100
    digits = text.isdigit() and (len(text) > 15 or (text.startswith("0") and len(text) > 1))
    if digits:
        said = " ".join(_number(int(digit), language) for digit in text)
    else:
        said = _number(value, language, "year" if year else "cardinal")
    unit = " " + _unit_name(value, found["unit"], language) if found["unit"] else ""
    return (_minus(language) if found["sign"] else "") + said + unit


def _mixed(core: str, language: str) -> str | None:
    """Letters and digits in one word, such as B2B or A4."""
    return _spell_parts(core, language) if regex.search(r"\d", core) else None


_RULES: tuple[Callable[[str, str], str | None], ...] = (
    _sign, _hashtag, _address, _money, _time, _ordinal, _range, _measure, _mixed,
)  # fmt: skip


def _spell_parts(text: str, language: str) -> str:
    said = [
        _number(int(part), language) if part.isdecimal() and len(part) < 16 else part for part in _PARTS.findall(text)
    ]
    return regex.sub(r"\s+", " ", regex.sub(r"[/_+=%°-]", " ", " ".join(said))).strip()


def _minus(language: str) -> str:
    return {"fr": "moins ", "es": "menos ", "it": "meno "}.get(language, "minus ")


def _value(text: str, language: str) -> Decimal:
    """Read a number as the language writes it; a lone group of three digits counts as thousands."""
    from babel.core import UnknownLocaleError
    from babel.numbers import NumberFormatError, parse_decimal

    plain = regex.sub(r"['’\u202f\u00a0]", "", text)
    try:
        value: Decimal = parse_decimal(plain, locale=language, strict=True)
    except (NumberFormatError, UnknownLocaleError, ValueError):
        marks = regex.findall(r"[.,]", plain)
        if len(marks) == 1 and not regex.search(r"[.,]\d{3}$", plain):
            return Decimal(plain.replace(",", "."))
        return Decimal(regex.sub(r"[.,]", "", plain))
    return value


@lru_cache(maxsize=4096)
def _number(value: Decimal | int, language: str, kind: str = "cardinal") -> str:
    from num2words import CONVERTER_CLASSES, num2words

    number = int(value) if value == int(value) else value
    if language not in CONVERTER_CLASSES:
        return str(number)
    try:
        if isinstance(number, Decimal):
            # Digit by digit after the mark: num2words drops them in some languages.
            whole, _, rest = str(number).partition(".")
            mark = _SIGNS.get(language, _SIGNS["en"])[","]
            return " ".join([_number(int(whole), language), mark, *(_number(int(digit), language) for digit in rest)])
        return str(num2words(number, lang=language, to=kind))
    except _UNSPELLED:
        return str(number) if kind == "cardinal" else _number(value, language)


def _currency(amount: Decimal, code: str, language: str) -> str | None:
    from num2words import num2words

    kwargs: dict[str, Any] = {"lang": language, "to": "currency", "currency": code}
    try:
        if amount == int(amount) or code == "JPY":
            # Asked with a mark of our own, so that "zero cents" can be taken off again.
            said = str(num2words(Decimal(int(amount)).quantize(Decimal("0.00")), separator="\x1f", **kwargs))
            return said.split("\x1f")[0].strip()
        return str(num2words(amount.quantize(Decimal("0.01")), **kwargs))
    except _UNSPELLED:
        return None


@lru_cache(maxsize=4096)
def _unit_name(value: Decimal, unit: str, language: str) -> str:
    from babel.core import UnknownLocaleError
    from babel.units import UnknownUnitError, format_unit

    try:
        whole: str = format_unit(value, _UNITS[unit], "long", locale=language)
    except (UnknownLocaleError, UnknownUnitError, ValueError):
        return unit
    return regex.sub(r"[\d.,\s\u00a0\u202f٠-٩]+", " ", whole).strip()
