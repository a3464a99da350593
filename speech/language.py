"""Languages: which codes exist, and which one a text is in."""

from __future__ import annotations

import difflib
from functools import cache
from typing import Any

import regex

__all__ = ["DEFAULT", "check", "detect"]

DEFAULT = "en"

# Below this the guess is a coin toss: short texts in Latin letters score 0.3 to 0.8, right or wrong.
_SURE = 0.9

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
        f"language: {language!r} is not known; expected an ISO 639-1 code such as en, de, fr, es or it{hint}"
    )


def detect(text: str) -> str:
    """The language a text is most likely in, or English where no guess is good.

    The guess is py3langid's, where it is sure; else the script's, where that tells.

    >>> detect("Der Hund lief schnell durch den Wald und suchte seinen Ball.")
    'de'
    """
    code, confidence = _identifier().classify(text[:2000])
    if confidence >= _SURE and code in _codes():
        return str(code)
    return next((code for code, letters in _SCRIPTS if letters.search(text)), DEFAULT)


@cache
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
