"""The name of a job, for people: checked, made from a script, and turned into a name for files.

The name of a job is never part of a key in a store.
"""

from __future__ import annotations

import re
import unicodedata

from speech import front_matter
from speech.choices import MOST_IN_NAME

__all__ = ["check_name", "name_of", "slug", "title_of"]

_NAMELESS = "speech"
_MOST_IN_SLUG = 40
# Control characters, halves of surrogate pairs, line and paragraph separators.
_CONTROLS = ("Cc", "Cs", "Zl", "Zp")
# Characters that change the direction of the text around them, with which `cod.exe` can be shown as `exe.doc`.
_DIRECTIONS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
# Letters, the marks on them, and numbers.
_KEPT = ("L", "M", "N")
_APOSTROPHES = "'’ʼ"
# Of a link only its text is kept; tags and directions are dropped.
_LINK = re.compile(r"\[([^\[\]]*)\]\([^()]*\)")
_MARKUP = re.compile(r"<[^<>]*>|\[[^\[\]]*\]")
_WORD = re.compile(r"\S+")
# Names that Windows gives to devices, whatever ending follows.
_DEVICES = frozenset(
    ("con", "prn", "aux", "nul", *(f"{port}{number}" for port in ("com", "lpt") for number in range(10)))
)


def check_name(name: str) -> str | None:
    """Return the name of a job without the space around it; None if nothing is left.

    Raises:
        ValueError: the name could be taken for a path or a hidden file, or cannot be shown.
    """
    name = name.strip()
    for number, character in enumerate(name, 1):
        if unicodedata.category(character) in _CONTROLS or character in _DIRECTIONS:
            raise ValueError(
                f"name: character {number} is U+{ord(character):04X}; expected characters that can be seen"
            )
    if any(separator in name for separator in "/\\"):
        raise ValueError(f"name: {name[:MOST_IN_NAME]!r} is not accepted; expected a name without / and \\")
    if name.startswith("."):
        raise ValueError(
            f"name: {name[:MOST_IN_NAME]!r} is not accepted; expected a name that does not begin with a dot"
        )
    return name or None


def name_of(text: str, most: int = MOST_IN_NAME) -> str:
    """Make the name of a job from its script: its title, or the first line that says something, cut after a word.

    >>> name_of("# Why the Sea Is Salty\\n\\nEvery summer the rain falls.")
    'Why the Sea Is Salty'
    >>> name_of("---\\ntitle: The Sea\\nlang: en\\n---\\n\\nEvery summer the rain falls.")
    'The Sea'
    """
    fields, text = front_matter.split(text.replace("\r\n", "\n"))
    text = f"{fields.get('title', '')}\n{text}"
    for line in _MARKUP.sub(" ", _LINK.sub(r"\1", text)).splitlines():
        visible = "".join(filter(_is_seen, line.translate(str.maketrans("/\\", "  "))))
        words = " ".join(_WORD.findall(visible.lstrip("#>*-+=_~`.[ \t")))
        if any(map(_is_kept, words)):
            return _cut(words, most, " ")
    return _NAMELESS


def title_of(name: str | None, text: str) -> str:
    """Return the name of a job: the one that was given, or one made from its script."""
    return name or name_of(text)


def slug(name: str, most: int = _MOST_IN_SLUG) -> str:
    """Make the stem of file names from a name: short, in lower case, with the letters of any script.

    It is accepted on Linux, macOS and Windows, and holds no separator, dot or control character.

    >>> slug("Why the Sea Is Salty?")
    'why-the-sea-is-salty'
    >>> slug("../../Straße nach Köln")
    'straße-nach-köln'
    """
    folded = unicodedata.normalize("NFC", name).lower()
    # Joiners shape letters within a word.
    spaced = "".join(
        character if _is_kept(character) else " "
        for character in folded
        if character not in _APOSTROPHES and unicodedata.category(character) != "Cf"
    )
    stem = _cut("-".join(spaced.split()), most, "-") or _NAMELESS
    return f"{stem}-" if stem in _DEVICES else stem


def _cut(text: str, most: int, separator: str) -> str:
    """Cut a text to a length, after a word if it has several."""
    if len(text) <= most:
        return text
    whole, divider, _ = text[: most + 1].rpartition(separator)
    stem = whole if divider else text[:most]
    # A mark belongs to the letter before it.
    while len(stem) < len(text) and not divider and unicodedata.category(text[len(stem)]).startswith("M"):
        stem = stem[:-1]
    return stem


def _is_kept(character: str) -> bool:
    return unicodedata.category(character)[0] in _KEPT


def _is_seen(character: str) -> bool:
    return character == "\t" or (unicodedata.category(character) not in _CONTROLS and character not in _DIRECTIONS)
