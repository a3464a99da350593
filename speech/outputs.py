"""What a job leaves in the store: where each kind of file lies, and what it is for a browser.

A kind is named by the ending of its files.
"""

from __future__ import annotations

from speech.stores import Store

__all__ = ["AUDIO", "PIECES", "PREVIEW", "TIMINGS", "clear", "content_type", "key"]

AUDIO = {
    "wav": "audio/wav",
    "mp3": "audio/mpeg",
    "flac": "audio/flac",
    "ogg": "audio/ogg",
    "m4a": "audio/mp4",
}
TIMINGS = {
    "srt": "application/x-subrip",
    "vtt": "text/vtt",
    "csv": "text/csv",
    "json": "application/json",
    "ass": "text/x-ssa",
    "ttml": "application/ttml+xml",
    "textgrid": "text/plain",
}
PREVIEW, PIECES = "html", "zip"
_CONTENT_TYPES = AUDIO | TIMINGS | {PREVIEW: "text/html", PIECES: "application/zip"}
_FOLDERS = dict.fromkeys([*AUDIO, PIECES], "output") | dict.fromkeys(TIMINGS, "timings") | {PREVIEW: "previews"}


def key(job_id: str, kind: str) -> str:
    """Where a job's file of that kind lies.

    >>> key("7f", "srt")
    'timings/7f.srt'
    """
    return f"{_FOLDERS[kind]}/{job_id}.{kind}"


def content_type(kind: str) -> str:
    """What a store serves files of that kind as."""
    return _CONTENT_TYPES[kind]


def clear(store: Store, job_id: str) -> None:
    """Remove every file that a job may have; its record stays."""
    for kind in _FOLDERS:
        store.delete(key(job_id, kind))
