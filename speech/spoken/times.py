"""Times of day, alone and from one to another: `10:30`, `2pm–4pm`, `14h30`, `9.30 Uhr`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import regex

from speech.spoken.numbers import number
from speech.spoken.parts import parted, share
from speech.spoken.symbols import RANGES

__all__ = ["time"]

_HOUR, _MINUTE = r"(?:[01]?\d|2[0-4])", r"[0-5]\d"
_CLOCK = regex.compile(rf"(?P<h>{_HOUR}):(?P<m>{_MINUTE})(?::(?P<s>{_MINUTE}))?")
_DOTTED = regex.compile(rf"(?P<h>{_HOUR})[.:](?P<m>{_MINUTE})")
_LETTERED = regex.compile(rf"(?P<h>{_HOUR})[hHu](?P<m>{_MINUTE})?(?:min)?")
_TWELVE = regex.compile(rf"(?P<h>1[0-2]|0?[1-9])(?:[:.](?P<m>{_MINUTE}))?(?P<half>[ap]\.?m\.?)?", regex.IGNORECASE)
_BARE = regex.compile(rf"(?P<h>{_HOUR})")
_RANGE = regex.compile(r"(?P<a>[\d:.hHuapmAPM]{1,8})[-–—](?P<b>[\d:.hHuapmAPM]{1,8})")
_HALF = regex.compile(r"(?P<half>[ap])\.?m", regex.IGNORECASE)
# The half of the first of two times, with the second one: `10 AM–2 PM`.
_FIRST_HALF = regex.compile(r"(?P<first>[APap]\.?[Mm]\.?|[Nn]oon|[Mm]idnight)[-–—](?P<last>\d.{0,16})")

# Languages that write a letter between hours and minutes: of Dutch only that of Belgium.
_LETTERS: Mapping[str, str] = {"fr": "hH", "pt": "h", "es": "h", "ca": "h", "nl": "u", "it": "h"}
# What stands after a time as a word of its own, by which a dot in it is no decimal mark; and before one.
_AFTER: Mapping[str, frozenset[str]] = {
    "de": frozenset({"Uhr"}), "nl": frozenset({"uur", "u"}), "es": frozenset({"h", "hs", "hrs"}),
    "pt": frozenset({"h", "hs"}), "fr": frozenset({"h", "heures"}), "it": frozenset({"h"}),
}  # fmt: skip
_SHORT = {"h", "hs", "hrs", "u"}
_BEFORE: Mapping[str, frozenset[str]] = {
    "it": frozenset({"ore", "alle", "dalle"}), "sv": frozenset({"kl", "klockan"}), "da": frozenset({"kl", "klokken"}),
    "no": frozenset({"kl", "klokken", "klokka"}), "fi": frozenset({"klo", "kello"}), "pl": frozenset({"godz"}),
}  # fmt: skip
# The word for an hour and for several, where one is said; and the hours that are feminine.
_HOURS: Mapping[str, tuple[str, str]] = {
    "fr": ("heure", "heures"), "es": ("hora", "horas"), "pt": ("hora", "horas"), "ca": ("hora", "hores"),
}  # fmt: skip
_FEMININE: Mapping[str, Mapping[int, str]] = {
    "fr": {1: "une", 21: "vingt et une"},
    "es": {1: "una", 21: "veintiuna"},
    "pt": {1: "uma", 2: "duas", 21: "vinte e uma", 22: "vinte e duas"},
    "ca": {1: "una", 2: "dues", 21: "vint-i-una", 22: "vint-i-dues"},
}
_EAST_ASIAN = {"zh": ("点", "分"), "ja": ("時", "分"), "ko": ("시", "분")}


@dataclass(frozen=True, slots=True)
class _Time:
    """A time as it is written.

    Attributes:
        minutes, seconds: None if they are not written.
        half: "a.m." or "p.m.", or nothing.
        lettered: whether a letter stands after the hours: `14h30`.
    """

    hours: int
    minutes: int | None = None
    seconds: int | None = None
    half: str = ""
    lettered: bool = False


def time(words: Sequence[str], index: int, language: str) -> list[str] | None:
    """Read a time of day, or two of them with a dash between, with the word after it that belongs to it.

    >>> time(["2pm–4:30pm,"], 0, "en"), time(["9.30", "Uhr"], 0, "de"), time(["14h30."], 0, "fr")
    (['two p.m. to four thirty p.m.,'], ['neun Uhr', 'dreißig'], ['quatorze heures trente.'])
    """
    if language == "en" and (first_half := _FIRST_HALF.fullmatch(words[index])):
        return _continued(first_half, words, index)
    opening, core, closing = parted(words[index])
    if not core[:1].isdigit() or len(core) > 17:
        return None
    after = words[index + 1] if index + 1 < len(words) and not closing else ""
    before = words[index - 1].lower().strip(".(") if index else ""
    read = next((result for method in _WAYS if (result := method(core, after, before, language))), None)
    if read is None:
        return _apart(words, index, language)
    form, uses_next = read
    if uses_next:
        first, last = _halved(form)
        return [opening + first, last + _tail(after)] if last else [opening + first + _tail(after), ""]
    return [f"{opening}{form}{closing.removeprefix('.') if form.endswith('.') else closing}"]


def _continued(match: regex.Match[str], words: Sequence[str], index: int) -> list[str] | None:
    """Read the half of the first of two times, with the second one."""
    read = time([match["last"], *words[index + 1 : index + 2]], 0, "en")
    if read is None:
        read = [number(int(match["last"]), "en")] if match["last"].isdecimal() and len(match["last"]) < 3 else None
    half = _half(match["first"], "en") or match["first"]
    return read and [f"{half} {RANGES['en']} {read[0]}", *read[1:]]


def _halved(form: str) -> tuple[str, str]:
    """Divide what is said for two words, the larger part for the first."""
    words = form.split(" ")
    middle = (len(words) + 1) // 2
    return " ".join(words[:middle]), " ".join(words[middle:])


def _range(core: str, after: str, before: str, language: str) -> tuple[str, bool] | None:
    """Read two times with a dash between them, and whether the word after them is a part of them."""
    match = _RANGE.fullmatch(core)
    if not match:
        return None
    first, last = match["a"], match["b"]
    unit = parted(after)[1]
    is_named = unit in _AFTER.get(language, ()) or bool(_half(after, language))
    timed = is_named or before in _BEFORE.get(language, ())
    end = _time(last, language, dotted=timed, bare=timed)
    begin = _time(first, language, dotted=timed, bare=True)
    if end is None or begin is None or not (timed or end.minutes is not None or end.half or end.lettered):
        return None
    if begin.minutes is None and end.minutes is not None and not (timed or end.half or end.lettered or begin.half):
        return None
    form = f"{_spell_time(begin, language, whole=end.minutes is None)} {RANGES.get(language, '')} "
    ending, uses_next = _with_unit(end, after, language) if is_named else (_spell_time(end, language), False)
    return form + ending, uses_next


def _one(core: str, after: str, before: str, language: str) -> tuple[str, bool] | None:
    unit = parted(after)[1]
    is_named = unit in _AFTER.get(language, ())
    half = _half(after, language)
    dotted = is_named or before in _BEFORE.get(language, ())
    clock = _time(core, language, dotted=dotted or bool(half), bare=bool(half))
    if clock is None:
        return None
    return _with_unit(clock, after, language) if is_named or half else (_spell_time(clock, language), False)


_WAYS: tuple[Callable[[str, str, str, str], tuple[str, bool] | None], ...] = (_range, _one)


def _apart(words: Sequence[str], index: int, language: str) -> list[str] | None:
    """Read hours and minutes with a letter between that stands apart: `14 h 30`."""
    if language not in _HOURS or index + 1 >= len(words) or parted(words[index + 1])[1] != "h":
        return None
    opening, core, closing = parted(words[index])
    if closing or not _BARE.fullmatch(core):
        return None
    _, minutes, tail = parted(words[index + 2]) if index + 2 < len(words) else ("", "", "")
    if words[index + 1] == "h" and len(minutes) == 2 and minutes.isdecimal() and int(minutes) < 60:
        form = _spell_time(_Time(int(core), int(minutes), lettered=True), language)
        first, middle, last = share(form, 3)
        return [opening + first, middle, last + tail] if last else [opening + first + tail, "", ""]
    form = _spell_time(_Time(int(core), lettered=True), language)
    first, last = share(form, 2)
    return [opening + first, last + _tail(words[index + 1])]


def _tail(after: str) -> str:
    """Return the punctuation after the word for hours, without the dot of an abbreviation: `17 h. de`."""
    _, word, closing = parted(after)
    return closing.removeprefix(".") if word in _SHORT else closing


def _half(after: str, language: str) -> str:
    """Return which half of the day a word after a number names."""
    match = _HALF.fullmatch(parted(after)[1]) if language == "en" else None
    return f"{match['half'].lower()}.m." if match else ""


def _time(text: str, language: str, *, dotted: bool, bare: bool) -> _Time | None:
    """Return the time that a text is.

    Args:
        dotted: whether a dot may stand between hours and minutes.
        bare: whether hours may stand by themselves.
    """
    letters = _LETTERS.get(language, "")
    if language == "en" and (match := _TWELVE.fullmatch(text)) and match["half"]:
        return _Time(int(match["h"]), _number(match["m"]), half=f"{match['half'][0].lower()}.m.")
    if match := _CLOCK.fullmatch(text) or (_DOTTED.fullmatch(text) if dotted else None):
        seconds = match.groupdict().get("s")
        return _Time(int(match["h"]), int(match["m"]), _number(seconds))
    if any(letter in text for letter in letters) and (match := _LETTERED.fullmatch(text)):
        return _Time(int(match["h"]), _number(match["m"]), lettered=True)
    match = _BARE.fullmatch(text) if bare else None
    return _Time(int(match["h"])) if match else None


def _number(text: str | None) -> int | None:
    return int(text) if text else None


def _with_unit(end: _Time, after: str, language: str) -> tuple[str, bool]:
    """Return a time with the word after it, and whether that is a part of it."""
    if half := _half(after, language):
        return f"{_spell_time(end, language)} {half.removesuffix('.') if after.endswith('.') else half}", True
    unit = parted(after)[1]
    if language == "de":
        return (_spell_time(_Time(end.hours, end.minutes or 0, end.seconds), language), True)
    if language == "nl":
        form = _spell_time(_Time(end.hours), language)
        return (f"{form} uur {number(end.minutes, language)}" if end.minutes else f"{form} uur"), True
    if language in _HOURS:
        return _spell_time(_Time(end.hours, end.minutes, end.seconds, lettered=True), language), True
    return f"{_spell_time(end, language)} {unit}", True


def _spell_time(clock: _Time, language: str, *, whole: bool = True) -> str:
    """Spell a time.

    Args:
        whole: whether hours by themselves are said without a word after them, as before another time.
    """
    spell = _SPELLERS.get(language, _plain)
    form = spell(clock, language, whole)
    if clock.seconds:
        form += f" {number(clock.seconds, language)}"
    return f"{form} {clock.half}".strip()


def _hour(clock: _Time, language: str) -> str:
    return _FEMININE.get(language, {}).get(clock.hours) or number(clock.hours, language)


def _plain(clock: _Time, language: str, _whole: bool) -> str:
    hours, minutes = number(clock.hours, language), clock.minutes
    if not minutes:
        return hours
    return f"{hours} {'oh ' if language == 'en' and minutes < 10 else ''}{number(minutes, language)}"


def _german(clock: _Time, language: str, whole: bool) -> str:
    hours = number(clock.hours, language)
    if clock.minutes:
        return f"{hours} Uhr {number(clock.minutes, language)}"
    return hours if clock.minutes is None and whole else f"{hours} Uhr"


def _french(clock: _Time, language: str, _whole: bool) -> str:
    hours = f"{_hour(clock, language)} {_HOURS[language][clock.hours > 1]}"
    return f"{hours} {number(clock.minutes, language)}" if clock.minutes else hours


def _iberian(clock: _Time, language: str, _whole: bool) -> str:
    if not clock.lettered:
        return _plain(clock, language, True)
    hours = f"{_hour(clock, language)} {_HOURS[language][clock.hours != 1]}"
    joint = {"es": "y", "pt": "e", "ca": "i"}[language]
    return f"{hours} {joint} {number(clock.minutes, language)}" if clock.minutes else hours


def _dutch(clock: _Time, language: str, _whole: bool) -> str:
    if not clock.lettered:
        return _plain(clock, language, True)
    hours = f"{number(clock.hours, language)} uur"
    return f"{hours} {number(clock.minutes, language)}" if clock.minutes else hours


def _east_asian(clock: _Time, language: str, _whole: bool) -> str:
    hour, minute = _EAST_ASIAN[language]
    joint = " " if language == "ko" else ""
    minutes = f"{joint}{number(clock.minutes, language)}{minute}" if clock.minutes else ""
    return f"{number(clock.hours, language)}{hour}{minutes}"


_SPELLERS: Mapping[str, Callable[[_Time, str, bool], str]] = {
    "de": _german, "fr": _french, "es": _iberian, "pt": _iberian, "ca": _iberian, "nl": _dutch,
    "zh": _east_asian, "ja": _east_asian, "ko": _east_asian,
}  # fmt: skip
