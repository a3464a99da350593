"""A page to read and listen to a result: one HTML file that holds everything and asks for nothing.

What a script says reaches the page only as JSON in which no letter can end the element that holds it, and
its own script is the only one that the page allows to run.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from speech.audio import blocks
from speech.encoding import PREVIEW, encode
from speech.files import write_text
from speech.outputs import AUDIO, content_type
from speech.subtitles import describe, summary

if TYPE_CHECKING:
    from speech.subtitles import Subtitles

__all__ = ["DOUBTFUL", "write"]

PAGE = Path(__file__).with_name("page.html")
DOUBTFUL = 0.5
"""Confidence below which a word is marked."""

# Larger recordings, and other kinds, are heard as MP3.
_PLAYED = ("wav", "mp3", "m4a", "flac")
_LARGEST = 5_000_000
# The loudest sample of so many milliseconds is one column of the waveform at its finest.
_COLUMN_MS = 10
_RATE = 8_000
_PLACE = re.compile(r"%(POLICY|LANGUAGE|TITLE|ABOUT|DATA)%")
_ESCAPES = str.maketrans({letter: f"\\u{ord(letter):04x}" for letter in "<>&\u2028\u2029"})


def write(
    subtitles: Subtitles, audio: Path, files: Mapping[str, str], target: Path, warnings: Sequence[str] = ()
) -> Path:
    """Write the page.

    Args:
        audio: the recording as it is delivered; its ending says its kind.
        files: the text of each subtitle file, by its kind.

    Raises:
        AudioError: the recording cannot be read.
    """
    played, kind = _player(audio)
    downloads = [_download(subtitles.job_id, name, text.encode("utf-8")) for name, text in files.items()]
    if audio.stat().st_size <= _LARGEST and audio.suffix[1:] in AUDIO and audio.suffix[1:] != kind:
        downloads.insert(0, _download(subtitles.job_id, audio.suffix[1:], audio.read_bytes()))
    problems: dict[int, list[str]] = {}
    broken = subtitles.broken()
    for problem in broken:
        problems.setdefault(problem.cue, []).append(describe(problem))
    data = {
        "name": subtitles.job_id,
        "duration": subtitles.duration_ms,
        "doubtful": DOUBTFUL,
        "words": [
            [word.text, word.start, word.end, word.confidence, int(word.interpolated), word.space]
            for word in subtitles.words
        ],
        "cues": [
            [cue.start, cue.end, list(cue.lines), problems.get(number, [])]
            for number, cue in enumerate(subtitles.cues, 1)
        ],
        "notes": [*warnings, *summary(broken)],
        "column": _COLUMN_MS,
        "peaks": _base64(_peaks(audio)),
        "downloads": downloads,
        "audio": {"kind": kind, "type": content_type(kind), "data": _base64(played)},
    }
    page = PAGE.read_text(encoding="utf-8")
    about = f"{len(subtitles.words)} words, timed by {subtitles.method}"
    script = page.partition("<script>")[2].partition("</script>")[0]
    digest = _base64(hashlib.sha256(script.encode("utf-8")).digest())
    values = {
        "POLICY": f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; media-src blob:",
        "LANGUAGE": html.escape(subtitles.language),
        "TITLE": html.escape(_title(subtitles.text)),
        "ABOUT": html.escape(about),
        "DATA": json.dumps(data, ensure_ascii=False, separators=(",", ":")).translate(_ESCAPES),
    }
    # In one pass, so that a script that says one of the names is left as it is.
    write_text(target, _PLACE.sub(lambda found: values[found[1]], page))
    return target


def _player(audio: Path) -> tuple[bytes, str]:
    """What the page plays, and its kind."""
    if audio.suffix[1:] in _PLAYED and audio.stat().st_size <= _LARGEST:
        return audio.read_bytes(), audio.suffix[1:]
    with TemporaryDirectory() as folder:
        return encode(audio, Path(folder) / "audio.mp3", PREVIEW).path.read_bytes(), "mp3"


def _peaks(audio: Path) -> bytes:
    """The loudest sample of each column, a byte each, 255 for full scale."""
    size = _RATE * _COLUMN_MS // 1000
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


def _download(name: str, kind: str, content: bytes) -> dict[str, str]:
    return {"kind": kind, "name": f"{name}.{kind}", "type": content_type(kind), "data": _base64(content)}


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")


def _title(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= 70 else flat[:70].rsplit(" ", 1)[0] + "…"
