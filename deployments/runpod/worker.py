"""The Prefect worker of type `runpod`.

    prefect work-pool create gpu --type runpod
    prefect worker start --pool gpu

A flow run is submitted as a job of a serverless endpoint that runs this project's image, or in a pod of its own;
only the run's id and labels are sent. The container that executes the run claims it first, so submitting it twice
does no harm. A worker also adopts runs that nobody watches: those of a worker that has died, and those that
RunPod's clients started.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any
from uuid import UUID

import anyio.abc
import httpx
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
    WorkPoolFilter,
    WorkPoolFilterName,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.exceptions import Abort, InfrastructureNotAvailable, ObjectNotFound
from prefect.states import Crashed, Pending, Scheduled
from prefect.utilities.engine import propose_state
from prefect.workers.base import BaseWorker, BaseWorkerResult

from deployments.ends import Sweep, end
from deployments.retries import explained
from deployments.runpod.client import RunPod
from deployments.runpod.infrastructure import Infrastructure, JobInfrastructure, PodInfrastructure
from deployments.runpod.watch import watch
from speech.errors import NoCapacity
from speech.settings import settings
from tasks.claims import CLAIMED, SUBMITTING

if TYPE_CHECKING:
    pass
from deployments.runpod.configuration import RunPodJobConfiguration, RunPodVariables

__all__ = ["RunPodJobConfiguration", "RunPodVariables", "RunPodWorker"]

_POD_NAME = "f5-flows-"
_PAGE = 200


class RunPodWorkerResult(BaseWorkerResult):
    """Where a run was executed; the run's own state says how it ended."""


