"""Numbers: read in the notation of a language, and spelled out in its words.

num2words spells most languages, and a few lines here spell Chinese, which it does not know. In other languages
digits stay as they are. A number of more than fifteen digits is read digit by digit, as people do: nobody can
follow a quadrillion, and num2words is not reliable far beyond that.
"""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache
from typing import Any

import regex

__all__ = ["MOST_DIGITS", "NUMBER", "by_num2words", "digits", "grouped", "minus", "number", "spells", "value"]

# Longer numbers are read digit by digit.
MOST_DIGITS = 15
# num2words never returns for Amharic numbers of twelve digits.
_UNSPELLED = {"am"}
# Languages in which a year is read otherwise than its number, and num2words knows how.
_YEARS = {"de", "en", "nl", "da", "no"}
# Languages in which num2words reads decimals as fractions ("fourteen hundredths"), as people do.
_FRACTIONS = {"ru", "hu"}

# An apostrophe or a narrow space stands before three digits; before fewer an apostrophe is a foot: 5'10.
NUMBER = r"\d+(?:[.,]\d+|['’\u202f\u00a0]\d{3}(?!\d))*"
_GROUPING = regex.compile(r"['’\u202f\u00a0]")
_MARK = regex.compile(r"[.,]")
_LONE_GROUP = regex.compile(r"(?r)[.,]\d{3}$")
_GROUPS = regex.compile(r"\d{1,3}(?:(?P<mark>[.,])\d{3})(?:(?P=mark)\d{3})*(?:[.,]\d+)?")

# The word for the decimal mark.
_POINT = {
    "en": "point", "de": "Komma", "fr": "virgule", "es": "coma", "it": "virgola", "pt": "vírgula", "nl": "komma",
    "pl": "przecinek", "cs": "celá", "sk": "celých", "sl": "celih", "hr": "zarez", "sr": "zapeta", "bg": "запетая",
    "ru": "запятая", "uk": "кома", "be": "коска", "sv": "komma", "da": "komma", "no": "komma", "is": "komma",
    "fi": "pilkku", "et": "koma", "lv": "komats", "lt": "kablelis", "hu": "egész", "ro": "virgulă", "ca": "coma",
    "tr": "virgül", "az": "vergül", "kz": "бүтін", "el": "κόμμα", "ar": "فاصلة", "fa": "ممیز", "he": "נקודה",
    "hi": "दशमलव", "bn": "দশমিক", "te": "బిందువు", "kn": "ಬಿಂದು", "th": "จุด", "vi": "phẩy", "id": "koma",
    "eo": "komo", "ja": "点", "zh": "点", "ko": "점",
}  # fmt: skip

_MINUS = {
    "fr": "moins", "es": "menos", "pt": "menos", "it": "meno", "ca": "menys", "nl": "min", "cs": "mínus",
    "sk": "mínus", "hu": "mínusz", "fi": "miinus", "is": "mínus", "lv": "mīnus", "ru": "минус", "be": "мінус",
    "uk": "мінус", "bg": "минус", "sr": "minus", "tr": "eksi", "az": "mənfi", "el": "μείον", "ar": "سالب",
    "fa": "منفی", "he": "מינוס", "hi": "ऋण", "th": "ลบ", "vi": "âm", "ja": "マイナス", "zh": "负", "ko": "마이너스",
}  # fmt: skip

# Languages that write no space between a number and the words around it.
_JOINED = {"ja", "zh"}

_CHINESE = "零一二三四五六七八九"
_TENS = ("", "十", "百", "千")
_MYRIADS = ("", "万", "亿", "万亿")


def value(text: str, language: str) -> Decimal:
    """Parse a number in the notation of the language; a single group of three digits counts as thousands."""
    from babel.core import UnknownLocaleError
    from babel.numbers import NumberFormatError, parse_decimal

    plain = _GROUPING.sub("", text)
    try:
        if len(plain) > MOST_DIGITS + 5:
            raise NumberFormatError(plain)
        parsed: Decimal = parse_decimal(plain, locale=language, strict=True)
    except (NumberFormatError, UnknownLocaleError, ValueError):
        if len(_MARK.findall(plain)) == 1 and not _LONE_GROUP.search(plain):
            return Decimal(plain.replace(",", "."))
        return Decimal(_MARK.sub("", plain))
    return parsed


