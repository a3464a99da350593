"""The infrastructure of a flow run on RunPod: a job of an endpoint or a pod of its own, behind one protocol.

The flow run's `infrastructure_pid`, `<endpoint>:<job>` or `pod:<pod>`, identifies it, so that any worker can find it
after the worker that created it has died.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Protocol

from deployments.runpod.client import Pod, RunPod
from deployments.runpod.diagnosis import Diagnosis, of_job, of_pod, of_queue
from speech.errors import Gone, RunPodError

__all__ = ["Infrastructure", "InfrastructureStatus", "JobInfrastructure", "PodInfrastructure", "find"]

_POD = "pod"
# The workers of an endpoint are read no more often than this, as RunPod advises.
_WORKERS_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class InfrastructureStatus:
    """The state of a run's infrastructure.

    Attributes:
        queued: nothing has started the run yet.
        ended: nothing runs there any longer; if the flow run has not ended, `diagnosis` says why.
    """

    queued: bool
    ended: bool
    diagnosis: Diagnosis | None = None


class Infrastructure(Protocol):
    """A job or a pod. `look` and `end` raise `RunPodError`; ending what has ended is no error."""

    pid: str

    async def look(self) -> InfrastructureStatus:
        """Return its current state, with a diagnosis if it waits for an unusual reason."""

    async def end(self) -> None:
        """Stop what runs there, so that it costs nothing more."""


class JobInfrastructure:
    """A job of a serverless endpoint."""

    def __init__(self, runpod: RunPod, endpoint: str, job: str) -> None:
        self.pid = f"{endpoint}:{job}"
        self._runpod, self._endpoint, self._job = runpod, endpoint, job
        self._since = time.monotonic()
        self._checked_at = -_WORKERS_SECONDS
        self._queue_diagnosis: Diagnosis | None = None

    async def look(self) -> InfrastructureStatus:
        try:
            job = await self._runpod.job(self._endpoint, self._job)
        except Gone:
            return InfrastructureStatus(queued=False, ended=True, diagnosis=of_job(None))
        if job.final:
            return InfrastructureStatus(queued=False, ended=True, diagnosis=of_job(job))
        queued = job.status == "IN_QUEUE"
        return InfrastructureStatus(queued, ended=False, diagnosis=await self._diagnose_queue() if queued else None)

    async def end(self) -> None:
        await self._runpod.cancel(self._endpoint, self._job)

    async def _diagnose_queue(self) -> Diagnosis | None:
        now = time.monotonic()
        if now - self._checked_at >= _WORKERS_SECONDS:
            self._checked_at = now
            try:
                self._queue_diagnosis = of_queue(now - self._since, await self._runpod.workers(self._endpoint))
            except RunPodError:
                # The key may be limited to using the endpoint; a missing diagnosis is no reason to fail.
                self._queue_diagnosis = None
        return self._queue_diagnosis


class PodInfrastructure:
    """A pod that runs one flow run."""

    def __init__(self, runpod: RunPod, pod: str) -> None:
        self.pid = f"{_POD}:{pod}"
        self._runpod, self._pod = runpod, pod

    async def look(self) -> InfrastructureStatus:
        try:
            pod: Pod | None = await self._runpod.pod(self._pod)
        except Gone:
            pod = None
        if pod is None or pod.ended:
            return InfrastructureStatus(queued=False, ended=True, diagnosis=of_pod(pod))
        return InfrastructureStatus(queued=pod.status != "RUNNING", ended=False)

    async def end(self) -> None:
        await self._runpod.delete_pod(self._pod)


def find(runpod: RunPod, pid: str | None, endpoint: str | None) -> Infrastructure | None:
    """Return the infrastructure of an `infrastructure_pid`, or None if it is not ours.

    Args:
        endpoint: the id of the only endpoint whose jobs are ours.
    """
    kind, _, name = (pid or "").partition(":")
    if not name:
        return None
    if kind == _POD:
        return PodInfrastructure(runpod, name)
    return JobInfrastructure(runpod, kind, name) if kind == endpoint else None
