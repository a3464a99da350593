"""WebVTT with a timestamp before each word, written here because the available libraries cannot write those."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from speech.subtitles import Subtitles
    from speech.subtitles.cues import Cue

_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


def write(subtitles: Subtitles) -> str:
    """Return the cues as WebVTT."""
    return "\n".join(["WEBVTT\n", *(_cue(cue, subtitles.speakers) for cue in subtitles.cues)])


def _cue(cue: Cue, speakers: bool) -> str:
    """Return one cue; its inline timestamps lie inside its times and increase, as the specification requires."""
    voice = f"<v {cue.speaker.translate(_ESCAPES)}>" if speakers and cue.speaker else ""
    latest, lines = cue.start, []
    for row in cue.rows():
        line = ""
        for word in row:
            if word is not cue.words[0] and latest < word.start < cue.end:
                line += f"<{stamp(word.start)}>"
                latest = word.start
            line += word.text.translate(_ESCAPES) + word.space
        lines.append(line.rstrip())
    return f"{stamp(cue.start)} --> {stamp(cue.end)}\n{voice}" + "\n".join(lines) + "\n"


def stamp(ms: int) -> str:
    """Return a time as WebVTT writes it.

    >>> stamp(3_725_040)
    '01:02:05.040'
    """
    seconds, ms = divmod(ms, 1000)
    minutes, seconds = divmod(seconds, 60)
    return f"{minutes // 60:02}:{minutes % 60:02}:{seconds:02}.{ms:03}"