class RunPodWorker(BaseWorker[RunPodJobConfiguration, RunPodVariables, RunPodWorkerResult]):
    """Executes flow runs on RunPod."""

    type = "runpod"
    job_configuration = RunPodJobConfiguration
    job_configuration_variables = RunPodVariables
    _description = "Execute flow runs on RunPod: on warm serverless workers, or in pods."
    _display_name = "RunPod"
    _documentation_url = "https://docs.runpod.io/serverless/overview"
    _logo_url = "https://avatars.githubusercontent.com/u/95939477?s=200"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._watched: set[UUID] = set()
        self._first_seen: dict[UUID, float] = {}
        self._observer: asyncio.Task[None] | None = None

    async def setup(self) -> None:
        await super().setup()
        self._observer = asyncio.create_task(self._observe())

    async def teardown(self, *exc_info: Any) -> None:
        if self._observer:
            self._observer.cancel()
        # Watched runs continue on RunPod, and the next worker watches them again.
        if self._runs_task_group:
            self._runs_task_group.cancel_scope.cancel()
        await super().teardown(*exc_info)

    async def run(
        self,
        flow_run: FlowRun,
        configuration: RunPodJobConfiguration,
        task_status: anyio.abc.TaskStatus[Any] | None = None,
    ) -> RunPodWorkerResult:
        """Submit a flow run and watch it to its end."""
        async with configuration.client() as runpod, self._watching(flow_run.id):
            await self._mark_as_waiting(flow_run, configuration)
            infrastructure = await _start(runpod, flow_run, configuration)
            if task_status is not None:
                task_status.started(infrastructure.pid)
            try:
                await self._watch(flow_run, infrastructure.pid, runpod, configuration)
            finally:
                await _terminate_ended_pod(self.client, flow_run.id, infrastructure)
        # For any other status, Prefect would mark the run as crashed, with a message that says nothing about RunPod.
        return RunPodWorkerResult(identifier=infrastructure.pid, status_code=0)

    async def kill_infrastructure(
        self, infrastructure_pid: str, configuration: RunPodJobConfiguration, grace_seconds: int = 30
    ) -> None:
        """Cancel the job or terminate the pod; Prefect calls this when a run does not stop by itself."""
        async with configuration.client() as runpod:
            infrastructure = configuration.infrastructure(runpod, infrastructure_pid)
            if infrastructure is None:
                raise InfrastructureNotAvailable(f"{infrastructure_pid} does not belong to this pool's endpoint.")
            await infrastructure.end()

    async def _mark_as_waiting(self, flow_run: FlowRun, configuration: RunPodJobConfiguration) -> None:
        # Only before the job exists: later it would hide that the run was claimed.
        destination = f"endpoint {configuration.endpoint_id}" if configuration.mode == "serverless" else "a pod"
        message = f"Handed to RunPod, to {destination}; waiting for a worker."
        try:
            await propose_state(
                self.client, Pending(name="InfrastructurePending", message=message), flow_run_id=flow_run.id
            )
        except (Abort, httpx.HTTPError, ValueError) as fault:
            # This state only informs people; the run is submitted regardless.
            self._logger.info("Flow run %s could not be marked as waiting: %s", flow_run.id, fault)

    async def _watch(self, run: FlowRun, pid: str, runpod: RunPod, configuration: RunPodJobConfiguration) -> None:
        log = self.get_flow_run_logger(run)
        await watch(
            self.client,
            lambda name: configuration.infrastructure(runpod, name),
            run.id,
            pid,
            configuration.patience,
            lambda message: log.warning("%s", message),
        )

    @asynccontextmanager
    async def _watching(self, run: UUID) -> AsyncIterator[None]:
        self._watched.add(run)
        try:
            yield
        finally:
            self._watched.discard(run)

    async def _observe(self) -> None:
        """Adopt runs of this pool that nobody watches."""
        sweep = Sweep(self.client, self._is_of_this_pool, elsewhere=True)
        while True:
            for work in (self._reconcile, self._sweep_pods, sweep):
                try:
                    await work()
                except Exception as fault:
                    self._logger.warning("The runs of this pool cannot be checked at the moment: %s", explained(fault))
                    self._logger.debug("The full error:", exc_info=True)
            await asyncio.sleep(settings().runpod_reconcile_seconds)

    def _is_of_this_pool(self, run: FlowRun) -> bool:
        return run.work_pool_name == self.work_pool.name

    async def _reconcile(self) -> None:
        unfinished = await self._unfinished_runs()
        previous, self._first_seen = self._first_seen, {}
        for run in unfinished:
            if run.state:
                self._first_seen[run.state.id] = previous.get(run.state.id, time.monotonic())
        for run in unfinished:
            try:
                await self._reconcile_run(run)
            except Exception as fault:
                self._logger.warning("Flow run %s cannot be checked: %s", run.id, explained(fault))
                self._logger.debug("The full error:", exc_info=True)

    async def _reconcile_run(self, run: FlowRun) -> None:
        if run.id in self._watched or run.id in self._submitting_flow_run_ids:
            return
        if run.infrastructure_pid:
            self._watched.add(run.id)
            if self._runs_task_group:
                self._runs_task_group.start_soon(self._adopt, run)
        elif self._is_stuck(run, *CLAIMED):
            # A container died after its claim, before it began the run.
            fresh = await self.client.read_flow_run(run.id)
            if self._is_stuck(fresh, *CLAIMED):
                message = "The container that had claimed this run died before it began. Run it again."
                await end(self.client, run.id, Crashed(message=message), elsewhere=True)
        elif self._is_stuck(run, *SUBMITTING):
            self.get_flow_run_logger(run).warning("A worker took this run but never submitted it; it is queued again.")
            fresh = await self.client.read_flow_run(run.id)
            if self._is_stuck(fresh, *SUBMITTING):
                await self.client.set_flow_run_state(run.id, Scheduled(), force=True)

    def _is_stuck(self, run: FlowRun, *names: str) -> bool:
        """Check whether a run without infrastructure has been in one of these states for too long.

        The process that set the state must then have died. The time since this worker first saw the state counts,
        because the clocks of this machine and of the server may differ.
        """
        state = run.state
        if state is None or not state.is_pending() or run.infrastructure_pid or run.start_time:
            return False
        first_seen = self._first_seen.get(state.id)
        return (
            state.name in names
            and first_seen is not None
            and time.monotonic() - first_seen > settings().runpod_submit_grace
        )

    async def _adopt(self, run: FlowRun) -> None:
        """Watch a run that another worker or a RunPod client has started."""
        try:
            configuration = await self._configuration(run)
            async with configuration.client() as runpod:
                infrastructure = configuration.infrastructure(runpod, run.infrastructure_pid)
                if infrastructure:
                    await self._watch(run, infrastructure.pid, runpod, configuration)
                    await _terminate_ended_pod(self.client, run.id, infrastructure)
        except Exception:
            self._logger.exception("Flow run %s cannot be watched", run.id)
        finally:
            self._watched.discard(run.id)

    async def _configuration(self, run: FlowRun) -> RunPodJobConfiguration:
        return await self.job_configuration.resolve_for_flow_run(
            run, client=self.client, work_pool=self.work_pool, worker_name=self.name, worker_id=self.backend_id
        )

    async def _unfinished_runs(self) -> list[FlowRun]:
        runs: list[FlowRun] = []
        states = [StateType.PENDING, StateType.RUNNING, StateType.CANCELLING]
        while True:
            page = await self.client.read_flow_runs(
                work_pool_filter=WorkPoolFilter(name=WorkPoolFilterName(any_=[self.work_pool.name])),
                flow_run_filter=FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=states))),
                limit=_PAGE,
                offset=len(runs),
            )
            runs += page
            if len(page) < _PAGE:
                return runs

    async def _sweep_pods(self) -> None:
        """Terminate pods whose run has ended, because a pod costs money until it is terminated."""
        defaults = self.work_pool.base_job_template.get("variables", {}).get("properties", {})
        if defaults.get("mode", {}).get("default") != "pod":
            return
        configuration: RunPodJobConfiguration = await self.job_configuration.from_template_and_values(
            self.work_pool.base_job_template, {}, client=self.client
        )
        async with configuration.client() as runpod:
            for pod in await runpod.pods(_POD_NAME):
                # A pod with a similar name that holds no run's id is not ours.
                with suppress(ValueError):
                    await _terminate_ended_pod(
                        self.client, UUID(pod.name.removeprefix(_POD_NAME)), PodInfrastructure(runpod, pod.id)
                    )