def grouped(text: str) -> bool:
    """Check whether the marks in a number group its digits, as in 1,234,567 but not in 192.168.1.1."""
    return len(_MARK.findall(text)) < 2 or _GROUPS.fullmatch(text) is not None


@lru_cache(maxsize=4096)
def number(amount: Decimal | int, language: str, kind: str = "cardinal") -> str:
    """Spell a number out.

    Args:
        kind: cardinal, ordinal or year; an ordinal or year that cannot be spelled is read as a cardinal.
    """
    # Fixed-point notation, because str() of a very small or large Decimal has an exponent.
    whole, _, rest = f"{amount:f}".partition(".")
    rest = rest if rest.strip("0") else ""
    if not spells(language):
        return f"{whole}.{rest}" if rest else whole
    if rest:
        return _decimal(whole, rest, language)
    if len(whole) > MOST_DIGITS:
        return digits(whole, language)
    if language == "zh":
        return ("第" if kind == "ordinal" else "") + _chinese(int(whole))
    if kind == "year" and language not in _YEARS:
        kind = "cardinal"
    words = by_num2words(int(whole), language, to=kind)
    if words is None and kind != "cardinal":
        return number(amount, language)
    if words is None and len(whole) > 1:
        return digits(whole, language)
    return words or whole


def digits(text: str, language: str) -> str:
    """Spell each digit."""
    return _space(language).join(number(int(digit), language) for digit in text)


def minus(language: str) -> str:
    """Return the word before a negative number, with the space after it."""
    return _MINUS.get(language, "minus") + _space(language)


def by_num2words(amount: Decimal | int, language: str, **options: Any) -> str | None:
    """Spell a number with num2words; None for a language, currency or number that it does not support."""
    from num2words import num2words

    try:
        return str(num2words(amount, lang=language, **options)).strip() or None
    except Exception:
        # For unsupported input it raises anything from NotImplementedError to RecursionError.
        return None


def spells(language: str) -> bool:
    """Check whether the numbers of a language can be spelled out."""
    from num2words import CONVERTER_CLASSES

    return language == "zh" or (language in CONVERTER_CLASSES and language not in _UNSPELLED)


def _decimal(whole: str, rest: str, language: str) -> str:
    if language in _FRACTIONS and len(whole) <= MOST_DIGITS and len(rest) <= 3:
        words = by_num2words(Decimal(f"{whole}.{rest}"), language)
        if words:
            return words
    # Decimals are read digit by digit: num2words drops them in some languages.
    parts = (number(Decimal(whole), language), _POINT.get(language, _POINT["en"]), digits(rest, language))
    return _space(language).join(parts)


def _space(language: str) -> str:
    return "" if language in _JOINED else " "


def _chinese(amount: int) -> str:
    """Spell a number of at most sixteen digits in Chinese.

    >>> _chinese(20_305), _chinese(12), _chinese(2000)
    ('两万零三百零五', '十二', '两千')
    """
    if amount == 0:
        return _CHINESE[0]
    spelled, gap = "", False
    groups = []
    while amount:
        amount, group = divmod(amount, 10_000)
        groups.append(group)
    for exponent in range(len(groups) - 1, -1, -1):
        group = groups[exponent]
        if not group:
            gap = True
            continue
        if spelled and (gap or group < 1000):
            spelled += _CHINESE[0]
        spelled += ("两" if group == 2 and exponent else _chinese_group(group)) + _MYRIADS[exponent]
        gap = False
    # Ten to nineteen begin without a one.
    return spelled.removeprefix("一") if spelled.startswith("一十") else spelled


def _chinese_group(group: int) -> str:
    """Spell a number of at most four digits in Chinese."""
    spelled, gap = "", False
    for exponent, digit in zip(range(3, -1, -1), f"{group:04}", strict=True):
        if digit == "0":
            gap = bool(spelled)
            continue
        spelled += (
            (_CHINESE[0] if gap else "")
            + ("两" if digit == "2" and exponent >= 2 else _CHINESE[int(digit)])
            + _TENS[exponent]
        )
        gap = False
    return spelled
