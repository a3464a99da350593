"""The spoken form: numbers, money, units, addresses and abbreviations, spelled out as a voice says them.

num2words knows the numbers and the money, Babel's copy of the CLDR knows the units and how each
language writes its decimals. What neither has (abbreviations, the names of a few signs) is in small
tables here, for the five languages that are spelled out fully: en, de, fr, es, it. In another
language numbers are still spelled where num2words knows it, and the rest is left as written.

A number of more than fifteen digits is read digit by digit, as people do: nobody hears a quadrillion,
and no speller of num2words is right much further.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import lru_cache

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

# Longer numbers are read digit by digit.
_MOST_DIGITS = 15
# num2words loops for ever over Amharic numbers of twelve digits.
_UNSPELLED = {"am"}

_ORDINALS = {
    "en": regex.compile(r"(?P<n>\d+)(?:st|nd|rd|th)"),
    "de": regex.compile(r"(?P<n>\d{1,3})\.(?=\w|$)"),
    "fr": regex.compile(r"(?P<n>\d+)(?:er|re|ère|ᵉ|e|ème|nd|nde)"),
    "es": regex.compile(r"(?P<n>\d+)\.?[ºª]"),
    "it": regex.compile(r"(?P<n>\d+)[º°ª]"),
}

_NUMBER = r"\d+(?:[.,'’\u202f\u00a0]\d+)*"
_ADDRESS = regex.compile(
    r"(?:https?://|www\.)\S+|[\w.+-]+@[\w-]+(?:\.[\w-]+)+|[\w-]+(?:\.[\w-]+)*\.(?:com|org|net|de|fr|es|it|io|eu|uk|dev)"
    r"(?:/\S*)?",
    regex.IGNORECASE,
)
# The signs around a word that are not said. The second is matched from the end, so that each takes one pass.
_OPEN = regex.compile(r"[^\w$€£¥+#@&=°%-]*")
_CLOSE = regex.compile(r"(?r)[^\w%°$€£¥²‰+=&]*")
_MONEY = regex.compile(rf"(?P<sign>-)?(?:(?P<a>{_CURRENCY})(?P<n1>{_NUMBER})|(?P<n2>{_NUMBER})(?P<b>{_CURRENCY}))")
_MEASURE = regex.compile(rf"(?P<sign>[-−])?(?P<n>{_NUMBER})(?P<unit>{_UNIT})?")
_TIME = regex.compile(r"(?P<h>[01]?\d|2[0-3]):(?P<m>[0-5]\d)(?::[0-5]\d)?")
_RANGE = regex.compile(rf"(?P<a>{_NUMBER})[-–](?P<b>{_NUMBER})")
_PLAIN_NUMBER = regex.compile(rf"[-−]?{_NUMBER}")
_DATE = regex.compile(r"\d{1,2}\.")
_PARTS = regex.compile(r"\d+|[^\d]+")
_PROTOCOL = regex.compile(r"^https?://")
_ADDRESS_PARTS = regex.compile(r"[\w&&[^_]]+|[^\s]", regex.V1)
_UNSAID = regex.compile(r"[/_+=%°\s-]+")
_GROUPING = regex.compile(r"['’\u202f\u00a0]")
_MARK = regex.compile(r"[.,]")
_LONE_GROUP = regex.compile(r"(?r)[.,]\d{3}$")
# The longest words of dictionaries have 45 letters, those of place names 85.
_LONGEST_WORD = 100
_TOO_LONG = regex.compile(rf"\S{{{_LONGEST_WORD}}}(?=\S)")
_FIGURES = regex.compile(r"[\d.,\s\u00a0\u202f٠-٩]+")


def spell(words: Sequence[str], language: str) -> list[str]:
    """The spoken form of each word of a script, in order; its punctuation stays around it.

    A word that is not said (a dash, an emoji) gives an empty text.

    >>> spell("It cost $5.50 in 1984 — see www.example.com!".split(), "en")[2:5]
    ['five dollars, fifty cents', 'in', 'nineteen eighty-four']
    """
    return [
        _broken_up(
            _spell(
                word,
                language,
                words[index - 1] if index else "",
                words[index + 1] if index + 1 < len(words) else "",
            )
        )
        for index, word in enumerate(words)
    ]


def _broken_up(spoken: str) -> str:
    """The same with spaces in what is too long for a word: espeak-ng dies of it, and of so many dots in a row."""
    if not _TOO_LONG.search(spoken):
        return spoken
    return _TOO_LONG.sub(r"\g<0> ", spoken.replace(".", " "))


def _spell(word: str, language: str, before: str, after: str) -> str:
    abbreviations = _ABBREVIATIONS.get(language, {})
    if word in abbreviations:
        return abbreviations[word]
    opening, core, closing = _parted(word)
    if (core in _UNITS or core in _CURRENCIES) and _PLAIN_NUMBER.fullmatch(before):
        name = _name(_value(before.lstrip("-−"), language), core, language)
        if name:
            return f"{opening}{name}{closing}"
    if not any(character.isdigit() or character in "@&+=#%°$€£¥./" for character in word):
        return word if any(character.isalpha() for character in word) else ""
    if language == "de" and _DATE.fullmatch(word) and after[:1].isalpha():
        return _number(int(word[:-1]), language, "ordinal") + "n"
    said = next((form for rule in _RULES if (form := rule(core, language)) is not None), None)
    if said is None:
        said = core if any(character.isalpha() for character in core) else ""
    return f"{opening}{said}{closing}" if said else ""


def _parted(word: str) -> tuple[str, str, str]:
    """What opens a word, the word itself, and what closes it."""
    first = _OPEN.match(word).end()  # type: ignore[union-attr]
    last = _CLOSE.match(word, first).start()  # type: ignore[union-attr]
    return word[:first], word[first:last], word[last:]


def _name(value: Decimal, sign: str, language: str) -> str | None:
    """The name of a unit or a currency that stands apart from its number, as in "5 km"."""
    if sign in _UNITS:
        return _unit_name(value, sign, language)
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
    text = _PROTOCOL.sub("", core).rstrip("/")
    return " ".join(signs.get(part) or _spell_parts(part, language) for part in _ADDRESS_PARTS.findall(text))


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
    found = pattern.fullmatch(core) if pattern else None
    return _number(Decimal(found["n"]), language, "ordinal") if found else None


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
    if text.isdigit() and text.startswith("0") and len(text) > 1:
        said = _digits(text, language)
    else:
        said = _number(value, language, "year" if year else "cardinal")
    unit = " " + _unit_name(value, found["unit"], language) if found["unit"] else ""
    return (_minus(language) if found["sign"] else "") + said + unit


def _mixed(core: str, language: str) -> str | None:
    """Letters and digits in one word, such as B2B or A4."""
    return _spell_parts(core, language) if any(map(str.isdecimal, core)) else None


_RULES: tuple[Callable[[str, str], str | None], ...] = (
    _sign, _hashtag, _address, _money, _time, _ordinal, _range, _measure, _mixed,
)  # fmt: skip


def _spell_parts(text: str, language: str) -> str:
    said = [_number(Decimal(part), language) if part.isdecimal() else part for part in _PARTS.findall(text)]
    return _UNSAID.sub(" ", " ".join(said)).strip()


def _minus(language: str) -> str:
    return {"fr": "moins ", "es": "menos ", "it": "meno "}.get(language, "minus ")


def _value(text: str, language: str) -> Decimal:
    """Read a number as the language writes it; a lone group of three digits counts as thousands."""
    from babel.core import UnknownLocaleError
    from babel.numbers import NumberFormatError, parse_decimal

    plain = _GROUPING.sub("", text)
    try:
        if len(plain) > _MOST_DIGITS + 5:
            raise NumberFormatError(plain)
        value: Decimal = parse_decimal(plain, locale=language, strict=True)
    except (NumberFormatError, UnknownLocaleError, ValueError):
        if len(_MARK.findall(plain)) == 1 and not _LONE_GROUP.search(plain):
            return Decimal(plain.replace(",", "."))
        return Decimal(_MARK.sub("", plain))
    return value


@lru_cache(maxsize=4096)
def _number(value: Decimal | int, language: str, kind: str = "cardinal") -> str:
    from num2words import CONVERTER_CLASSES

    # Written out, since a Decimal shows what is very small or large with an exponent.
    whole, _, rest = f"{value:f}".partition(".")
    rest = rest if rest.strip("0") else ""
    if language not in CONVERTER_CLASSES or language in _UNSPELLED:
        return f"{whole}.{rest}" if rest else whole
    if rest:
        # Digit by digit after the mark: num2words drops them in some languages.
        mark = _SIGNS.get(language, _SIGNS["en"])[","]
        return f"{_number(Decimal(whole), language)} {mark} {_digits(rest, language)}"
    said = _by_num2words(int(whole), language, to=kind) if len(whole) <= _MOST_DIGITS else None
    if said is None and kind != "cardinal":
        return _number(value, language)
    if said is None and len(whole) > 1:
        return _digits(whole, language)
    return said or whole


def _digits(text: str, language: str) -> str:
    return " ".join(_number(int(digit), language) for digit in text)


def _currency(amount: Decimal, code: str, language: str) -> str | None:
    whole, _, rest = f"{amount:f}".partition(".")
    if len(whole) > _MOST_DIGITS:
        # The number as it is read, and the name as it is after any other large one.
        named = _name(Decimal(2), next(sign for sign, known in _CURRENCIES.items() if known == code), language)
        return named and f"{_number(amount, language)} {named}"
    if code == "JPY" or not rest.strip("0"):
        # Asked with a mark of our own, so that "zero cents" can be taken off again.
        said = _by_num2words(Decimal(f"{whole}.00"), language, to="currency", currency=code, separator="\x1f")
        return said and said.split("\x1f")[0].strip()
    cents = amount.quantize(Decimal("0.01"))
    return _by_num2words(cents, language, to="currency", currency=code)


def _by_num2words(number: Decimal | int, language: str, **how: str) -> str | None:
    """What num2words says; None for a language, a currency or a number that it does not know."""
    from num2words import num2words

    try:
        return str(num2words(number, lang=language, **how)).strip() or None
    except Exception:
        # What it does not know ends in anything from NotImplementedError to RecursionError.
        return None


@lru_cache(maxsize=4096)
def _unit_name(value: Decimal, unit: str, language: str) -> str:
    from babel.core import UnknownLocaleError
    from babel.units import UnknownUnitError, format_unit

    if len(value.as_tuple().digits) > _MOST_DIGITS:
        # More than Babel can round; the name is that of any large number.
        value = Decimal(100)
    try:
        whole: str = format_unit(value, _UNITS[unit], "long", locale=language)
    except (UnknownLocaleError, UnknownUnitError, ValueError):
        return unit
    return _FIGURES.sub(" ", whole).strip()
