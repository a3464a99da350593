"""Sentences about the cues that break a rule."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from speech.subtitles.cues import Violation

__all__ = ["describe", "summary"]

_MEANINGS = {
    "characters": "with a word longer than a line of {limit:g} characters",
    "speed": "faster than {limit:g} characters a second",
    "short": "shorter than {limit:g} ms",
    "long": "longer than {limit:g} ms",
    "gap": "less than {limit:g} ms before the next",
}

_LIMITS = {
    "characters": "{value:g} characters in a line; at most {limit:g}",
    "speed": "{value:g} characters a second; at most {limit:g}",
    "short": "shown for {value:g} ms; at least {limit:g}",
    "long": "shown for {value:g} ms; at most {limit:g}",
    "gap": "{value:g} ms before the next; at least {limit:g}",
}


def describe(problem: Violation) -> str:
    """Describe a violation in words."""
    return _LIMITS[problem.rule].format(value=problem.value, limit=problem.limit)


def summary(violations: Sequence[Violation]) -> list[str]:
    """Return one sentence for each rule that could not be kept, naming the first eight cues that break it."""
    kinds = Counter(violation.rule for violation in violations)
    sentences = []
    for rule, count in kinds.items():
        same_rule = [violation for violation in violations if violation.rule == rule]
        cues = ", ".join(str(violation.cue) for violation in same_rule[:8]) + (", ..." if count > 8 else "")
        meaning = _MEANINGS[rule].format(limit=same_rule[0].limit)
        sentences.append(f"Subtitles: {count} cue{'s' if count > 1 else ''} {meaning} (cue {cues}).")
    return sentences
