"""One flow run in a container of its own: claim it, run it, and terminate the container's pod."""

from __future__ import annotations

import asyncio
import logging
from uuid import UUID

from deployments.cli.console import use_server
from deployments.endpoint.logs import log_as_json
from deployments.endpoint.side_tasks import SideTasks
from deployments.endpoint.supervisor import Outcome, Supervisor
from speech.errors import RunPodError
from speech.settings import settings

__all__ = ["run"]

log = logging.getLogger("f5_flows.endpoint")


def run(run_id: str) -> Outcome:
    """Run a flow run, unless another process has claimed it or it has already ended."""
    use_server()
    log_as_json()
    return asyncio.run(_run(UUID(run_id)))


async def _run(run_id: UUID) -> Outcome:
    from prefect.client.orchestration import get_client

    from deployments.endpoint.executor import perform
    from deployments.endpoint.runs import Runs
    from tasks.claims import Claim

    side_tasks = SideTasks()
    supervisor, pod = Supervisor(side_tasks), settings().runpod_pod_id
    try:
        async with get_client() as client:
            runs = Runs(client, where="pod" if pod else "local")
            job = pod or str(run_id)
            claim = await runs.claim(await runs.read(run_id), job)
            if claim is not Claim.OURS:
                state = (await runs.read(run_id)).state
                return Outcome("", f"not run here: it is {state.name if state else 'gone'}")
            side_tasks.start("Maintaining the run", lambda _: runs.maintain(supervisor.cancel))
            supervisor.start()
            try:
                return await perform(runs, supervisor, run_id, job)
            finally:
                await supervisor.stop()
                await side_tasks.stop()
    finally:
        await _terminate(pod)


async def _terminate(pod: str | None) -> None:
    from blocks.runpod import RunPodCredentials
    from deployments.runpod.client import RunPod

    credentials = RunPodCredentials.from_environment()
    if pod and credentials and not settings().runpod_webhook_get_job:
        try:
            async with RunPod(credentials) as runpod:
                await runpod.delete_pod(pod)
        except RunPodError as fault:
            log.error("This pod could not terminate itself; the Prefect worker will: %s", fault)
