"""The durable records of jobs, from which any worker can answer, even after a restart."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any, Literal

from pydantic import BaseModel, Field, ValidationError

from speech.errors import InvalidRequest, NotFound, NotText, Problem
from speech.naming import title_of
from speech.outputs import PIECES, PREVIEW, clear, key, link
from speech.request import SpeechRequest
from speech.result import SpeechResult
from speech.stores import EXPIRES_IN, Store
from speech.voices import redact_url

__all__ = ["Record", "Status", "kinds", "load", "reply", "save", "short_reply", "words"]

Status = Literal["QUEUED", "PROCESSING", "COMPLETED", "ERROR", "CANCELLED"]


_SIGNED = {"preview_url": PREVIEW, "cues_url": PIECES}


class Record(BaseModel):
    """One job, as stored in `jobs/<job_id>.json`. URLs are not stored: each reply presigns them again."""

    job_id: str
    status: Status
    state: str = Field(description="Prefect's name for the state.")
    request: dict[str, Any] = Field(default_factory=dict)
    result: dict[str, Any] | None = None
    error_message: str | None = None
    updated: datetime = Field(default_factory=lambda: datetime.now(UTC))

    @property
    def title(self) -> str | None:
        """The name of the job, as `SpeechRequest.title` is; None if the request was not valid."""
        text = self.request.get("text")
        return title_of(self.request.get("name"), text) if text else None


def kinds(result: Mapping[str, Any]) -> list[str]:
    """Return the kinds of files of a result, as found in a reply or a record; see `speech.outputs`."""
    signed = [kind for name, kind in _SIGNED.items() if result.get(name)]
    return [result.get("audio_format") or "wav", *(result.get("timing_files") or ()), *signed]


def record_key(job_id: str) -> str:
    """Return the key of a job's record.

    Raises:
        InvalidRequest: the id is not that of a flow run.
    """
    try:
        return f"jobs/{uuid.UUID(job_id)}.json"
    except ValueError:
        raise InvalidRequest([Problem("job_id", job_id, "the id of a job", "Invalid job_id.")]) from None


def public(request: SpeechRequest) -> dict[str, Any]:
    """Return a request's fields for storing and showing: the URL of a voice without what grants access to it."""
    fields = request.model_dump(mode="json", exclude_defaults=True)
    if request.local_voice:
        fields["local_voice"] = redact_url(request.local_voice)
    if request.cast:
        fields["cast"] = {name: redact_url(voice) for name, voice in request.cast.items()}
    return fields


def save(store: Store, record: Record, *, overrule: bool = False) -> bool:
    """Write a record, unless it is already stored; return whether it was written.

    A completed record is never replaced by another state, and a job that has started never becomes queued
    again. If the new record has no result, that of the stored one is kept. Saving a cancelled job removes
    its files.

    Args:
        overrule: the record holds Prefect's final state, which replaces any other.
    """
    previous = None if record.status == "COMPLETED" and record.result else _load_previous(store, record.job_id)
    if previous and not overrule:
        lesser = previous.status == "COMPLETED" and record.status != "COMPLETED"
        if lesser or record.status == "QUEUED":
            return False
    result = record.result
    if record.status == "CANCELLED":
        clear(store, record.job_id)
        result = None
    elif result is not None:
        result = _without_urls(result)
    elif previous:
        result = previous.result
    record = record.model_copy(
        update={"result": result, "request": record.request or (previous.request if previous else {})}
    )
    if previous and previous.model_dump(exclude={"updated"}) == record.model_dump(exclude={"updated"}):
        return False
    store.write(record_key(record.job_id), record.model_dump_json(indent=1), "application/json")
    return True


def load(store: Store, job_id: str) -> Record:
    """Load the record of a job.

    Raises:
        InvalidRequest: there is no job with that id.
        StoreError: the record cannot be read, or is not valid.
    """
    name = record_key(job_id)
    try:
        return Record.model_validate_json(store.read(name))
    except NotFound:
        raise InvalidRequest([Problem("job_id", job_id, "the id of a job", "Invalid job_id.")]) from None
    except ValidationError:
        raise NotText(f"{name} in {store} is not the record of a job.") from None


def reply(store: Store, record: Record) -> dict[str, Any]:
    """Return the reply of a finished job, with newly presigned URLs and `word_timings`.

    Raises:
        InvalidRequest: the job is not finished, or it failed; the text is the one that clients know.
    """
    if record.status == "ERROR":
        raise InvalidRequest([Problem("job_id", record.job_id, "", f"Job failed: {record.error_message}")])
    if record.status != "COMPLETED" or record.result is None:
        message = f"Job is not complete. Status: {record.status}"
        raise InvalidRequest([Problem("job_id", record.job_id, "", message)])
    fields = dict(record.result)
    formats: list[str] | None = fields.pop("timing_files", None)
    sign = partial(link, store, record.job_id, name=record.title)
    fields |= {field: sign(kind) for field, kind in _SIGNED.items() if fields.get(field)}
    result = SpeechResult(
        **fields,
        audio_url=sign(fields.get("audio_format") or "wav"),
        expires_in=EXPIRES_IN,
        timing_files={kind: sign(kind) for kind in formats} if formats else None,
    )
    return {**result.reply(), "word_timings": words(store, record.job_id) if formats else []}


def short_reply(store: Store, job_id: str) -> dict[str, Any]:
    """Return the reply for a client that waits: that of `reply` without `word_timings`, which the files hold.

    Raises:
        InvalidRequest: there is no such job, or it is not finished.
    """
    answer = reply(store, load(store, job_id))
    answer.pop("word_timings", None)
    return answer


def words(store: Store, job_id: str) -> list[dict[str, Any]]:
    """Return the timed words of a job from its JSON file, which exists whenever its words were timed."""
    name = key(job_id, "json")
    try:
        entries: list[dict[str, Any]] = json.loads(store.read(name))["words"]
    except (ValueError, LookupError, TypeError):
        raise NotText(f"{name} in {store} holds no words.") from None
    return entries


def _load_previous(store: Store, job_id: str) -> Record | None:
    """Return the stored record, or None if there is none or it is invalid."""
    try:
        return load(store, job_id)
    except (InvalidRequest, NotText):
        return None


def _without_urls(result: Mapping[str, Any]) -> dict[str, Any]:
    """Return a result without its URLs, which expire; of the files only that they exist."""
    lasting = {name: value for name, value in result.items() if name not in ("audio_url", "expires_in")}
    lasting |= {name: True for name in _SIGNED if name in lasting}
    if "timing_files" in lasting:
        lasting["timing_files"] = sorted(lasting["timing_files"])
    return lasting
