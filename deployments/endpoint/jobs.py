"""Every endpoint of the contract: what a client sends becomes calls, and their outcome a reply.

A reply is a dict of plain values; one that holds `error` makes RunPod call the job failed.
"""

from __future__ import annotations

import asyncio
import difflib
import json
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any
from uuid import UUID

from prefect.client.schemas.objects import FlowRun

from blocks.storage import aopen_store
from deployments.endpoint.inputs import Download, Execute, Nothing, OneJob, Status
from deployments.endpoint.keeper import Keeper, Outcome
from deployments.endpoint.logs import job_id
from deployments.endpoint.runs import Claim, Runs
from deployments.ends import agree
from flows.hooks import STATUSES
from speech.errors import InvalidRequest, NotFound, Problem, ServerError, SpeechError
from speech.outputs import content_type, key
from speech.records import Record, load, public, reply, save
from speech.request import SpeechRequest
from speech.settings import scrub, settings
from speech.stores import Store
from speech.voices import find
from speech.voices.library import Upload, listing

__all__ = ["Jobs", "Report"]

Report = Callable[[dict[str, Any], dict[str, Any]], Awaitable[None]]
"""Tells RunPod how far a job is."""

# RunPod drops results that are larger: 10 MB of /run, some of which its own envelope takes.
_LARGEST_REPLY = 9_500_000
_REPORT_SECONDS = 1.0
# Each may take a decoder's memory.
_UPLOADS_AT_ONCE = 2

log = logging.getLogger("f5_flows.endpoint")


