"""The infrastructure of a flow run on RunPod: a job of an endpoint, or a pod of its own. One protocol for both.

It is named by the flow run's `infrastructure_pid`, `<endpoint>:<job>` or `pod:<pod>`, so that any
worker can find it again after the one that made it has died.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Protocol

from deployments.runpod.client import Pod, RunPod
from deployments.runpod.diagnosis import Diagnosis, of_job, of_pod, of_queue
from speech.errors import Gone, RunPodError

__all__ = ["Infrastructure", "JobInfrastructure", "PodInfrastructure", "Standing", "find"]

_POD = "pod"
# The workers of an endpoint are asked after no more often than this, as RunPod advises.
_WORKERS_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Standing:
    """How the infrastructure of a run stands.

    Attributes:
        queued: nobody has begun.
        ended: nothing runs there any more, and `diagnosis` says why, should the flow run have no end.
    """

    queued: bool
    ended: bool
    diagnosis: Diagnosis | None = None


class Infrastructure(Protocol):
    """A job or a pod. `look` and `end` raise `RunPodError`; ending what has ended is no error."""

    pid: str

    async def look(self) -> Standing:
        """How it stands now; where it waits for an unusual reason, with a diagnosis."""

    async def end(self) -> None:
        """Stop what runs there, and pay no more for it."""


class JobInfrastructure:
    """A job of a serverless endpoint."""

    def __init__(self, runpod: RunPod, endpoint: str, job: str) -> None:
        self.pid = f"{endpoint}:{job}"
        self._runpod, self._endpoint, self._job = runpod, endpoint, job
        self._since = time.monotonic()
        self._asked = -_WORKERS_SECONDS
        self._waits: Diagnosis | None = None

    async def look(self) -> Standing:
        try:
            job = await self._runpod.job(self._endpoint, self._job)
        except Gone:
            return Standing(queued=False, ended=True, diagnosis=of_job(None))
        if job.final:
            return Standing(queued=False, ended=True, diagnosis=of_job(job))
        queued = job.status == "IN_QUEUE"
        return Standing(queued, ended=False, diagnosis=await self._why_it_waits() if queued else None)

    async def end(self) -> None:
        await self._runpod.cancel(self._endpoint, self._job)

    async def _why_it_waits(self) -> Diagnosis | None:
        now = time.monotonic()
        if now - self._asked >= _WORKERS_SECONDS:
            self._asked = now
            try:
                self._waits = of_queue(now - self._since, await self._runpod.workers(self._endpoint))
            except RunPodError:
                # The key may be allowed to use the endpoint and no more; a diagnosis is not worth a failure.
                self._waits = None
        return self._waits


class PodInfrastructure:
    """A pod that runs one flow run."""

    def __init__(self, runpod: RunPod, pod: str) -> None:
        self.pid = f"{_POD}:{pod}"
        self._runpod, self._pod = runpod, pod

    async def look(self) -> Standing:
        try:
            pod: Pod | None = await self._runpod.pod(self._pod)
        except Gone:
            pod = None
        if pod is None or pod.ended:
            return Standing(queued=False, ended=True, diagnosis=of_pod(pod))
        return Standing(queued=pod.status != "RUNNING", ended=False)

    async def end(self) -> None:
        await self._runpod.delete_pod(self._pod)


def find(runpod: RunPod, pid: str | None, endpoint: str | None) -> Infrastructure | None:
    """The place of that name; None where it is not one of ours.

    Args:
        endpoint: id of the only endpoint whose jobs are ours.
    """
    kind, _, name = (pid or "").partition(":")
    if not name:
        return None
    if kind == _POD:
        return PodInfrastructure(runpod, name)
    return JobInfrastructure(runpod, kind, name) if kind == endpoint else None
