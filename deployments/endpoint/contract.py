"""The endpoints of the contract: each turns a client's input into calls, and their outcome into a reply.

A reply is a dict of plain values; if it holds `error`, RunPod marks the job as failed.
"""

from __future__ import annotations

import asyncio
import difflib
import json
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any
from uuid import UUID

from prefect.client.schemas.objects import FlowRun

from blocks.storage import aopen_store
from deployments.endpoint.connection import Connection
from deployments.endpoint.executor import Executor
from deployments.endpoint.inputs import Download, Execute, Nothing, OneJob, Status
from deployments.endpoint.logs import job_id
from deployments.endpoint.reply import LARGEST_REPLY, download, finish
from deployments.endpoint.supervisor import Outcome, Supervisor
from flows.hooks import STATUSES
from speech.errors import InvalidRequest, NotFound, Problem, SpeechError
from speech.records import Record, load, public, reply, save
from speech.request import SpeechRequest
from speech.script.casting import cast
from speech.settings import scrub, settings
from speech.stores import Store
from speech.voices.library import Upload, listing

__all__ = ["Contract"]

Endpoint = Callable[[dict[str, Any], dict[str, Any]], Awaitable[dict[str, Any]]]
"""Runs a job: takes RunPod's job and its input without `endpoint`, and returns the reply."""

ReportJob = Callable[[dict[str, Any], dict[str, Any]], Awaitable[None]]
"""Reports a job's progress to RunPod."""

# Each upload may need a decoder's memory.
_UPLOADS_AT_ONCE = 2

log = logging.getLogger("f5_flows.endpoint")


