"""The worker's side of RunPod's job protocol: take jobs, run them, and deliver their results.

It uses the parts of RunPod's SDK that report a worker's jobs to RunPod, but not the SDK's loop. That loop polls
again at once when RunPod does not answer (3 000 tries and log lines a second), loses all jobs of an answer if
one of them cannot be read, drops jobs that arrive while it is being stopped, and discards a result that is
refused or cannot be delivered within five seconds.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, NoReturn

from aiohttp import (
    ClientError,
    ClientPayloadError,
    ClientTimeout,
    SocketTimeoutError,
)
from runpod.http_client import AsyncClientSession, ClientSession
from runpod.serverless.modules import rp_job
from runpod.serverless.modules.rp_fitness import run_fitness_checks
from runpod.serverless.modules.worker_state import JobsProgress

from deployments.endpoint.delivery import describe, hand_in
from deployments.endpoint.intake import Offer, read
from deployments.endpoint.logs import job_id
from deployments.endpoint.pings import Pings
from speech.errors import RunPodError

__all__ = ["Loop", "leave", "serve"]

Handler = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]

# RunPod holds an empty poll open; a poll that is silent for longer than this is dead.
_SILENT_POLL_SECONDS = 90.0
_LONGEST_PAUSE = 15.0
# The minimum time between polls when RunPod answers an empty poll at once.
_SHORTEST_POLL = 0.25
# The time between two checks for a free slot.
_ROOM_SECONDS = 0.02
_HEARTBEAT_SECONDS = 1.0
_SILENT_SECONDS = 60.0

log = logging.getLogger("f5_flows.endpoint")


class Loop:
    """Takes jobs while it has free slots.

    Args:
        handler: runs a job and returns its reply; `error` in the reply makes the job a failure.
        slots: the maximum number of concurrent jobs.
        held: returns how many slots are taken by runs that continue after their reply was sent.
        heartbeat: called about once a second while the loop is running.
        silence: the seconds after which a poll that gets no answer is made again.
    """

    def __init__(
        self,
        handler: Handler,
        slots: int,
        *,
        held: Callable[[], int] = lambda: 0,
        heartbeat: Callable[[], None] = lambda: None,
        silence: float = _SILENT_POLL_SECONDS,
    ) -> None:
        self._handler, self._slots, self._held, self._heartbeat = handler, slots, held, heartbeat
        self._timeout = ClientTimeout(total=300, sock_connect=30, sock_read=silence)
        self._jobs: dict[str, asyncio.Task[None]] = {}
        self._stopping = asyncio.Event()
        self._last_answer_at = time.monotonic()
        self._fault, self._pause = "", 0.0

    @property
    def problem(self) -> str | None:
        """Why no jobs arrive, if RunPod has not given a valid answer for a minute."""
        silent = time.monotonic() - self._last_answer_at
        return (
            f"RunPod has given no valid answer for {silent:.0f} s: {self._fault}"
            if self._fault and silent > _SILENT_SECONDS
            else None
        )

    @property
    def jobs(self) -> list[str]:
        """The ids of the jobs in progress."""
        return list(self._jobs)

    def stop(self) -> None:
        """Stop taking jobs, except for those that the open poll returns."""
        self._stopping.set()

    async def run(self) -> None:
        """Take jobs until stopped, by `stop` or by a signal, and return when all of them are done."""
        loop = asyncio.get_running_loop()
        for sign in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(sign, self.stop)
        async with AsyncClientSession() as session:
            while not self._stopping.is_set():
                await self._poll_once(session)
            while self._jobs or self._held():
                self._heartbeat()
                await asyncio.sleep(_ROOM_SECONDS)

    async def watch_stops(self, succeeded: Callable[[], None]) -> None:
        """Cancel jobs that RunPod no longer wants; never returns. Calls `succeeded` after each valid answer."""
        url = rp_job.JOB_GET_URL.replace("/job-take/", "/job-stop/")
        async with AsyncClientSession() as session:
            while True:
                began = time.monotonic()
                try:
                    answer = await _poll(session, url, self._timeout)
                    names = _ids(answer) if answer else []
                except (ClientError, TimeoutError, OSError, ValueError) as fault:
                    raise RunPodError(f"RunPod could not be polled for jobs to stop ({describe(fault)}).") from None
                for name in names:
                    if task := self._jobs.get(name):
                        log.info("RunPod stops job %s", name)
                        task.cancel()
                succeeded()
                await asyncio.sleep(max(0.0, began + 1.0 - time.monotonic()))

    async def _poll_once(self, session: ClientSession) -> None:
        self._heartbeat()
        free_slots = self._slots - len(self._jobs) - self._held()
        if free_slots <= 0:
            await asyncio.sleep(_ROOM_SECONDS)
            return
        began = time.monotonic()
        # An aborted poll could lose jobs, so the poll is awaited even if the container is stopping.
        poll = asyncio.create_task(_take(session, free_slots, self._timeout, busy=bool(self._jobs)))
        while not (await asyncio.wait({poll}, timeout=_HEARTBEAT_SECONDS))[0]:
            self._heartbeat()
        try:
            offers = poll.result()
        except (ClientError, TimeoutError, OSError, ValueError) as fault:
            self._fault, self._pause = describe(fault), min(max(2 * self._pause, 0.5), _LONGEST_PAUSE)
            log.warning("RunPod could not be polled for jobs (%s); retrying in %.1f s", self._fault, self._pause)
            await self._rest(self._pause)
            return
        self._last_answer_at, self._fault, self._pause = time.monotonic(), "", 0.0
        for offer in offers:
            self._begin(session, offer)
        if not offers:
            await self._rest(began + _SHORTEST_POLL - time.monotonic())

    async def _rest(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not self._stopping.is_set() and (remaining := deadline - time.monotonic()) > 0:
            self._heartbeat()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), min(remaining, _HEARTBEAT_SECONDS))

    def _begin(self, session: ClientSession, offer: Offer) -> None:
        if offer.id in self._jobs:
            log.warning("Job %s was delivered again while it is in progress; it is answered once", offer.id)
            return
        task = self._jobs[offer.id] = asyncio.create_task(self._do(session, offer))
        JobsProgress().add(offer.id)
        # Not in the task itself, because a task that is cancelled before it starts runs none of its code.
        task.add_done_callback(lambda _: self._forget(offer.id))

    def _forget(self, job: str) -> None:
        del self._jobs[job]
        JobsProgress().remove(job)

    async def _do(self, session: ClientSession, offer: Offer) -> None:
        job_id.set(offer.id)
        try:
            if offer.problem:
                log.error("%s", offer.problem)
            await hand_in(
                session, {"error": offer.problem} if offer.problem else await self._answer(offer.job), offer.id
            )
        except asyncio.CancelledError:
            log.info("The job was stopped")
            raise
        except Exception as fault:
            log.exception("The result of job %s could not be delivered: %s", offer.id, fault)

    async def _answer(self, job: dict[str, Any]) -> dict[str, Any]:
        """Run a job and return what RunPod is sent."""
        try:
            reply = dict(await self._handler(job))
        except Exception as fault:
            log.exception("The job failed")
            return {"error": f"{type(fault).__name__}: {fault}"}
        error = reply.pop("error", None)
        return ({"output": reply} if reply else {}) | ({"error": error} if error else {})


async def _take(session: ClientSession, free_slots: int, timeout: ClientTimeout, *, busy: bool) -> list[Offer]:
    """Return the jobs that RunPod has for this worker, at most `free_slots` of them.

    Raises:
        ClientError, TimeoutError, OSError: RunPod does not answer, or refuses.
        ValueError: the answer holds no jobs.
    """
    url = rp_job.JOB_GET_URL
    if free_slots > 1:
        url = f"{url.replace('/job-take/', '/job-take-batch/')}&batch_size={free_slots}"
    answer = await _poll(session, f"{url}&job_in_progress={int(busy)}", timeout)
    return await asyncio.to_thread(read, answer) if answer else []


async def _poll(session: ClientSession, url: str, timeout: ClientTimeout) -> bytes:
    """Return RunPod's answer: empty if it has nothing to say, and incomplete if the connection breaks off."""
    try:
        connection = await session.get(url, timeout=timeout)
    except SocketTimeoutError:
        return b""
    async with connection as answer:
        # RunPod answers 400 to a worker that was just woken.
        if answer.status in (204, 400):
            return b""
        answer.raise_for_status()
        if "json" not in answer.content_type:
            raise ValueError(f"an answer of type {answer.content_type}")
        body = bytearray()
        try:
            async for piece in answer.content.iter_any():
                body += piece
        except (ClientPayloadError, ConnectionError, TimeoutError) as fault:
            log.error("RunPod's answer broke off after %d bytes: %s", len(body), type(fault).__name__)
        if not body and not answer.content_length:
            return b""
        return bytes(body)


def _ids(answer: bytes) -> list[str]:
    """Return the ids of the jobs to stop."""
    value = json.loads(answer)
    names = value.get("jobsToStop") if isinstance(value, dict) else None
    if not isinstance(names, list):
        raise ValueError(f"no jobs to stop in {answer[:80]!r}")
    return [name for name in names if isinstance(name, str)]


def serve(main: Callable[[Pings], Awaitable[None]]) -> None:
    """Start a worker as the SDK does: run the fitness checks, start pinging, then run `main` until it returns.

    If `main` fails, the process ends at once with code 1, and RunPod gives its jobs to another worker.
    """
    asyncio.run(run_fitness_checks())
    pings = Pings()

    async def run() -> None:
        try:
            await main(pings)
        except Exception:
            log.exception("The endpoint failed")
            leave(pings)

    asyncio.run(run())
    pings.stop()


def leave(pings: Pings) -> NoReturn:
    """End this process at once with code 1, without answering or reporting any more jobs."""
    pings.stop()
    logging.shutdown()
    with suppress(OSError, ValueError):
        sys.stdout.flush()
    os._exit(1)
