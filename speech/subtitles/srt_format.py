"""SubRip, written by the srt library."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import srt

if TYPE_CHECKING:
    from speech.subtitles import Subtitles


def write(subtitles: Subtitles) -> str:
    text: str = srt.compose(
        [
            srt.Subtitle(
                index, timedelta(milliseconds=cue.start), timedelta(milliseconds=cue.end), "\n".join(cue.texts())
            )
            for index, cue in enumerate(subtitles.cues, 1)
        ],
        reindex=False,
    )
    return text
