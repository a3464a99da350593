"""What audio files say about a book, as ffmpeg takes it: tags, chapter marks and the cover."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from speech.books.pcm import run
from speech.books.timeline import Cover, Metadata, Timeline
from speech.errors import AudioError

__all__ = ["album", "cover_file", "marks", "write"]

_SPECIAL = re.compile(r"([=;#\\\n])")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_DEMUXERS = {"image/jpeg": "jpeg_pipe", "image/png": "png_pipe"}
_SUFFIXES = {"image/jpeg": ".jpg", "image/png": ".png"}
_LARGEST_PICTURE = 100_000_000


def album(metadata: Metadata) -> dict[str, str]:
    """Return the tags of the whole book, by ffmpeg's names for them."""
    authors = ", ".join(metadata.authors)
    tags = {
        "title": metadata.title,
        "album": metadata.title,
        "artist": authors,
        "album_artist": authors,
        # Players look for the narrator in this tag, since there is no dedicated one.
        "composer": metadata.narrator,
        "date": metadata.date,
        "description": metadata.description,
        "comment": metadata.description,
        "publisher": metadata.publisher,
        "copyright": metadata.rights,
        "genre": "Audiobook",
    }
    return {name: value for name, value in tags.items() if value}


def marks(timeline: Timeline) -> list[tuple[int, int, str]]:
    """Return begin and end of each chapter in samples, and its title."""
    return [(*span, chapter.title) for span, chapter in zip(timeline.spans(), timeline.chapters, strict=True)]


def write(path: Path, tags: Mapping[str, str], chapters: Iterable[tuple[int, int, str]] = (), rate: int = 1) -> None:
    """Write tags, and chapters in samples at `rate`, in ffmpeg's format for both."""
    lines = [";FFMETADATA1", *(f"{name}={_escaped(value)}" for name, value in tags.items())]
    for begin, end, title in chapters:
        lines += ["[CHAPTER]", f"TIMEBASE=1/{rate}", f"START={begin}", f"END={end}", f"title={_escaped(title)}"]
    path.write_text("\n".join([*lines, ""]), encoding="utf-8")


def cover_file(cover: Cover | None, folder: Path) -> tuple[Path | None, list[str]]:
    """Keep a cover as a file, if it is a picture that can be decoded; return it and notes for the user.

    The second value is empty if the cover is good, or there is none.
    """
    if cover is None:
        return None, []
    path = folder / f"cover{_SUFFIXES[cover.content_type]}"
    path.write_bytes(cover.data)
    try:
        run(["-v", "error", "-xerror", *picture(path, cover), "-frames:v", "1", "-f", "null", "-"], 0, "read the cover")
    except AudioError as fault:
        return None, [f"The book has no cover in its files: {fault}"]
    return path, []


def picture(path: Path, cover: Cover) -> list[str]:
    """Return ffmpeg's arguments for a cover as input."""
    demuxer = _DEMUXERS[cover.content_type]
    return [
        "-protocol_whitelist", "file", "-format_whitelist", demuxer, "-codec_whitelist", "mjpeg,png",
        "-max_alloc", str(_LARGEST_PICTURE), "-f", demuxer, "-i", f"file:{path.resolve()}",
    ]  # fmt: skip


def _escaped(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", _CONTROL.sub("", text.replace("\r\n", "\n")))
