"""WebVTT with a time before each word, which the libraries at hand cannot write."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from speech.subtitles import Subtitles
    from speech.subtitles.cues import Cue

_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


def write(subtitles: Subtitles) -> str:
    return "\n".join(["WEBVTT\n", *(_cue(cue) for cue in subtitles.cues)])


def _cue(cue: Cue) -> str:
    """The specification wants inline times inside the cue's, each later than the one before."""
    latest, lines = cue.start, []
    for row in cue.rows():
        line = ""
        for word in row:
            if word is not cue.words[0] and latest < word.start < cue.end:
                line += f"<{stamp(word.start)}>"
                latest = word.start
            line += word.text.translate(_ESCAPES) + word.space
        lines.append(line.rstrip())
    return f"{stamp(cue.start)} --> {stamp(cue.end)}\n" + "\n".join(lines) + "\n"


def stamp(ms: int) -> str:
    """
    >>> stamp(3_725_040)
    '01:02:05.040'
    """
    seconds, ms = divmod(ms, 1000)
    minutes, seconds = divmod(seconds, 60)
    return f"{minutes // 60:02}:{minutes % 60:02}:{seconds:02}.{ms:03}"
