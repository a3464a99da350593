"""Subtitles: one list of words, five files.

`render` writes one format as text; the times in all of them come from the same integer
milliseconds, and only the writers turn them into text.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module

from speech.subtitles.cues import Cue, Violation, build, violations
from speech.subtitles.rules import Rules, rules_for
from speech.words import Word

__all__ = ["CONTENT_TYPES", "Subtitles", "make", "render", "summary"]

CONTENT_TYPES = {
    "srt": "application/x-subrip",
    "vtt": "text/vtt",
    "csv": "text/csv",
    "json": "application/json",
    "ass": "text/x-ssa",
}


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

    def broken(self) -> list[Violation]:
        """The rules that could not be kept."""
        return violations(self.cues, self.rules)


def make(
    words: Sequence[Word], *, text: str, language: str, duration_ms: int, method: str, preset: str, job_id: str
) -> Subtitles:
    """Build the cues of a preset from timed words."""
    rules = rules_for(preset, language)
    cues = tuple(build(words, rules, language, duration_ms))
    return Subtitles(job_id, text, language, duration_ms, method, tuple(words), cues, rules)


def render(subtitles: Subtitles, name: str) -> str:
    """The text of one format: srt, vtt, csv, json or ass."""
    text: str = import_module(f"speech.subtitles.{name}_format").write(subtitles)
    return text


_MEANINGS = {
    "characters": "with a word longer than a line of {limit:g} characters",
    "speed": "faster than {limit:g} characters a second",
    "short": "shorter than {limit:g} ms",
    "long": "longer than {limit:g} ms",
    "gap": "less than {limit:g} ms before the next",
}


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
