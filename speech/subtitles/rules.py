"""Rules for subtitles: how much a line holds, how fast it may be read, and how long it stays."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

__all__ = ["RULES", "Rules", "rules_for"]


@dataclass(frozen=True, slots=True)
class Rules:
    """The limits that cues should keep.

    Attributes:
        max_chars: characters in a line.
        max_lines: lines in a cue.
        max_words: words in a cue; None for no limit besides that of the lines.
        max_cps: characters a second; None for no limit of the reading speed.
        min_ms, max_ms: duration of a cue.
        gap_ms: minimum time between two cues.
        close_ms: gaps shorter than this are closed to `gap_ms`.
        one_word: every word, in scripts without spaces every phrase or word that its graphemes make, is its own cue,
            shown exactly while it is heard.
    """

    max_chars: int = 42
    max_lines: int = 2
    max_words: int | None = None
    max_cps: float | None = 17
    min_ms: int = 833
    max_ms: int = 7000
    gap_ms: int = 83
    close_ms: int = 500
    one_word: bool = False


# netflix: partnerhelp.netflixstudios.com 215758617 (general) and 360051554394 (timing): 5/6 s to 7 s,
# two frames between cues (83 ms at 24 a second), gaps under half a second closed.
# bbc: the BBC's subtitle guidelines: 37 characters, 0.3 s a word (about 17 characters a second at
# 180 words a minute); gaps are kept only if they last a second or more.
# social: vertical video is watched word by word; 90 % of its width holds about 25 letters (BBC).
RULES: dict[str, Rules] = {
    "netflix": Rules(),
    "netflix-children": Rules(max_cps=13),
    "bbc": Rules(max_chars=37, min_ms=900, gap_ms=0, close_ms=1000),
    "social": Rules(max_chars=25, max_lines=2, max_words=3, max_cps=None, min_ms=0, gap_ms=0, close_ms=700),
    "word": Rules(max_cps=None, min_ms=0, gap_ms=0, close_ms=0, one_word=True),
}

# Netflix's limits for languages that differ: characters a line, and characters a second for adults and children.
_BY_LANGUAGE = {
    "ar": (42, 20, 17),
    "en": (42, 20, 17),
    "hi": (42, 22, 18),
    "ja": (16, 4, 4),
    "ko": (16, 12, 9),
    "th": (35, 17, 13),
    "zh": (16, 9, 7),
}
_IDEOGRAPHIC = ("ja", "ko", "zh")
# Languages whose tokens are graphemes, several of which make a word.
_SPELLED = ("th", "lo", "km", "my")


def rules_for(preset: str, language: str, **overrides: float) -> Rules:
    """Return a preset's rules, adapted to the language and overridden by a user's own values.

    Args:
        overrides: `max_chars`, `max_lines`, `max_words`, `max_cps`; in seconds: `min_duration`, `max_duration`, `gap`.

    >>> rules_for("netflix", "zh").max_chars
    16
    >>> rules_for("netflix", "en", max_chars=30, gap=0.1).gap_ms
    100
    """
    rules = RULES[preset]
    if rules.one_word:
        return rules
    chars, adults, children = _BY_LANGUAGE.get(language, (rules.max_chars, None, None))
    rules = replace(rules, max_chars=min(rules.max_chars, chars))
    if rules.max_cps is not None:
        speed = children if preset == "netflix-children" else adults
        # The BBC counts words, whose length in characters is similar in all languages with an alphabet.
        if speed and (preset.startswith("netflix") or language in _IDEOGRAPHIC):
            rules = replace(rules, max_cps=speed)
    if preset == "social" and language in _IDEOGRAPHIC:
        # In these languages a token is one character, not a word.
        rules = replace(rules, max_chars=8, max_words=8)
    if preset == "social" and language in _SPELLED:
        rules = replace(rules, max_chars=16, max_words=16)
    changes: dict[str, Any] = {
        name: int(overrides[name]) for name in ("max_chars", "max_lines", "max_words") if name in overrides
    }
    times = {"min_duration": "min_ms", "max_duration": "max_ms", "gap": "gap_ms"}
    changes |= {field: round(overrides[name] * 1000) for name, field in times.items() if name in overrides}
    rules = replace(rules, **changes, max_cps=overrides.get("max_cps", rules.max_cps))
    # If a minimum and a maximum contradict each other, the preset's gives way to the user's own.
    if "min_duration" in overrides:
        rules = replace(rules, max_ms=max(rules.max_ms, rules.min_ms))
    return replace(rules, close_ms=max(rules.close_ms, rules.gap_ms), min_ms=min(rules.min_ms, rules.max_ms))
