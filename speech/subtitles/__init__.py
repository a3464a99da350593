"""Subtitles: one list of words, and every file made of it.

`render` writes one format as text; the times in all of them come from the same integer
milliseconds, and only the writers turn them into text.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from types import MappingProxyType

from speech.subtitles.cues import Cue, Violation, build, violations
from speech.subtitles.rules import Rules, rules_for
from speech.subtitles.styles import Karaoke, Look, look_for
from speech.words import Word, confidence_of

__all__ = ["Subtitles", "describe", "make", "render", "summary"]


@dataclass(frozen=True, slots=True)
class Subtitles:
    """Everything a format writer may need."""

    job_id: str
    text: str
    language: str
    duration_ms: int
    method: str
    words: tuple[Word, ...]
    cues: tuple[Cue, ...]
    rules: Rules
    look: Look

    @property
    def confidence(self) -> float:
        """Mean over the words, 0 to 1."""
        return confidence_of(self.words)

    def broken(self) -> list[Violation]:
        """The rules that could not be kept."""
        return violations(self.cues, self.rules)


def make(
    words: Sequence[Word],
    *,
    text: str,
    language: str,
    duration_ms: int,
    method: str,
    job_id: str,
    preset: str = "netflix",
    own: Mapping[str, float] = MappingProxyType({}),
    style: str | None = None,
    karaoke: Karaoke = "sweep",
) -> Subtitles:
    """Build the cues of a preset from timed words.

    Args:
        own: values in place of the preset's, as `rules_for` takes them.
        style: a name of `speech.subtitles.styles.STYLES`; None for the preset's.
    """
    rules = rules_for(preset, language, **own)
    cues = tuple(build(words, rules, language, duration_ms))
    look = look_for(preset, style, karaoke)
    return Subtitles(job_id, text, language, duration_ms, method, tuple(words), cues, rules, look)


def render(subtitles: Subtitles, name: str) -> str:
    """The text of one format, by its name in `speech.outputs.TIMINGS`."""
    text: str = import_module(f"speech.subtitles.{name}_format").write(subtitles)
    return text


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
    """One rule that one cue does not keep, in words."""
    return _LIMITS[problem.rule].format(value=problem.value, limit=problem.limit)


def summary(broken: Sequence[Violation]) -> list[str]:
    """One sentence for each kind of rule that could not be kept, naming the first cues."""
    kinds = Counter(violation.rule for violation in broken)
    sentences = []
    for rule, count in kinds.items():
        mine = [violation for violation in broken if violation.rule == rule]
        named = ", ".join(str(violation.cue) for violation in mine[:8]) + (", ..." if count > 8 else "")
        meaning = _MEANINGS[rule].format(limit=mine[0].limit)
        sentences.append(f"Subtitles: {count} cue{'s' if count > 1 else ''} {meaning} (cue {named}).")
    return sentences
