"""The book as one M4B file: a single AAC stream with chapter marks and a cover.

All samples go through one encoder, so nothing is added where chapters meet: joining files that were encoded apart puts
the last chapter of twenty more than a second late.
"""

from __future__ import annotations

from pathlib import Path

from speech.books import tags
from speech.books.pcm import Pcm, run
from speech.books.presets import Preset
from speech.books.timeline import Timeline
from speech.files import replacing

__all__ = ["write"]

# Nero's list of chapters, which ffmpeg writes beside QuickTime's, ends here; some players show that one alone.
_MOST_MARKS = 255
# Media kind 2 has players put it among the audiobooks.
_AUDIOBOOK = {"media_type": "2"}


def write(pcm: Pcm, timeline: Timeline, target: Path, folder: Path, preset: Preset, cover: Path | None = None) -> None:
    """Write a book's samples as M4B. The file appears under its name only once it is complete.

    Args:
        folder: for temporary files.
        cover: a picture, as `speech.books.tags.cover_file` keeps it.

    Raises:
        AudioError: ffmpeg failed.
    """
    about = folder / "m4b.txt"
    tags.write(about, tags.album(timeline.metadata) | _AUDIOBOOK, tags.marks(timeline), timeline.rate)
    flags = "+faststart" + ("+disable_chpl" if len(timeline.chapters) > _MOST_MARKS else "")
    arguments = ["-v", "error", *pcm.source(), "-f", "ffmetadata", "-i", str(about)]
    picture = timeline.metadata.cover if cover else None
    if picture and cover:
        arguments += tags.picture(cover, picture)
    arguments += ["-map", "0:a", "-map_metadata", "1", "-map_chapters", "1", "-c:a", "aac", "-b:a", preset.m4b_bitrate]
    if picture:
        arguments += ["-map", "2:v", "-c:v", "copy", "-disposition:v:0", "attached_pic"]
    with replacing(target) as partial:
        arguments += ["-movflags", flags, "-f", "ipod", f"file:{partial.resolve()}"]
        run(arguments, pcm.frames / pcm.rate, f"make {target.name}")
