"""Numbers that name something and count nothing: telephone numbers, ISBNs, IBANs. They are read digit by digit.

A comma stands between their groups, as people pause there; in French groups of two digits are numbers.
"""

from __future__ import annotations

from collections.abc import Sequence

import regex

from speech.spoken.dates import date
from speech.spoken.numbers import digits, number
from speech.spoken.parts import words_of
from speech.spoken.symbols import SYMBOLS

__all__ = ["code"]

# What a number may consist of, with the punctuation around it. The closing bracket of an area code is not part of that.
_PIECE = regex.compile(
    r"[\"'“‘«„(\[]{0,3}?(?P<body>\+?\(?\+?\d{1,20}\)?(?:[-./()–]{1,2}\d{1,20}){0,8}(?:-?X)?)(?P<close>[^\w(+]{0,5})"
)
_CODE_PIECE = regex.compile(r"(?P<body>[A-Z\d]{1,34})(?P<close>[^\w]{0,5})")
_GROUP = regex.compile(r"\d{1,20}|\+|X|[A-Z]{1,34}")
_MOST_PIECES, _REACH = 8, 3

_INTERNATIONAL = regex.compile(r"(?:\+|00)[1-9]\d{0,14}(?:[ ./()–-]{1,3}\d{1,14}){0,7}")
_TRUNK = regex.compile(
    r"\(?0\d{1,5}(?:\)|\)?[ /–-])[ ]?\d{2,8}(?:[ –-]\d{1,8}){0,5}|0(?:\d[ .]\d\d|[ ]\d{3})(?:[ .]\d{2,3}){2,4}"
)
_AMERICAN = regex.compile(r"(?:\+?1[ .–-])?(?:\(\d{3}\) ?|\d{3}[ .–-])\d{3}[.–-]\d{4}")
_ANY = regex.compile(r"\(?\d{1,14}\)?(?:[ ./–-]{1,2}\d{1,8}){0,7}")
_CARD = regex.compile(r"\d{4}(?: \d{4}){3}|\d{4}(?:-\d{4}){3}")
_HYPHENATED = regex.compile(r"\d{1,7}(?:-\d{1,7}){2,5}(?:-X)?")
_ISBN = regex.compile(r"\d{1,13}(?:[ –-]\d{1,7}){0,4}(?:[ –-]?X)?")
_IBAN = regex.compile(r"[A-Z]{2}\d{2}[A-Z\d]{11,30}")
_SHORTEST, _SHORTEST_LONE, _LONGEST = 7, 8, 15

# What is read so whatever it looks like.
_NAMED = regex.compile(r"(?:e?ISBN|ISSN|EAN|GTIN)(?:-1[03])?|IMEI")


def code(words: Sequence[str], index: int, language: str) -> list[str] | None:
    """Read a telephone number, an ISBN or an IBAN, which may be several words.

    >>> code(["+44", "20", "7946", "0958."], 0, "en")
    ['plus four four,', 'two zero,', 'seven nine four six,', 'zero nine five eight.']
    """
    word = words[index]
    if not any(map(str.isdecimal, word)):
        return None
    if word[0].isupper():
        return _account(words, index, language)
    before = [each.strip("().:;,„“\"'") for each in words[max(index - _REACH, 0) : index]]
    pieces = _pieces(words, index, _PIECE)
    for count in range(len(pieces), 0, -1):
        text = " ".join(body for body, _ in pieces[:count])
        if pieces[count - 1][1].startswith(")") and text.count("(") > text.count(")"):
            text += ")"
        if _is_code(text, before, language):
            return _read(words[index : index + count], pieces[:count], language)
    return None


def _dialled(groups: Sequence[str], language: str) -> str:
    """Spell the groups of a telephone number, each a run of digits or a plus."""
    form = ""
    for group in groups:
        if group == "+":
            form += f"{SYMBOLS.get(language, SYMBOLS['en'])['+']} "
        else:
            form += f"{_group(group, language)}, "
    return form.rstrip(", ")


def _pieces(words: Sequence[str], index: int, pattern: regex.Pattern[str]) -> list[tuple[str, str]]:
    """Return the words from one on that may be pieces of one number, each with the punctuation after it."""
    pieces: list[tuple[str, str]] = []
    for word in words[index : index + _MOST_PIECES]:
        piece = pattern.fullmatch(word)
        if piece is None:
            break
        pieces.append((piece["body"], piece["close"]))
        if piece["close"] and not (piece["close"] == ")" and "(" in word):
            break
    return pieces


def _is_code(text: str, before: Sequence[str], language: str) -> bool:
    count = sum(map(str.isdecimal, text))
    if any(map(_NAMED.fullmatch, before[-2:])):
        return bool(_ISBN.fullmatch(text)) and count >= 4
    words_before = {each.lower() for each in before}
    if text.isdecimal() and 4 <= count <= 6 and _is_named(before):
        return True
    if count < _SHORTEST or date(text, language):
        return _is_short(text, before)
    if _CARD.fullmatch(text) or (_HYPHENATED.fullmatch(text) and count >= _SHORTEST_LONE):
        return True
    if count > _LONGEST:
        return False
    if any(pattern.fullmatch(text) for pattern in (_INTERNATIONAL, _AMERICAN)):
        return True
    if _TRUNK.fullmatch(text) and count >= _SHORTEST_LONE:
        return True
    # An amount as round as that counts something: `unter 10 000 000`.
    likely = bool(words_before & words_of("codes", "calling")) and not text.endswith("000")
    return (likely or bool(words_before & words_of("codes", "telephone"))) and bool(_ANY.fullmatch(text))


def _is_named(before: Sequence[str]) -> bool:
    """Check whether a code is named right before it, but for a verb: `PIN 4821`, `my zip is 90210`."""
    near = [each.lower() for each in before[-2:]]
    verbs = words_of("codes", "named")
    return bool(near) and (near[-1] in verbs or (near[-1] in words_of("codes", "verbs") and near[0] in verbs))


def _is_short(text: str, before: Sequence[str]) -> bool:
    """Check for the number of an extension or of a service: `ext. 204`, `Call 911`."""
    last = before[-1].lower() if before else ""
    if last in words_of("codes", "telephone"):
        return text.isdecimal() and len(text) > 2
    return last in words_of("codes", "calling") and text in words_of("codes", "services")


def _read(words: Sequence[str], pieces: Sequence[tuple[str, str]], language: str) -> list[str]:
    forms = []
    for number_, (word, (body, close)) in enumerate(zip(words, pieces, strict=True)):
        last = number_ == len(pieces) - 1
        if close.startswith(")") and "(" in body:
            close = close[1:]
        before = word[: word.index(body)]
        opening = "" if before == "(" and close == ")" and not last else before
        forms.append(opening + _dialled(_GROUP.findall(body), language) + (close if last else ","))
    return forms


def _group(group: str, language: str) -> str:
    if not group.isdecimal():
        return " ".join(group)
    if language == "fr" and len(group) == 2 and group[0] != "0":
        return number(int(group), language)
    return digits(group, language)


def _account(words: Sequence[str], index: int, language: str) -> list[str] | None:
    """Read an IBAN, whose check digits tell that it is one."""
    pieces = _pieces(words, index, _CODE_PIECE)
    for count in range(len(pieces), 0, -1):
        text = "".join(body for body, _ in pieces[:count])
        if _IBAN.fullmatch(text) and _is_checked(text):
            return _read(words[index : index + count], pieces[:count], language)
    return None


def _is_checked(text: str) -> bool:
    moved = text[4:] + text[:4]
    return int("".join(str(int(character, 36)) for character in moved)) % 97 == 1
