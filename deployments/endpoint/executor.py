"""Carrying out flow runs in this container: create, claim, run, cancel, drain."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from uuid import UUID

from prefect.client.schemas.objects import FlowRun

from blocks.storage import aopen_store
from deployments.endpoint.connection import Connection
from deployments.endpoint.reporter import Report, Reporter
from deployments.endpoint.runs import Runs
from deployments.endpoint.side_tasks import SideTasks
from deployments.endpoint.supervisor import Outcome, ProgressCallback, Supervisor
from deployments.ends import agree
from speech.errors import EngineError, InvalidRequest, SpeechError
from speech.records import short_reply
from speech.request import SpeechRequest
from speech.settings import settings
from tasks.claims import Claim

__all__ = ["Executor", "perform"]

log = logging.getLogger("f5_flows.endpoint")


async def perform(
    runs: Runs, supervisor: Supervisor, run_id: UUID, job: str, progress: ProgressCallback | None = None
) -> Outcome:
    """Run a claimed flow run to its end and release it; if its process dies, mark the run as crashed."""
    try:
        outcome = await supervisor.run(str(run_id), job, progress)
    except EngineError as fault:
        outcome = Outcome("CRASHED", "Crashed", error=str(fault))
    finally:
        runs.release(run_id)
    if outcome.type == "CRASHED":
        await runs.crash_if_possible(run_id, outcome.error or "The run crashed.")
    return outcome


class Executor:
    """The flow runs that this container carries out."""

    def __init__(self, connection: Connection, supervisor: Supervisor, side_tasks: SideTasks) -> None:
        self._connection, self._supervisor, self._side_tasks = connection, supervisor, side_tasks
        self._running: dict[str, asyncio.Task[Outcome]] = {}
        self._stopping: set[str] = set()
        self._unawaited = 0

    @property
    def unawaited(self) -> int:
        """How many runs continue after their job was answered; the container drains them before it ends."""
        return self._unawaited

    async def create(self, request: SpeechRequest, job: str, *, claimed: bool) -> FlowRun:
        """Create the flow run of a job, and cancel it if RunPod stops the job meanwhile."""
        runs = await self._connection.runs()
        creating = asyncio.ensure_future(runs.create(request, job, claimed=claimed))
        try:
            return await asyncio.shield(creating)
        except asyncio.CancelledError:
            try:
                run = await creating
            except Exception as fault:
                log.info("The run of a job that was stopped could not be created: %s", fault)
            else:
                await self.withdraw(run)
            raise

    async def withdraw(self, run: FlowRun) -> None:
        """Cancel a run in Prefect; a failure is logged."""
        try:
            await (await self._connection.runs()).cancel(run.id)
        except Exception as fault:
            log.warning("Flow run %s could not be cancelled: %s", run.id, fault)

    async def run(self, run: FlowRun, job: str, report: Report | None = None) -> Outcome:
        """Run a flow run here unless another job has claimed it, and wait for its end.

        A job that is delivered twice runs once. If this call is cancelled, so is the run.
        """
        run_id = str(run.id)
        if (working := self._running.get(run_id)) is None:
            working = asyncio.create_task(self._claim_and_run(run, job, report))
            self._running[run_id] = working
            working.add_done_callback(lambda _: self._finish(run_id))
        try:
            return await asyncio.shield(working)
        except asyncio.CancelledError:
            if working.cancelled() and not _is_being_cancelled():
                # The run did not stop when it was cancelled in Prefect, and was given up.
                return Outcome("CANCELLED", "Cancelled", error="The job was cancelled.")
            # RunPod has stopped the job; stop the run too, and only then give the job back.
            await self._stop(run, working)
            raise

    def run_unawaited(self, run: FlowRun, job: str) -> None:
        """Run a flow run in the background, without waiting for it."""

        async def work() -> None:
            try:
                await self.run(run, job)
            finally:
                self._unawaited -= 1

        self._unawaited += 1
        self._side_tasks.run_once(f"The unawaited flow run {run.id}", work())

    async def cancel(self, run_id: UUID) -> None:
        """Cancel a run for a client, wherever it is."""
        await (await self._connection.runs()).cancel(run_id)
        if str(run_id) in self._running:
            self._supervisor.cancel(str(run_id))

    def on_cancel(self, run_id: str) -> None:
        """Stop a held run that was cancelled in Prefect; repeated calls stop it once."""
        if run_id not in self._stopping:
            self._stopping.add(run_id)
            self._side_tasks.run_once(f"Stopping flow run {run_id}", self._stop_cancelled(run_id))

    async def _claim_and_run(self, run: FlowRun, job: str, report: Report | None) -> Outcome:
        runs = await self._connection.runs()
        match await self._claim(runs, run, job):
            case Claim.ELSEWHERE:
                state = (await runs.read(run.id)).state
                return Outcome(state.type.value, state.name or "Running") if state else Outcome("RUNNING", "Running")
            case Claim.ENDED:
                return await self._earlier_outcome(runs, run)
        if report is None:
            return await perform(runs, self._supervisor, run.id, job)
        async with Reporter(report) as reporter:
            return await perform(runs, self._supervisor, run.id, job, reporter.hear)

    async def _claim(self, runs: Runs, run: FlowRun, job: str) -> Claim:
        try:
            return await runs.claim(run, job)
        except SpeechError as fault:
            try:
                await runs.abandon(run.id, job, str(fault))
            except SpeechError as another:
                log.error("Flow run %s could not be marked as crashed: %s", run.id, another)
            raise

    async def _earlier_outcome(self, runs: Runs, run: FlowRun) -> Outcome:
        """Return the outcome of a run that had ended before this job arrived."""
        run = await runs.read(run.id)
        state = run.state
        if state is None or not state.is_completed():
            return Outcome("FAILED", (state and state.name) or "Failed", error=state.message if state else None)
        # The process that ran it may not have written the end into its record yet.
        await agree(run)
        try:
            store = await aopen_store(run.parameters.get("storage"))
            return Outcome("COMPLETED", "Completed", await asyncio.to_thread(short_reply, store, str(run.id)))
        except InvalidRequest:
            return Outcome("COMPLETED", "Completed")

    def _finish(self, run_id: str) -> None:
        del self._running[run_id]
        self._supervisor.forget(run_id)

    async def _stop(self, run: FlowRun, working: asyncio.Task[Outcome]) -> None:
        # First the process: Prefect may take a minute to answer, and meanwhile the run would cost or be completed.
        self._supervisor.cancel(str(run.id))
        await self.withdraw(run)
        await self._wind_down(await self._connection.runs(), run, working)

    async def _stop_cancelled(self, run_id: str) -> None:
        try:
            self._supervisor.cancel(run_id)
            if working := self._running.get(run_id):
                runs = await self._connection.runs()
                await self._wind_down(runs, await runs.read(UUID(run_id)), working)
        finally:
            self._stopping.discard(run_id)

    async def _wind_down(self, runs: Runs, run: FlowRun, working: asyncio.Task[Outcome]) -> None:
        """Wait for a run that was told to stop; end its process if it takes longer than `CANCEL_GRACE`."""
        done, _ = await asyncio.wait({working}, timeout=settings().cancel_grace)
        if not done:
            log.error("Flow run %s did not stop within %.0f s", run.id, settings().cancel_grace)
            self._supervisor.end(str(run.id))
            working.cancel()
            with suppress(asyncio.CancelledError):
                await working
        await runs.mark_cancelled(run)


def _is_being_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
