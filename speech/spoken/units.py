"""Units of measurement, named from Babel's copy of the CLDR, which also has the order of number and unit."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from functools import lru_cache

import regex

from speech.spoken.numbers import MOST_DIGITS, number

__all__ = ["DOTTED", "UNIT", "UNITS", "UNIT_POWERS", "counted", "dotted", "frame", "unit_of"]

UNITS = {
    "%": "concentr-percent", "‰": "concentr-permille", "°": "angle-degree", "％": "concentr-percent",
    "°C": "temperature-celsius", "°F": "temperature-fahrenheit", "℃": "temperature-celsius",
    "km": "length-kilometer", "m": "length-meter", "cm": "length-centimeter", "mm": "length-millimeter",
    "mi": "length-mile", "ft": "length-foot", "kg": "mass-kilogram", "g": "mass-gram", "mg": "mass-milligram",
    "lb": "mass-pound", "lbs": "mass-pound", "l": "volume-liter", "L": "volume-liter", "ml": "volume-milliliter",
    "km/h": "speed-kilometer-per-hour", "mph": "speed-mile-per-hour", "m/s": "speed-meter-per-second",
    "kB": "digital-kilobyte", "KB": "digital-kilobyte", "MB": "digital-megabyte",
    "GB": "digital-gigabyte", "TB": "digital-terabyte", "Hz": "frequency-hertz", "kHz": "frequency-kilohertz",
    "MHz": "frequency-megahertz", "GHz": "frequency-gigahertz", "W": "power-watt", "kW": "power-kilowatt",
    "V": "electric-volt", "min": "duration-minute", "ms": "duration-millisecond", "kWh": "energy-kilowatt-hour",
    "m²": "area-square-meter", "km²": "area-square-kilometer", "ha": "area-hectare",
    "км": "length-kilometer", "см": "length-centimeter", "мм": "length-millimeter", "кг": "mass-kilogram",
    "км/ч": "speed-kilometer-per-hour", "мл": "volume-milliliter", "ГБ": "digital-gigabyte", "МБ": "digital-megabyte",
    "кВт": "power-kilowatt", "oz": "mass-ounce", "yd": "length-yard", "gal": "volume-gallon", "hr": "duration-hour",
    "hrs": "duration-hour", "h": "duration-hour", "mins": "duration-minute", "sec": "duration-second",
    "secs": "duration-second", "tsp": "volume-teaspoon", "tbsp": "volume-tablespoon", "cl": "volume-centiliter",
    "dl": "volume-deciliter", "hl": "volume-hectoliter", "µg": "mass-microgram", "μg": "mass-microgram",
    "µm": "length-micrometer", "μm": "length-micrometer", "nm": "length-nanometer", "dm": "length-decimeter",
    "cm²": "area-square-centimeter", "m³": "volume-cubic-meter", "cm³": "volume-cubic-centimeter",
    "km³": "volume-cubic-kilometer", "ft²": "area-square-foot", "m2": "area-square-meter",
    "km2": "area-square-kilometer",
    "m3": "volume-cubic-meter", "kcal": "energy-kilocalorie", "kJ": "energy-kilojoule", "MW": "power-megawatt",
    "GW": "power-gigawatt", "mW": "power-milliwatt", "mA": "electric-milliampere", "Ω": "electric-ohm",
    "Mbit": "digital-megabit", "Gbit": "digital-gigabit", "PB": "digital-petabyte", "hPa": "pressure-hectopascal",
    "kPa": "pressure-kilopascal", "MPa": "pressure-megapascal", "bar": "pressure-bar", "mbar": "pressure-millibar",
    "psi": "pressure-pound-force-per-square-inch", "mmHg": "pressure-millimeter-ofhg", "hp": "power-horsepower",
    "lm": "light-lumen", "lx": "light-lux", "px": "graphics-pixel", "dpi": "graphics-dot-per-inch",
    "ppm": "concentr-permillion", "mpg": "consumption-mile-per-gallon", "kph": "speed-kilometer-per-hour",
    "kmh": "speed-kilometer-per-hour", "kn": "speed-knot", "dB": "sound-decibel",
}  # fmt: skip
# Units only as words of their own, since a letter after a number may be anything.
_APART = {
    "s": "duration-second", "t": "mass-tonne", "J": "energy-joule", "N": "force-newton", "Pa": "pressure-pascal",
    "A": "electric-ampere", "K": "temperature-kelvin",
}  # fmt: skip
# The units of one language, most of which are words in others.
_LOCAL: Mapping[str, Mapping[str, str]] = {
    "de": {
        "EL": "volume-tablespoon", "TL": "volume-teaspoon", "PS": "power-horsepower", "Std": "duration-hour",
        "Min": "duration-minute", "Sek": "duration-second",
    },
    "en": {"qt": "volume-quart"},
    "es": {"seg": "duration-second", "hs": "duration-hour"},
    "pt": {"seg": "duration-second", "hs": "duration-hour"},
    "fr": {"sec": "duration-second"},
    "nl": {"el": "volume-tablespoon", "tl": "volume-teaspoon", "pk": "power-horsepower"},
}  # fmt: skip
# Abbreviations with a dot, which is neither spoken nor ends a sentence by itself; `in` without one is a word.
DOTTED: Mapping[str, Mapping[str, str]] = {
    "en": {
        "in": "length-inch", "ins": "length-inch", "ft": "length-foot", "yd": "length-yard", "yds": "length-yard",
        "mi": "length-mile", "oz": "mass-ounce", "lb": "mass-pound", "lbs": "mass-pound", "tsp": "volume-teaspoon",
        "tbsp": "volume-tablespoon", "pt": "volume-pint", "qt": "volume-quart",
        "gal": "volume-gallon", "min": "duration-minute", "mins": "duration-minute", "sec": "duration-second",
        "secs": "duration-second", "hr": "duration-hour", "hrs": "duration-hour", "yr": "duration-year",
        "yrs": "duration-year", "wks": "duration-week", "mos": "duration-month",
    },
    "de": {
        "Std": "duration-hour", "Min": "duration-minute", "Sek": "duration-second", "min": "duration-minute",
        "sec": "duration-second",
    },
    "fr": {"min": "duration-minute", "sec": "duration-second"},
    "es": {"min": "duration-minute", "seg": "duration-second"},
    "it": {"min": "duration-minute", "sec": "duration-second"},
    "pt": {"min": "duration-minute", "seg": "duration-second"},
    "nl": {"min": "duration-minute", "sec": "duration-second"},
    "sv": {"min": "duration-minute", "sek": "duration-second", "tim": "duration-hour"},
    "da": {"min": "duration-minute", "sek": "duration-second"},
    "no": {"min": "duration-minute", "sek": "duration-second"},
    "pl": {"min": "duration-minute", "godz": "duration-hour", "sek": "duration-second"},
    "ru": {"мин": "duration-minute", "сек": "duration-second"},
}  # fmt: skip
# English words that make another unit of the one after them.
UNIT_POWERS = {"sq": "square", "cu": "cubic", "fl": "fluid"}
UNIT = "|".join(regex.escape(unit) for unit in sorted(UNITS, key=len, reverse=True))

# One of a unit: of a masculine and of a feminine one; and which are feminine.
_ONES = {"de": ("ein", "eine"), "fr": ("un", "une"), "es": ("un", "una"), "pt": ("um", "uma"), "it": ("un", "una")}
_TIMES = frozenset({"duration-hour", "duration-second"})
_FEMININE = {
    "de": _TIMES | {"duration-minute", "duration-week", "mass-tonne", "length-mile", "mass-ounce", "volume-gallon"},
    "fr": _TIMES | {"duration-minute", "duration-week", "mass-tonne", "mass-pound", "mass-ounce", "volume-teaspoon"},
    "es": _TIMES | {"duration-week", "mass-tonne", "mass-pound", "mass-ounce", "length-mile", "length-yard"},
    "pt": _TIMES | {"duration-week", "mass-tonne", "mass-pound", "mass-ounce", "length-mile", "length-yard"},
    "it": frozenset({"duration-week", "mass-tonne", "mass-pound"}),
}  # fmt: skip

# What the CLDR lacks: it writes these with the symbol alone. {} is the number.
_MISSING = {
    "en": {"sound-decibel": "{} decibels"},
    "de": {"sound-decibel": "{} Dezibel"},
    "fr": {"sound-decibel": "{} décibels"},
    "es": {"sound-decibel": "{} decibelios"},
    "it": {"sound-decibel": "{} decibel"},
    "nl": {"sound-decibel": "{} decibel"},
    "pt": {"sound-decibel": "{} decibéis"},
    "pl": {"sound-decibel": "{} decybeli"},
    "ru": {"sound-decibel": "{} децибел"},
    "zh": {
        "concentr-percent": "百分之{}", "concentr-permille": "千分之{}", "mass-gram": "{}克",
        "digital-kilobyte": "{}千字节", "length-kilometer": "{}公里", "length-meter": "{}米",
        "length-centimeter": "{}厘米", "length-millimeter": "{}毫米",
    },
    "ko": {"concentr-percent": "{} 퍼센트", "concentr-permille": "{} 퍼밀", "duration-minute": "{}분"},
    "ja": {"duration-minute": "{}分", "duration-millisecond": "{}ミリ秒"},
    "ar": {"concentr-percent": "{} بالمئة", "concentr-permille": "{} بالألف"},
    "he": {"concentr-percent": "{} אחוז"},
    "fa": {"concentr-percent": "{} درصد"},
}  # fmt: skip

_FIGURES = regex.compile(r"[\d٠-٩۰-۹०-९০-৯](?:[\d.,\u00a0\u202f٠-٩۰-۹٫٬]*[\d٠-٩۰-۹])?")
_BLANK = regex.compile(r"[\s\u00a0\u202f]+")
_LETTER = regex.compile(r"\p{L}")


def unit_of(word: str, closing: str, language: str) -> tuple[str, str] | None:
    """Return the unit that a word after a number names and the punctuation left after it; None if it names no unit.

    Args:
        word, closing: the word and the punctuation after it.

    >>> unit_of("ft", ".,", "en"), unit_of("in", "", "en"), unit_of("km", ".", "de")
    (('length-foot', ','), None, ('length-kilometer', '.'))
    """
    if closing.startswith(".") and (name := dotted(word, language)):
        return name, closing[1:]
    name = UNITS.get(word) or _LOCAL.get(language, {}).get(word) or _APART.get(word)
    return (name, closing) if name else None


def counted(amount: Decimal, unit: str, language: str) -> str:
    """Spell a number before the name of a unit.

    >>> counted(Decimal(1), "km", "de"), counted(Decimal(1), "h", "de"), counted(Decimal(2), "km", "de")
    ('ein', 'eine', 'zwei')
    """
    if amount != 1 or language not in _ONES:
        return number(amount, language)
    return _ONES[language][UNITS.get(unit, unit) in _FEMININE.get(language, _TIMES)]


def dotted(word: str, language: str) -> str | None:
    """Return the unit that a word with a dot abbreviates."""
    return DOTTED.get(language, {}).get(word)


@lru_cache(maxsize=4096)
def frame(amount: Decimal, unit: str, language: str) -> tuple[str, str]:
    """Return what is said before and after a number of a unit.

    Args:
        unit: as it is written, or its name in the CLDR.

    >>> frame(Decimal(5), "km", "en"), frame(Decimal(5), "%", "zh")
    (('', ' kilometers'), ('百分之', ''))
    """
    name = UNITS.get(unit, unit)
    pattern = _MISSING.get(language, {}).get(name) or _pattern(amount, name, language)
    if pattern is None:
        return "", f" {unit}" if unit in UNITS else ""
    before, _, after = pattern.partition("{}")
    return before, after


def _pattern(amount: Decimal, name: str, language: str) -> str | None:
    from babel.core import UnknownLocaleError
    from babel.units import UnknownUnitError, format_unit

    if len(amount.as_tuple().digits) > MOST_DIGITS:
        # Babel cannot round such numbers; any large number gives the same unit name.
        amount = Decimal(100)
    for length in ("long", "short"):
        try:
            whole: str = format_unit(abs(amount), name, length, locale=language)
        except (UnknownLocaleError, UnknownUnitError, ValueError):
            return None
        # Without a name Babel returns its key, and short names can be symbols, which are not said.
        framed = _BLANK.sub(" ", _FIGURES.sub("{}", whole, count=1)).strip()
        if (
            name not in whole
            and "{}" in framed
            and (length == "long" or _is_said(framed, language))
            and _LETTER.search(framed)
        ):
            return framed.replace(" ", "") if language in ("ja", "zh") else framed
    return None


def _is_said(framed: str, language: str) -> bool:
    """Check whether a short name is a word: it is in Chinese, Japanese and Korean, if not in Latin letters."""
    return language in ("ja", "zh", "ko") and not any(
        character.isascii() and character.isalpha() for character in framed
    )