async def _start(runpod: RunPod, run: FlowRun, configuration: RunPodJobConfiguration) -> Infrastructure:
    """Create the job or the pod."""
    if configuration.mode == "serverless":
        endpoint = str(configuration.endpoint_id)
        job = await runpod.submit(
            endpoint,
            {"endpoint": "execute", "flow_run_id": str(run.id), "labels": configuration.labels},
            execution_timeout=configuration.execution_timeout,
            ttl=configuration.ttl,
            low_priority=configuration.low_priority,
        )
        return JobInfrastructure(runpod, endpoint, job)
    refusals: list[str] = []
    for gpu in configuration.gpu_types:
        try:
            return PodInfrastructure(runpod, (await runpod.create_pod(_specification(run, configuration, gpu))).id)
        except NoCapacity as fault:
            refusals.append(f"{gpu}: {fault}")
    raise NoCapacity(" ".join(refusals))


def _specification(run: FlowRun, configuration: RunPodJobConfiguration, gpu: str) -> dict[str, Any]:
    secrets = {name: f"{{{{ RUNPOD_SECRET_{secret} }}}}" for name, secret in configuration.pod_secrets.items()}
    return {
        "name": f"{_POD_NAME}{run.id}",
        "image": configuration.image,
        "args": f"execute {run.id}",
        "disk": configuration.disk,
        "gpu": {"id": gpu, "count": 1},
        "cloud": configuration.cloud,
        "env": {**configuration.pod_env, **secrets},
    }


async def _terminate_ended_pod(client: Any, run_id: UUID, infrastructure: Infrastructure) -> None:
    """Terminate a pod whose run has ended; a job ends by itself."""
    if isinstance(infrastructure, PodInfrastructure):
        try:
            run = await client.read_flow_run(run_id)
        except ObjectNotFound:
            run = None
        if run is None or run.state is None or run.state.is_final():
            await infrastructure.end()
