"""The endpoint's side of Prefect: create, claim, renew, cancel and end flow runs."""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, ParamSpec, TypeVar
from uuid import UUID

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
from prefect.exceptions import ObjectNotFound, PrefectException
from prefect.states import Cancelling, Crashed, Scheduled

from blocks.storage import akeepable
from deployments.ends import Sweep, agree, cancelled, end
from deployments.retries import explained
from speech.errors import InvalidRequest, Problem
from speech.request import SpeechRequest
from speech.settings import settings
from tasks.claims import Claim, Claims, claim_state, is_untouched

__all__ = ["Runs"]

_DEPLOYMENT = "speak/speak"
_CANCEL_POLL_SECONDS = 1.0
# States of a run that its process should stop working on.
_STOPPED = [StateType.CANCELLING, StateType.CANCELLED, StateType.FAILED, StateType.CRASHED]
_TAG = "runpod"

log = logging.getLogger("f5_flows.endpoint")

P = ParamSpec("P")
R = TypeVar("R")


def _raises_server_error(method: Callable[P, Awaitable[R]]) -> Callable[P, Awaitable[R]]:
    """Turn an error of a call to Prefect into a ServerError, which contains no address."""

    @functools.wraps(method)
    async def call(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return await method(*args, **kwargs)
        except (httpx.HTTPError, PrefectException, ValueError) as fault:
            raise explained(fault) from fault

    return call


@contextmanager
def _logging_errors(action: str) -> Iterator[None]:
    """Log an error and continue."""
    try:
        yield
    except Exception as fault:
        log.warning("Could not %s: %s", action, explained(fault))
        log.debug("The full error:", exc_info=True)


@contextmanager
def _existing(run_id: UUID) -> Iterator[None]:
    """Raise InvalidRequest if Prefect knows no run with this id."""
    try:
        yield
    except ObjectNotFound:
        raise InvalidRequest([Problem("job_id", str(run_id), "", "Invalid job_id.")]) from None


class Runs:
    """The flow runs that this container creates and holds.

    Args:
        where: the first part of the `infrastructure_pid` of held runs; by default the endpoint's id.
    """

    def __init__(self, client: PrefectClient, where: str | None = None) -> None:
        values = settings()
        self._client = client
        where = where or values.runpod_endpoint_id or "local"
        self._claims = Claims(client, where, values.runpod_pod_id or "container")
        self._deployment: UUID | None = None

    async def maintain(self, on_cancel: Callable[[str], None]) -> None:
        """Renew leases, watch for cancellations and repair records; never returns, and survives every error.

        Args:
            on_cancel: called with the id of a held run that was cancelled, or ended by somebody else.
        """
        async with asyncio.TaskGroup() as group:
            group.create_task(self._watch_cancellations(on_cancel))
            group.create_task(self._renew_leases())
            group.create_task(self._sweep())

    async def _watch_cancellations(self, on_cancel: Callable[[str], None]) -> None:
        while True:
            await asyncio.sleep(_CANCEL_POLL_SECONDS)
            with _logging_errors("check for cancellations"):
                for run in await self._stopped_runs():
                    on_cancel(run)

    async def _renew_leases(self) -> None:
        while True:
            await asyncio.sleep(settings().lease_seconds / 3)
            for run_id in self._claims.held:
                with _logging_errors("renew the lease of a run"):
                    await self._claims.renew(run_id)

    async def _sweep(self) -> None:
        """Repair the records of runs that were ended by somebody else."""
        sweep = Sweep(self._client, self._is_ours)
        while True:
            with _logging_errors("check the records of ended runs"):
                await sweep()
            await asyncio.sleep(settings().runpod_reconcile_seconds)

    def _is_ours(self, run: FlowRun) -> bool:
        return self._claims.is_here(run) if run.infrastructure_pid else _TAG in run.tags

    @_raises_server_error
    async def create(self, request: SpeechRequest, job: str, *, claimed: bool = True) -> FlowRun:
        """Create the flow run of a speak job, or return the existing one if the job was delivered before.

        Args:
            claimed: whether the run is carried out here; otherwise the work pool takes it.
        """
        state: State[Any] = claim_state(self._claims.holder(job)) if claimed else Scheduled()
        storable = await akeepable(request)
        fields: dict[str, Any] = {
            # Prefect's server refuses null for a choice of values.
            "parameters": {"request": storable.model_dump(mode="json", exclude_unset=True, exclude_none=True)},
            "state": state,
            "idempotency_key": f"runpod-job-{job}",
            "tags": [_TAG],
        }
        try:
            return await self._client.create_flow_run_from_deployment(await self._speak_deployment(), **fields)
        except ObjectNotFound:
            # The deployment has been replaced.
            self._deployment = None
            return await self._client.create_flow_run_from_deployment(await self._speak_deployment(), **fields)

    @_raises_server_error
    async def has_worker(self) -> bool:
        """Check whether a Prefect worker would take a scheduled run of the speak deployment."""
        deployment = await self._client.read_deployment(await self._speak_deployment())
        if not deployment.work_pool_name:
            return False
        pool = await self._client.read_work_pool(deployment.work_pool_name)
        return pool.status == WorkPoolStatus.READY

    @_raises_server_error
    async def claim(self, run: FlowRun, job: str) -> Claim:
        """Claim a run for a job; see `tasks.claims`. A run that was cancelled before it began is ended.

        Args:
            run: the run as just read or created.
        """
        with _existing(run.id):
            claim = await self._claims.claim(run, job)
        if claim is Claim.UNWANTED:
            await self.mark_cancelled(run)
            return Claim.ENDED
        return claim

    def release(self, run_id: UUID) -> None:
        """Stop renewing the lease of a run."""
        self._claims.release(run_id)

    @_raises_server_error
    async def read(self, run_id: UUID) -> FlowRun:
        """Read a run.

        Raises:
            InvalidRequest: there is no run with this id.
        """
        with _existing(run_id):
            return await self._client.read_flow_run(run_id)

    @_raises_server_error
    async def progress(self, run_id: UUID) -> float:
        """Return how far a run is, 0 to 1, from its progress artifact."""
        artifacts = await self._client.read_artifacts(
            artifact_filter=ArtifactFilter(
                flow_run_id=ArtifactFilterFlowRunId(any_=[run_id]), key=ArtifactFilterKey(any_=["progress"])
            )
        )
        return (
            round(float(artifacts[0].data) / 100, 3)
            if artifacts and isinstance(artifacts[0].data, int | float)
            else 0.0
        )

    @_raises_server_error
    async def cancel(self, run_id: UUID) -> None:
        """Ask for a run to be stopped, wherever it is; a run that has no holder and has not begun ends at once."""
        run = await self.read(run_id)
        if is_untouched(run):
            await self.mark_cancelled(run)
            return
        if run.state and not run.state.is_final() and not run.state.is_cancelling():
            await self._client.set_flow_run_state(run_id, Cancelling())
            run = await self.read(run_id)
        if run.state and run.state.is_cancelled():
            await agree(run)

    @_raises_server_error
    async def mark_cancelled(self, run: FlowRun) -> None:
        """End a run as cancelled, because it never began or its process had to be ended."""
        await end(self._client, run.id, cancelled())

    @_raises_server_error
    async def crash(self, run_id: UUID, message: str) -> None:
        """Mark a run whose process is gone as crashed and write its record; a run being cancelled ends as cancelled."""
        await end(self._client, run_id, Crashed(message=message))

    async def crash_if_possible(self, run_id: UUID, message: str) -> None:
        """Mark a run as crashed; if Prefect does not answer, the run's watcher does so later."""
        with _logging_errors("mark a run as crashed"):
            await self.crash(run_id, message)

    @_raises_server_error
    async def abandon(self, run_id: UUID, job: str, message: str) -> None:
        """Mark a run that this job has claimed but could not begin as crashed; leave any other run alone."""
        self.release(run_id)
        if self._claims.is_claimed(await self.read(run_id), job):
            await self.crash(run_id, message)

    async def _stopped_runs(self) -> list[str]:
        """Return the ids of the held runs that were cancelled or, in the UI or by an automation, ended.

        A run that has just failed by itself is among them until it is released.
        """
        ids = self._claims.held
        if not ids:
            return []
        state_filter = FlowRunFilterStateType(any_=_STOPPED)
        runs = await self._client.read_flow_runs(
            flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=ids), state=FlowRunFilterState(type=state_filter))
        )
        return [str(run.id) for run in runs]

    async def _speak_deployment(self) -> UUID:
        """Return the id of the speak deployment, where the UI shows clients' jobs; create it if it is missing."""
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
