"""Directions in a script: who speaks, and where to pause.

`[alice]` at the start of a line changes the voice from there on, and `[main]` changes it back. `Alice: Hello.` gives
one paragraph to a voice. `[pause 1.5]` is a silence in seconds, anywhere. Only known names are directions, so that
`[sic]`, `[1]` and `Note: ...` stay text.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from functools import cached_property

import regex

from speech.errors import InvalidRequest, Problem
from speech.script.marks import mark, unmark
from speech.script.passage import Passage, Script
from speech.text import has_words

__all__ = ["MAIN", "direct"]

MAIN = "main"
"""The name that gives the voice of the request."""

_LONGEST_PAUSE = 30.0
_DEFAULT_PAUSE = 1.0
_TAG = regex.compile(r"\[\s*(?P<name>[^\[\]\n]{1,60}?)\s*\]\s*")
_DIALOGUE = regex.compile(r"(?P<name>\w[\w .'’-]{0,39}?)[ \u00a0]?[:：]\s*(?=\S)")
_PAUSE = regex.compile(
    r"\[\s*pause\s*(?:[ :=]\s*(?P<length>\d{1,6}(?:[.,]\d{1,6})?)\s*(?P<unit>ms|s|sec|seconds?)?\s*)?\]",
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
    voice: str | None = None
    for passage in script.passages:
        if not passage.text:
            passages.append(passage)
            continue
        first = True
        named = names.called(passage.voice) if passage.voice else None
        says: Sequence[str] = [each.say for each in passage.says]
        for tag, speaker, text in _speeches(mark(passage.text, passage.says), names):
            voice = (None if tag == MAIN else tag) if tag else voice
            own = replace(passage, voice=named or speaker or voice, continues=passage.continues or not first)
            for part in _pauses(own, text):
                words, own_says, says = unmark(part.text, says)
                passages.append(replace(part, text=words, says=own_says))
                first = False
    return replace(script, passages=tuple(passages))


class _Names:
    """The names of voices, found in any letter case."""

    def __init__(self, cast: Collection[str], stored: Callable[[], Collection[str]]) -> None:
        self.cast = {name.casefold(): name for name in cast}
        self._stored = stored

    @cached_property
    def all(self) -> dict[str, str]:
        """The names in the cast and those of stored voices, with and without their ending."""
        stored = {name.casefold(): name for name in self._stored()}
        return {MAIN: MAIN, **{name.removesuffix(".wav"): own for name, own in stored.items()}, **stored, **self.cast}

    def tagged(self, name: str) -> str | None:
        """Return the voice of a name in brackets; None if it is no voice.

        Raises:
            InvalidRequest: it is nearly the name of a voice.
        """
        if not has_words(name) or name[0].isdigit():
            return None
        found, near = self._find(name)
        if found is None and near:
            message = f"text: [{name}] is not the name of a voice; did you mean [{near}]?"
            raise InvalidRequest([Problem("text", f"[{name}]", "the name of a voice", message)])
        return found

    def called(self, name: str) -> str | None:
        """Return the voice that a document names; None for the voice of the request.

        Raises:
            InvalidRequest: there is no such voice.
        """
        found, near = self._find(name)
        if found is None:
            hint = f"; did you mean {near!r}?" if near else "; name it in the cast, or store a voice of that name"
            message = f"text: {name[:60]!r} is not the name of a voice{hint}"
            raise InvalidRequest([Problem("text", name, "the name of a voice", message)])
        return None if found == MAIN else found

    def _find(self, name: str) -> tuple[str | None, str | None]:
        """Return the voice of a name, and the nearest one if there is none."""
        if found := self.all.get(name.casefold()):
            return found, None
        near = difflib.get_close_matches(name.casefold(), self.all, n=1, cutoff=0.75)
        return None, self.all[near[0]] if near else None


def _speeches(text: str, names: _Names) -> Iterator[tuple[str | None, str | None, str]]:
    """Yield the parts of a text that one voice speaks: the name in brackets, the name before a colon, the words."""
    tag = speaker = None
    lines: list[str] = []
    for line in text.split("\n"):
        new_tag, new_speaker, rest = _direction(line, names)
        if new_tag or new_speaker:
            if lines or tag:
                yield tag, speaker, " ".join(lines)
            tag, speaker, lines = new_tag, new_speaker, []
        lines += [rest] if rest else []
    yield tag, speaker, " ".join(lines)


def _direction(line: str, names: _Names) -> tuple[str | None, str | None, str]:
    """Return the name in brackets at the start of a line, the name before a colon, and the rest of the line."""
    tag = speaker = None
    found = _TAG.match(line)
    if found and not _PAUSE.match(line) and (tag := names.tagged(found["name"])):
        line = line[found.end() :]
    found = _DIALOGUE.match(line)
    if found and (speaker := names.cast.get(found["name"].casefold())):
        line = line[found.end() :]
    return tag, speaker, line


def _pauses(passage: Passage, text: str) -> Iterator[Passage]:
    """Yield the passages between the pauses of a text, and the pauses."""
    at, continues = 0, passage.continues
    for found in _PAUSE.finditer(text):
        if words := text[at : found.start()].strip():
            yield replace(passage, text=words, continues=continues)
            continues = True
        yield Passage("pause", seconds=_seconds(found))
        at = found.end()
    if words := text[at:].strip():
        yield replace(passage, text=words, continues=continues)


def _seconds(found: regex.Match[str]) -> float:
    if not found["length"]:
        return _DEFAULT_PAUSE
    seconds = float(found["length"].replace(",", ".")) / (1000 if (found["unit"] or "").lower() == "ms" else 1)
    if seconds > _LONGEST_PAUSE:
        message = f"text: {found[0]} is too long; at most {_LONGEST_PAUSE:g} seconds are accepted"
        raise InvalidRequest([Problem("text", found[0], "", message)])
    return seconds
