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
from prefect.types._datetime import now
from prefect.utilities.engine import propose_state
from prefect.workers.base import BaseJobConfiguration, BaseVariables, BaseWorker, BaseWorkerResult
from pydantic import BaseModel, Field, model_validator

from blocks.runpod import RunPodCredentials
from deployments.runpod.client import RunPod
from deployments.runpod.places import JobPlace, Place, PodPlace, find
from deployments.runpod.watch import Patience, watch
from speech.errors import NoCapacity, RunPodError, SettingsError
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

    def place(self, runpod: RunPod, pid: str | None) -> Place | None:
        """The place of that `infrastructure_pid`, if it is of this pool."""
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
            place = await _start(runpod, flow_run, configuration)
            if task_status is not None:
                task_status.started(place.pid)
            try:
                await self._watch(flow_run, place.pid, runpod, configuration)
            finally:
                await _settle(self.client, flow_run.id, place)
        # Prefect would mark the run as crashed for any other status, with a sentence that knows nothing of RunPod.
        return RunPodWorkerResult(identifier=place.pid, status_code=0)

    async def kill_infrastructure(
        self, infrastructure_pid: str, configuration: RunPodJobConfiguration, grace_seconds: int = 30
    ) -> None:
        """Cancel the job, or terminate the pod; Prefect asks for it when a run does not stop by itself."""
        async with configuration.client() as runpod:
            place = configuration.place(runpod, infrastructure_pid)
            if place is None:
                raise InfrastructureNotAvailable(f"{infrastructure_pid} is not at this pool's endpoint.")
            await place.end()

    async def _tell_that_it_waits(self, flow_run: FlowRun, configuration: RunPodJobConfiguration) -> None:
        # Only before the job exists: later it would hide that the run was claimed.
        where = f"endpoint {configuration.endpoint_id}" if configuration.mode == "serverless" else "a pod"
        with suppress(Abort):
            await propose_state(
                self.client,
                Pending(name="InfrastructurePending", message=f"Handed to RunPod, to {where}; waiting for a worker."),
                flow_run_id=flow_run.id,
            )

    async def _watch(self, run: FlowRun, pid: str, runpod: RunPod, configuration: RunPodJobConfiguration) -> None:
        log = self.get_flow_run_logger(run)
        await watch(
            self.client,
            lambda name: configuration.place(runpod, name),
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
        while True:
            try:
                await self._reconcile()
            except (httpx.HTTPError, RunPodError, ObjectNotFound) as fault:
                self._logger.warning("Runs of this pool cannot be looked after at the moment: %s", fault)
            except Exception:
                self._logger.exception("Runs of this pool cannot be looked after at the moment")
            await asyncio.sleep(settings().runpod_reconcile_seconds)

    async def _reconcile(self) -> None:
        for run in await self._unfinished():
            if run.id in self._watched or run.id in self._submitting_flow_run_ids:
                continue
            if run.infrastructure_pid:
                self._watched.add(run.id)
                if self._runs_task_group:
                    self._runs_task_group.start_soon(self._adopt, run)
            elif _waits(run, "Claimed", "Reclaimed"):
                # A container died between its claim and its first word.
                with suppress(Abort):
                    message = "The container that had taken this run died before it began. Run it again."
                    await propose_state(self.client, Crashed(message=message), flow_run_id=run.id)
            elif _waits(run, *_SUBMITTING):
                self.get_flow_run_logger(run).warning(
                    "A worker took this run and never submitted it; it is queued anew."
                )
                fresh = await self.client.read_flow_run(run.id)
                if _waits(fresh, *_SUBMITTING):
                    await self.client.set_flow_run_state(run.id, Scheduled(), force=True)
        await self._sweep_pods()

    async def _adopt(self, run: FlowRun) -> None:
        """Watch a run that another worker, or a client of RunPod, has started."""
        try:
            configuration = await self._configuration(run)
            async with configuration.client() as runpod:
                place = configuration.place(runpod, run.infrastructure_pid)
                if place:
                    await self._watch(run, place.pid, runpod, configuration)
                    await _settle(self.client, run.id, place)
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
                await _settle(self.client, UUID(pod.name.removeprefix(_POD_NAME)), PodPlace(runpod, pod.id))


async def _start(runpod: RunPod, run: FlowRun, configuration: RunPodJobConfiguration) -> Place:
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
        return JobPlace(runpod, endpoint, job)
    refusals: list[str] = []
    for gpu in configuration.gpu_types:
        try:
            return PodPlace(runpod, (await runpod.create_pod(_specification(run, configuration, gpu))).id)
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


async def _settle(client: Any, run_id: UUID, place: Place) -> None:
    """Terminate a pod whose run has an end; a job ends by itself."""
    if isinstance(place, PodPlace):
        try:
            run = await client.read_flow_run(run_id)
        except ObjectNotFound:
            run = None
        if run is None or run.state is None or run.state.is_final():
            await place.end()


def _waits(run: FlowRun, *names: str) -> bool:
    """Whether a run without a place has been in such a state for so long that whoever put it there must have died."""
    state = run.state
    if state is None or not state.is_pending() or run.infrastructure_pid or run.start_time:
        return False
    return state.name in names and (now("UTC") - state.timestamp).total_seconds() > settings().runpod_submit_grace