class Jobs:
    """The handler of jobs.

    Attributes:
        runs: the connection to Prefect; None while there is none, and `trouble` says why.
        connected: set when there is one.
        health: the report of the start-up checks.
        problems: tells what is wrong with the container itself, a sentence each.
        mended: tells what was wrong with it, likewise.
    """

    def __init__(
        self,
        keeper: Keeper,
        report: Report,
        *,
        problems: Callable[[], list[str]] = list,
        mended: Callable[[], list[str]] = list,
    ) -> None:
        self.problems, self.mended = problems, mended
        self.runs: Runs | None = None
        self.trouble = "The Prefect server is not reached yet."
        self.health: dict[str, dict[str, str]] = {}
        self.connected = asyncio.Event()
        self._began = time.monotonic()
        self._keeper, self._report = keeper, report
        self._executing: dict[str, asyncio.Task[Outcome]] = {}
        self._behind: set[asyncio.Task[Any]] = set()
        self._uploads, self._uploading = asyncio.Semaphore(_UPLOADS_AT_ONCE), 0
        self._endpoints: dict[str, Callable[[dict[str, Any], dict[str, Any]], Awaitable[dict[str, Any]]]] = {
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
        """Do a job; whatever happens becomes a reply, but for its being cancelled."""
        job_id.set(job["id"])
        try:
            answer = await self._dispatch(job)
        except SpeechError as fault:
            answer = {"error": str(fault)}
        except Exception as fault:
            log.exception("The job failed")
            answer = {"error": f"Handler error: {type(fault).__name__}: {fault}"}
        return _sendable(answer)

    @property
    def behind(self) -> int:
        """How many runs go on behind their reply."""
        return len(self._behind)

    async def _dispatch(self, job: dict[str, Any]) -> dict[str, Any]:
        given = job.get("input")
        if not isinstance(given, dict):
            raise InvalidRequest([Problem("input", given, "an object with the request's fields")])
        given = dict(given)
        name = given.pop("endpoint", None)
        if name is None or name == "":
            name = "tts"
        known = ", ".join(self._endpoints)
        if not isinstance(name, str):
            raise InvalidRequest([Problem("endpoint", name, f"one of {known}")])
        if name not in self._endpoints:
            near = difflib.get_close_matches(name[:80], self._endpoints, n=1)
            hint = f"did you mean {near[0]!r}?" if near else ""
            message = f"endpoint: {name[:80]!r} is not known; {hint} known endpoints: {known}".replace(";  ", "; ")
            raise InvalidRequest([Problem("endpoint", name, "", message)])
        return await self._endpoints[name](job, given)

    # Speech

    async def _speak(self, job: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
        request = SpeechRequest.parse(given)
        store = await aopen_store()
        await asyncio.to_thread(find, request.local_voice, store)
        runs = await self._prefect()
        left_to_pool = not request.wait and await runs.has_worker()
        run = await self._create(request, job["id"], claimed=not left_to_pool)
        if request.wait:
            return _spoken(await self._run(job, run), str(run.id))
        queued = Record(job_id=str(run.id), status="QUEUED", state="Scheduled", request=public(request))
        try:
            await asyncio.to_thread(save, store, queued)
        except SpeechError as fault:
            # The run has its place; its record is written when its state changes.
            log.warning("The record of job %s could not be written: %s", run.id, fault)
        except asyncio.CancelledError:
            await self._withdraw(run)
            raise
        if not left_to_pool:
            # Nobody waits for it; the container is asked to stop only when it is done.
            behind = asyncio.create_task(self._run({"id": job["id"]}, run))
            self._behind.add(behind)
            behind.add_done_callback(self._done_behind)
        return {"job_id": str(run.id), "status": "QUEUED"}

    async def _create(self, request: SpeechRequest, job: str, *, claimed: bool) -> FlowRun:
        """Create the flow run of a job; it is cancelled if RunPod stops the job meanwhile."""
        creating = asyncio.create_task((await self._prefect()).create(request, job, claimed=claimed))
        try:
            return await asyncio.shield(creating)
        except asyncio.CancelledError:
            try:
                run = await creating
            except Exception as fault:
                log.info("The run of a job that was stopped could not be created: %s", fault)
            else:
                await self._withdraw(run)
            raise

    async def _withdraw(self, run: FlowRun) -> None:
        """Cancel a run that nobody has begun."""
        try:
            await (await self._prefect()).cancel(run.id)
        except Exception as fault:
            log.warning("Flow run %s could not be cancelled: %s", run.id, fault)

    def _done_behind(self, behind: asyncio.Task[Any]) -> None:
        self._behind.discard(behind)
        if not behind.cancelled() and (fault := behind.exception()):
            log.error("A run that nobody waits for failed: %s", fault, exc_info=fault)

    async def _execute(self, job: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
        asked = Execute.parse(given)
        runs = await self._prefect()
        outcome = await self._run(job, await runs.read(asked.flow_run_id))
        return {"flow_run_id": str(asked.flow_run_id), "state": outcome.name}

    async def _run(self, job: dict[str, Any], run: FlowRun) -> Outcome:
        """Run a flow run here unless somebody else does, and wait for its end; a job that comes twice runs once."""
        run_id = str(run.id)
        if (working := self._executing.get(run_id)) is None:
            working = asyncio.create_task(self._perform(job, run))
            self._executing[run_id] = working
            working.add_done_callback(lambda _: self._executing.pop(run_id, None))
        try:
            return await asyncio.shield(working)
        except asyncio.CancelledError:
            if working.cancelled() and not _is_being_cancelled():
                # The run did not stop when it was cancelled in Prefect, and was given up.
                return Outcome("CANCELLED", "Cancelled", error="The job was cancelled.")
            # RunPod stops the job; the run is stopped too, and only then is the job given back.
            await self._stop(run, working)
            raise

    async def _perform(self, job: dict[str, Any], run: FlowRun) -> Outcome:
        runs = await self._prefect()
        try:
            claim = await runs.claim(run, job["id"])
        except SpeechError as fault:
            try:
                await runs.abandon(run.id, job["id"], str(fault))
            except SpeechError as another:
                log.error("Flow run %s could not be given an end: %s", run.id, another)
            raise
        if claim is Claim.ELSEWHERE:
            state = (await runs.read(run.id)).state
            return Outcome(state.type.value if state else "RUNNING", state.name or "Running" if state else "Running")
        if claim is Claim.ENDED:
            return await self._ended(run)
        reporter = _Reporter(self._report, job) if "input" in job else None
        try:
            return await runs.perform(self._keeper, run.id, job["id"], reporter.hear if reporter else None)
        finally:
            if reporter:
                await reporter.stop()

    async def _ended(self, run: FlowRun) -> Outcome:
        """The outcome of a run that ended before this job came."""
        run = await (await self._prefect()).read(run.id)
        state = run.state
        if state is None or not state.is_completed():
            return Outcome("FAILED", state.name or "Failed" if state else "Failed", error=state and state.message)
        # Whoever carried it out may not have written the end into its record yet.
        await agree(run)
        try:
            store = await _store_of(run)
            return Outcome("COMPLETED", "Completed", await asyncio.to_thread(_reply, store, str(run.id)))
        except InvalidRequest:
            return Outcome("COMPLETED", "Completed")

    async def _stop(self, run: FlowRun, working: asyncio.Task[Outcome]) -> None:
        runs = await self._prefect()
        try:
            await runs.cancel(run.id)
        except Exception as fault:
            log.warning("Prefect could not be told that flow run %s is cancelled: %s", run.id, fault)
        self._keeper.cancel(str(run.id))
        await self._wind_down(run, working)

    async def cancelled_by_prefect(self, run_id: str) -> None:
        """A held run was cancelled in Prefect: stop it, and end its process if it does not."""
        self._keeper.cancel(run_id)
        if (working := self._executing.get(run_id)) and self.runs:
            await self._wind_down(await self.runs.read(UUID(run_id)), working)

    async def _wind_down(self, run: FlowRun, working: asyncio.Task[Outcome]) -> None:
        """Wait for a run that was told to stop; end its process where it takes too long."""
        done, _ = await asyncio.wait({working}, timeout=settings().cancel_grace)
        if not done:
            log.error("Flow run %s did not stop within %.0f s", run.id, settings().cancel_grace)
            self._keeper.end(str(run.id))
            working.cancel()
            with suppress(asyncio.CancelledError):
                await working
        await (await self._prefect()).cancelled(run)

    # Voices

    async def _upload(self, job: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
        Upload.parse(given)
        limit, before, begun = settings().processing_timeout, self._uploading, False
        self._uploading += 1
        try:
            # Waiting counts: an upload holds a place of the container for no longer.
            async with asyncio.timeout(limit), self._uploads:
                begun = True
                answer: dict[str, Any] = await self._keeper.call("upload", job=job["id"], upload=given)
                return answer
        except TimeoutError:
            if begun:
                raise SpeechError(f"The upload took longer than {limit:g} s, and was given up.") from None
            raise SpeechError(f"The container is busy: {before} uploads were before this one; try again.") from None
        finally:
            self._uploading -= 1

    async def _list_voices(self, job: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
        Nothing.parse(given)
        voices = await asyncio.to_thread(listing, await aopen_store())
        return {"voices": voices, "count": len(voices), "status": "success"}

    # Jobs

    async def _status(self, job: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
        asked = Status.parse(given)
        if asked.job_id is None:
            return {"health": self._health()}
        name = OneJob.parse({"job_id": asked.job_id}).job_id
        record, run = await self._known(name)
        if run is None or run.state is None:
            if record is None:
                raise _unknown(name)
            done = 1.0 if record.status == "COMPLETED" else 0.0
            fields = {"job_id": name, "status": record.status, "state": record.state, "progress": done}
            message = record.error_message
        else:
            state = run.state
            status = STATUSES.get(state.type, "PROCESSING")
            share = 1.0 if state.is_completed() else await (await self._prefect()).progress(run.id)
            fields = {"job_id": name, "status": status, "state": state.name or state.type.value, "progress": share}
            message = (record.error_message if record else None) or state.message
        if fields["status"] == "ERROR" and message:
            fields["error_message"] = message
        return fields

    async def _result(self, job: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
        name = OneJob.parse(given).job_id
        record, run = await self._known(name)
        if record and record.status == "COMPLETED":
            return await asyncio.to_thread(reply, await _store_of(run), record)
        if run and run.state and run.state.is_final() and not run.state.is_completed():
            status = STATUSES[run.state.type]
            error = (record.error_message if record else None) or run.state.message
            record = Record(job_id=name, status=status, state=str(run.state.name), error_message=error)
        elif run and run.state and record is None:
            record = Record(job_id=name, status=STATUSES.get(run.state.type, "PROCESSING"), state=str(run.state.name))
        if record is None:
            raise _unknown(name)
        return await asyncio.to_thread(reply, await aopen_store(), record)

    async def _download(self, job: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
        asked = Download.parse(given)
        name = asked.job_id
        store = await _store_of(await self._run_of(name))
        if asked.type == "audio":
            form, url = await asyncio.to_thread(_audio_format, store, name), "audio_url"
            missing = f"Audio file not found for job_id: {name}"
        else:
            form, url = asked.format, "timing_url"
            missing = f"Timing file not found for job_id: {name}, format: {form}"
        place = key(name, form)
        try:
            await asyncio.to_thread(store.head, place)
        except NotFound:
            raise InvalidRequest([Problem("job_id", name, "", missing)]) from None
        signed, filename = await asyncio.to_thread(store.presign, place), place.rpartition("/")[2]
        kind = content_type(form)
        return {url: signed, "content_type": kind, "filename": filename, "format": form, "status": "ready"}

    async def _cancel(self, job: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
        name = OneJob.parse(given).job_id
        record, run = await self._known(name)
        if run is None:
            if record is None:
                raise _unknown(name)
            message = f"job_id: {name} is not known to Prefect any more. Status: {record.status}"
            raise InvalidRequest([Problem("job_id", name, "", message)])
        if run.state and run.state.is_final() and not run.state.is_cancelled():
            message = f"job_id: {name} has ended already. Status: {STATUSES[run.state.type]}"
            raise InvalidRequest([Problem("job_id", name, "", message)])
        await (await self._prefect()).cancel(run.id)
        self._keeper.cancel(name)
        return {"job_id": name, "status": "CANCELLED"}

    # What they share

    async def _prefect(self) -> Runs:
        """The connection to Prefect, waited for a while after the start."""
        if self.runs is None:
            with suppress(TimeoutError):
                await asyncio.wait_for(self.connected.wait(), settings().processing_timeout)
        if self.runs is None:
            raise ServerError(self.trouble)
        return self.runs

    async def _known(self, name: str) -> tuple[Record | None, FlowRun | None]:
        """What the store and Prefect know of a job; either may know nothing, or be away."""
        run = await self._run_of(name)
        try:
            record: Record | None = await asyncio.to_thread(load, await _store_of(run), name)
        except InvalidRequest:
            record = None
        if record and record.result and (run is None or (run.state and run.state.is_completed())):
            # The result is kept before Prefect is told; a run that was deleted meanwhile has it too.
            record = record.model_copy(update={"status": "COMPLETED", "state": "Completed"})
        return record, run

    async def _run_of(self, name: str) -> FlowRun | None:
        """The flow run of a job; None where Prefect knows of none, or is away. A new container waits for it first."""
        if self.runs is None and (left := self._began + settings().request_timeout - time.monotonic()) > 0:
            with suppress(TimeoutError):
                await asyncio.wait_for(self.connected.wait(), left)
        if self.runs is not None:
            try:
                return await self.runs.read(UUID(name))
            except InvalidRequest:
                pass
            except Exception as fault:
                log.warning("Prefect does not answer: %s", fault)
        return None

    def _health(self) -> dict[str, dict[str, str]]:
        if self._keeper.ready:
            worker = {"status": "ok", "message": f"The models' process takes {self._keeper.memory / 1e6:.0f} MB."}
        else:
            message = self._keeper.trouble or "The process that holds the models is starting."
            worker = {"status": "degraded", "message": message}
        if self._keeper.deaths:
            worker["message"] += f" It was replaced {len(self._keeper.deaths)} times; last: {self._keeper.deaths[-1]}."
        checks = self.health or {"checks": {"status": "degraded", "message": "The start-up checks are not done yet."}}
        reached = {"status": "ok", "message": "It is reached."}
        prefect = reached if self.runs else {"status": "degraded", "message": self.trouble}
        problems = self.problems()
        told = [*problems, *self.mended()] or ["All that goes on beside the jobs works."]
        container = {"status": "degraded" if problems else "ok", "message": " ".join(told)}
        return {**checks, "prefect": prefect, "worker": worker, "container": container}


def _is_being_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


class _Reporter:
    """Tells RunPod how far a run is, at most once a second, and never after its end."""

    def __init__(self, report: Report, job: dict[str, Any]) -> None:
        self._report, self._job = report, job
        self._latest: dict[str, Any] | None = None
        self._task = asyncio.create_task(self._tell())

    def hear(self, step: str, share: float) -> None:
        self._latest = {"step": step, "progress": round(share, 3)}

    async def stop(self) -> None:
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task

    async def _tell(self) -> None:
        while True:
            await asyncio.sleep(_REPORT_SECONDS)
            if self._latest:
                told, self._latest = self._latest, None
                # A report that is on its way must arrive before the result does, so it is not broken off.
                sending = asyncio.ensure_future(self._report(self._job, told))
                try:
                    await asyncio.shield(sending)
                except asyncio.CancelledError:
                    await asyncio.wait({sending}, timeout=10)
                    raise
                except Exception as fault:
                    # How far a job is matters less than the job.
                    log.warning("RunPod was not told how far the job is: %s", fault)


async def _store_of(run: FlowRun | None) -> Store:
    """The store that a run was told to use, else the container's."""
    return await aopen_store(run.parameters.get("storage") if run else None)


def _spoken(outcome: Outcome, name: str) -> dict[str, Any]:
    if outcome.type == "COMPLETED" and outcome.result is not None:
        return outcome.result
    if outcome.type == "CANCELLED":
        return {"error": "The job was cancelled.", "job_id": name, "status": "CANCELLED"}
    return {"error": outcome.error or f"The run ended as {outcome.name}.", "job_id": name}


def _audio_format(store: Store, name: str) -> str:
    """The kind of a job's audio file: as its record says, else what has always been made."""
    try:
        return (load(store, name).result or {}).get("audio_format") or "wav"
    except InvalidRequest:
        return "wav"


def _reply(store: Store, name: str) -> dict[str, Any]:
    answer = reply(store, load(store, name))
    answer.pop("word_timings", None)
    return answer


def _unknown(name: str) -> InvalidRequest:
    return InvalidRequest([Problem("job_id", name, "", "Invalid job_id.")])


def _sendable(answer: dict[str, Any]) -> dict[str, Any]:
    """The reply as plain JSON values, without secrets, and never so large that RunPod would drop it."""
    try:
        text = json.dumps(answer, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError):
        text = json.dumps(answer, ensure_ascii=False, default=str).replace("NaN", "null").replace("Infinity", "null")
    if "error" in answer:
        text = json.dumps({**json.loads(text), "error": scrub(str(answer["error"]))}, ensure_ascii=False)
    if len(text.encode()) > _LARGEST_REPLY:
        size = len(text.encode()) / 1e6
        log.warning("A reply of %.1f MB was not sent", size)
        return {
            "error": f"The reply is {size:.1f} MB, and RunPod takes 10 MB; fetch the files with endpoint: download.",
            "job_id": answer.get("job_id"),
        }
    plain: dict[str, Any] = json.loads(text)
    return plain
