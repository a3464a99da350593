"""A chapter as an MP3 file of its own, with ID3v2.3 tags, which every player reads."""

from __future__ import annotations

from pathlib import Path

from speech.books import tags
from speech.books.pcm import Pcm, run
from speech.books.presets import Preset
from speech.books.timeline import Timeline
from speech.files import replacing

__all__ = ["rate", "write"]

# The sample rates that MP3 supports, in hertz.
_RATES = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)


def rate(timeline: Timeline, preset: Preset) -> int:
    """Return the sample rate of the files: the preset's, else the book's if the format knows it."""
    return preset.mp3_rate or (timeline.rate if timeline.rate in _RATES else 44_100)


def write(
    pcm: Pcm, timeline: Timeline, number: int, target: Path, folder: Path, preset: Preset, cover: Path | None = None
) -> None:
    """Write the chapter with that number, counted from 0. The file appears only once it is complete.

    Args:
        folder: for temporary files.
        cover: a picture, as `speech.books.tags.cover_file` keeps it.

    Raises:
        AudioError: ffmpeg failed.
    """
    chapter, about = timeline.chapters[number], folder / f"mp3-{number}.txt"
    begin, end = timeline.spans()[number]
    track = {"title": chapter.title, "track": f"{number + 1}/{len(timeline.chapters)}"}
    tags.write(about, tags.album(timeline.metadata) | track)
    arguments = ["-v", "error", *pcm.source(begin, end), "-f", "ffmetadata", "-i", str(about)]
    picture = timeline.metadata.cover if cover else None
    if picture and cover:
        arguments += tags.picture(cover, picture)
    arguments += ["-map", "0:a", "-map_metadata", "1", "-ar", str(rate(timeline, preset)), "-ac", "1"]
    arguments += ["-c:a", "libmp3lame", "-b:a", preset.mp3_bitrate, "-id3v2_version", "3", "-write_id3v1", "1"]
    if picture:
        arguments += ["-map", "2:v", "-c:v", "copy", "-metadata:s:v", "comment=Cover (front)"]
    with replacing(target) as partial:
        arguments += ["-f", "mp3", f"file:{partial.resolve()}"]
        run(arguments, chapter.length / timeline.rate, f"make {target.name}")
