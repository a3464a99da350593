"""The decision whether a token ends a sentence, for every language.

A token ends a sentence if it ends in a mark that can, unless what follows goes on (a lower-case letter, a verb
of saying, a Japanese particle after a quotation) or the mark is the dot of an abbreviation, an initial, an ordinal or
the number of an item in a list. For languages without a table of abbreviations, sentencex knows those of some 240.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import regex

from speech.sentences.tables import ORDINAL_DOT, Table, table_of

__all__ = ["TokenLike", "ends"]

# Languages that write no full stop; a dot is always an abbreviation's.
_UNDOTTED = {"th", "lo", "km", "my"}
# A larger number with a dot is a year or an amount at the end of a sentence.
_LARGEST_ORDINAL = 100

# Searched backwards, so that a word of nothing but marks takes one pass. A closing quotation mark of one language
# opens in another, so here any quotation mark after the last mark closes.
_MARK = regex.compile(r"(?r)(?P<mark>[\p{Sentence_Terminal}…]+)(?P<closing>[\p{Pe}\p{Pf}\p{Pi}\"']*)$")
_GREEK_MARK = regex.compile(r"(?r)(?P<mark>[\p{Sentence_Terminal}…;]+)(?P<closing>[\p{Pe}\p{Pf}\p{Pi}\"']*)$")
_QUOTATION = regex.compile(r"[\p{Pi}\"'„»「『]")
_CLOSING = regex.compile(r"[\p{Pe}\p{Pf}]+")
_OPENING = regex.compile(r"[\p{P}\p{S}]*")
_OMISSION = regex.compile(r"[(\[{]\P{L}*[)\]}]\p{P}*")
_WIDE = regex.compile(r"[。！？｡．‥…]")
_SPACELESS = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]")

_NUMBER = regex.compile(r"\d+(?:-\d+)?|\d{1,2}\.\d{1,2}")
_ROMAN = regex.compile(r"M{0,3}(?:CM|CD|D?C{0,3})(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,3})")
_INITIALS = regex.compile(
    r"(?:\p{L}\p{M}*[.-]+){0,5}\p{L}\p{M}*|(?P<twice>\p{Lu})(?P=twice)|\p{Lu}[\p{Ll}\p{M}]?\.-?\p{Lu}"
)
_INITIAL = regex.compile(r"\p{P}*\p{Lu}\p{M}*\.")
_MARKED = regex.compile(r"\p{M}$")
_ELIDED = regex.compile(r"\p{P}*\p{L}{1,5}['’]\p{L}")
_CAMEL = regex.compile(r"\p{Ll}\p{Lu}")
_JOINT = regex.compile(r"['’-]")
_ELISION = regex.compile(r"['’]\p{Ll}")
# What a number consists of that a unit stands close to.
_DIGITS = "0123456789.,½¼¾⅓⅔⅛⅜⅝⅞-–"
_UNIT_POWERS = {"sq.", "cu.", "fl.", "sq", "cu", "fl"}
_KINDS = ("free", "closing", "counting", "bound")
# The longest abbreviation of several tokens: `i. d. R.`, `b. d. w. z.`
_MOST_TOKENS, _LONGEST = 4, 12

# How a Japanese or Chinese sentence goes on after the quotation that it began with: with a particle, which may also
# follow a lone mark (`なぜ？と聞いた`), or with a verb of saying before the next mark.
_PARTICLE = regex.compile(
    r"と(?!ころ|ても|にかく|りあえず|もかく|もあれ|、)|って|など|なんて|を|だと|くらい|ほど|の(?=\p{Han})|は(?![いはじやず])|が(?![んっら])"
)
_SAID = regex.compile(r"[^\p{P}\s]{0,9}?(?:(?<![小传傳])[说說]|(?<![知街人])道|[问問喊叫答嚷叹嘆言尋訊呟])")
_AHEAD = 14
# The particles by which a Korean sentence does so.
_QUOTING = regex.compile(r"(?:이?라|하)(?:고|며|는|면서|던)|고(?=\P{L}|$)")
# Words of a title, a name and a verb.
_LONGEST_NAME = 4


class TokenLike(Protocol):
    """A token or a timed word."""

    @property
    def text(self) -> str: ...

    @property
    def space(self) -> str: ...


def ends(tokens: Sequence[TokenLike], language: str) -> list[bool]:
    """Return for each token whether a sentence ends with it; the last token of a paragraph always ends one.

    >>> from speech.text import Token
    >>> ends([Token(text, "") for text in "Im 19. Jahrhundert, d. h. um 1850. Dann kam Dr. May.".split()], "de")
    [False, False, False, False, False, False, True, False, False, False, True]
    """
    result: list[bool] = []
    for paragraph in _paragraphs(tokens):
        result += _ends(paragraph, language)
    return result


def _paragraphs(tokens: Sequence[TokenLike]) -> Iterator[Sequence[TokenLike]]:
    begin = 0
    for index, token in enumerate(tokens, 1):
        if "\n" in token.space or index == len(tokens):
            yield tokens[begin:index]
            begin = index


def _ends(tokens: Sequence[TokenLike], language: str) -> list[bool]:
    texts = _Texts.of(tokens, language)
    result = [False] * len(tokens)
    begin = 0
    for index, token in enumerate(tokens):
        # A look at the last character spares most words the pattern.
        mark = None if token.text[-1:].isalnum() else texts.mark.search(token.text)
        if mark is None:
            continue
        last = index
        while last + 1 < len(tokens) and texts.next[last] > last + 1 and _CLOSING.fullmatch(tokens[last + 1].text):
            last += 1
        if texts.end(begin, index, last, mark):
            result[last] = True
            begin = last + 1
    result[-1] = True
    return result


@dataclass(frozen=True, slots=True)
class _Texts:
    """The tokens of a paragraph, with what decides about more than one of them.

    Attributes:
        next: for each token, the index of the next one that has a letter or digit.
        cased: whether a lower-case letter shows that a sentence goes on; not so in a text without capitals.
        table: the language's table.
        tabled: whether there is one.
    """

    tokens: Sequence[TokenLike]
    language: str
    next: list[int]
    cased: bool
    table: Table
    tabled: bool

    @classmethod
    def of(cls, tokens: Sequence[TokenLike], language: str) -> _Texts:
        following, nearest = [0] * len(tokens), len(tokens)
        for index in range(len(tokens) - 1, -1, -1):
            following[index] = nearest
            if _has_word(tokens[index].text):
                nearest = index
        cased = any(token.text != token.text.lower() for token in tokens)
        table = table_of(language)
        return cls(tokens, language, following, cased, table or Table(), table is not None)

    @property
    def mark(self) -> regex.Pattern[str]:
        return _GREEK_MARK if self.language == "el" else _MARK

    def end(self, begin: int, index: int, last: int, mark: regex.Match[str]) -> bool:
        """Check whether a sentence that began at `begin` ends with the mark in token `index`.

        Args:
            last: the last of the tokens that close a quotation or bracket after the mark.
        """
        after = self.next[last]
        if after == len(self.tokens) or _OMISSION.fullmatch(self.tokens[index].text):
            return False
        if mark["mark"] == "." and self.language in _UNDOTTED:
            return False
        if last + 1 < after and self.mark.search(self.tokens[last + 1].text):
            # A mark by itself follows, as in French: it decides.
            return False
        if not self.tokens[last].space and (_WIDE.search(mark["mark"]) or _SPACELESS.search(self.tokens[after].text)):
            return self._wide_end(begin, last, mark)
        if not self.tokens[last].space and last + 1 == after:
            return False
        word = self._word(after)
        if self.cased and word[:1].islower() and not _CAMEL.match(word):
            return False
        if mark["closing"] and _QUOTING.match(word):
            return False
        if mark["mark"] != ".":
            return not (mark["closing"] and _opens_quotation(self.tokens[begin].text) and self._quotes(after))
        return self._stops(begin, index, after, word)

    def _wide_end(self, begin: int, last: int, mark: regex.Match[str]) -> bool:
        """Check a mark of Chinese or Japanese, after which no space stands."""
        following_text = "".join(token.text for token in self.tokens[last + 1 : last + 1 + _AHEAD])[: 2 * _AHEAD]
        if _PARTICLE.match(following_text) and (mark["closing"] or mark["mark"][-1] in "！？!?…"):
            return False
        if mark["closing"] and _opens_quotation(self.tokens[begin].text):
            return not _SAID.match(following_text)
        # An ellipsis by itself is a pause.
        return bool(mark["closing"]) or mark["mark"].strip("…‥") != ""

    def _quotes(self, after: int) -> bool:
        """Check whether a verb of saying follows a name: `Anna said`, `Mr. Pell sighed`."""
        for token in self.tokens[after : after + _LONGEST_NAME]:
            word = _strip_punctuation(token.text)
            if word.lower() in self.table.saying:
                return True
            if not word[:1].isupper():
                return False
        return False

    def _word(self, index: int) -> str:
        """Return the token from its first letter or digit on; for Dutch `'s Morgens` the token after it."""
        text = self.tokens[index].text
        if self.language == "nl" and _ELISION.fullmatch(text) and index + 1 < len(self.tokens):
            text = self.tokens[index + 1].text
        return text[_OPENING.match(text).end() :]  # type: ignore[union-attr]

    def _stops(self, begin: int, index: int, after: int, word: str) -> bool:
        """Check whether a single dot is a full stop; `word` follows it."""
        text = self.tokens[index].text
        dot = text.rfind(".")
        if not text[dot - 1 : dot].isalnum() and not _MARKED.search(text[:dot]):
            # After a bracket, a quotation mark or a symbol it is no abbreviation's.
            return True
        stem = _JOINT.split(_strip_punctuation(text))[-1] if _ELIDED.match(text) else _strip_punctuation(text)
        opens = self._opens(after, word)
        # By itself, it numbers the item of a list.
        alone = begin == index or (self.next[begin] == index and not _has_word(self.tokens[begin].text))
        ordinal = self.language in ORDINAL_DOT and len(stem) > 1 and stem.isupper() and _ROMAN.fullmatch(stem)
        if ordinal or _NUMBER.fullmatch(stem):
            return not alone and (opens or self._ends_with_number(index, stem, word))
        if self._continues(index, stem):
            return False
        if self._is_unit(begin, index, stem):
            return opens
        if kind := self._abbreviation_kind(index, stem):
            if kind == "counting":
                return opens or not (word[:1].isdigit() or _ROMAN.fullmatch(_strip_punctuation(word)))
            resumes = word.rstrip(",.;:!?)").lower() in self.table.resuming
            return (kind == "closing" and not resumes) or (kind == "free" and opens)
        if len(stem) == 1 and stem.islower() and index > begin and self.tokens[index - 1].text[-1].isnumeric():
            # The symbol of a unit, which has no dot of its own: `100 m.`
            return True
        if len(stem) <= _LONGEST and _INITIALS.fullmatch(stem):
            several = index > begin and _INITIAL.fullmatch(self.tokens[index - 1].text)
            return not alone and opens and not several
        return True

    def _opens(self, after: int, word: str) -> bool:
        """Check whether a word opens a sentence; an initial (`A. Milne`) does not."""
        if self.tokens[after].text[0] in "¿¡":
            return True
        stem = _JOINT.split(word.rstrip(",;:!?…\"'”’»)").lower(), 1)[0]
        return stem in self.table.openers

    def _ends_with_number(self, index: int, stem: str, word: str) -> bool:
        if self.language not in ORDINAL_DOT:
            return True
        if stem.isdecimal() and int(stem[:9]) >= _LARGEST_ORDINAL:
            return True
        return (
            index > 0
            and _strip_punctuation(self.tokens[index - 1].text).lower() in self.table.cardinals
            and not word[:1].isdigit()
        )

    def _is_unit(self, begin: int, index: int, stem: str) -> bool:
        """Check whether a word abbreviates a unit, with its number before it: `5 ft.`, `5ft.`"""
        unit = stem.lstrip(_DIGITS)
        before = self.tokens[index - 1].text if index > begin else ""
        follows_number = unit != stem or before[-1:].isnumeric() or before in _UNIT_POWERS
        return follows_number and not {unit, unit.lower()}.isdisjoint(self.table.units)

    def _continues(self, index: int, stem: str) -> bool:
        """Check whether an abbreviation of several tokens goes on after this one."""
        key = stem
        for part in self.tokens[index + 1 : index + _MOST_TOKENS]:
            if len(key) > _LONGEST or len(part.text) > _LONGEST:
                break
            key += "." + _strip_punctuation(part.text)
            if any(form in self.table.all for form in (key, key.lower())):
                return True
            if not part.text.endswith("."):
                break
        return False

    def _abbreviation_kind(self, index: int, stem: str) -> str | None:
        """Return which kind of abbreviation ends with this token, alone or with those before it, if any does."""
        if not self.tabled:
            return "bound" if len(stem) <= _LONGEST and _in_sentencex(stem, self.language) else None
        key, first = stem, index
        category = "counting" if stem.lower().endswith(tuple(self.table.suffixes)) else None
        for _ in range(_MOST_TOKENS):
            if len(key) > _LONGEST:
                break
            # A single capital is an initial, unless the table has it as a capital.
            forms = (key,) if len(key) == 1 and key.isupper() else (key.lower(), key)
            for form in forms:
                category = next((kind for kind in _KINDS if form in getattr(self.table, kind)), category)
            first -= 1
            if first < 0 or not self.tokens[first].text.endswith(".") or len(self.tokens[first].text) > _LONGEST:
                break
            key = f"{_strip_opening(self.tokens[first].text)}{key}"
        return category


def _opens_quotation(text: str) -> bool:
    return bool(_QUOTATION.match(text))


def _has_word(text: str) -> bool:
    return any(map(str.isalnum, text))


def _strip_punctuation(text: str) -> str:
    """Return a word without the punctuation around it; dots inside it stay."""
    return _strip_opening(text).rstrip(".,;:!?…\"'”’»«“)]}")


def _strip_opening(text: str) -> str:
    """Return a word without the punctuation before it."""
    return text[_OPENING.match(text).end() :]  # type: ignore[union-attr]


@lru_cache(maxsize=4096)
def _in_sentencex(word: str, language: str) -> bool:
    from sentencex import segment

    return len(segment(language, f"{word}. Xyz\n")) == 1
