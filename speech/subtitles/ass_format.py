"""Advanced SubStation with karaoke, through pysubs2."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pysubs2

if TYPE_CHECKING:
    from speech.subtitles import Subtitles
    from speech.subtitles.cues import Cue

# libass reads a braced text as markup unless the brace is escaped; a backslash has no escape, so a
# word joiner keeps it from meeting the letter behind it.
_ESCAPES = str.maketrans({"{": "\\{", "}": "\\}", "\\": "\\\u2060"})


def write(subtitles: Subtitles) -> str:
    file = pysubs2.SSAFile()
    file.info.update({"Title": subtitles.job_id, "PlayResX": "1920", "PlayResY": "1080", "WrapStyle": "2"})
    file.styles["Default"] = pysubs2.SSAStyle(
        fontname="Arial",
        fontsize=64,
        primarycolor=pysubs2.Color(255, 255, 255),
        secondarycolor=pysubs2.Color(150, 150, 150),
        outlinecolor=pysubs2.Color(0, 0, 0),
        outline=3,
        shadow=0,
        marginv=60,
    )
    for cue in subtitles.cues:
        start, end = _centiseconds(cue.start), max(_centiseconds(cue.end), _centiseconds(cue.start) + 1)
        file.append(pysubs2.SSAEvent(start=start * 10, end=end * 10, text=_karaoke(cue, start, end)))
    return file.to_string("ass")


def _centiseconds(ms: int) -> int:
    return (ms + 5) // 10


def _karaoke(cue: Cue, start: int, end: int) -> str:
    r"""Each word swept with `\kf` while it is heard; `\k` waits through what lies between.

    Borders are rounded and their differences written, so that the lengths add up to the cue's.
    """
    at, text = start, ""
    for number, row in enumerate(cue.rows()):
        text += "\\N" if number else ""
        for place, word in enumerate(row):
            begin = min(max(_centiseconds(word.start), at), end)
            until = min(max(_centiseconds(word.end), begin), end)
            text += f"{{\\k{begin - at}}}" if begin > at else ""
            text += f"{{\\kf{until - begin}}}" + word.text.translate(_ESCAPES)
            text += word.space if place < len(row) - 1 else ""
            at = until
    return text + (f"{{\\k{end - at}}}" if end > at else "")
