"""The durable record of a job: what any worker, now or after a restart, can answer from."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import BaseModel, Field

from speech.errors import InvalidRequest, NotFound, Problem
from speech.outputs import PIECES, PREVIEW, key
from speech.request import SpeechRequest, SpeechResult
from speech.stores import EXPIRES_IN, Store
from speech.voices import shown

__all__ = ["Record", "Status", "kinds", "load", "reply", "save"]

Status = Literal["QUEUED", "PROCESSING", "COMPLETED", "ERROR", "CANCELLED"]


_SIGNED = {"preview_url": PREVIEW, "cues_url": PIECES}


class Record(BaseModel):
    """One job, as `jobs/<job_id>.json` holds it. URLs are not kept: they are presigned anew."""

    job_id: str
    status: Status
    state: str = Field(description="Prefect's name for the state.")
    request: dict[str, Any] = Field(default_factory=dict)
    result: dict[str, Any] | None = None
    error_message: str | None = None
    updated: datetime = Field(default_factory=lambda: datetime.now(UTC))


def kinds(result: Mapping[str, Any]) -> list[str]:
    """The kinds of files that a result has, by a reply or a record's; see `speech.outputs`."""
    signed = [kind for name, kind in _SIGNED.items() if result.get(name)]
    return [result.get("audio_format") or "wav", *(result.get("timing_files") or ()), *signed]


def record_key(job_id: str) -> str:
    """Where the record of a job lies.

    Raises:
        InvalidRequest: the id is not a flow run's.
    """
    try:
        return f"jobs/{uuid.UUID(job_id)}.json"
    except ValueError:
        raise InvalidRequest([Problem("job_id", job_id, "the id of a job", "Invalid job_id.")]) from None


def public(request: SpeechRequest) -> dict[str, Any]:
    """A request as it may be kept and shown: a voice's URL without what grants access to it."""
    fields = request.model_dump(mode="json", exclude_defaults=True)
    if request.local_voice:
        fields["local_voice"] = shown(request.local_voice)
    return fields


def save(store: Store, record: Record) -> None:
    """Write a record; a result that is there already is never replaced by a lesser state."""
    if record.status != "COMPLETED":
        try:
            if load(store, record.job_id).status == "COMPLETED":
                return
        except (InvalidRequest, NotFound):
            pass
    if record.result is not None:
        kept = {name: value for name, value in record.result.items() if name not in ("audio_url", "expires_in")}
        # Of what is signed anew only the fact that it is there.
        kept |= {name: True for name in _SIGNED if name in kept}
        if "timing_files" in kept:
            kept["timing_files"] = sorted(kept["timing_files"])
        record = record.model_copy(update={"result": kept})
    store.write(record_key(record.job_id), record.model_dump_json(indent=1), "application/json")


def load(store: Store, job_id: str) -> Record:
    """The record of a job.

    Raises:
        InvalidRequest: there is none by that id.
    """
    try:
        return Record.model_validate_json(store.read(record_key(job_id)))
    except NotFound:
        raise InvalidRequest([Problem("job_id", job_id, "the id of a job", "Invalid job_id.")]) from None


def reply(store: Store, record: Record) -> dict[str, Any]:
    """The reply of a finished job, its URLs presigned anew, with `word_timings`.

    Raises:
        InvalidRequest: the job is not finished, or it failed; in the words that clients know.
    """
    if record.status == "ERROR":
        raise InvalidRequest([Problem("job_id", record.job_id, "", f"Job failed: {record.error_message}")])
    if record.status != "COMPLETED" or record.result is None:
        message = f"Job is not complete. Status: {record.status}"
        raise InvalidRequest([Problem("job_id", record.job_id, "", message)])
    fields = dict(record.result)
    names: list[str] | None = fields.pop("timing_files", None)
    urls = {name: store.presign(key(record.job_id, name)) for name in names or ()}
    fields |= {name: store.presign(key(record.job_id, kind)) for name, kind in _SIGNED.items() if fields.get(name)}
    result = SpeechResult(
        **fields,
        audio_url=store.presign(key(record.job_id, fields.get("audio_format") or "wav")),
        expires_in=EXPIRES_IN,
        timing_files=urls or None,
    )
    return {**result.reply(), "word_timings": _timings(store, record.job_id) if names else []}


def _timings(store: Store, job_id: str) -> list[dict[str, Any]]:
    """The words of a job; its JSON file is written whenever timings were asked for."""
    words: list[dict[str, Any]] = json.loads(store.read(key(job_id, "json")))["words"]
    return words
