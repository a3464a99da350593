"""The preview page of a result: one HTML file, to read and listen to, written piece by piece.

It holds everything that it shows and, up to `speech.outputs.LONGEST_IN_PAGE` seconds, the recording; a longer one is
played from beside the page. The text of a script enters it only as JSON, escaped so that it cannot close the enclosing
element. The page's content security policy allows only its own script and style, and no other audio.
"""

from __future__ import annotations

import base64
import html
import itertools
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple
from pathlib import Path
from typing import TYPE_CHECKING, Any

from speech.files import write_pieces
from speech.outputs import AUDIO, LONGEST_IN_PAGE, content_type, filename
from speech.preview.layout import lay_out
from speech.preview.shell import BESIDE, STYLE, TOOLS, fill, read
from speech.preview.sound import column_ms, peaks, player
from speech.subtitles import describe, summary
from speech.subtitles.palette import ON_DARK, ON_LIGHT, Colour

if TYPE_CHECKING:
    from speech.subtitles import Subtitles

__all__ = ["DOUBTFUL", "write"]

DOUBTFUL = 0.5
"""Confidence below which a word is marked."""

_FOLDER = Path(__file__).parent
_SCRIPTS = (TOOLS, *(_FOLDER / name for name in ("text.js", "waves.js", "player.js")))
# The recording as it is delivered is offered too, if it is not larger.
_LARGEST = 5_000_000
_METHODS = {
    "whisperx": "timed by speech recognition (WhisperX)",
    "google": "timed by speech recognition (Google)",
    "embedded": "timed from the script and its sound",
}


def write(
    subtitles: Subtitles,
    audio: Path,
    files: Mapping[str, Path],
    target: Path,
    warnings: Sequence[str] = (),
    *,
    title: str | None = None,
    beside: str | None = None,
) -> Path:
    """Write the page.

    Args:
        audio: the recording as it is delivered; its extension gives its format.
        files: the subtitle files, by format.
        title: of the page, and the name of its downloads; None for the first words of the script, and the job's id.
        beside: where a recording that is too long to be in the page lies, as a URL relative to it. The page also looks
            for a file that has its own name.

    Raises:
        AudioError: the recording cannot be read.
    """
    sound, downloads = _sound(subtitles, audio, title, beside)
    data = _data(subtitles, audio, warnings)
    data |= {"audio": sound, "downloads": itertools.chain(downloads, _downloads(subtitles, files, title))}
    palette = _palette(ON_LIGHT) + f"@media (prefers-color-scheme: dark) {{ {_palette(ON_DARK)} }}\n"
    values = {
        "LANGUAGE": html.escape(subtitles.language),
        "TITLE": html.escape(title or _title(subtitles.text)),
        "ABOUT": html.escape(" · ".join(_about(subtitles))),
    }
    media = "blob:" if sound["data"] else f"blob: {BESIDE}"
    write_pieces(target, fill(_FOLDER / "page.html", [read(STYLE), palette], _SCRIPTS, data, media, values))
    return target


def _data(subtitles: Subtitles, audio: Path, warnings: Sequence[str]) -> dict[str, Any]:
    """Return what the page's script reads, without the audio and the downloads."""
    violations, layout = subtitles.violations(), lay_out(subtitles)
    problems: dict[int, list[str]] = {}
    for problem in violations:
        problems.setdefault(problem.cue, []).append(describe(problem))
    column = column_ms(subtitles.duration_ms)
    return {
        "duration": subtitles.duration_ms,
        "doubtful": DOUBTFUL,
        "words": (
            [word.text, word.start, word.end, word.confidence, int(word.interpolated), word.space]
            for word in subtitles.words
        ),
        "blocks": [astuple(block) for block in layout.blocks],
        "voices": layout.voices,
        "tints": layout.tints,
        "cues": (
            [cue.start, cue.end, len(cue.words), problems.get(number, [])]
            for number, cue in enumerate(subtitles.cues, 1)
        ),
        "notes": [*warnings, *summary(violations)],
        "column": column,
        "peaks": _base64(peaks(audio, column)),
    }


def _downloads(subtitles: Subtitles, files: Mapping[str, Path], title: str | None) -> Iterator[dict[str, Any]]:
    """Yield the subtitle files as downloads, each read only then."""
    for name, path in files.items():
        yield _download(filename(subtitles.job_id, name, title), name, path.read_bytes())


def _sound(
    subtitles: Subtitles, audio: Path, title: str | None, beside: str | None
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return what the page plays, and the recording as a download if that is another file."""

    def named(kind: str) -> str:
        return filename(subtitles.job_id, kind, title)

    delivered = audio.suffix[1:]
    if subtitles.duration_ms > LONGEST_IN_PAGE * 1000:
        kind = beside.rpartition(".")[2] if beside else delivered
        sound = {"kind": kind, "name": named(kind), "data": None, "beside": beside}
        return sound, []
    played, kind = player(audio)
    sound = {"kind": kind, "name": named(kind), "type": content_type(kind), "data": _base64(played)}
    downloads = []
    if delivered != kind and delivered in AUDIO and audio.stat().st_size <= _LARGEST:
        downloads.append(_download(named(delivered), delivered, audio.read_bytes()))
    return sound, downloads


def _download(name: str, kind: str, content: bytes) -> dict[str, Any]:
    """Return a file of the page, compressed as browsers can decompress it."""
    data = _base64(zlib.compress(content))
    return {"kind": kind, "name": name, "type": content_type(kind), "size": len(content), "data": data}


def _about(subtitles: Subtitles) -> list[str]:
    """Return the facts about the recording that the page shows."""
    count, seconds = len(subtitles.words), subtitles.duration_ms / 1000
    length = _number(round(seconds), "second") if seconds < 90 else f"{round(seconds / 60)} minutes"
    if seconds > 7200:
        length = f"{round(seconds / 3600, 1):g} hours"
    method = _METHODS.get(subtitles.method, f"timed by {subtitles.method}")
    if count and all(word.interpolated for word in subtitles.words):
        method = "times estimated from the length of the words"
    return [_number(count, "word"), length, method]


def _number(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def _palette(colours: Sequence[Colour]) -> str:
    """Return the rule that names the colours of voices."""
    properties = " ".join(f"--voice-{number}: #{bytes(colour).hex()};" for number, colour in enumerate(colours))
    return f":root {{ {properties} }}\n"


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")


def _title(text: str) -> str:
    """Return the first line of a text, cut after a word."""
    line = text.partition("\n")[0]
    return line if len(line) <= 70 else line[:70].rsplit(" ", 1)[0] + "…"
