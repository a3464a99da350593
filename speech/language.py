"""Languages: which codes exist, and which one a text is in."""

from __future__ import annotations

import difflib
import threading
from functools import cache
from typing import Any

import regex

__all__ = ["DEFAULT", "check", "detect"]

DEFAULT = "en"

# Below this the guess is a coin toss, as it is for a word or two.
_SURE = 0.7

# Of the 97 languages that the identifier knows, near relatives of these only take their texts away:
# the first sentence of Don Quijote is 10 % Aragonese to it.
_CANDIDATES = (
    "en de fr es it pt nl pl cs sk sv da no fi hu ro tr el ru uk bg sr hr sl lt lv et zh ja ko ar he fa hi bn ta te ur "
    "th vi id ms ca"
)

# Where the script alone nearly settles it, for texts too short to be sure of. Order matters: a
# Japanese text holds Han characters too.
_SCRIPTS = (
    ("ja", regex.compile(r"[\p{Hiragana}\p{Katakana}]")),
    ("ko", regex.compile(r"\p{Hangul}")),
    ("zh", regex.compile(r"\p{Han}")),
    ("th", regex.compile(r"\p{Thai}")),
    ("ar", regex.compile(r"\p{Arabic}")),
    ("he", regex.compile(r"\p{Hebrew}")),
    ("hi", regex.compile(r"\p{Devanagari}")),
    ("el", regex.compile(r"\p{Greek}")),
    ("ru", regex.compile(r"\p{Cyrillic}")),
)


@cache
def _codes() -> dict[str, str]:
    from babel import Locale

    return {code: name for code, name in Locale("en").languages.items() if len(code) == 2}


def check(language: str) -> str:
    """The ISO 639-1 code in lower case.

    Raises:
        ValueError: the code does not exist; the text suggests the nearest.

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
    """The language a text is most likely in, or English where no guess is good.

    The guess is py3langid's, where it is sure; else the script's, where that tells.

    >>> detect("Der Hund lief schnell durch den Wald und suchte seinen Ball.")
    'de'
    """
    with _once:
        code, confidence = _identifier().classify(text[:2000])
    if confidence >= _SURE:
        return str(code)
    return next((code for code, letters in _SCRIPTS if letters.search(text)), DEFAULT)


# Two threads that ask at once must not both unpack the model.
_once = threading.Lock()


@cache
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages(_CANDIDATES.split())
    return identifier
