"""Languages: checking ISO 639-1 codes, and detecting the language of a text."""

from __future__ import annotations

import difflib
import math
import threading
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

import regex

__all__ = ["DEFAULT", "check", "codes", "detect", "detect_among", "detect_surely"]

DEFAULT = "en"

# Below this confidence the guess is a coin toss, as it is for a word or two; unless it is this many times as likely as
# the next one, in a text of a few words.
_LIKELY, _HALF, _TIMES, _FEW_WORDS = 0.7, 0.5, 3.0, 3
# A guess of this confidence, on as many letters, is never wrong in the tests.
_SURE, _SURE_LETTERS = 0.9, 10
# A passage amid others must be longer: names and quotations of a few words are in the language of what is around them.
# At these limits none of the 2,464 passages and sentences in the tests' data is taken for another language. Lists of
# names have few words in lower case.
_AMONG, _AMONG_LETTERS, _AMONG_UNCASED, _LOWER_WORDS = 0.95, 40, 15, 5
# Characters of a text that are looked at.
_LOOKED_AT = 2000

# The identifier knows 97 languages, but close relatives of these only cause errors: it considers the first
# sentence of Don Quijote 10 % Aragonese.
_CANDIDATES = (
    "en de fr es it pt nl pl cs sk sv da no fi hu ro tr el ru uk bg sr hr sl lt lv et zh ja ko ar he fa hi bn ta te ur "
    "th vi id ms ca"
)

# Scripts, and the languages that are written in them, the commonest first. One script may belong to one language.
_SCRIPTS = (
    ("ko", regex.compile(r"\p{Hangul}")),
    ("zh ja", regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}]")),
    ("th", regex.compile(r"\p{Thai}")),
    ("ar fa ur", regex.compile(r"\p{Arabic}")),
    ("he", regex.compile(r"\p{Hebrew}")),
    ("hi", regex.compile(r"\p{Devanagari}")),
    ("bn", regex.compile(r"\p{Bengali}")),
    ("ta", regex.compile(r"\p{Tamil}")),
    ("te", regex.compile(r"\p{Telugu}")),
    ("kn", regex.compile(r"\p{Kannada}")),
    ("ml", regex.compile(r"\p{Malayalam}")),
    ("gu", regex.compile(r"\p{Gujarati}")),
    ("pa", regex.compile(r"\p{Gurmukhi}")),
    ("si", regex.compile(r"\p{Sinhala}")),
    ("km", regex.compile(r"\p{Khmer}")),
    ("lo", regex.compile(r"\p{Lao}")),
    ("my", regex.compile(r"\p{Myanmar}")),
    ("ka", regex.compile(r"\p{Georgian}")),
    ("hy", regex.compile(r"\p{Armenian}")),
    ("am", regex.compile(r"\p{Ethiopic}")),
    ("el", regex.compile(r"\p{Greek}")),
    ("ru uk bg sr", regex.compile(r"\p{Cyrillic}")),
    (
        "en de fr es it pt nl pl cs sk sv da no fi hu ro tr hr sl lt lv et vi id ms ca",
        regex.compile(r"\p{Latin}"),
    ),
)
# A text of several scripts is in the language of the one with this share of its letters.
_SHARE = 0.6
_KANA = regex.compile(r"[\p{Hiragana}\p{Katakana}]")

# Letters that only these of the candidates use.
_TELLING = tuple(
    (regex.compile(letters), frozenset(codes.split()))
    for letters, codes in (
        ("[їєґ]", "uk"), ("[ыэё]", "ru"), ("[ђћџјљњ]", "sr"), ("[ñ¿¡]", "es ca"), ("ß", "de"), ("[łżśń]", "pl"),
        ("[ąę]", "pl lt"), ("[őű]", "hu"), ("[ğı]", "tr"), ("[řěů]", "cs"), ("[ãõ]", "pt et vi"), ("[șță]", "ro vi"),
        ("[ơư]", "vi"), ("å", "sv da no"), ("[æø]", "da no"), ("[پچگژ]", "fa ur"), ("[ٹڈےں]", "ur"),
    )
)  # fmt: skip


@cache
def _codes() -> dict[str, str]:
    from babel import Locale

    return {code: name for code, name in Locale("en").languages.items() if len(code) == 2}


def codes() -> frozenset[str]:
    """Return all ISO 639-1 codes."""
    return frozenset(_codes())


def check(language: str) -> str:
    """Return the ISO 639-1 code in lower case.

    Raises:
        ValueError: the code does not exist; the text suggests the nearest one.

    >>> check("EN")
    'en'
    """
    code = language.strip().lower()
    if code in _codes():
        return code
    names = {name.lower(): key for key, name in _codes().items()}
    near = difflib.get_close_matches(code, names, n=1, cutoff=0.6)
    hint = f" (for {near[0].title()} that is {names[near[0]]})" if near else ""
    raise ValueError(
        f"language: {language[:40]!r} is not known; expected an ISO 639-1 code such as en, de, fr, es or it{hint}"
    )


