"""What a RunPod work pool, and each of its flow runs, can be configured with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal
from uuid import UUID

from prefect.client.schemas.objects import FlowRun
from prefect.workers.base import BaseJobConfiguration, BaseVariables
from pydantic import BaseModel, Field, model_validator

from blocks.runpod import RunPodCredentials
from deployments.runpod.client import RunPod
from deployments.runpod.infrastructure import Infrastructure, find
from deployments.runpod.watch import Patience
from speech.errors import SettingsError
from speech.settings import settings

if TYPE_CHECKING:
    from prefect.client.schemas.objects import Flow as APIFlow
    from prefect.client.schemas.objects import WorkPool
    from prefect.client.schemas.responses import DeploymentResponse

__all__ = ["RunPodJobConfiguration", "RunPodVariables"]


class _Fields(BaseModel):
    """The fields specific to RunPod, in the work pool's form and in each run's configuration."""

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
        description="Seconds until a job is dropped; must cover both waiting and running.",
    )
    low_priority: bool = Field(default=False, description="Do not start workers for these jobs.")
    poll_interval: float = Field(default=2.0, gt=0, description="Seconds between two checks of a run.")
    cancel_grace: float = Field(default=30.0, ge=0, description="Seconds that a cancelled run may take to stop.")
    settle: float = Field(default=10.0, ge=0, description="Seconds to wait for the end of a run whose job has ended.")
    image: str | None = Field(default=None, description="Pod mode: the container image.")
    gpu_types: list[str] = Field(
        default=["NVIDIA GeForce RTX 4090", "NVIDIA L4", "NVIDIA RTX A5000"],
        description="Pod mode: GPU types, in the order to try them.",
    )
    disk: int = Field(default=30, ge=5, description="Pod mode: gigabytes of disk.")
    cloud: Literal["SECURE", "COMMUNITY"] = Field(default="SECURE", description="Pod mode: RunPod's class of machines.")
    pod_env: dict[str, str] = Field(
        default_factory=dict, description="Pod mode: variables that are not secret, such as PREFECT_API_URL."
    )
    pod_secrets: dict[str, str] = Field(
        default_factory=dict, description="Pod mode: variables, each with the name of the RunPod secret it is set from."
    )


class RunPodVariables(_Fields, BaseVariables):
    """The variables of a work pool of this type."""


class RunPodJobConfiguration(_Fields, BaseJobConfiguration):
    """The configuration with which one flow run is submitted."""

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
        """Check what a run needs, and drop Prefect's environment and command, as the containers are already running."""
        super().prepare_for_flow_run(flow_run, deployment, flow, work_pool, worker_name, worker_id)
        self.env, self.command = {}, None
        if self.credentials is None:
            raise SettingsError("The work pool has no RunPod credentials; run: f5-flows deploy --pool gpu")
        if self.mode == "serverless" and not self.endpoint_id:
            raise SettingsError("The work pool has no endpoint_id; set it to the RunPod endpoint's id.")
        if self.mode == "pod" and not (self.image and self.gpu_types):
            raise SettingsError("Pod mode needs image and gpu_types; set them in the work pool.")

    def client(self) -> RunPod:
        """Return a connection with these credentials."""
        if self.credentials is None:
            raise SettingsError("There are no RunPod credentials.")
        return RunPod(self.credentials)

    def infrastructure(self, runpod: RunPod, pid: str | None) -> Infrastructure | None:
        """Return the infrastructure of an `infrastructure_pid`, if it belongs to this pool."""
        return find(runpod, pid, self.endpoint_id)

    @property
    def patience(self) -> Patience:
        return Patience(self.poll_interval, self.cancel_grace, self.settle)
