"""The endpoint's side of Prefect: flow runs are created, claimed, held, cancelled, and given an end.

A run belongs to whoever moved it to the state Pending named `Claimed`; Prefect lets exactly one do so.
The holder shows that it lives by writing the run's `infrastructure_pid` again now and then, which moves
the run's `updated`. RunPod delivers a job again when its worker falls silent; the new worker takes
the run over once `updated` has stood still for `LEASE_SECONDS`.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from enum import Enum
from typing import Any, ParamSpec, TypeVar
from uuid import UUID, uuid4

import httpx
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import (
    ArtifactFilter,
    ArtifactFilterFlowRunId,
    ArtifactFilterKey,
    FlowRunFilter,
    FlowRunFilterId,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, State, StateType, WorkPoolStatus
from prefect.exceptions import Abort, ObjectNotFound, PrefectException
from prefect.states import Cancelling, Crashed, Pending, Scheduled
from prefect.utilities.engine import propose_state

from blocks.storage import akeepable
from deployments.endpoint.keeper import Keeper, Outcome, Progress
from deployments.ends import Sweep, agree, cancelled, end
from deployments.retries import explained
from speech.errors import EngineError, InvalidRequest, Problem
from speech.request import SpeechRequest
from speech.settings import settings

__all__ = ["Claim", "Runs"]

_CLAIMS = ("Claimed", "Reclaimed")
_DEPLOYMENT = "speak/speak"
_CANCEL_POLL_SECONDS = 1.0
_TAG = "runpod"

log = logging.getLogger("f5_flows.endpoint")

P = ParamSpec("P")
R = TypeVar("R")


def _asks(method: Callable[P, Awaitable[R]]) -> Callable[P, Awaitable[R]]:
    """What a call to Prefect that fails means is told as a ServerError, which names no address."""

    @functools.wraps(method)
    async def call(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return await method(*args, **kwargs)
        except (httpx.HTTPError, PrefectException, ValueError) as fault:
            raise explained(fault) from fault

    return call


@contextmanager
def _surviving(what: str) -> Iterator[None]:
    """What goes on for as long as the container does is not ended by a fault."""
    try:
        yield
    except Exception as fault:
        log.warning("It was not possible to %s: %s", what, explained(fault))
        log.debug("In full:", exc_info=True)


class Claim(Enum):
    """Whose a run is."""

    OURS = "ours"
    ENDED = "ended"
    ELSEWHERE = "elsewhere"


class Runs:
    """Flow runs, as this container sees them.

    Args:
        on_cancel: called with the id of a held run that somebody cancelled.
        where: first part of the `infrastructure_pid` of the runs that are held; by default the endpoint.
    """

    def __init__(self, client: PrefectClient, on_cancel: Callable[[str], None], where: str | None = None) -> None:
        values = settings()
        self._client, self._on_cancel = client, on_cancel
        self._where = where or values.runpod_endpoint_id or "local"
        self._holder = f"{values.runpod_pod_id or 'container'}-{uuid4().hex[:8]}"
        self._held: dict[str, tuple[str, float]] = {}
        self._deployment: UUID | None = None

    async def look_after(self) -> None:
        """Renew what is held, hear of cancellations, and sweep, for as long as the endpoint runs; no fault ends it."""
        await asyncio.gather(self._listen(), self._renew_all(), self._sweep())

    async def _listen(self) -> None:
        while True:
            await asyncio.sleep(_CANCEL_POLL_SECONDS)
            with _surviving("hear of cancellations"):
                for run in await self._cancelled(list(self._held)):
                    self._on_cancel(run)

    async def _renew_all(self) -> None:
        while True:
            await asyncio.sleep(settings().lease_seconds / 3)
            await self._renew()

    async def _sweep(self) -> None:
        """Runs that somebody else has ended get the record that they should have."""
        sweep = Sweep(self._client, self._is_mine)
        while True:
            with _surviving("look at runs that have ended"):
                await sweep()
            await asyncio.sleep(settings().runpod_reconcile_seconds)

    def _is_mine(self, run: FlowRun) -> bool:
        if run.infrastructure_pid:
            return run.infrastructure_pid.startswith(f"{self._where}:")
        return _TAG in run.tags

    @_asks
    async def create(self, request: SpeechRequest, job: str, *, claimed: bool = True) -> FlowRun:
        """The flow run of a speak job; the same one, if the job was delivered before.

        Args:
            claimed: it is run here; else it is left to the work pool.
        """
        state: State[Any] = Pending(name="Claimed", message=self._token(job)) if claimed else Scheduled()
        kept = await akeepable(request)
        fields: dict[str, Any] = {
            "parameters": {"request": kept.model_dump(mode="json", exclude_unset=True)},
            "state": state,
            "idempotency_key": f"runpod-job-{job}",
            "tags": [_TAG],
        }
        try:
            return await self._client.create_flow_run_from_deployment(await self._speak_deployment(), **fields)
        except ObjectNotFound:
            # Somebody deployed anew.
            self._deployment = None
            return await self._client.create_flow_run_from_deployment(await self._speak_deployment(), **fields)

    @_asks
    async def has_worker(self) -> bool:
        """Whether a Prefect worker would take a scheduled run of the speak deployment."""
        deployment = await self._client.read_deployment(await self._speak_deployment())
        if not deployment.work_pool_name:
            return False
        pool = await self._client.read_work_pool(deployment.work_pool_name)
        return pool.status == WorkPoolStatus.READY

    @_asks
    async def claim(self, run: FlowRun, job: str) -> Claim:
        """Make a run ours, if nobody has it, or if whoever had it by the same job is silent.

        Args:
            run: as it was read, or created, just now.
        """
        run_id = run.id
        while True:
            state = run.state
            if state is None or state.is_final():
                return Claim.ENDED
            if state.is_cancelling() and _is_untouched(run):
                await self.cancelled(run)
                return Claim.ENDED
            if state.message == self._token(job) and state.is_pending():
                return await self._ours(run_id, job)
            if state.is_scheduled() or (state.is_pending() and state.name not in _CLAIMS):
                if await self._propose(run_id, "Claimed", job):
                    return await self._ours(run_id, job)
            elif run.infrastructure_pid and run.infrastructure_pid != self._pid(job):
                return Claim.ELSEWHERE
            elif await self._is_silent(run) and await self._take_over(run_id, job):
                return await self._ours(run_id, job)
            run = await self.read(run_id)

    async def perform(self, keeper: Keeper, run_id: UUID, job: str, progress: Progress | None = None) -> Outcome:
        """Have a run that is ours run to its end, and hold it no longer; one whose process dies is crashed."""
        try:
            outcome = await keeper.run(str(run_id), job, progress)
        except EngineError as fault:
            outcome = Outcome("CRASHED", "Crashed", error=str(fault))
        finally:
            self._held.pop(str(run_id), None)
        if outcome.type == "CRASHED":
            with _surviving("tell that a run crashed"):
                await self.crash(run_id, outcome.error or "The run crashed.")
        return outcome

    @_asks
    async def read(self, run_id: UUID) -> FlowRun:
        """A run.

        Raises:
            InvalidRequest: there is none of that id.
        """
        try:
            return await self._client.read_flow_run(run_id)
        except ObjectNotFound:
            raise InvalidRequest([Problem("job_id", str(run_id), "", "Invalid job_id.")]) from None

    @_asks
    async def progress(self, run_id: UUID) -> float:
        """How far a run is, 0 to 1, as its progress artifact says."""
        found = await self._client.read_artifacts(
            artifact_filter=ArtifactFilter(
                flow_run_id=ArtifactFilterFlowRunId(any_=[run_id]), key=ArtifactFilterKey(any_=["progress"])
            )
        )
        return round(float(found[0].data) / 100, 3) if found and isinstance(found[0].data, int | float) else 0.0

    @_asks
    async def cancel(self, run_id: UUID) -> None:
        """Ask for a run to be stopped, wherever it is; one that nobody has ends at once."""
        run = await self.read(run_id)
        if _is_untouched(run):
            await self.cancelled(run)
            return
        if run.state and not run.state.is_final() and not run.state.is_cancelling():
            await self._client.set_flow_run_state(run_id, Cancelling())
            run = await self.read(run_id)
        if run.state and run.state.is_cancelled():
            await agree(run)

    @_asks
    async def cancelled(self, run: FlowRun) -> None:
        """Make the end of a run that never began, or whose process had to be ended."""
        await end(self._client, run.id, cancelled())

    @_asks
    async def crash(self, run_id: UUID, message: str) -> None:
        """Mark a run whose process is gone, and write its record; one that was to be cancelled is cancelled."""
        await end(self._client, run_id, Crashed(message=message))

    @_asks
    async def abandon(self, run_id: UUID, job: str, message: str) -> None:
        """Give an end to a run that this job has but could not begin; nothing where another has it."""
        self._held.pop(str(run_id), None)
        run = await self.read(run_id)
        if run.state and run.state.is_pending() and run.state.message == self._token(job):
            await self.crash(run_id, message)

    def _token(self, job: str) -> str:
        return f"RunPod job {job}, held by {self._holder}"

    def _pid(self, job: str) -> str:
        return f"{self._where}:{job}"

    async def _ours(self, run_id: UUID, job: str) -> Claim:
        self._held[str(run_id)] = (self._pid(job), time.monotonic())
        # A run that names no place is cancelled by Prefect without asking whoever runs it.
        await self._client.update_flow_run(run_id, infrastructure_pid=self._pid(job))
        return Claim.OURS

    async def _propose(self, run_id: UUID, name: str, job: str) -> bool:
        """Prefect lets a run go from Pending to Pending only under another name, so one of many succeeds."""
        try:
            state = await propose_state(self._client, Pending(name=name, message=self._token(job)), flow_run_id=run_id)
        except Abort:
            # The answer to a first try may have been lost on the way.
            found = (await self.read(run_id)).state
            return found is not None and found.message == self._token(job)
        return state.message == self._token(job)

    async def _is_silent(self, seen: FlowRun) -> bool:
        """Whether a run stands still for as long as a lease; False as soon as it moves."""
        deadline = time.monotonic() + settings().lease_seconds
        while time.monotonic() < deadline:
            await asyncio.sleep(min(1.0, settings().lease_seconds / 5))
            run = await self.read(seen.id)
            if run.updated != seen.updated or (run.state and run.state.is_final()):
                return False
        return True

    async def _take_over(self, run_id: UUID, job: str) -> bool:
        run = await self.read(run_id)
        if run.state and run.state.is_cancelling():
            await self.cancelled(run)
            return False
        log.warning("Flow run %s is taken over: whoever had it is silent", run_id)
        if run.state and run.state.is_pending():
            name = next(name for name in _CLAIMS if name != run.state.name)
            return await self._propose(run_id, name, job)
        # From Running no rule helps; of two who write at once, the later one stays.
        await self._client.set_flow_run_state(run_id, Pending(name="Reclaimed", message=self._token(job)), force=True)
        await asyncio.sleep(0.5)
        state = (await self.read(run_id)).state
        return state is not None and state.message == self._token(job)

    async def _renew(self) -> None:
        old = time.monotonic() - settings().lease_seconds / 4
        for run, (pid, since) in list(self._held.items()):
            if since < old:
                with _surviving("show that a run is held"):
                    await self._client.update_flow_run(UUID(run), infrastructure_pid=pid)

    async def _cancelled(self, held: Iterable[str]) -> list[str]:
        ids = [UUID(run) for run in held]
        if not ids:
            return []
        stopped = FlowRunFilterStateType(any_=[StateType.CANCELLING, StateType.CANCELLED])
        found = await self._client.read_flow_runs(
            flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=ids), state=FlowRunFilterState(type=stopped))
        )
        return [str(run.id) for run in found]

    async def _speak_deployment(self) -> UUID:
        """Where the UI shows the jobs of clients; made here where nobody has deployed yet."""
        if self._deployment is None:
            try:
                self._deployment = (await self._client.read_deployment_by_name(_DEPLOYMENT)).id
            except ObjectNotFound:
                from flows import FLOWS, load

                flow = load("speak")
                ready = await flow.ato_deployment(name=_DEPLOYMENT.partition("/")[2], tags=["runpod"])
                ready.entrypoint = FLOWS["speak"]
                self._deployment = await ready.aapply()
        return self._deployment


def _is_untouched(run: FlowRun) -> bool:
    """Whether nobody has begun a run, nor holds it."""
    return run.start_time is None and not run.infrastructure_pid