def detect(text: str) -> str:
    """Return the most likely language of a text, or English if there is no good guess.

    py3langid decides among the languages of the text's script if it is confident enough; else the script does, if it is
    tied to one language.

    >>> detect("Der Hund lief schnell durch den Wald und suchte seinen Ball.")
    'de'
    """
    guess = _guess(text)
    several = guess.confidence >= _HALF and guess.ratio >= _TIMES and len(text.split(None, _FEW_WORDS)) >= _FEW_WORDS
    return guess.code if guess.confidence >= _LIKELY or several else guess.usual


def detect_surely(text: str) -> str | None:
    """Return the language of a text; None if it is doubtful, as it is for most texts of a word or two.

    >>> detect_surely("Bonjour tout le monde."), detect_surely("Restaurant")
    ('fr', None)
    """
    guess = _guess(text)
    if guess.alone:
        return guess.code
    return guess.code if guess.confidence >= _SURE and guess.letters >= _SURE_LETTERS else None


def detect_among(text: str) -> str | None:
    """Return the language of a passage amid others; None unless it is long enough to leave no doubt.

    >>> detect_among("Je ne sais pas encore si je viendrai demain avec les enfants.")
    'fr'
    >>> detect_among("Restaurant Zum Goldenen Hirschen"), detect_among("東京")
    (None, None)
    """
    cased = text.lower() != text.upper()
    if sum(map(str.isalpha, text)) < (_AMONG_LETTERS if cased else _AMONG_UNCASED):
        return None
    if cased and sum(word[0].islower() for word in text.split()) < _LOWER_WORDS:
        return None
    guess = _guess(text)
    if guess.letters < (_AMONG_LETTERS if cased else _AMONG_UNCASED):
        return None
    return guess.code if guess.alone or guess.confidence >= _AMONG else None


@dataclass(frozen=True, slots=True)
class _Guess:
    """A guess at a text's language.

    Attributes:
        code: the likeliest language.
        confidence: its probability among the languages of the text's script.
        ratio: how many times as likely it is as the next one.
        letters: number of letters that the guess is made on.
        alone: whether the script is tied to this language.
        usual: the language to assume if the guess is doubtful.
    """

    code: str = DEFAULT
    confidence: float = 0.0
    ratio: float = 1.0
    letters: int = 0
    alone: bool = False
    usual: str = DEFAULT


def _guess(text: str) -> _Guess:
    text = text[:_LOOKED_AT]
    counts = [0] * len(_SCRIPTS)
    for letter, count in Counter(text).items():
        if (script := _script_of(letter)) is not None:
            counts[script] += count
    if not any(counts):
        return _Guess()
    letters = max(counts)
    codes = _SCRIPTS[counts.index(letters)][0].split()
    if letters < _SHARE * sum(counts):
        # A text of several scripts: the identifier alone knows.
        ranked = _ranked(text, None)
        return _Guess(*ranked[0], 1.0, 0, False, codes[0])
    if "ja" in codes and _KANA.search(text):
        codes = ["ja"]
    if len(codes) == 1:
        return _Guess(codes[0], 1.0, math.inf, letters, True, codes[0])
    for (_, pattern), count in zip(_SCRIPTS, counts, strict=True):
        if count and count != letters:
            text = pattern.sub("", text)
    lower = text.lower()
    for pattern, candidates in _TELLING:
        if candidates & {*codes} and pattern.search(lower):
            codes = [code for code in codes if code in candidates]
    usual = DEFAULT if DEFAULT in _SCRIPTS[counts.index(letters)][0].split() else codes[0]
    ranked = _ranked(text, codes)
    ratio = ranked[0][1] / ranked[1][1] if len(ranked) > 1 and ranked[1][1] else math.inf
    return _Guess(*ranked[0], ratio, letters, False, usual)


@lru_cache(maxsize=4096)
def _script_of(letter: str) -> int | None:
    """Return the index of a letter's script in `_SCRIPTS`; None for all other characters."""
    return next((index for index, (_, pattern) in enumerate(_SCRIPTS) if pattern.match(letter)), None)


def _ranked(text: str, codes: Collection[str] | None) -> list[tuple[str, float]]:
    """Return languages with their probabilities, the likeliest first; of all candidates if `codes` is None."""
    with _lock:
        ranks = [(str(code), float(share)) for code, share in _identifier().rank(text)]
    shares = [(code, share) for code, share in ranks if codes is None or code in codes]
    total = sum(share for _, share in shares)
    return [(code, share / total) for code, share in shares] if total else [(code, 0.0) for code in codes or [DEFAULT]]


# Keeps two threads from unpacking the model at the same time.
_lock = threading.Lock()


@cache
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages(_CANDIDATES.split())
    return identifier
