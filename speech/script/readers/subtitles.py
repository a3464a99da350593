"""Reading the text of subtitles."""

from __future__ import annotations

from dataclasses import dataclass, field
from html import unescape

import regex

from speech.script.passage import Passage, Script
from speech.script.readers.markup import refused
from speech.script.readers.runs import tidy
from speech.script.readers.silence import Silence
from speech.text import has_words

__all__ = ["is_subtitles", "read"]

# Hours as many as anybody writes: some count from a date.
_TIME = r"(?:\d{1,9}+:)?\d{1,2}:\d{2}[.,]\d{1,3}"
_TIMES = regex.compile(rf"^[^\S\n]*({_TIME})[^\S\n]*-->[^\S\n]*({_TIME})[^\n]*$", regex.MULTILINE)
_SRT = regex.compile(rf"\s*\d+[^\S\n]*\n[^\S\n]*{_TIME}[^\S\n]*-->")
_VTT = regex.compile(r"WEBVTT(?:[ \t\n]|$)")
_TAGS = regex.compile(r"</?[a-zA-Z][^<>\n]{0,200}>|<\d[\d:.]*>|\{\\[^{}\n]{0,200}\}")
# What is heard beside the speech, as in [Music] or (door closes), with music symbols around it.
_SOUND = regex.compile(
    r"(?:[\s♪♫#*-]*+(?:\[(?!\s*pause\b)[^\[\]]*+\]|\([^()]*+\))|[\s#*-]*+[♪♫][\s♪♫#*-]*+[^♪♫]*+[♪♫]?)[\s♪♫#*.-]*+",
    regex.IGNORECASE,
)
# Who speaks, in WebVTT: <v Alice> or <v.loud Alice>, up to the next one or to </v>.
_SPEAKER = regex.compile(r"<v(?:\.[^\s<>]{1,40})?(?:[ \t](?P<name>[^<>\n]{1,80}))?>|</v>")
_DASHED = "{} a change of speaker, but not who speaks; write the name before a colon to give each a voice."
# What looks like the times of a cue, but cannot be read as such.
_ARROW = regex.compile(r"^[^\S\n]*\d[^\n]{0,200}-->[^\n]*$", regex.MULTILINE)
_UNTIMED = "{} an arrow but no times of a cue, as in {!r}; what follows is no cue of its own. Correct the times."
_DASH = regex.compile(r"^\s*[-–—]\s*")
_END = regex.compile(r"[.!?…。！？][\p{Pe}\p{Pf}\"']*$")
# A longer silence after a sentence begins a paragraph.
_PARAGRAPH_SECONDS = 2.0
_WHY_SOUND = "it describes a sound"


def is_subtitles(text: str) -> bool:
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
    paragraphs: list[_Speech] = []
    end, last, dashes = 0.0, "", 0
    for start, stop, cue in _cues(text):
        for speaker, speech in _spoken_by(cue):
            cue_lines = [line for line in speech.split("\n") if has_words(line)]
            dashes += sum(bool(_DASH.match(line)) for line in cue_lines)
            lines = [tidy(_DASH.sub("", line)) for line in cue_lines]
            whole = " ".join(lines)
            if whole and _SOUND.fullmatch(whole):
                silence.note("sound", whole, _WHY_SOUND)
                continue
            # Subtitles that roll up repeat the line above.
            lines = lines[1:] if lines and lines[0] == last else lines
            if not lines:
                continue
            ends_sentence = bool(paragraphs) and bool(_END.search(paragraphs[-1].lines[-1]))
            silent = ends_sentence and start - end >= _PARAGRAPH_SECONDS
            if silent or not paragraphs or paragraphs[-1].speaker != speaker:
                paragraphs.append(_Speech(speaker, continues=bool(paragraphs) and not silent))
            paragraphs[-1].lines += lines
            end, last = stop, lines[-1]
    if not paragraphs:
        raise refused("no cue has text to speak", "file")
    passages = tuple(
        Passage("paragraph", "\n".join(each.lines), speaker=each.speaker, continues=each.continues)
        for each in paragraphs
    )
    kind = "vtt" if _VTT.match(text) else "srt"
    notes = [_DASHED.format("1 dash marks" if dashes == 1 else f"{dashes} dashes mark")] if dashes else []
    if odd := [line for line in _ARROW.findall(text) if not _TIMES.fullmatch(line)]:
        lines_are = "1 line has" if len(odd) == 1 else f"{len(odd)} lines have"
        notes.append(_UNTIMED.format(lines_are, odd[0].strip()[:80]))
    return Script(passages, kind, left_out=silence.all(), notes=tuple(notes))


@dataclass(slots=True)
class _Speech:
    """What one speaker says without a longer silence.

    Attributes:
        speaker: the name that the subtitles give.
        continues: whether only the speaker is another than before.
    """

    speaker: str | None
    lines: list[str] = field(default_factory=list)
    continues: bool = False


def _spoken_by(cue: str) -> list[tuple[str | None, str]]:
    """Return the parts of a cue's text, each with the name of who speaks it, if the cue tells."""
    parts: list[tuple[str | None, str]] = []
    speaker: str | None = None
    at = 0
    for match in _SPEAKER.finditer(cue):
        parts.append((speaker, cue[at : match.start()]))
        at, speaker = match.end(), " ".join(unescape(match["name"] or "").split()) or None
    parts.append((speaker, cue[at:]))
    return [(name, unescape(_TAGS.sub("", speech))) for name, speech in parts if has_words(_TAGS.sub("", speech))]


def _cues(text: str) -> list[tuple[float, float, str]]:
    """Return the start, the end and the text of each cue, with its tags."""
    matches = [*_TIMES.finditer(text)]
    cues = []
    for number, times in enumerate(matches):
        following = matches[number + 1].start() if number + 1 < len(matches) else len(text)
        # What follows a blank line is the number of the next cue, or a comment.
        body = regex.split(r"\n[^\S\n]*\n", text[times.end() : following].lstrip("\n"), maxsplit=1)[0]
        if number + 1 < len(matches):
            # The number may follow without one.
            body = regex.sub(r"(?:^|\n)\d+\s*$", "", body)
        cues.append((_seconds(times[1]), _seconds(times[2]), body))
    return cues


def _seconds(time: str) -> float:
    seconds = 0.0
    for part in time.replace(",", ".").split(":"):
        seconds = seconds * 60 + float(part)
    return seconds
