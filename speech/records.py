"""The durable record of a job: what any worker, now or after a restart, can answer from."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import BaseModel, Field, ValidationError

from speech.errors import InvalidRequest, NotFound, NotText, Problem
from speech.outputs import PIECES, PREVIEW, clear, key
from speech.request import SpeechRequest, SpeechResult
from speech.stores import EXPIRES_IN, Store
from speech.voices import redact_url

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
        fields["local_voice"] = redact_url(request.local_voice)
    return fields


def save(store: Store, record: Record, *, overrule: bool = False) -> bool:
    """Write a record, unless it is there already; returns whether it was written.

    A result that is there is never replaced by a lesser state, and what has begun is never queued again.
    A result that the record lacks is kept from the one before. A cancelled job leaves no files.

    Args:
        overrule: the record tells the end that Prefect holds, which stands whatever was written before.
    """
    found = None if record.status == "COMPLETED" and record.result else _found(store, record.job_id)
    if found and not overrule:
        lesser = found.status == "COMPLETED" and record.status != "COMPLETED"
        if lesser or record.status == "QUEUED":
            return False
    result = record.result
    if record.status == "CANCELLED":
        clear(store, record.job_id)
        result = None
    elif result is not None:
        result = _lasting(result)
    elif found:
        result = found.result
    record = record.model_copy(update={"result": result, "request": record.request or (found.request if found else {})})
    if found and found.model_dump(exclude={"updated"}) == record.model_dump(exclude={"updated"}):
        return False
    store.write(record_key(record.job_id), record.model_dump_json(indent=1), "application/json")
    return True


def load(store: Store, job_id: str) -> Record:
    """The record of a job.

    Raises:
        InvalidRequest: there is none by that id.
        StoreError: it cannot be read, or is no record.
    """
    name = record_key(job_id)
    try:
        return Record.model_validate_json(store.read(name))
    except NotFound:
        raise InvalidRequest([Problem("job_id", job_id, "the id of a job", "Invalid job_id.")]) from None
    except ValidationError:
        raise NotText(f"{name} in {store} is no record of a job.") from None


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


def _found(store: Store, job_id: str) -> Record | None:
    """The record that is there; what is no record counts as none."""
    try:
        return load(store, job_id)
    except (InvalidRequest, NotText):
        return None


def _lasting(result: Mapping[str, Any]) -> dict[str, Any]:
    """What stays true of a result: of what is signed anew only the fact that it is there."""
    kept = {name: value for name, value in result.items() if name not in ("audio_url", "expires_in")}
    kept |= {name: True for name in _SIGNED if name in kept}
    if "timing_files" in kept:
        kept["timing_files"] = sorted(kept["timing_files"])
    return kept


def _timings(store: Store, job_id: str) -> list[dict[str, Any]]:
    """The words of a job; its JSON file is written whenever timings were asked for."""
    name = key(job_id, "json")
    try:
        words: list[dict[str, Any]] = json.loads(store.read(name))["words"]
    except (ValueError, LookupError, TypeError):
        raise NotText(f"{name} in {store} holds no words.") from None
    return words
