"""Units of measurement, named from Babel's copy of the CLDR, which also has the order of number and unit."""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache

import regex

from speech.spoken.numbers import MOST_DIGITS

__all__ = ["UNIT", "UNITS", "frame"]

UNITS = {
    "%": "concentr-percent", "‰": "concentr-permille", "°": "angle-degree", "％": "concentr-percent",
    "°C": "temperature-celsius", "°F": "temperature-fahrenheit", "℃": "temperature-celsius",
    "km": "length-kilometer", "m": "length-meter", "cm": "length-centimeter", "mm": "length-millimeter",
    "mi": "length-mile", "ft": "length-foot", "kg": "mass-kilogram", "g": "mass-gram", "mg": "mass-milligram",
    "lb": "mass-pound", "lbs": "mass-pound", "l": "volume-liter", "L": "volume-liter", "ml": "volume-milliliter",
    "km/h": "speed-kilometer-per-hour", "mph": "speed-mile-per-hour", "m/s": "speed-meter-per-second",
    "B": "digital-byte", "kB": "digital-kilobyte", "KB": "digital-kilobyte", "MB": "digital-megabyte",
    "GB": "digital-gigabyte", "TB": "digital-terabyte", "Hz": "frequency-hertz", "kHz": "frequency-kilohertz",
    "MHz": "frequency-megahertz", "GHz": "frequency-gigahertz", "W": "power-watt", "kW": "power-kilowatt",
    "V": "electric-volt", "min": "duration-minute", "ms": "duration-millisecond", "kWh": "energy-kilowatt-hour",
    "m²": "area-square-meter", "km²": "area-square-kilometer", "ha": "area-hectare",
    "км": "length-kilometer", "см": "length-centimeter", "мм": "length-millimeter", "кг": "mass-kilogram",
    "км/ч": "speed-kilometer-per-hour", "мл": "volume-milliliter", "ГБ": "digital-gigabyte", "МБ": "digital-megabyte",
    "кВт": "power-kilowatt",
}  # fmt: skip
UNIT = "|".join(regex.escape(unit) for unit in sorted(UNITS, key=len, reverse=True))

# What the CLDR lacks: it writes these with the sign alone. {} is the number.
_MISSING = {
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


@lru_cache(maxsize=4096)
def frame(amount: Decimal, unit: str, language: str) -> tuple[str, str]:
    """Return what is said before and after a number of a unit.

    >>> frame(Decimal(5), "km", "en"), frame(Decimal(5), "%", "zh")
    (('', ' kilometers'), ('百分之', ''))
    """
    name = UNITS[unit]
    pattern = _MISSING.get(language, {}).get(name) or _pattern(amount, name, language)
    if pattern is None:
        return "", f" {unit}"
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
        # Without a name Babel returns its key, and short names can be signs, which are not said.
        framed = _BLANK.sub(" ", _FIGURES.sub("{}", whole, count=1)).strip()
        if (
            name not in whole
            and "{}" in framed
            and (length == "long" or _said(framed, language))
            and _LETTER.search(framed)
        ):
            return framed.replace(" ", "") if language in ("ja", "zh") else framed
    return None


def _said(framed: str, language: str) -> bool:
    """Check whether a short name is a word: it is in Chinese, Japanese and Korean, if not in Latin letters."""
    return language in ("ja", "zh", "ko") and not any(
        character.isascii() and character.isalpha() for character in framed
    )
