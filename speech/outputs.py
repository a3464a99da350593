"""The files of a job in the store: their keys, content types, URLs, and names for people.

A kind of file is named by its extension.
"""

from __future__ import annotations

from urllib.parse import quote

from speech.naming import slug
from speech.stores import Store

__all__ = [
    "AUDIO",
    "LONGEST_IN_PAGE",
    "PIECES",
    "PREVIEW",
    "TIMINGS",
    "clear",
    "content_type",
    "filename",
    "is_local",
    "key",
    "link",
    "listening",
]

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
LONGEST_IN_PAGE = 3600
"""Seconds. The preview page holds shorter recordings itself; as an MP3 this one takes 29 MB."""

_CONTENT_TYPES = AUDIO | TIMINGS | {PREVIEW: "text/html", PIECES: "application/zip"}
_FOLDERS = dict.fromkeys([*AUDIO, PIECES], "output") | dict.fromkeys(TIMINGS, "timings") | {PREVIEW: "previews"}


def key(job_id: str, kind: str) -> str:
    """Return the key of a job's file of a kind.

    >>> key("7f", "srt")
    'timings/7f.srt'
    """
    return f"{_FOLDERS[kind]}/{job_id}.{kind}"


def content_type(kind: str) -> str:
    """Return the content type of a kind of file."""
    return _CONTENT_TYPES[kind]


def filename(job_id: str, kind: str, name: str | None = None) -> str:
    """Return the name under which people save a job's file of a kind.

    Args:
        name: the name of the job; None if it is not known.

    >>> filename("7f", "srt", "Why the Sea Is Salty?")
    'why-the-sea-is-salty.srt'
    """
    return f"{slug(name) if name else job_id}.{kind}"


def link(store: Store, job_id: str, kind: str, name: str | None = None) -> str:
    """Return a URL of a job's file of a kind; a browser saves it under the job's name, but shows the preview page.

    Args:
        name: the name of the job; None if it is not known.
    """
    mode = "inline" if kind == PREVIEW else "attachment"
    saved = quote(filename(job_id, kind, name), safe="")
    return store.presign(key(job_id, kind), disposition=f"{mode}; filename*=UTF-8''{saved}")


def listening(page: str, audio: str, seconds: float) -> str:
    """Return the URL of a preview page with that of its audio, if the page does not hold it and cannot find it.

    The part after the # is seen by the page alone; it is not sent, and not signed.

    Args:
        page, audio: the URLs that a store presigned.
        seconds: the length of the recording.
    """
    return page if seconds <= LONGEST_IN_PAGE or is_local(page) else f"{page}#audio={quote(audio, safe='')}"


def is_local(url: str) -> bool:
    """Check whether a store's URL opens only on the machine of the store."""
    return url.startswith("file:")


def clear(store: Store, job_id: str) -> None:
    """Remove every file that a job may have, except its record."""
    for kind in _FOLDERS:
        store.delete(key(job_id, kind))
