"""The reply of a job as its client receives it: with words and, if the store has no URLs for clients, with files.

A folder store has only `file://` URLs, which no client can open. Then the files are in the reply itself, up to the
size that RunPod accepts; Prefect's database and the records in the store never hold them.
"""

from __future__ import annotations

import base64
import json
from typing import Any

from pydantic import BaseModel, Field

from speech.errors import SpeechError
from speech.outputs import TIMINGS, content_type, filename, is_local, key, link
from speech.records import words as words_of
from speech.stores import Store

__all__ = ["LARGEST_REPLY", "Inline", "download", "finish"]

LARGEST_REPLY = 9_500_000
"""Bytes. RunPod drops larger results of `/run`: its limit is 10 MB, and its envelope takes some of that. `/runsync`
accepts 20 MB, but a container does not know which of the two a job came by, and the result of a slow `/runsync` is
fetched as that of `/run` is."""

_MOST_WORDS = 5_000
# What warnings may take of a reply.
_SPARE = 10_000
_URLS = ("audio_url", "timing_files", "preview_url", "cues_url", "expires_in")
_REMEDY = "For URLs, give the endpoint a bucket: set S3_BUCKET and its credentials, or STORAGE_BLOCK."


class Inline(BaseModel):
    """What a reply holds besides the fields of `SpeechResult`."""

    words: list[dict[str, Any]] | None = Field(
        default=None,
        description="With return_word_timings, the first 5,000 words: word, start_time, end_time, confidence.",
    )
    audio_base64: str | None = Field(
        default=None, description="Without a bucket: the audio file in base64, if the reply has room for it."
    )
    timing_texts: dict[str, str] | None = Field(
        default=None, description="Without a bucket: the text of each subtitle file, as far as the reply has room."
    )


class _Reply:
    """A reply that grows only as far as RunPod accepts it.

    Attributes:
        fields: what it holds so far.
    """

    def __init__(self, fields: dict[str, Any]) -> None:
        self.fields = fields | {"warnings": list(fields.get("warnings", ()))}
        self._free_bytes = LARGEST_REPLY - _SPARE - _size(fields)

    def takes(self, size: int) -> bool:
        """Reserve room for a value of a size in bytes, if there is any."""
        if size > self._free_bytes:
            return False
        self._free_bytes -= size
        return True

    def warn(self, text: str) -> None:
        self.fields["warnings"].append(text)


def finish(store: Store, answer: dict[str, Any], *, words: bool) -> dict[str, Any]:
    """Return the reply to a client from that of the flow or of the record.

    Without URLs for clients, the audio comes first, then the words, then the subtitle files, the preferred one first:
    each is left out, with a warning that says what to do, if the reply has no room for it.

    Args:
        words: whether the client asked for them.
    """
    local = is_local(answer["audio_url"])
    formats = list(answer.get("timing_files") or ())
    reply = _Reply({name: value for name, value in answer.items() if not (local and name in _URLS)})
    try:
        if local:
            _add_audio(reply, store, answer)
        if words and formats:
            _add_words(reply, store, answer["job_id"])
        if local:
            _add_texts(reply, store, answer["job_id"], sorted(formats, key=lambda one: one != answer["timing_format"]))
    except SpeechError as fault:
        reply.warn(f"A part of this reply could not be read; endpoint: result may have it. {fault}")
    if local and "cues_url" in answer:
        reply.warn(f"The ZIP file of the cues is in the store of the endpoint, which no client can reach. {_REMEDY}")
    return reply.fields


def download(store: Store, job_id: str, kind: str, name: str | None) -> dict[str, Any]:
    """Return the reply of `download`: a file's URL or, if no client could open it, the file itself.

    Args:
        name: the name of the job; None if it is not known.

    Raises:
        NotFound: the job has no such file.
        SpeechError: the store has no URLs for clients, and the file is too large for a reply.
    """
    size = store.head(key(job_id, kind)).size
    is_text = kind in TIMINGS
    url = link(store, job_id, kind, name)
    about = {"content_type": content_type(kind), "filename": filename(job_id, kind, name), "format": kind}
    about["status"] = "ready"
    if not is_local(url):
        return {"timing_url" if is_text else "audio_url": url, **about}
    reply = _Reply({})
    if is_text:
        text = store.read(key(job_id, kind))
        if reply.takes(_size(text)):
            return {"timing_text": text, **about}
    elif reply.takes(_base64_size(size)):
        return {"audio_base64": _base64(store, key(job_id, kind), size), **about}
    raise SpeechError(f"{about['filename']} is {_too_large(size)} {_REMEDY}")


def _add_audio(reply: _Reply, store: Store, answer: dict[str, Any]) -> None:
    kind = answer.get("audio_format") or "wav"
    name = key(answer["job_id"], kind)
    size = store.head(name).size
    if reply.takes(_base64_size(size)):
        reply.fields["audio_base64"] = _base64(store, name, size)
        return
    hint = " Or ask for another audio_format, such as ogg." if kind == "wav" else ""
    reply.warn(f"The audio is {_too_large(size)} {_REMEDY}{hint}")


def _add_words(reply: _Reply, store: Store, job_id: str) -> None:
    words = words_of(store, job_id)
    included = words[:_MOST_WORDS]
    if not reply.takes(_size(included)):
        included = []
    else:
        reply.fields["words"] = included
    if len(included) < len(words):
        reply.warn(f"words holds {len(included):,} of {len(words):,} words; endpoint: result has all of them.")


def _add_texts(reply: _Reply, store: Store, job_id: str, formats: list[str]) -> None:
    texts = {kind: store.read(key(job_id, kind)) for kind in formats}
    included = {kind: text for kind, text in texts.items() if reply.takes(_size({kind: text}))}
    if included:
        reply.fields["timing_texts"] = included
    if omitted := [kind for kind in texts if kind not in included]:
        reply.warn(f"timing_texts has no room for {', '.join(omitted)}; endpoint: download has each of them. {_REMEDY}")


def _size(value: Any) -> int:
    return len(json.dumps(value, ensure_ascii=False).encode(errors="replace"))


def _base64_size(size: int) -> int:
    """Return the length of that many bytes in base64."""
    return (size + 2) // 3 * 4


def _base64(store: Store, name: str, size: int) -> str:
    return base64.b64encode(store.read_range(name, 0, size)).decode()


def _too_large(size: int) -> str:
    return f"{size / 1e6:.1f} MB, too large for this reply, because RunPod takes at most 10 MB in all."
