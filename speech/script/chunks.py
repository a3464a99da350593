"""Cutting a script into the chunks that an engine speaks in one piece."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import regex

from speech.fields import Pauses
from speech.script.passage import Passage, Script
from speech.script.substitution import substitute
from speech.text import Chunk, Token, chunks

__all__ = ["MIN_CHARS", "cut"]

# Engines rush shorter chunks.
MIN_CHARS = 40

_UNENDED = regex.compile(r"(?r)[^\W_][\p{Pe}\p{Pf}\"']*$")
_FULL_STOPS = {"zh": "。", "ja": "。", "hi": "।"}


@dataclass(slots=True)
class _Group:
    """Passages that are spoken together, and their chunks.

    Attributes:
        divided: whether a pause or a scene stands before it.
    """

    passages: list[Passage]
    chunks: list[Chunk]
    pause_ms: int
    divided: bool

    @property
    def length(self) -> int:
        """Number of spoken characters."""
        return sum(len(chunk.spoken) for chunk in self.chunks)

    def accepts(self, other: _Group, max_chars: int) -> bool:
        """Check whether another group, the next, may be spoken in one piece with this one."""
        before, after = self.passages[-1], other.passages[0]
        return (
            not other.divided
            and (before.voice, before.language, before.speed) == (after.voice, after.language, after.speed)
            and "heading" not in (before.kind, after.kind)
            and len(self.chunks[-1].spoken) + len(other.chunks[0].spoken) <= max_chars
        )

    def add(self, other: _Group) -> None:
        """Speak the first chunk of another group in one piece with the last of this one."""
        last = self.chunks[-1]
        self.chunks[-1:] = [replace(last, tokens=last.tokens + other.chunks[0].tokens), *other.chunks[1:]]
        self.passages += other.passages


def cut(script: Script, language: str, max_chars: int = 300, pauses: Pauses | None = None) -> list[Chunk]:
    """Cut a script into chunks of at most `max_chars` spoken characters.

    Each passage has chunks of its own, so that an edit changes only those. Passages of fewer than `MIN_CHARS`
    characters are the exception: they join the next one of the same voice, unless a heading, a scene or a pause stands
    between them.

    Args:
        language: of the passages that name none.
    """
    groups: list[_Group] = []
    dividers: list[Passage] = []
    for passage in script.passages:
        if not passage.text:
            dividers.append(passage)
            continue
        pieces = _pieces(passage, language, max_chars)
        if groups:
            pause = _pause(groups[-1].passages[-1], passage, dividers, pauses or Pauses())
        else:
            # At the start only pauses count.
            pause = sum(divider.seconds for divider in dividers)
        group = _Group([passage], pieces, round(pause * 1000), bool(dividers))
        if groups and (not group.length or (groups[-1].length < MIN_CHARS and groups[-1].accepts(group, max_chars))):
            groups[-1].add(group)
        else:
            groups.append(group)
            dividers = []
    return [
        replace(chunk, pause_ms=0 if number else group.pause_ms)
        for group in _merged(groups, max_chars)
        for number, chunk in enumerate(group.chunks)
    ]


def _pause(before: Passage, after: Passage, dividers: Sequence[Passage], pauses: Pauses) -> float:
    """Return the silence between two spoken passages in seconds."""
    seconds = [divider.seconds for divider in dividers if divider.kind == "pause"]
    if seconds:
        # It replaces what the structure asks for.
        return sum(seconds)
    if dividers:
        return pauses.scene
    if "heading" in (before.kind, after.kind):
        return pauses.heading
    if before.voice != after.voice:
        return pauses.voice
    return 0.0 if after.continues else pauses.paragraph


def _merged(groups: Sequence[_Group], max_chars: int) -> list[_Group]:
    """Merge what is still too short with the group before it."""
    merged: list[_Group] = []
    for group in groups:
        if merged and group.length < MIN_CHARS and merged[-1].accepts(group, max_chars):
            merged[-1].add(group)
        else:
            merged.append(group)
    return merged


def _pieces(passage: Passage, language: str, max_chars: int) -> list[Chunk]:
    passage_language = passage.language or language
    respell = partial(substitute, says=passage.says, language=passage_language) if passage.says else None
    chunk_tokens = [[*chunk.tokens] for chunk in chunks(passage.text, passage_language, max_chars, MIN_CHARS, respell)]
    if chunk_tokens:
        _end(chunk_tokens[-1], passage_language)
        chunk_tokens[-1][-1] = replace(chunk_tokens[-1][-1], space="\n")
    return [Chunk(tuple(tokens), passage.voice, passage.language, passage.speed) for tokens in chunk_tokens]


def _end(tokens: list[Token], language: str) -> None:
    """End a passage that has no full stop, such as a heading, so that an engine lets its voice fall."""
    last = max((index for index, token in enumerate(tokens) if token.spoken), default=None)
    if last is not None and _UNENDED.search(tokens[last].spoken):
        stop = _FULL_STOPS.get(language, ".")
        tokens[last] = replace(tokens[last], spoken=f"{tokens[last].spoken}{stop}")