class Contract:
    """The handler of jobs.

    Args:
        report: reports a job's progress to RunPod.
        health: returns the health report of this container.
    """

    def __init__(
        self,
        executor: Executor,
        connection: Connection,
        supervisor: Supervisor,
        report: ReportJob,
        health: Callable[[], dict[str, dict[str, str]]],
    ) -> None:
        self._executor, self._connection, self._supervisor = executor, connection, supervisor
        self._report, self._health = report, health
        self._uploads, self._uploading = asyncio.Semaphore(_UPLOADS_AT_ONCE), 0
        self._endpoints: dict[str, Endpoint] = {
            "tts": self._speak,
            "upload": self._upload,
            "list_voices": self._list_voices,
            "status": self._status,
            "result": self._result,
            "download": self._download,
            "cancel": self._cancel,
            "execute": self._execute,
        }

    async def __call__(self, job: dict[str, Any]) -> dict[str, Any]:
        """Run a job; every outcome becomes a reply, except a cancellation, which is raised."""
        job_id.set(job["id"])
        try:
            answer = await self._dispatch(job)
        except SpeechError as fault:
            answer = {"error": str(fault)}
        except Exception as fault:
            log.exception("The job failed")
            answer = {"error": f"Handler error: {type(fault).__name__}: {fault}"}
        return _sendable(answer)

    async def _dispatch(self, job: dict[str, Any]) -> dict[str, Any]:
        payload = job.get("input")
        if not isinstance(payload, dict):
            raise InvalidRequest([Problem("input", payload, "an object with the request's fields")])
        payload = dict(payload)
        name = payload.pop("endpoint", None)
        if name is None or name == "":
            name = "tts"
        endpoints = ", ".join(self._endpoints)
        if not isinstance(name, str):
            raise InvalidRequest([Problem("endpoint", name, f"one of {endpoints}")])
        if name not in self._endpoints:
            near = difflib.get_close_matches(name[:80], self._endpoints, n=1)
            hint = f"did you mean {near[0]!r}?" if near else ""
            message = f"endpoint: {name[:80]!r} is not known; {hint} known endpoints: {endpoints}".replace(";  ", "; ")
            raise InvalidRequest([Problem("endpoint", name, "", message)])
        return await self._endpoints[name](job, payload)

    # Speech

    async def _speak(self, job: dict[str, Any], payload: dict[str, Any]) -> dict[str, Any]:
        request = SpeechRequest.parse(payload, settings().max_text_chars)
        store = await aopen_store()
        await asyncio.to_thread(cast, request, store)
        left_to_pool = not request.wait and await (await self._connection.runs()).has_worker()
        run = await self._executor.create(request, job["id"], claimed=not left_to_pool)
        if request.wait:
            outcome = await self._executor.run(run, job["id"], partial(self._report, job))
            if outcome.type == "COMPLETED" and outcome.result is not None:
                return await asyncio.to_thread(finish, store, outcome.result, words=request.return_word_timings)
            return _failure_reply(outcome, str(run.id))
        await self._record_queued(store, run, request)
        if not left_to_pool:
            self._executor.run_unawaited(run, job["id"])
        return {"job_id": str(run.id), "status": "QUEUED"}

    async def _record_queued(self, store: Store, run: FlowRun, request: SpeechRequest) -> None:
        queued = Record(job_id=str(run.id), status="QUEUED", state="Scheduled", request=public(request))
        try:
            await asyncio.to_thread(save, store, queued)
        except SpeechError as fault:
            # The run is queued all the same; its record is written when its state changes.
            log.warning("The record of job %s could not be written: %s", run.id, fault)
        except asyncio.CancelledError:
            await self._executor.withdraw(run)
            raise

    async def _execute(self, job: dict[str, Any], payload: dict[str, Any]) -> dict[str, Any]:
        run_id = Execute.parse(payload).flow_run_id
        run = await (await self._connection.runs()).read(run_id)
        outcome = await self._executor.run(run, job["id"], partial(self._report, job))
        return {"flow_run_id": str(run_id), "state": outcome.name}

    # Voices

    async def _upload(self, job: dict[str, Any], payload: dict[str, Any]) -> dict[str, Any]:
        Upload.parse(payload)
        limit, before, is_counted = settings().processing_timeout, self._uploading, False
        self._uploading += 1
        try:
            # The wait counts too: an upload occupies one of the container's slots for no longer than the limit.
            async with asyncio.timeout(limit), self._uploads:
                is_counted = True
                answer: dict[str, Any] = await self._supervisor.call("upload", job=job["id"], upload=payload)
                return answer
        except TimeoutError:
            if is_counted:
                raise SpeechError(f"The upload took longer than {limit:g} s, and was given up.") from None
            raise SpeechError(f"The container is busy: {before} uploads were before this one; try again.") from None
        finally:
            self._uploading -= 1

    async def _list_voices(self, job: dict[str, Any], payload: dict[str, Any]) -> dict[str, Any]:
        Nothing.parse(payload)
        voices = await asyncio.to_thread(listing, await aopen_store())
        return {"voices": voices, "count": len(voices), "status": "success"}

    # Jobs

    async def _status(self, job: dict[str, Any], payload: dict[str, Any]) -> dict[str, Any]:
        status_input = Status.parse(payload)
        if status_input.job_id is None:
            return {"health": self._health()}
        name = OneJob.parse({"job_id": status_input.job_id}).job_id
        record, run = await self._look_up(name)
        if run is None or run.state is None:
            if record is None:
                raise _unknown(name)
            progress = 1.0 if record.status == "COMPLETED" else 0.0
            fields = {"job_id": name, "status": record.status, "state": record.state, "progress": progress}
            message = record.error_message
        else:
            state = run.state
            status = STATUSES.get(state.type, "PROCESSING")
            share = 1.0 if state.is_completed() else await (await self._connection.runs()).progress(run.id)
            fields = {"job_id": name, "status": status, "state": state.name or state.type.value, "progress": share}
            message = (record.error_message if record else None) or state.message
        if fields["status"] == "ERROR" and message:
            fields["error_message"] = message
        return fields

    async def _result(self, job: dict[str, Any], payload: dict[str, Any]) -> dict[str, Any]:
        name = OneJob.parse(payload).job_id
        record, run = await self._look_up(name)
        if record and record.status == "COMPLETED":
            store = await _store_of(run)
            answer = await asyncio.to_thread(reply, store, record)
            # The words are in `word_timings`.
            return await asyncio.to_thread(finish, store, answer, words=False)
        if run and run.state and run.state.is_final() and not run.state.is_completed():
            status = STATUSES[run.state.type]
            error = (record.error_message if record else None) or run.state.message
            record = Record(job_id=name, status=status, state=str(run.state.name), error_message=error)
        elif run and run.state and record is None:
            record = Record(job_id=name, status=STATUSES.get(run.state.type, "PROCESSING"), state=str(run.state.name))
        if record is None:
            raise _unknown(name)
        return await asyncio.to_thread(reply, await aopen_store(), record)

    async def _download(self, job: dict[str, Any], payload: dict[str, Any]) -> dict[str, Any]:
        request = Download.parse(payload)
        name = request.job_id
        record, run = await self._look_up(name)
        if request.type == "audio":
            kind, message = _audio_format(record), f"Audio file not found for job_id: {name}"
        else:
            kind, message = request.format, f"Timing file not found for job_id: {name}, format: {request.format}"
        try:
            return await asyncio.to_thread(download, await _store_of(run), name, kind, record.title if record else None)
        except NotFound:
            raise InvalidRequest([Problem("job_id", name, "", message)]) from None

    async def _cancel(self, job: dict[str, Any], payload: dict[str, Any]) -> dict[str, Any]:
        name = OneJob.parse(payload).job_id
        record, run = await self._look_up(name)
        if run is None:
            if record is None:
                raise _unknown(name)
            message = f"job_id: {name} is no longer known to Prefect. Status: {record.status}"
            raise InvalidRequest([Problem("job_id", name, "", message)])
        if run.state and run.state.is_final() and not run.state.is_cancelled():
            message = f"job_id: {name} has ended already. Status: {STATUSES[run.state.type]}"
            raise InvalidRequest([Problem("job_id", name, "", message)])
        await self._executor.cancel(run.id)
        return {"job_id": name, "status": "CANCELLED"}

    # Shared by several endpoints

    async def _look_up(self, name: str) -> tuple[Record | None, FlowRun | None]:
        """Return what the store and Prefect know of a job; either may know nothing or be unavailable."""
        run = await self._run_of(name)
        try:
            record: Record | None = await asyncio.to_thread(load, await _store_of(run), name)
        except InvalidRequest:
            record = None
        if record and record.result and (run is None or (run.state and run.state.is_completed())):
            # The result is stored before Prefect is told, so a run that was deleted meanwhile has it too.
            record = record.model_copy(update={"status": "COMPLETED", "state": "Completed"})
        return record, run

    async def _run_of(self, name: str) -> FlowRun | None:
        """Return the flow run of a job; None if Prefect knows none or is unavailable."""
        if runs := await self._connection.runs_or_none():
            try:
                return await runs.read(UUID(name))
            except InvalidRequest:
                pass
            except Exception as fault:
                log.warning("Prefect does not answer: %s", fault)
        return None


