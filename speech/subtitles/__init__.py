"""Subtitles: cues built from one list of timed words, and the files written from them.

`render` writes one format as text. All formats take their times from the same integer milliseconds,
which only the writers convert to text.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING

from speech.subtitles.cues import Cue, Violation, build, violations
from speech.subtitles.rules import Rules, rules_for
from speech.subtitles.styles import Karaoke, Look, look_for
from speech.words import Word, confidence_of

if TYPE_CHECKING:
    from speech.script.passage import Passage

__all__ = ["Subtitles", "describe", "make", "render", "summary"]


@dataclass(frozen=True, slots=True)
class Subtitles:
    """Everything that a format writer may need.

    Attributes:
        speakers: whether to show who speaks.
        passages: the script in its passages, whose text the words are; empty if they are not known.
    """

    job_id: str
    text: str
    language: str
    duration_ms: int
    method: str
    words: tuple[Word, ...]
    cues: tuple[Cue, ...]
    rules: Rules
    look: Look
    speakers: bool = False
    passages: tuple[Passage, ...] = ()

    @property
    def confidence(self) -> float:
        """Mean confidence of the words, 0 to 1."""
        return confidence_of(self.words)

    def broken(self) -> list[Violation]:
        """Return the violations of rules that could not be kept."""
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
    look: str | None = None,
    speakers: bool = False,
    passages: Sequence[Passage] = (),
) -> Subtitles:
    """Build subtitles from timed words.

    Args:
        preset: a name in `speech.subtitles.rules.RULES`.
        own: values that override the preset's, as `rules_for` takes them.
        style: a name in `speech.subtitles.styles.STYLES`; None for the preset's style.
        look: a name in `speech.subtitles.styles.LOOKS`, in place of a style.
        speakers: whether to show who speaks.
        passages: the script in its passages, if they are known.
    """
    rules = rules_for(preset, language, **own)
    cues = tuple(build(words, rules, language, duration_ms, dashes=speakers))
    chosen = look_for(preset, style, karaoke, look)
    return Subtitles(
        job_id, text, language, duration_ms, method, tuple(words), cues, rules, chosen, speakers, tuple(passages)
    )


def render(subtitles: Subtitles, name: str) -> str:
    """Return the text of one format, which is a name in `speech.outputs.TIMINGS`."""
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
    """Describe a violation in words."""
    return _LIMITS[problem.rule].format(value=problem.value, limit=problem.limit)


def summary(broken: Sequence[Violation]) -> list[str]:
    """Return one sentence for each rule that could not be kept, naming the first eight cues that break it."""
    kinds = Counter(violation.rule for violation in broken)
    sentences = []
    for rule, count in kinds.items():
        same_rule = [violation for violation in broken if violation.rule == rule]
        named = ", ".join(str(violation.cue) for violation in same_rule[:8]) + (", ..." if count > 8 else "")
        meaning = _MEANINGS[rule].format(limit=same_rule[0].limit)
        sentences.append(f"Subtitles: {count} cue{'s' if count > 1 else ''} {meaning} (cue {named}).")
    return sentences
