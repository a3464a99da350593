"""The words of each language that tell a full stop from other dots: abbreviations, and words that open sentences.

They are kept in `languages/*.toml`, written without their last dot and without spaces ("z.b" is `z. B.`), and in
lower case unless only the capital is an abbreviation ("M" is Monsieur; "m" is a metre).
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files

__all__ = ["ORDINAL_DOT", "Table", "table_of"]


# Languages in which a number with a dot is an ordinal: `19. Jahrhundert`.
ORDINAL_DOT = frozenset(
    ("de", "da", "no", "nb", "nn", "fi", "cs", "sk", "pl", "hu", "hr", "sr", "bs", "sl", "et", "lv", "is", "tr")
)


@dataclass(frozen=True)
class Table:
    """The words of one language: its abbreviations by what may follow them, and others.

    Attributes:
        bound: never end a sentence, because what they introduce follows (`Dr.`, `e.g.`).
        counting: end no sentence before a number (`No. 5`), but do elsewhere, where many are words.
        closing: end a sentence if a capital follows (`etc.`).
        resuming: capitals by which a sentence goes on after what is `closing` (`at 5 p.m. Monday`).
        free: end a sentence only if a word follows that opens one (`U.S. Army`, but `the U.S. They`).
        units: units, which after a number end a sentence only if a word follows that opens one (`5 ft. The`).
        suffixes: ends of compounds that are `counting` (`Hauptstr. 5`).
        openers: words that open sentences.
        saying: verbs by which a sentence goes on after a quotation (`"Go!" Anna said.`).
        cardinals: words before a number that is no ordinal, in languages whose ordinals have a dot (`um 5.`).
    """

    bound: frozenset[str] = frozenset()
    counting: frozenset[str] = frozenset()
    closing: frozenset[str] = frozenset()
    resuming: frozenset[str] = frozenset()
    free: frozenset[str] = frozenset()
    units: frozenset[str] = frozenset()
    suffixes: frozenset[str] = frozenset()
    openers: frozenset[str] = frozenset()
    saying: frozenset[str] = frozenset()
    cardinals: frozenset[str] = frozenset()

    @cached_property
    def all(self) -> frozenset[str]:
        """All abbreviations."""
        return self.bound | self.counting | self.closing | self.free


@cache
def table_of(language: str) -> Table | None:
    """Return the table of a language; None if it has none."""
    name = "no" if language in ("nb", "nn") else language
    file = files("speech.sentences") / "languages" / f"{name}.toml"
    if not language.isalpha() or not file.is_file():
        return None
    tables = tomllib.loads(file.read_text(encoding="utf-8"))
    return Table(**{name: frozenset(words.split()) for name, words in tables.items()})