async def _store_of(run: FlowRun | None) -> Store:
    """Open the store that a run names in its parameters, else the container's."""
    return await aopen_store(run.parameters.get("storage") if run else None)


def _failure_reply(outcome: Outcome, name: str) -> dict[str, Any]:
    """Return the reply of a job that has no result."""
    if outcome.type == "CANCELLED":
        return {"error": "The job was cancelled.", "job_id": name, "status": "CANCELLED"}
    return {"error": outcome.error or f"The run ended as {outcome.name}.", "job_id": name}


def _audio_format(record: Record | None) -> str:
    """Return the format of a job's audio file; without a record, it is wav, as it always was."""
    return ((record and record.result) or {}).get("audio_format") or "wav"


def _unknown(name: str) -> InvalidRequest:
    return InvalidRequest([Problem("job_id", name, "", "Invalid job_id.")])


def _sendable(answer: dict[str, Any]) -> dict[str, Any]:
    """Return the reply as plain JSON values without secrets; if RunPod would drop it as too large, an error."""
    try:
        text = json.dumps(answer, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError):
        text = json.dumps(answer, ensure_ascii=False, default=str).replace("NaN", "null").replace("Infinity", "null")
    if "error" in answer:
        text = json.dumps({**json.loads(text), "error": scrub(str(answer["error"]))}, ensure_ascii=False)
    if len(text.encode()) > LARGEST_REPLY:
        size = len(text.encode()) / 1e6
        log.warning("A reply of %.1f MB was not sent", size)
        return {
            "error": f"The reply is {size:.1f} MB, and RunPod takes 10 MB; fetch the files with endpoint: download.",
            "job_id": answer.get("job_id"),
        }
    plain: dict[str, Any] = json.loads(text)
    return plain
