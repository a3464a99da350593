"""Roman numerals: of rulers (`Louis XIV`), of what is numbered (`Chapter IV`), of centuries (`XIXe siècle`).

A numeral is known by the word beside it. Without one it is read only if it can be nothing else, such as a year. The
English pronoun I stays one, unless a title, a name and what follows leave no doubt.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import regex

from speech.spoken.dates import german_ordinal
from speech.spoken.numbers import by_num2words, number
from speech.spoken.parts import words_of
from speech.spoken.symbols import RANGES

__all__ = ["roman"]

_VALUES = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100, "D": 500, "M": 1000}
_NUMERAL = r"M{0,3}(?:CM|CD|D?C{0,3})(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,3})"
_WORD = regex.compile(
    rf"(?P<before>[\"'“‘«„(\[]{{0,2}})(?P<n>(?=[MDCLXVI]){_NUMERAL})(?:[-–](?P<to>(?=[MDCLXVI]){_NUMERAL}))?"
    r"(?P<suffix>er|re|e|ᵉ|ème|ème|nde?|st|nd|rd|th|º|ª|o|a|°)?(?P<genitive>['’]s)?(?P<after>[^\w]{0,4})"
)
_SMALL = regex.compile(r"[IVX]+")
_CHAPTER = regex.compile(r"[IVXLC]+")
# They are read wherever they stand; IV is a drip as well, VI an editor, XX two chromosomes.
_SURE = frozenset(
    ["II", "III", "VII", "VIII", "XII", "XIII", "XIV", "XVI", "XVII", "XVIII", "XIX", "XXI", "XXII", "XXIV"]
)
_AND = frozenset([
    "and", "und", "et", "y", "e", "i", "и", "en", "&", "or", "oder", "ou", "o", "to", "bis", "à", "a", "al", "do",
])  # fmt: skip
_LIST, _BACK = 6, 3
_LARGEST_RULER = 39
_BARE = "\"'“”‘’«»„()[],;:.!?"
# What the pronoun I does not have after it, and a ruler has.
_THIRD = frozenset(["of", "is", "has", "reigns", "rules", "dies", "becomes", "marries", "the"])
# What only the pronoun has: a third person would have another form.
_FIRST_PERSON = frozenset([
    "am", "have", "do", "don't", "haven't", "think", "know", "love", "like", "want", "need", "mean", "guess", "believe",
    "see", "go", "say", "hate", "remember", "hope", "wish", "feel", "suppose", "never", "will", "shall", "would",
    "hated", "loved", "liked", "wanted", "knew", "thought",
])  # fmt: skip
_SUFFIXES = {"fr": {"er", "re", "e", "ᵉ", "ème", "nd", "nde"}, "en": {"st", "nd", "rd", "th"}, "nl": {"e", "ste", "de"},
             "es": {"º", "ª"}, "it": {"º", "ª", "°"}, "pt": {"º", "ª"}}  # fmt: skip
_CENTURY_STOPS = {"pl": ("w", "wieku", "wieku"), "ru": ("в", "века", "веке")}
# The words that put a German ruler into the dative or the accusative.
_DATIVE = frozenset([
    "unter", "von", "vom", "mit", "bei", "nach", "seit", "zu", "zum", "zur", "aus", "gegenüber", "neben", "vor", "dem",
])  # fmt: skip
_ACCUSATIVE = frozenset(["gegen", "für", "durch", "ohne", "um", "den"])
_SLAVIC_LOCATIVE = {"pl": {"w", "we", "po", "o"}, "ru": {"в", "во", "о"}}


def roman(words: Sequence[str], index: int, language: str) -> list[str] | None:
    """Read a Roman numeral as what stands beside it asks for.

    >>> roman(["Louis", "XIV."], 1, "en"), roman(["Louis", "XIV"], 1, "fr"), roman(["So", "I", "left."], 1, "en")
    (['the fourteenth.'], ['quatorze'], None)
    """
    match = _WORD.fullmatch(words[index]) if words[index][:3].strip(_BARE)[:1] in _VALUES else None
    if match is None or (match["suffix"] and match["suffix"] not in _SUFFIXES.get(language, ())):
        return None
    form = next((each for method in _WAYS if (each := method(match, words, index, language))), None)
    if form is None:
        return None
    genitive = "'s" if match["genitive"] and language == "en" else ""
    after = match["after"]
    if language in _DOTTED and index + 1 < len(words) and not (index == 0 and _opens(words[1], language)):
        # It is the dot of an ordinal, which the word says.
        after = after.removeprefix(".")
    century = _shortened(words, index, language)
    return [f"{match['before']}{form}{genitive}{after}", *([century] if century else [])]


def _shortened(words: Sequence[str], index: int, language: str) -> str | None:
    """Spell the abbreviation of a century after its numeral: `XIX w.`, `в XIX в.`"""
    after = words[index + 1] if index + 1 < len(words) else ""
    name = _CENTURY_STOPS.get(language)
    if name is None or not after.startswith(f"{name[0]}."):
        return None
    locative = index and _fold(words[index - 1]) in _SLAVIC_LOCATIVE[language]
    return name[1 + bool(locative)] + after[len(name[0]) + 1 :]


def _value(numeral: str) -> int:
    amounts = [_VALUES[letter] for letter in numeral]
    return sum(-one if one < other else one for one, other in zip(amounts, [*amounts[1:], 0], strict=True))


def _fold(word: str) -> str:
    return word.strip(_BARE).lower()


def _suffixed(match: regex.Match[str], words: Sequence[str], index: int, language: str) -> str | None:
    """Read a numeral with the ending of an ordinal: `XIXe`, `Ier`, `XXth`."""
    if not match["suffix"] or not _SMALL.fullmatch(match["n"]):
        # `Le` and `De` are no fiftieth and no five hundredth.
        return None
    amount = _value(match["n"])
    if match["suffix"] in ("er", "re") and amount != 1:
        return None
    if amount == 1 and language == "fr":
        return "première" if match["suffix"] == "re" else "premier"
    feminine = match["suffix"] == "ª"
    return _ordinal(amount, language, feminine=feminine)


def _century(match: regex.Match[str], words: Sequence[str], index: int, language: str) -> str | None:
    """Read the numeral of a century, which stands before the word or after it."""
    names = words_of("romans", language, "centuries")
    amount = _value(match["n"])
    if amount > 30:
        return None
    following = words[index + 1] if index + 1 < len(words) else ""
    # One letter is an abbreviation, or another word.
    after = _fold(following) if len(_fold(following)) > 2 or "." in following else ""
    first = _first_of_list(words, index)
    before = _fold(words[first - 1]) if first else ""
    if after not in names and before not in names and not _leads_to(words, index, names):
        return None
    if language in _SLAVIC_LOCATIVE:
        preposition = _fold(words[index - 1]) if index else ""
        return _slavic(amount, language, after, preposition)
    if match["to"]:
        ends = (_ordinal_of(amount, language), _ordinal_of(_value(match["to"]), language))
        return f" {RANGES[language]} ".join(ends) if before in names else None
    if before in names:
        return _ordinal_of(amount, language)
    return _ordinal(amount, language) if language in ("en", "it", "nl", "de") and after in names else None


def _leads_to(words: Sequence[str], index: int, names: frozenset[str]) -> bool:
    """Check whether a list of numerals that begins here ends before one of some words: `XIX and XX centuries`."""
    for word in words[index + 1 : index + _LIST]:
        if _fold(word) in names:
            return True
        if word not in _AND and not _WORD.fullmatch(word):
            return False
    return False


def _ordinal_of(amount: int, language: str) -> str:
    """Spell the number of a century that stands after the word: `siglo quinto`, but `siglo diecinueve`."""
    if language == "it" or (language in ("es", "pt") and amount <= 10):
        return _ordinal(amount, language)
    return number(amount, language)


def _part(match: regex.Match[str], words: Sequence[str], index: int, language: str) -> str | None:
    """Read the number of a chapter, an act, a war and the like: `Chapter IV`, `Acts I and II`."""
    first = _first_of_list(words, index)
    if not first or not _CHAPTER.fullmatch(match["n"]):
        return None
    before = words[first - 1]
    name = before.strip(_BARE)
    if before[-1] in ",;:!?" or name.lower() not in words_of("romans", language, "numbered"):
        return None
    if language == "en" and match["n"] == "I" and first == index and not name[:1].isupper():
        return None
    if _is_pronoun(match, words, index, language):
        return None
    numeral = number(_value(match["n"]), language)
    return f"{numeral} {RANGES.get(language, '')} {number(_value(match['to']), language)}" if match["to"] else numeral


def _is_pronoun(match: regex.Match[str], words: Sequence[str], index: int, language: str) -> bool:
    """Check whether what follows an English I is said of oneself."""
    if language != "en" or match["n"] != "I" or match["after"] or match["genitive"]:
        return False
    return index + 1 < len(words) and _fold(words[index + 1]).replace("’", "'") in _FIRST_PERSON


def _first_of_list(words: Sequence[str], index: int) -> int:
    """Return the index of the first numeral of a list that holds this one: of `II` in `Chapters II, III and IV`."""
    first = index
    for candidate in range(index - 1, max(index - _LIST, -1), -1):
        continues = words[candidate].endswith(",") or words[candidate + 1] in _AND
        if continues and _WORD.fullmatch(words[candidate]):
            first = candidate
        elif words[candidate] not in _AND:
            break
    return first


def _ruler(match: regex.Match[str], words: Sequence[str], index: int, language: str) -> str | None:
    """Read the numeral of a ruler, and of what else has a name and a number: `Henry VIII`, `Rocky IV`."""
    amount = _value(match["n"])
    if not index or match["to"] or not _SMALL.fullmatch(match["n"]) or amount > _LARGEST_RULER:
        return None
    before = words[index - 1]
    name = before.rsplit("-", 1)[-1]
    if not name[:1].isupper() or not name[-1].isalpha() or _opens(name, language):
        return None
    names = _names(words, index)
    titled = any(_fold(word) in words_of("romans", "titles") for word in words[max(index - _BACK - 1, 0) : index])
    ruling = titled or any(_is_ruler(_fold(part)) for each in names for part in each.split("-"))
    if len(match["n"]) == 1 and not _is_number(match, words, index, ruling, titled, language):
        return None
    if language == "de" and match["after"].startswith("."):
        ruling = True
    if not ruling:
        return number(amount, language) if len(match["n"]) > 1 else None
    return _ruling(amount, words, index, language)


def _german_ordinal(match: regex.Match[str], words: Sequence[str], index: int, language: str) -> str | None:
    """Read a numeral with the dot of a German ordinal before its noun: `im II. Weltkrieg`."""
    if language != "de" or match["after"] != "." or not index or index + 1 == len(words):
        return None
    if not words[index - 1].islower() or not words[index + 1][:1].isupper():
        return None
    return german_ordinal(_value(match["n"]), words[index - 1])


def _opens(word: str, language: str) -> bool:
    from speech.sentences.tables import table_of

    table = table_of(language)
    return bool(table) and word.lower() in table.openers  # type: ignore[union-attr]


def _is_ruler(name: str) -> bool:
    return name in words_of("romans", "men") or name in words_of("romans", "women")


def _names(words: Sequence[str], index: int) -> list[str]:
    """Return the names right before a numeral: `John Paul II`."""
    names: list[str] = []
    for word in reversed(words[max(index - _BACK, 0) : index]):
        if not word[:1].isupper() or (names and not word[-1].isalpha()):
            break
        names.append(word)
    return names


def _is_number(
    match: regex.Match[str], words: Sequence[str], index: int, ruling: bool, titled: bool, language: str
) -> bool:
    """Check whether a single letter after a name is a numeral, and no pronoun, initial or letter."""
    if not ruling:
        return False
    following = words[index + 1] if index + 1 < len(words) else ""
    if match["after"].startswith(".") and following[:1].isupper() and language != "de":
        # An initial, unless it ends a sentence.
        return _opens(following.strip(_BARE), language)
    if match["n"] != "I" or language != "en":
        return True
    if _is_pronoun(match, words, index, language):
        return False
    first = index
    while max(index - _BACK, 0) < first and _is_ruler(_fold(words[first - 1])):
        first -= 1
    begins = first == 0 or words[first - 1][-1] in ".!?"
    return titled or bool(match["genitive"] or match["after"]) or _fold(following) in _THIRD or begins


def _ruling(amount: int, words: Sequence[str], index: int, language: str) -> str | None:
    woman = _fold(words[index - 1]) in words_of("romans", "women")
    if language == "en":
        return f"the {number(amount, 'en', 'ordinal')}"
    if language == "de":
        return _german(amount, words, index, woman=woman)
    if language == "nl":
        return f"de {number(amount, 'nl', 'ordinal')}"
    if language == "fr":
        return ("première" if woman else "premier") if amount == 1 else number(amount, "fr")
    if language in ("es", "pt") and amount > 10:
        return number(amount, language)
    if language in ("pl", "ru"):
        return _slavic_name(amount, language, woman=woman)
    return _ordinal(amount, language, feminine=woman)


def _german(amount: int, words: Sequence[str], index: int, *, woman: bool) -> str:
    """Spell the ordinal of a German ruler in the case that the words before ask for."""
    stem = number(amount, "de", "ordinal").capitalize()
    before = [_fold(word) for word in words[max(index - _BACK - 1, 0) : index - 1]]
    if not woman and words[index - 1].endswith("s") and _is_ruler(_fold(words[index - 1])[:-1]):
        return f"des {stem}n"
    if any(word in _DATIVE for word in before):
        return f"{'der' if woman else 'dem'} {stem}n"
    if not woman and any(word in _ACCUSATIVE for word in before):
        return f"den {stem}n"
    return f"{'die' if woman else 'der'} {stem}"


def _slavic(amount: int, language: str, after: str, preposition: str) -> str | None:
    """Spell the ordinal of a century in its case: `в девятнадцатом веке`, `w dziewiętnastym wieku`."""
    locative = preposition in _SLAVIC_LOCATIVE[language]
    nominative = after in ("wiek", "век", "столетие")
    if language == "ru":
        case = "n" if nominative else "p" if locative else "g"
        return by_num2words(amount, "ru", to="ordinal", case=case)
    stem = number(amount, "pl", "ordinal")
    if nominative:
        return stem
    return regex.sub(r"[yi](?= |$)", "ym" if locative else "ego", stem)


def _slavic_name(amount: int, language: str, *, woman: bool) -> str | None:
    if language == "ru":
        return by_num2words(amount, "ru", to="ordinal", gender="f" if woman else "m")
    stem = number(amount, "pl", "ordinal")
    return regex.sub(r"[yi](?= |$)", "a", stem) if woman else stem


def _ordinal(amount: int, language: str, *, feminine: bool = False) -> str:
    form = number(amount, language, "ordinal")
    if language == "de":
        return f"{form}n"
    return form[:-1] + "a" if feminine and form.endswith("o") else form


def _year(match: regex.Match[str], words: Sequence[str], index: int, language: str) -> str | None:
    """Read a numeral that can be nothing else: the year of a film, or the number that a heading begins with."""
    if match["to"] or match["suffix"]:
        return None
    if len(match["n"]) > 4 and match["n"][0] == "M":
        return number(_value(match["n"]), language, "year")
    if match["n"] in _SURE or (not index and _heads(match, words, language)):
        return number(_value(match["n"]), language)
    return None


def _heads(match: regex.Match[str], words: Sequence[str], language: str) -> bool:
    """Check whether a numeral at the beginning of a text numbers it: `IV. The Storm`, `V: Storm`, `IX`."""
    if not _CHAPTER.fullmatch(match["n"]) or match["before"]:
        return False
    if len(match["n"]) > 1:
        return match["after"] in (".", ":") or len(words) == 1
    if match["n"] not in "IVX" or match["genitive"]:
        return False
    if len(words) == 1:
        return match["after"] == "." or (match["n"] != "I" and not match["after"])
    # Before a name it is an initial: `I. Newton`, but `I. The Rabbit-Hole`.
    return match["after"] == ":" or (match["after"] == "." and _opens(words[1].strip(_BARE), language))


_DOTTED = frozenset({"de", "pl"})
_WAYS: tuple[Callable[[regex.Match[str], Sequence[str], int, str], str | None], ...] = (
    _suffixed, _century, _part, _german_ordinal, _ruler, _year,
)  # fmt: skip
