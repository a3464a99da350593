"""The Prefect worker of type `runpod`.

    prefect work-pool create gpu --type runpod
    prefect worker start --pool gpu

A flow run is submitted as a job of a serverless endpoint that runs this project's image, or in a pod of
its own; all that is sent is the run's id. Whoever executes the run claims it first, so submitting it
twice does no harm. A worker also looks after runs that nobody watches: those of a worker that has died,
and those that RunPod's clients started.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, Literal
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
from prefect.workers.base import BaseJobConfiguration, BaseVariables, BaseWorker, BaseWorkerResult
from pydantic import BaseModel, Field, model_validator

from blocks.runpod import RunPodCredentials
from deployments.ends import Sweep, end
from deployments.retries import explained
from deployments.runpod.client import RunPod
from deployments.runpod.infrastructure import Infrastructure, JobInfrastructure, PodInfrastructure, find
from deployments.runpod.watch import Patience, watch
from speech.errors import NoCapacity, SettingsError
from speech.settings import settings

if TYPE_CHECKING:
    from prefect.client.schemas.objects import Flow as APIFlow
    from prefect.client.schemas.objects import WorkPool
    from prefect.client.schemas.responses import DeploymentResponse

__all__ = ["RunPodJobConfiguration", "RunPodVariables", "RunPodWorker"]

_POD_NAME = "f5-flows-"
_PAGE = 200
# What a run is between being taken by a worker and having a job.
_SUBMITTING = ("Pending", "Submitting", "InfrastructurePending")


class _Fields(BaseModel):
    """What is particular to RunPod, in the pool's form as in each run's configuration."""

    credentials: RunPodCredentials | None = Field(
        default=None, description="The RunPod account. Empty: RUNPOD_API_KEY of the worker."
    )
    mode: Literal["serverless", "pod"] = Field(
        default="serverless", description="serverless: a job of the endpoint; pod: a pod of its own, for long runs."
    )
    endpoint_id: str | None = Field(
        default=None, description="The serverless endpoint. Empty: RUNPOD_ENDPOINT_ID of the worker."
    )
    execution_timeout: int = Field(default=3600, ge=5, le=604_800, description="Seconds for which a job may run.")
    ttl: int = Field(
        default=86_400,
        ge=10,
        le=604_800,
        description="Seconds until a job is dropped; longer than waiting and running.",
    )
    low_priority: bool = Field(default=False, description="Do not start workers for these jobs.")
    poll_interval: float = Field(default=2.0, gt=0, description="Seconds between two looks at a run.")
    cancel_grace: float = Field(default=30.0, ge=0, description="Seconds that a cancelled run may take to stop.")
    settle: float = Field(default=10.0, ge=0, description="Seconds to wait for the end of a run whose job has ended.")
    image: str | None = Field(default=None, description="Pod mode: the container image.")
    gpu_types: list[str] = Field(
        default=["NVIDIA GeForce RTX 4090", "NVIDIA L4", "NVIDIA RTX A5000"],
        description="Pod mode: GPU types, in the order in which they are tried.",
    )
    disk: int = Field(default=30, ge=5, description="Pod mode: gigabytes of disk.")
    cloud: Literal["SECURE", "COMMUNITY"] = Field(default="SECURE", description="Pod mode: which machines.")
    pod_env: dict[str, str] = Field(
        default_factory=dict, description="Pod mode: variables that are no secrets, such as PREFECT_API_URL."
    )
    pod_secrets: dict[str, str] = Field(
        default_factory=dict, description="Pod mode: variables, each with the name of the RunPod secret it is set from."
    )


class RunPodVariables(_Fields, BaseVariables):
    """What a work pool of this type can be told."""


class RunPodJobConfiguration(_Fields, BaseJobConfiguration):
    """What one flow run is submitted with."""

    @model_validator(mode="after")
    def _environment_fills_in(self) -> RunPodJobConfiguration:
        self.credentials = self.credentials or RunPodCredentials.from_environment()
        self.endpoint_id = self.endpoint_id or settings().runpod_endpoint_id
        return self

    def prepare_for_flow_run(
        self,
        flow_run: FlowRun,
        deployment: DeploymentResponse | None = None,
        flow: APIFlow | None = None,
        work_pool: WorkPool | None = None,
        worker_name: str | None = None,
        worker_id: UUID | None = None,
    ) -> None:
        """Check what a run needs; the environment and command that Prefect adds go nowhere: containers are warm."""
        super().prepare_for_flow_run(flow_run, deployment, flow, work_pool, worker_name, worker_id)
        self.env, self.command = {}, None
        if self.credentials is None:
            raise SettingsError("The work pool has no RunPod credentials; run: f5-flows deploy --pool gpu")
        if self.mode == "serverless" and not self.endpoint_id:
            raise SettingsError("The work pool has no endpoint_id; set it to the RunPod endpoint's id.")
        if self.mode == "pod" and not (self.image and self.gpu_types):
            raise SettingsError("Pod mode needs image and gpu_types; set them in the work pool.")

    def client(self) -> RunPod:
        """A connection with these credentials."""
        if self.credentials is None:
            raise SettingsError("There are no RunPod credentials.")
        return RunPod(self.credentials)

    def infrastructure(self, runpod: RunPod, pid: str | None) -> Infrastructure | None:
        """The infrastructure of that `infrastructure_pid`, if it belongs to this pool."""
        return find(runpod, pid, self.endpoint_id)

    @property
    def patience(self) -> Patience:
        return Patience(self.poll_interval, self.cancel_grace, self.settle)


class RunPodWorkerResult(BaseWorkerResult):
    """Where the run was; the run's own state says how it ended."""


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
        # What is watched goes on at RunPod, and is watched again by the next worker.
        if self._runs_task_group:
            self._runs_task_group.cancel_scope.cancel()
        await super().teardown(*exc_info)

    async def run(
        self,
        flow_run: FlowRun,
        configuration: RunPodJobConfiguration,
        task_status: anyio.abc.TaskStatus[str] | None = None,
    ) -> RunPodWorkerResult:
        """Submit a flow run and watch it to its end."""
        async with configuration.client() as runpod, self._watching(flow_run.id):
            await self._tell_that_it_waits(flow_run, configuration)
            infrastructure = await _start(runpod, flow_run, configuration)
            if task_status is not None:
                task_status.started(infrastructure.pid)
            try:
                await self._watch(flow_run, infrastructure.pid, runpod, configuration)
            finally:
                await _terminate_ended_pod(self.client, flow_run.id, infrastructure)
        # Prefect would mark the run as crashed for any other status, with a sentence that knows nothing of RunPod.
        return RunPodWorkerResult(identifier=infrastructure.pid, status_code=0)

    async def kill_infrastructure(
        self, infrastructure_pid: str, configuration: RunPodJobConfiguration, grace_seconds: int = 30
    ) -> None:
        """Cancel the job, or terminate the pod; Prefect asks for it when a run does not stop by itself."""
        async with configuration.client() as runpod:
            infrastructure = configuration.infrastructure(runpod, infrastructure_pid)
            if infrastructure is None:
                raise InfrastructureNotAvailable(f"{infrastructure_pid} is not at this pool's endpoint.")
            await infrastructure.end()

    async def _tell_that_it_waits(self, flow_run: FlowRun, configuration: RunPodJobConfiguration) -> None:
        # Only before the job exists: later it would hide that the run was claimed.
        where = f"endpoint {configuration.endpoint_id}" if configuration.mode == "serverless" else "a pod"
        message = f"Handed to RunPod, to {where}; waiting for a worker."
        try:
            await propose_state(
                self.client, Pending(name="InfrastructurePending", message=message), flow_run_id=flow_run.id
            )
        except (Abort, httpx.HTTPError, ValueError) as fault:
            # It is for people; the run is handed over all the same.
            self._logger.info("Flow run %s could not be said to wait: %s", flow_run.id, fault)

    async def _watch(self, run: FlowRun, pid: str, runpod: RunPod, configuration: RunPodJobConfiguration) -> None:
        log = self.get_flow_run_logger(run)
        await watch(
            self.client,
            lambda name: configuration.infrastructure(runpod, name),
            run.id,
            pid,
            configuration.patience,
            lambda sentence: log.warning("%s", sentence),
        )

    @asynccontextmanager
    async def _watching(self, run: UUID) -> AsyncIterator[None]:
        self._watched.add(run)
        try:
            yield
        finally:
            self._watched.discard(run)

    async def _observe(self) -> None:
        """Look after runs of this pool that nobody watches."""
        sweep = Sweep(self.client, self._is_of_this_pool, elsewhere=True)
        while True:
            for work in (self._reconcile, self._sweep_pods, sweep):
                try:
                    await work()
                except Exception as fault:
                    self._logger.warning("Runs of this pool cannot be looked after at the moment: %s", explained(fault))
                    self._logger.debug("In full:", exc_info=True)
            await asyncio.sleep(settings().runpod_reconcile_seconds)

    def _is_of_this_pool(self, run: FlowRun) -> bool:
        return run.work_pool_name == self.work_pool.name

    async def _reconcile(self) -> None:
        unfinished = await self._unfinished()
        seen, self._first_seen = self._first_seen, {}
        for run in unfinished:
            if run.state:
                self._first_seen[run.state.id] = seen.get(run.state.id, time.monotonic())
        for run in unfinished:
            try:
                await self._look_after(run)
            except Exception as fault:
                self._logger.warning("Flow run %s cannot be looked after: %s", run.id, explained(fault))
                self._logger.debug("In full:", exc_info=True)

    async def _look_after(self, run: FlowRun) -> None:
        if run.id in self._watched or run.id in self._submitting_flow_run_ids:
            return
        if run.infrastructure_pid:
            self._watched.add(run.id)
            if self._runs_task_group:
                self._runs_task_group.start_soon(self._adopt, run)
        elif self._waits(run, "Claimed", "Reclaimed"):
            # A container died between its claim and its first word.
            fresh = await self.client.read_flow_run(run.id)
            if self._waits(fresh, "Claimed", "Reclaimed"):
                message = "The container that had taken this run died before it began. Run it again."
                await end(self.client, run.id, Crashed(message=message), elsewhere=True)
        elif self._waits(run, *_SUBMITTING):
            self.get_flow_run_logger(run).warning("A worker took this run and never submitted it; it is queued anew.")
            fresh = await self.client.read_flow_run(run.id)
            if self._waits(fresh, *_SUBMITTING):
                await self.client.set_flow_run_state(run.id, Scheduled(), force=True)

    def _waits(self, run: FlowRun, *names: str) -> bool:
        """Whether a run without a place is in such a state for so long that whoever put it there must have died.

        It is told by how long it was seen so: the clocks of this machine and of the server may differ.
        """
        state = run.state
        if state is None or not state.is_pending() or run.infrastructure_pid or run.start_time:
            return False
        seen = self._first_seen.get(state.id)
        return state.name in names and seen is not None and time.monotonic() - seen > settings().runpod_submit_grace

    async def _adopt(self, run: FlowRun) -> None:
        """Watch a run that another worker, or a client of RunPod, has started."""
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

    async def _unfinished(self) -> list[FlowRun]:
        found: list[FlowRun] = []
        states = [StateType.PENDING, StateType.RUNNING, StateType.CANCELLING]
        while True:
            page = await self.client.read_flow_runs(
                work_pool_filter=WorkPoolFilter(name=WorkPoolFilterName(any_=[self.work_pool.name])),
                flow_run_filter=FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=states))),
                limit=_PAGE,
                offset=len(found),
            )
            found += page
            if len(page) < _PAGE:
                return found

    async def _sweep_pods(self) -> None:
        """Terminate pods whose run has an end: a pod costs until somebody does."""
        defaults = self.work_pool.base_job_template.get("variables", {}).get("properties", {})
        if defaults.get("mode", {}).get("default") != "pod":
            return
        configuration = await self.job_configuration.from_template_and_values(
            self.work_pool.base_job_template, {}, client=self.client
        )
        async with configuration.client() as runpod:
            for pod in await runpod.pods(_POD_NAME):
                # A pod that somebody has named alike is none of ours.
                with suppress(ValueError):
                    await _terminate_ended_pod(
                        self.client, UUID(pod.name.removeprefix(_POD_NAME)), PodInfrastructure(runpod, pod.id)
                    )


async def _start(runpod: RunPod, run: FlowRun, configuration: RunPodJobConfiguration) -> Infrastructure:
    """Make the job or the pod."""
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
    """Terminate a pod whose run has an end; a job ends by itself."""
    if isinstance(infrastructure, PodInfrastructure):
        try:
            run = await client.read_flow_run(run_id)
        except ObjectNotFound:
            run = None
        if run is None or run.state is None or run.state.is_final():
            await infrastructure.end()
