"""Rules for subtitles: how much a line holds, how fast it may be read, how long it stays."""

from __future__ import annotations

from dataclasses import dataclass, replace

__all__ = ["RULES", "Rules", "rules_for"]


@dataclass(frozen=True, slots=True)
class Rules:
    """What a cue must keep to.

    Attributes:
        max_chars: characters in a line.
        max_lines: lines in a cue.
        max_cps: characters a second; None where reading speed is no concern.
        min_ms, max_ms: how long a cue stays.
        gap_ms: least time between two cues.
        close_ms: gaps shorter than this are closed to `gap_ms`.
        one_word: every word is its own cue, shown exactly while it is heard.
    """

    max_chars: int = 42
    max_lines: int = 2
    max_cps: float | None = 20
    min_ms: int = 833
    max_ms: int = 7000
    gap_ms: int = 83
    close_ms: int = 500
    one_word: bool = False


# netflix: partnerhelp.netflixstudios.com 215758617 (general) and 360051554394 (timing): 5/6 s to 7 s,
# two frames between cues (83 ms at 24 a second), gaps under half a second closed.
# bbc: the BBC's subtitle guidelines: 37 characters, 0.3 s a word (about 17 characters a second at
# 180 words a minute), a gap is left only where it lasts a second or more.
RULES: dict[str, Rules] = {
    "netflix": Rules(),
    "bbc": Rules(max_chars=37, max_cps=17, min_ms=900, gap_ms=0, close_ms=1000),
    "word": Rules(max_cps=None, min_ms=0, gap_ms=0, close_ms=0, one_word=True),
}

# Netflix's limits for languages whose characters carry more: characters a line and a second.
_BY_LANGUAGE = {
    "ja": (16, 4.0),
    "ko": (16, 12.0),
    "zh": (16, 9.0),
    "th": (35, 17.0),
    "hi": (42, 22.0),
}


def rules_for(preset: str, language: str) -> Rules:
    """The preset, with the limits of the language where they differ.

    >>> rules_for("netflix", "zh").max_chars
    16
    """
    rules = RULES[preset]
    if language not in _BY_LANGUAGE or rules.one_word:
        return rules
    chars, speed = _BY_LANGUAGE[language]
    return replace(rules, max_chars=min(rules.max_chars, chars), max_cps=speed)
