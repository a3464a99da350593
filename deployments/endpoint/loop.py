"""RunPod's own worker loop, with patience where it has none, and without where it has too much.

The SDK's loop asks for jobs again at once when RunPod does not answer (3 000 tries and log lines a
second), sleeps for a second when it is full, and throws a result away when it cannot be delivered
within five seconds, or is refused. Here it waits between tries, takes a job as soon as there is room,
delivers for as long as RunPod may be away, and sends a refusal as the result.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import ClientError, ClientResponseError
from runpod.http_client import AsyncClientSession, ClientSession
from runpod.serverless.modules import rp_http
from runpod.serverless.modules.rp_fitness import run_fitness_checks
from runpod.serverless.modules.rp_job import get_job, run_job
from runpod.serverless.modules.rp_ping import Heartbeat
from runpod.serverless.modules.rp_scale import JobScaler
from runpod.serverless.modules.worker_state import JobsProgress, PingJobMirror
from tenacity import AsyncRetrying, retry_if_exception, stop_after_delay, wait_exponential

__all__ = ["Loop", "serve"]

Handler = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]

# As long as RunPod keeps a job of a worker that still pings.
_DELIVERY_SECONDS = 900
_LONGEST_PAUSE = 15.0
# Between two looks whether a job has ended.
_ROOM_SECONDS = 0.02

log = logging.getLogger("f5_flows.endpoint")


class Loop(JobScaler):
    """The SDK's loop.

    Args:
        handler: does a job.
        slots: jobs at once.
        around: runs beside the loop from its start, and is cancelled at its end.
        drain: awaited after the last job.
    """

    def __init__(
        self, handler: Handler, slots: int, around: Callable[[], Awaitable[None]], drain: Callable[[], Awaitable[None]]
    ) -> None:
        super().__init__({"handler": handler, "concurrency_modifier": lambda _: slots})
        self._around, self._drain = around, drain
        self._pause = 0.0
        self.jobs_handler = self._work

    async def run(self) -> None:
        service = asyncio.ensure_future(self._around())
        service.add_done_callback(lambda task: task.cancelled() or task.exception() is None or self.kill_worker())
        try:
            await super().run()
            await self._drain()
        finally:
            service.cancel()
            await asyncio.wait({service}, timeout=10)

    async def get_jobs(self, session: ClientSession) -> None:
        """Take jobs for as long as the loop is to go on."""
        await self.set_scale()
        while self.is_alive():
            room = self.current_concurrency - self.current_occupancy()
            if room <= 0:
                await asyncio.sleep(_ROOM_SECONDS)
                continue
            try:
                jobs = await asyncio.wait_for(get_job(session, room), self.jobs_fetcher_timeout)
            except TimeoutError:
                continue
            except Exception as fault:
                self._pause = min(max(2 * self._pause, 0.5), _LONGEST_PAUSE)
                log.warning("RunPod gives no jobs (%s); asked again in %.1f s", type(fault).__name__, self._pause)
                await asyncio.sleep(self._pause)
                continue
            self._pause = 0.0
            for job in jobs or ():
                await self.jobs_queue.put(job)
                self.job_progress.add(job)

    async def _work(self, session: ClientSession, config: dict[str, Any], job: dict[str, Any]) -> None:
        result = await run_job(config["handler"], job)
        try:
            await deliver(session, result, job)
        except ClientResponseError as fault:
            # RunPod would call the job completed, without an output; a failure that says why is better.
            refused = {"error": f"RunPod refused the result ({fault.status}); fetch it with endpoint: result."}
            await deliver(session, refused, job)


async def deliver(session: ClientSession, result: dict[str, Any], job: dict[str, Any]) -> None:
    """Post a result until RunPod has it."""
    session.headers["X-Request-ID"] = job["id"]
    async for attempt in AsyncRetrying(
        retry=retry_if_exception(_may_pass), wait=wait_exponential(max=20), stop=stop_after_delay(_DELIVERY_SECONDS),
        reraise=True,
    ):  # fmt: skip
        with attempt:
            kind = {"charset": "utf-8", "Content-Type": "application/x-www-form-urlencoded"}
            text = json.dumps(result, ensure_ascii=False)
            async with session.post(_url(job), data=text, headers=kind, raise_for_status=True) as answer:
                await answer.read()


def _url(job: dict[str, Any]) -> str:
    return rp_http.JOB_DONE_URL.replace("$ID", job["id"]) + "&isStream=false"


def _may_pass(fault: BaseException) -> bool:
    if isinstance(fault, ClientResponseError):
        return fault.status >= 500 or fault.status in (408, 429)
    return isinstance(fault, ClientError | TimeoutError | OSError)


async def report(job: dict[str, Any], told: dict[str, Any]) -> None:
    """Tell RunPod how far a job is. Awaited, so that it never arrives after the result."""
    async with AsyncClientSession() as session:
        try:
            body = json.dumps({"status": "IN_PROGRESS", "output": told})
            async with session.post(_url(job), data=body, headers={"X-Request-ID": job["id"]}) as answer:
                await answer.read()
        except (ClientError, TimeoutError, OSError) as fault:
            log.info("RunPod was not told of the progress: %s", type(fault).__name__)


def serve(loop: Callable[[], Loop]) -> None:
    """Do as the SDK does when it starts a worker: fitness checks, pings, then the loop until SIGTERM."""
    asyncio.run(run_fitness_checks())
    mirror = PingJobMirror()
    JobsProgress().set_mirror(mirror)
    Heartbeat().start_ping(mirror)
    loop().start()
