"""Reading the text of subtitles."""

from __future__ import annotations

from html import unescape

import regex

from speech.script.passage import Passage, Script
from speech.script.readers.markup import refused
from speech.script.readers.runs import tidy
from speech.script.readers.silence import Silence
from speech.text import has_words

__all__ = ["is_captions", "read"]

_TIME = r"(?:\d{1,3}:)?\d{1,2}:\d{2}[.,]\d{1,3}"
_TIMES = regex.compile(rf"^[^\S\n]*({_TIME})[^\S\n]*-->[^\S\n]*({_TIME})[^\n]*$", regex.MULTILINE)
_SRT = regex.compile(rf"\s*\d+[^\S\n]*\n[^\S\n]*{_TIME}[^\S\n]*-->")
_VTT = regex.compile(r"WEBVTT(?:[ \t\n]|$)")
_TAGS = regex.compile(r"</?[a-zA-Z][^<>\n]{0,200}>|<\d[\d:.]*>|\{\\[^{}\n]{0,200}\}")
# What is heard beside the speech, as in [Music] or (door closes), with signs of music around it.
_SOUND = regex.compile(
    r"[\s♪♫#*-]*(?:\[(?!\s*pause\b)[^\[\]]*\]|\([^()]*\)|[♪♫][^♪♫]*[♪♫]?)[\s♪♫#*.-]*", regex.IGNORECASE
)
_DASH = regex.compile(r"^\s*[-–—]\s*")
_END = regex.compile(r"[.!?…。！？][\p{Pe}\p{Pf}\"']*$")
# A longer silence after a sentence begins a paragraph.
_PARAGRAPH_SECONDS = 2.0
_WHY_SOUND = "it describes a sound"


def is_captions(text: str) -> bool:
    """Check whether a text is an SRT or WebVTT file."""
    text = text.lstrip("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    return bool(_SRT.match(text)) or bool(_VTT.match(text) and _TIMES.search(text))


def read(text: str) -> Script:
    """Read an SRT or WebVTT file: the sentences of its cues, without their times and tags.

    Raises:
        InvalidRequest: no cue has text.
    """
    text = text.lstrip("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    silence = Silence()
    paragraphs: list[list[str]] = [[]]
    end, last = 0.0, ""
    for start, stop, cue in _cues(text):
        lines = [line for line in (tidy(_DASH.sub("", line)) for line in cue.split("\n")) if has_words(line)]
        whole = " ".join(lines)
        if whole and _SOUND.fullmatch(whole):
            silence.note("sound", whole, _WHY_SOUND)
            continue
        # Subtitles that roll up repeat the line above.
        lines = lines[1:] if lines and lines[0] == last else lines
        if lines and paragraphs[-1] and start - end >= _PARAGRAPH_SECONDS and _END.search(paragraphs[-1][-1]):
            paragraphs.append([])
        paragraphs[-1] += lines
        end, last = stop, lines[-1] if lines else last
    passages = tuple(Passage("paragraph", "\n".join(lines)) for lines in paragraphs if lines)
    if not passages:
        raise refused("no cue has text to speak", "file")
    kind = "vtt" if _VTT.match(text) else "srt"
    return Script(passages, kind, left_out=silence.all())


def _cues(text: str) -> list[tuple[float, float, str]]:
    """Return the start, the end and the text of each cue."""
    found = [*_TIMES.finditer(text)]
    cues = []
    for number, times in enumerate(found):
        following = found[number + 1].start() if number + 1 < len(found) else len(text)
        # What follows a blank line is the number of the next cue, or a comment.
        body = regex.split(r"\n[^\S\n]*\n", text[times.end() : following].lstrip("\n"), maxsplit=1)[0]
        if number + 1 < len(found):
            # The number may follow without one.
            body = regex.sub(r"(?:^|\n)\d+\s*$", "", body)
        cues.append((_seconds(times[1]), _seconds(times[2]), unescape(_TAGS.sub("", body))))
    return cues


def _seconds(time: str) -> float:
    seconds = 0.0
    for part in time.replace(",", ".").split(":"):
        seconds = seconds * 60 + float(part)
    return seconds
