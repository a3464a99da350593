"""Directions in a script: who speaks, and where to pause.

`[alice]` at the start of a line changes the voice from there on, and `[main]` changes it back. `Alice: Hello.` gives
one paragraph to a voice. `[pause 1.5]` is a silence in seconds, anywhere. Only known names are directions, so that
`[sic]`, `[1]` and `Note: ...` stay text. How something is said is left out where it stands with the name of a speaker:
`[laughs] Alice: Hello.`, `Alice (softly): Hello.`
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from functools import cached_property

import regex

from speech.errors import InvalidRequest, Problem
from speech.script.marks import mark, unmark
from speech.script.passage import LeftOut, Passage, Script
from speech.text import has_words

__all__ = ["MAIN", "direct"]

MAIN = "main"
"""The name that gives the voice of the request."""

_MOST_NAMED = 10
_LONGEST_PAUSE = 30.0
_DEFAULT_PAUSE = 1.0
_TAG = regex.compile(r"\[\s*(?P<name>[^\[\]\n]{1,60}?)\s*\]\s*")
_STAGE = r"(?:\[[^\[\]\n]{1,60}\]|\([^()\n]{1,60}\))"
_DIALOGUE = regex.compile(
    rf"(?:(?P<before>{_STAGE})[ \u00a0])?(?P<name>\w[\w .'’-]{{0,39}}?)[ \u00a0]?(?P<after>{_STAGE})?"
    r"[ \u00a0]?[:：]\s*(?=\S)"
)
_WHY_STAGE = "it says how something is said"
_PAUSE = regex.compile(
    r"\[\s*+pause(?:(?:\s*+[:=]|\s++)\s*+(?P<length>\d{1,6}(?:[.,]\d{1,6})?)\s*+(?P<unit>ms|s|sec|seconds?)?\s*+)?\s*+\]",
    regex.IGNORECASE,
)


def direct(script: Script, cast: Collection[str], stored: Callable[[], Collection[str]]) -> Script:
    """Return the script with its directions carried out.

    Args:
        script: its passages may hold line breaks, at which a direction may stand; those of the result hold none. A
            voice that a passage names already takes precedence.
        cast: names that the request gives voices to.
        stored: returns the names of stored voices; called only if a line starts with a name in brackets.

    Raises:
        InvalidRequest: a name is nearly that of a voice, or a pause is too long.
    """
    names = _Names(cast, stored)
    passages: list[Passage] = []
    stage: list[str] = []
    voice: str | None = None
    for passage in script.passages:
        if not passage.text:
            passages.append(passage)
            continue
        first = True
        speaker_voice = names.voice_named(passage.voice) if passage.voice else names.voice_of_speaker(passage.speaker)
        says: Sequence[str] = [each.say for each in passage.says]
        for tag, speaker, text in _speeches(mark(passage.text, passage.says), names, stage):
            voice = (None if tag == MAIN else tag) if tag else voice
            voiced = replace(passage, voice=speaker_voice or speaker or voice, continues=passage.continues or not first)
            for part in _pauses(voiced, text):
                words, own_says, says = unmark(part.text, says)
                passages.append(replace(part, text=words, says=own_says))
                first = False
    left_out = (*script.left_out, *(LeftOut(f"stage direction: {each}", _WHY_STAGE) for each in stage))
    notes = (*script.notes, *names.notes())
    return replace(script, passages=tuple(passages), left_out=left_out, notes=notes)


class _Names:
    """The names of voices, found in any letter case."""

    def __init__(self, cast: Collection[str], stored: Callable[[], Collection[str]]) -> None:
        self.cast = {name.casefold(): name for name in cast}
        self._stored = stored
        self._unknown: dict[str, None] = {}

    @cached_property
    def all(self) -> dict[str, str]:
        """The names in the cast and those of stored voices, with and without their ending."""
        stored = {name.casefold(): name for name in self._stored()}
        return {
            MAIN: MAIN,
            **{name.removesuffix(".wav"): stored_name for name, stored_name in stored.items()},
            **stored,
            **self.cast,
        }

    def voice_of_tag(self, name: str) -> str | None:
        """Return the voice of a name in brackets; None if it is no voice.

        Raises:
            InvalidRequest: it is nearly the name of a voice.
        """
        if not has_words(name) or name[0].isdigit():
            return None
        name_found, near = self._find(name)
        if name_found is None and near:
            message = f"text: [{name}] is not the name of a voice; did you mean [{near}]?"
            raise InvalidRequest([Problem("text", f"[{name}]", "the name of a voice", message)])
        return name_found

    def voice_named(self, name: str) -> str | None:
        """Return the voice that a document names; None for the voice of the request.

        Raises:
            InvalidRequest: there is no such voice.
        """
        name_found, near = self._find(name)
        if name_found is None:
            hint = f"; did you mean {near!r}?" if near else "; name it in the cast, or store a voice of that name"
            message = f"text: {name[:60]!r} is not the name of a voice{hint}"
            raise InvalidRequest([Problem("text", name, "the name of a voice", message)])
        return None if name_found == MAIN else name_found

    def voice_of_speaker(self, speaker: str | None) -> str | None:
        """Return the voice of a speaker that subtitles name; None if the cast has none, which `notes` tells."""
        if not speaker:
            return None
        voice = self.cast.get(speaker.casefold())
        if voice is None:
            self._unknown[speaker] = None
        return voice

    def notes(self) -> list[str]:
        """Return a sentence on the speakers that have no voice of their own, if there are any."""
        if not self._unknown:
            return []
        examples = ", ".join(list(self._unknown)[:_MOST_NAMED]) + (", ..." if len(self._unknown) > _MOST_NAMED else "")
        return [f"The subtitles name who speaks ({examples}); name them in the cast to give each a voice."]

    def _find(self, name: str) -> tuple[str | None, str | None]:
        """Return the voice of a name, and the nearest one if there is none."""
        if name_found := self.all.get(name.casefold()):
            return name_found, None
        near = difflib.get_close_matches(name.casefold(), self.all, n=1, cutoff=0.75)
        return None, self.all[near[0]] if near else None


def _speeches(text: str, names: _Names, stage: list[str]) -> Iterator[tuple[str | None, str | None, str]]:
    """Yield the parts of a text that one voice speaks: the name in brackets, the name before a colon, the words.

    Args:
        stage: takes what is left out, since it says how something is said.
    """
    tag = speaker = None
    lines: list[str] = []
    for line in text.split("\n"):
        new_tag, new_speaker, rest = _direction(line, names, stage)
        if new_tag or new_speaker:
            if lines or tag:
                yield tag, speaker, " ".join(lines)
            tag, speaker, lines = new_tag, new_speaker, []
        lines += [rest] if rest else []
    yield tag, speaker, " ".join(lines)


def _direction(line: str, names: _Names, stage: list[str]) -> tuple[str | None, str | None, str]:
    """Return the name in brackets at the start of a line, the name before a colon, and the rest of the line."""
    tag = speaker = None
    pause = _PAUSE.match(line)
    head, line = (pause[0], line[pause.end() :].lstrip()) if pause else ("", line)
    start = _TAG.match(line)
    if start and not _PAUSE.match(line) and not _speaker(line, names) and (tag := names.voice_of_tag(start["name"])):
        line = line[start.end() :]
    if dialogue := _speaker(line, names):
        speaker = names.cast[dialogue["name"].casefold()]
        stage += [each for each in (dialogue["before"], dialogue["after"]) if each]
        line = line[dialogue.end() :]
    return tag, speaker, f"{head} {line}" if head else line


def _speaker(line: str, names: _Names) -> regex.Match[str] | None:
    """Find the name of the cast before a colon, with what says how it is said; a voice in brackets is none of that."""
    match = _DIALOGUE.match(line)
    if not match or match["name"].casefold() not in names.cast:
        return None
    before = (match["before"] or "")[1:-1].strip()
    is_direction = before.casefold() in names.cast or before == MAIN or _PAUSE.match(f"[{before}]")
    return None if is_direction else match


def _pauses(passage: Passage, text: str) -> Iterator[Passage]:
    """Yield the passages between the pauses of a text, and the pauses."""
    at, continues = 0, passage.continues
    for match in _PAUSE.finditer(text):
        if words := text[at : match.start()].strip():
            yield replace(passage, text=words, continues=continues)
            continues = True
        yield Passage("pause", seconds=_seconds(match))
        at = match.end()
    if words := text[at:].strip():
        yield replace(passage, text=words, continues=continues)


def _seconds(match: regex.Match[str]) -> float:
    if not match["length"]:
        return _DEFAULT_PAUSE
    seconds = float(match["length"].replace(",", ".")) / (1000 if (match["unit"] or "").lower() == "ms" else 1)
    if seconds > _LONGEST_PAUSE:
        message = f"text: {match[0]} is too long; at most {_LONGEST_PAUSE:g} seconds are accepted"
        raise InvalidRequest([Problem("text", match[0], "", message)])
    return seconds
