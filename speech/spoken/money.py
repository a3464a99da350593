"""Amounts of money, spelled out by num2words, or by the CLDR's names of currencies."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from functools import lru_cache

import regex

from speech.spoken.numbers import MOST_DIGITS, NUMBER, by_num2words, minus, number, value
from speech.spoken.symbols import RANGES

__all__ = [
    "CURRENCIES",
    "amount_of",
    "currency_name",
    "currency_of",
    "magnitude",
    "money",
    "money_range",
    "power_of",
    "power_of_symbol",
    "whole",
]

# Those that are no words in capitals.
_CODES = (
    "USD", "EUR", "GBP", "CHF", "JPY", "CNY", "CAD", "AUD", "NZD", "HKD", "SGD", "SEK", "NOK", "DKK", "ISK",
    "PLN", "CZK", "HUF", "RON", "BGN", "RSD", "RUB", "UAH", "ILS", "INR", "PKR", "IDR", "MYR", "PHP", "THB",
    "VND", "KRW", "TWD", "BRL", "MXN", "ARS", "CLP", "ZAR", "EGP", "NGN", "KES", "AED", "SAR", "QAR",
)  # fmt: skip
CURRENCIES = {
    "$": "USD", "€": "EUR", "£": "GBP", "¥": "JPY", "￥": "JPY", "US$": "USD", "₹": "INR", "₽": "RUB", "₩": "KRW",
    "₺": "TRY", "₴": "UAH", "₪": "ILS", "₫": "VND", "฿": "THB", "R$": "BRL", "C$": "CAD", "A$": "AUD", "HK$": "HKD",
    "zł": "PLN", "Kč": "CZK", "Ft": "HUF",
    **{code: code for code in _CODES},
}  # fmt: skip
# Written as words are, so only amounts of one language have them.
LOCAL_CURRENCIES: Mapping[str, Mapping[str, str]] = {
    "de": {"Fr.": "CHF", "sFr.": "CHF", "SFr.": "CHF", "Fr": "CHF"},
    "fr": {"Fr.": "CHF", "fr.": "CHF", "frs": "CHF"}, "it": {"Fr.": "CHF", "fr.": "CHF"},
    "en": {"Rs.": "INR", "Rs": "INR"},
    "sv": {"kr": "SEK", "kr.": "SEK"}, "da": {"kr": "DKK", "kr.": "DKK"}, "no": {"kr": "NOK", "kr.": "NOK"},
    "ru": {"руб.": "RUB", "руб": "RUB", "р.": "RUB"}, "pl": {"zł.": "PLN"},
}  # fmt: skip
_SYMBOL = "|".join(regex.escape(symbol) for symbol in sorted(CURRENCIES, key=len, reverse=True))

# Powers of ten as they are written after an amount.
_POWERS = {
    "k": 3,
    "K": 3,
    "M": 6,
    "m": 6,
    "mn": 6,
    "Mio": 6,
    "bn": 9,
    "B": 9,
    "b": 9,
    "Md": 9,
    "Mrd": 9,
    "tn": 12,
    "T": 12,
}
# The thousand, the million, the milliard and the billion: one / several.
_NAMES = {
    "en": ("thousand", "million", "billion", "trillion"),
    "de": ("tausend", "Million/Millionen", "Milliarde/Milliarden", "Billion/Billionen"),
    "fr": ("mille", "million/millions", "milliard/milliards", "billion/billions"),
    "es": ("mil", "millón/millones", "mil millones", "billón/billones"),
    "it": ("mila", "milione/milioni", "miliardo/miliardi", "bilione/bilioni"),
    "pt": ("mil", "milhão/milhões", "bilhão/bilhões", "trilhão/trilhões"),
    "nl": ("duizend", "miljoen", "miljard", "biljoen"),
    "ru": ("тысяч", "миллион/миллионов", "миллиард/миллиардов", "триллион/триллионов"),
    "pl": ("tysięcy", "milion/milionów", "miliard/miliardów", "bilion/bilionów"),
}
_MAGNITUDES = {
    language: {
        power: (name.split("/")[0], name.split("/")[-1]) for power, name in zip((3, 6, 9, 12), names, strict=True)
    }
    for language, names in _NAMES.items()
}
_WRITTEN = {
    language: {name.lower(): power for power, both in names.items() for name in both if " " not in name}
    for language, names in _MAGNITUDES.items()
}
_OF = {"fr": "de ", "es": "de ", "it": "di ", "pt": "de "}
_VOWEL = regex.compile(r"[aeiouyéèêh]", regex.IGNORECASE)

# No cents, as it is written: `12,–`, `30.-`.
_EVEN_MARK = r"[.,](?:[–—]|--?)"
_MONEY = regex.compile(
    rf"(?P<sign>[-−])?(?:(?P<a>{_SYMBOL})(?P<inner>[-−])?(?P<n1>{NUMBER})(?:{_EVEN_MARK})?(?P<p1>k|K|mn|M|m|bn|B|b|tn|T)?"
    rf"|(?P<n2>{NUMBER})(?:{_EVEN_MARK})?(?P<p2>k|Mrd|Mio|Md|M|bn)?(?P<b>{_SYMBOL}))"
)
_RANGE = regex.compile(
    rf"(?P<a>{_SYMBOL})?(?P<n1>{NUMBER})(?P<b1>{_SYMBOL})?[-–—](?P<a2>{_SYMBOL})?(?P<n2>{NUMBER})(?P<b2>{_SYMBOL})?"
)
_EVEN = regex.compile(rf"(?r)(?<=\d){_EVEN_MARK}(?=[^\w–—-]{{0,5}}$)")
_POWER_SYMBOL = regex.compile(rf"(?P<p>k|Mrd|Mio|Md|M|bn)(?P<s>{_SYMBOL})")
_CENTS = regex.compile(r"(?r)[.,]\d\d$")
_JOINED = {"zh": "", "ja": ""}
_SYMBOL_OF = {code: symbol for symbol, code in reversed(CURRENCIES.items())}


def money(core: str, language: str) -> str | None:
    """Spell an amount of money; None if the word is none."""
    match = _MONEY.fullmatch(core)
    if not match:
        return None
    symbol, power = match["a"] or match["b"], _POWERS.get(match["p1"] or match["p2"] or "")
    amount = value(match["n1"] or match["n2"], language)
    head = minus(language) if match["sign"] or match["inner"] else ""
    if power is None:
        words = _amount(amount, CURRENCIES[symbol], language)
        return words and head + words
    unit = magnitude(amount, power, symbol, language)
    if unit is None:
        words = _amount(amount * 10**power, CURRENCIES[symbol], language)
        return words and head + words
    return f"{head}{number(amount, language)} {unit}"


def whole(word: str) -> str:
    """Return a word without the dash in the place of cents.

    >>> whole("30.–"), whole("12,-;"), whole("30.")
    ('30', '12;', '30.')
    """
    return _EVEN.sub("", word)


def currency_of(word: str, language: str) -> str | None:
    """Return the currency that a word by itself names, as `CURRENCIES` has it; None if it names none."""
    if word in CURRENCIES:
        return word
    code = LOCAL_CURRENCIES.get(language, {}).get(word)
    return code and _SYMBOL_OF.get(code, code)


def money_range(core: str, language: str, symbol: str = "") -> str | None:
    """Spell an amount of money from one to another, `$5–10`; None if the word is none.

    Args:
        symbol: the currency, if it stands apart.
    """
    match = _RANGE.fullmatch(core)
    if not match:
        return None
    symbol = symbol or match["a"] or match["b2"] or match["b1"] or match["a2"] or ""
    last = money(symbol + match["n2"], language) if symbol else None
    if last is None:
        return None
    first = money(symbol + match["n1"], language) if _CENTS.search(match["n1"]) else None
    first = first or number(value(match["n1"], language), language)
    to = RANGES.get(language, "")
    return f"{first}{to}{last}" if language in _JOINED else " ".join(filter(None, (first, to, last)))


def amount_of(core: str, language: str) -> tuple[str, Decimal, str] | None:
    """Return the symbol, the amount and the word for minus of an amount of money; None if the word is none."""
    match = _MONEY.fullmatch(core)
    if not match or match["p1"] or match["p2"]:
        return None
    amount = value(match["n1"] or match["n2"], language)
    return match["a"] or match["b"], amount, minus(language) if match["sign"] or match["inner"] else ""


def power_of(word: str, language: str) -> int | None:
    """Return which power of ten a word names ("million", "Mio."); None if it names none."""
    name = word.rstrip(".,;:!?").lower()
    names = _WRITTEN.get(language, {}) | {"mio": 6, "mrd": 9, "mln": 6, "mld": 9, "bn": 9}
    return names.get(name)


def power_of_symbol(core: str) -> tuple[int, str] | None:
    """Return the power of ten and the currency of a symbol like M€; None if the word is none."""
    match = _POWER_SYMBOL.fullmatch(core)
    return (_POWERS[match["p"]], match["s"]) if match else None


def magnitude(amount: Decimal, power: int, symbol: str, language: str) -> str | None:
    """Return the name of a power of ten with that of the currency, "million dollars"; None if it is not known.

    Args:
        amount: what stands before, which decides between singular and plural.
    """
    names = _MAGNITUDES.get(language, {}).get(power)
    currency = currency_name(Decimal(10) ** power, symbol, language)
    if names is None or currency is None:
        return None
    joint = _OF.get(language, "") if power >= 6 else ""
    if joint and language == "fr" and _VOWEL.match(currency):
        joint = "d'"
    return f"{names[amount != 1]} {joint}{currency}"


@lru_cache(maxsize=4096)
def currency_name(amount: Decimal, symbol: str, language: str) -> str | None:
    """Return the name of a currency for an amount, as it stands after it; None if it has none in this language."""
    amounted = _by_num2words(Decimal(2) if amount != 1 else amount, CURRENCIES[symbol], language)
    if amounted and " " in amounted:
        return amounted.split(" ", 1)[-1]
    return _in_cldr(amount, CURRENCIES[symbol], language)


def _amount(amount: Decimal, code: str, language: str) -> str | None:
    if len(f"{amount:f}".partition(".")[0]) <= MOST_DIGITS and (words := _by_num2words(amount, code, language)):
        return words
    symbol = next(symbol for symbol, currency in CURRENCIES.items() if currency == code)
    cents = _CENTS.search(f"{amount:f}")
    if cents and language not in _JOINED and (name := currency_name(Decimal(int(amount)), symbol, language)):
        return f"{number(int(amount), language)} {name} {number(int(cents[0][1:]), language)}"
    name = currency_name(amount, symbol, language)
    if f"{amount:f}".endswith("0") and "." in f"{amount:f}":
        amount = Decimal(f"{amount:f}".rstrip("0").rstrip("."))
    return name and _JOINED.get(language, " ").join((number(amount, language), name))


def _by_num2words(amount: Decimal, code: str, language: str) -> str | None:
    if language in ("ja", "ko", "zh"):
        # It knows few currencies there, and says zero cents.
        return None
    options = {"currency": code}
    if code == "BRL":
        # Its Brazilian speller knows reais, and no other.
        language, options = ("pt_BR", {}) if language == "pt" else (language, options)
    whole, _, rest = f"{amount:f}".partition(".")
    if code == "JPY" or not rest.strip("0"):
        # A separator that occurs nowhere else, so that "zero cents" can be cut off.
        if options:
            options["separator"] = "\x1f"
        words = by_num2words(Decimal(f"{whole}.00"), language, to="currency", **options)
        return words and words.split("\x1f")[0].strip()
    return by_num2words(amount.quantize(Decimal("0.01")), language, to="currency", **options)


# The everyday names, where the CLDR's are those of a bank.
_EVERYDAY = {
    "zh": {"JPY": "元", "USD": "美元"},
    "ja": {"JPY": "円", "USD": "ドル", "GBP": "ポンド"},
    "ko": {"USD": "달러", "JPY": "엔", "KRW": "원", "GBP": "파운드"},
}


def _in_cldr(amount: Decimal, code: str, language: str) -> str | None:
    from babel.core import UnknownLocaleError
    from babel.numbers import get_currency_name

    if code in (names := _EVERYDAY.get(language, {})):
        return names[code]
    try:
        name: str = get_currency_name(code, float(min(amount, Decimal(10**9))), locale=language)
    except (UnknownLocaleError, ValueError):
        return None
    return name if name != code else None
