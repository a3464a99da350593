"""SubRip, written with the srt library."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

import regex
import srt

from speech.subtitles.cues import DASH

if TYPE_CHECKING:
    from speech.subtitles import Subtitles


# SubRip has no escapes. Players take these beginnings for HTML or ASS markup, an arrow or a time for the
# times of a cue, and a line that is only a number for the number of the next cue. Followed by an invisible
# word joiner, they are text.
_MARKUP = regex.compile(
    r"<(?=\s*[/\p{L}])|\{(?=[\\\p{L}])|\\(?=[Nnh])"
    r"|-(?=->)|\d:(?=\d{1,2}:\d{1,2}[.,]\d)|\n-?\d+(?:\.\d*)?(?=\n|$)"
)
_JOINER = "\u2060"


def write(subtitles: Subtitles) -> str:
    """Return the cues as SubRip."""
    cues = [
        srt.Subtitle(index, _time(cue.start), _time(cue.end), dash + _plain("\n".join(cue.texts())))
        for index, (cue, dash) in enumerate(zip(subtitles.cues, _dashes(subtitles), strict=True), 1)
    ]
    text: str = srt.compose(cues, reindex=False)
    return text


def _dashes(subtitles: Subtitles) -> Iterator[str]:
    """Yield what each cue begins with: a dash where the speaker changes, if speakers are to be shown."""
    voice = subtitles.cues[0].voice if subtitles.cues else None
    for cue in subtitles.cues:
        yield DASH if subtitles.speakers and cue.voice != voice else ""
        voice = cue.voice


def _plain(text: str) -> str:
    return _MARKUP.sub(lambda match: match[0] + _JOINER, text)


def _time(ms: int) -> timedelta:
    return timedelta(milliseconds=ms)
