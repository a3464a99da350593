"""Elements that say how something is spoken: those of SSML, which may stand in HTML and Markdown as well."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import regex

from speech.script.readers.markup import attribute, refused
from speech.script.readers.runs import Style

if TYPE_CHECKING:
    from speech.script.readers.page import Page

__all__ = ["Voiced", "voiced"]

_STRENGTHS = {"none": 0.0, "x-weak": 0.1, "weak": 0.25, "medium": 0.5, "strong": 1.0, "x-strong": 1.5}
_LONGEST_PAUSE = 30.0
_RATES = {"x-slow": 0.5, "slow": 0.75, "medium": 1.0, "default": 1.0, "fast": 1.25, "x-fast": 1.5}
_SLOWEST, _FASTEST = 0.5, 2.0
_TIME = regex.compile(r"\+?(\d{0,6}(?:\.\d{1,6})?)\s*(ms|s)")
_RATE = regex.compile(r"([+-]?)(\d{1,4}(?:\.\d{1,4})?)(%?)")
_UNHEARD = ("pitch", "contour", "range", "volume", "duration")
# Elements of SSML that can be ignored without loss.
_SILENT = {"speak", "p", "s", "lang", "mark", "desc", "metadata", "meta", "w", "token", "br", "sentence", "paragraph"}
_SPOKEN = {"voice", "break", "sub", "say-as", "prosody"}


@dataclass(frozen=True, slots=True)
class Voiced:
    """What an element asks for.

    Attributes:
        say: what to speak in the place of its text.
        pause: seconds of silence in its place.
    """

    style: Style
    say: str | None = None
    pause: float = 0.0


def voiced(node: Any, tag: str, style: Style, page: Page) -> Voiced:
    """Return what an element asks for; what cannot be done becomes a note of the page.

    Raises:
        InvalidRequest: a pause or a pace cannot be understood.
    """
    if tag == "voice":
        name = " ".join(attribute(node, "name").split())
        if not name:
            page.note("A voice is chosen by its name only; <voice> without a name is not honoured.")
        if name and node.get("data-optional") is not None:
            # As subtitles name who speaks.
            return Voiced(replace(style, voice=None, speaker=name))
        return Voiced(replace(style, voice=name or style.voice))
    if tag == "break":
        return Voiced(style, pause=_pause(node))
    if tag == "sub" and attribute(node, "alias").strip():
        return Voiced(style, say=" ".join(attribute(node, "alias").split()))
    if tag == "say-as":
        return Voiced(style, say=_said_as(node, style, page))
    if tag == "prosody":
        for each in _UNHEARD:
            if attribute(node, each):
                page.note(f"The {each} of <prosody> cannot be changed; only its rate is honoured.")
        return Voiced(_paced(attribute(node, "rate"), style, page))
    if page.is_ssml and tag not in _SILENT | _SPOKEN:
        page.note(f"<{tag}> is not honoured; its text is spoken.")
    return Voiced(style)


def _pause(node: Any) -> float:
    time, strength = attribute(node, "time").strip(), attribute(node, "strength").strip()
    if not time:
        if strength and strength not in _STRENGTHS:
            raise refused(f"<break strength={strength[:40]!r}> is not accepted; expected {', '.join(_STRENGTHS)}")
        return _STRENGTHS[strength or "medium"]
    match = _TIME.fullmatch(time)
    if not match or not match[1].strip("."):
        raise refused(f"<break time={time[:40]!r}> is not accepted; expected, for example, 500ms or 1.5s")
    seconds = float(match[1]) / (1000 if match[2] == "ms" else 1)
    if seconds > _LONGEST_PAUSE:
        raise refused(f"<break time={time!r}> is too long; at most {_LONGEST_PAUSE:g} seconds are accepted")
    return round(seconds, 3)


def _paced(rate: str, style: Style, page: Page) -> Style:
    rate = rate.strip().lower()
    if not rate:
        return style
    if rate in _RATES:
        factor = _RATES[rate]
    elif match := _RATE.fullmatch(rate):
        sign, number, percent = match.groups()
        factor = float(number) / (100 if percent else 1)
        factor = 1 + factor if sign == "+" else 1 - factor if sign == "-" else factor
    else:
        accepted = f"{', '.join(_RATES)}, a number or a percentage"
        raise refused(f"<prosody rate={rate[:40]!r}> is not accepted; expected {accepted}")
    speed = min(max(style.speed * factor, _SLOWEST), _FASTEST)
    if speed != style.speed * factor:
        page.note(f"A rate of {rate} is beyond what can be spoken; {speed:g} times the pace was used.")
    return replace(style, speed=round(speed, 3))


def _said_as(node: Any, style: Style, page: Page) -> str | None:
    """Return the words of <say-as>; None if its text is spoken as it is."""
    kind = attribute(node, "interpret-as").strip().lower()
    text = " ".join("".join(node.itertext()).split())[:200]
    language = style.language or page.language or "en"
    speak = _KINDS.get(kind)
    form = speak(text, language, attribute(node, "format").strip().lower()) if speak else None
    if form is None and text:
        page.note(
            f"<say-as interpret-as={kind[:40]!r}> is not honoured for {text[:40]!r}; the text is spoken as it is."
        )
    return form


def _characters(text: str, language: str, _format: str) -> str | None:
    names = (_spelled(char, language) if char.isdigit() else char.upper() for char in text if char.isalnum())
    return " ".join(names) or None


def _digits(text: str, language: str, _format: str) -> str | None:
    return " ".join(_spelled(char, language) for char in text if char.isdigit()) or None


def _telephone(text: str, language: str, _format: str) -> str | None:
    groups = regex.findall(r"\+?\d+", text)
    return ", ".join(_digits(group, language, "") or "" for group in groups) or None


def _cardinal(text: str, language: str, _format: str) -> str | None:
    number = text.replace(" ", "")
    return _spelled(number, language) if regex.fullmatch(r"[-+]?\d{1,15}", number) else None


def _ordinal(text: str, language: str, _format: str) -> str | None:
    from num2words import num2words

    match = regex.fullmatch(r"(\d{1,9})\.?\p{L}{0,3}", text)
    try:
        return str(num2words(int(match[1]), lang=language, to="ordinal")) if match else None
    except (NotImplementedError, ArithmeticError, LookupError, ValueError):
        return None


def _date(text: str, language: str, order: str) -> str | None:
    from datetime import date

    from babel import UnknownLocaleError
    from babel.dates import format_date

    parts = regex.findall(r"\d+", text)
    order = order or ("ymd" if parts and len(parts[0]) == 4 else "")
    if sorted(order) != sorted("ymd") or len(parts) != 3:
        return None
    year, month, day = (int(parts[order.index(each)]) for each in "ymd")
    try:
        form = format_date(date(year, month, day), "long", language)
    except (ValueError, UnknownLocaleError):
        return None
    return _spelled(form, language)


def _spelled(text: str, language: str) -> str:
    from speech.spoken import spell

    return " ".join(form for form in spell(text.split(), language) if form)


_KINDS: dict[str, Callable[[str, str, str], str | None]] = {
    "characters": _characters, "spell-out": _characters, "verbatim": _characters, "digits": _digits,
    "telephone": _telephone, "cardinal": _cardinal, "number": _cardinal, "ordinal": _ordinal, "date": _date,
}  # fmt: skip
