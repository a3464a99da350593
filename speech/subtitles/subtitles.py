"""Timed words, and the cues built from them, with all that a format writer needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from speech.subtitles.cues import Cue, Violation, build, violations
from speech.subtitles.rules import Rules, rules_for
from speech.subtitles.styles import Karaoke, Look, look_for
from speech.words import Word, confidence_of

if TYPE_CHECKING:
    from speech.script.passage import Passage

__all__ = ["Subtitles", "make"]


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

    def violations(self) -> list[Violation]:
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
