"""Whether subtitles that are to show who speaks can do so."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from speech.subtitles import Subtitles

__all__ = ["SHOWN_IN", "remark"]

SHOWN_IN = ("srt", "vtt", "ass")
"""The formats that can show who speaks; `srt` only where that changes."""


def remark(subtitles: Subtitles, formats: Collection[str]) -> str | None:
    """Return why it is not shown who speaks, though that was asked for; None if it is, or was not asked for.

    Args:
        formats: those that are written.
    """
    if not subtitles.speakers:
        return None
    reason, voices = None, {word.voice for word in subtitles.words}
    if not voices - {None}:
        reason = "the script gives no passage to a voice by name, as [alice] or Alice: does with a cast"
    elif not set(formats) & set(SHOWN_IN):
        reason = f"only {', '.join(SHOWN_IN)} can show it, and none of them is written"
    elif len(voices) == 1 and set(formats) & set(SHOWN_IN) == {"srt"}:
        reason = "srt marks a change of voices, and there is none"
    return reason and f"Who speaks is not shown in the subtitles: {reason}."
