"""SubRip, written by the srt library."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import regex
import srt

if TYPE_CHECKING:
    from speech.subtitles import Subtitles


# SubRip has no escapes, and players take such beginnings for markup of HTML or ASS; behind a word
# joiner, which nobody sees, they are text.
_MARKUP = regex.compile(r"<(?=\s*[/\p{L}])|\{(?=[\\\p{L}])|\\(?=[Nnh])")
_JOINER = "\u2060"


def write(subtitles: Subtitles) -> str:
    cues = [
        srt.Subtitle(index, _time(cue.start), _time(cue.end), "\n".join(map(_plain, cue.texts())))
        for index, cue in enumerate(subtitles.cues, 1)
    ]
    text: str = srt.compose(cues, reindex=False)
    return text


def _plain(line: str) -> str:
    return _MARKUP.sub(lambda found: found[0] + _JOINER, line)


def _time(ms: int) -> timedelta:
    return timedelta(milliseconds=ms)
