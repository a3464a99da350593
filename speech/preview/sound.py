"""The sound of the page: what it plays, and the picture of its loudness."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import quote

import numpy as np

from speech.audio import blocks
from speech.encoding import PREVIEW, encode
from speech.outputs import LONGEST_IN_PAGE

__all__ = ["address", "column_ms", "listenable", "peaks", "player"]

# Held in a page as they are; larger recordings, and other formats, as MP3.
_HELD = ("wav", "mp3", "m4a", "flac")
# Played from beside a page by Chromium, Firefox and Safari, the video among them for its sound.
_PLAYED = (*_HELD, "aac", "m4v", "mkv", "mov", "mp4", "oga", "ogg", "opus", "webm")
_LARGEST = 5_000_000
# Milliseconds of a column at the finest, and the most columns: so many take 2.7 MB of a page.
_FINEST_MS, _MOST_COLUMNS = 10, 2_000_000
_RATE = 8_000


def player(audio: Path) -> tuple[bytes, str]:
    """Return the audio that a page holds and plays, and its format.

    Raises:
        AudioError: the recording cannot be read.
    """
    if audio.suffix[1:] in _HELD and audio.stat().st_size <= _LARGEST:
        return audio.read_bytes(), audio.suffix[1:]
    with TemporaryDirectory() as folder:
        return encode(audio, Path(folder) / "audio.mp3", PREVIEW).path.read_bytes(), "mp3"


def listenable(audio: Path, recording: Path, copy: Path, duration_ms: int) -> Path:
    """Return the file that a page plays if its recording is too long to be embedded.

    It is the audio or, where browsers do not play its format, an MP3 that is written for it.

    Args:
        audio: the file as people know it.
        recording: the same sound, as it was read.
        copy: where the MP3 is written.

    Raises:
        AudioError: the recording cannot be read.
    """
    if duration_ms <= LONGEST_IN_PAGE * 1000 or audio.suffix[1:].lower() in _PLAYED:
        return audio
    return encode(recording, copy, PREVIEW).path


def address(audio: Path, page: Path) -> str:
    """Return the URL of a file, relative to the page.

    >>> address(Path("talks/a talk.mp3"), Path("output/talk.html"))
    './../talks/a%20talk.mp3'
    """
    return "./" + quote(Path(os.path.relpath(audio, page.parent)).as_posix())


def column_ms(duration_ms: int) -> int:
    """Return the milliseconds of each column in the picture of a recording: tens, more for a very long one.

    >>> column_ms(60_000), column_ms(36_000_000)
    (10, 20)
    """
    return max(_FINEST_MS, -(-duration_ms // (_MOST_COLUMNS * 10)) * 10)


def peaks(audio: Path, column: int) -> bytes:
    """Return the loudest sample of each column of so many milliseconds, one byte each, 255 for full scale.

    Raises:
        AudioError: the recording cannot be read.
    """
    size = _RATE * column // 1000
    columns: list[bytes] = []
    rest = np.zeros(0, np.float32)
    for block in blocks(audio, _RATE):
        rest = np.concatenate([rest, np.abs(block)])
        whole = len(rest) // size * size
        columns.append(_bytes(rest[:whole].reshape(-1, size).max(axis=1) if whole else rest[:0]))
        rest = rest[whole:]
    return b"".join(columns) + _bytes(rest.max(keepdims=True) if len(rest) else rest)


def _bytes(levels: Any) -> bytes:
    levelled: bytes = np.round(np.clip(levels, 0, 1) * 255).astype(np.uint8).tobytes()
    return levelled
