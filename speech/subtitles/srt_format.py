"""SubRip, written by the srt library."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import regex
import srt

if TYPE_CHECKING:
    from speech.subtitles import Subtitles


# SubRip has no escapes. Players take such beginnings for markup of HTML or ASS, an arrow or two moments
# in a line for the times of a cue, and a line that is only a number for that of the next cue; with a
# word joiner behind them, which nobody sees, they are text.
_MARKUP = regex.compile(
    r"<(?=\s*[/\p{L}])|\{(?=[\\\p{L}])|\\(?=[Nnh])"
    r"|-(?=->)|\d:(?=\d{1,2}:\d{1,2}[.,]\d)|\n-?\d+(?:\.\d*)?(?=\n|$)"
)
_JOINER = "\u2060"


def write(subtitles: Subtitles) -> str:
    cues = [
        srt.Subtitle(index, _time(cue.start), _time(cue.end), _plain("\n".join(cue.texts())))
        for index, cue in enumerate(subtitles.cues, 1)
    ]
    text: str = srt.compose(cues, reindex=False)
    return text


def _plain(text: str) -> str:
    return _MARKUP.sub(lambda found: found[0] + _JOINER, text)


def _time(ms: int) -> timedelta:
    return timedelta(milliseconds=ms)
