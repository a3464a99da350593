"""The worker's side of RunPod: jobs are taken, done, and their results delivered.

It speaks RunPod's protocol by the parts of its SDK that tell RunPod what a worker has. The SDK's own loop asks
for jobs again at once when RunPod does not answer (3 000 tries and log lines a second), loses all jobs of an
answer of which one cannot be read, drops those that arrive while it is told to stop, and throws a result away
when it cannot be delivered within five seconds, or is refused.
"""

from __future__ import annotations

import asyncio
import json
import logging
import multiprocessing
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
    ClientResponse,
    ClientResponseError,
    ClientTimeout,
    SocketTimeoutError,
)
from runpod.http_client import AsyncClientSession, ClientSession
from runpod.serverless.modules import rp_http, rp_job
from runpod.serverless.modules.rp_fitness import run_fitness_checks
from runpod.serverless.modules.rp_ping import Heartbeat
from runpod.serverless.modules.worker_state import JobsProgress, PingJobMirror

from deployments.endpoint.intake import Offer, read
from deployments.endpoint.logs import job_id
from speech.errors import RunPodError
from speech.settings import settings

__all__ = ["Loop", "Pings", "leave", "report", "serve"]

Handler = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]

# RunPod holds an empty poll open; one that is silent for longer is dead.
_POLL = ClientTimeout(total=300, sock_connect=30, sock_read=90)
_POST = ClientTimeout(total=600, sock_connect=30, sock_read=60)
# As long as RunPod keeps a job of a worker that still pings.
_DELIVERY_SECONDS = 900
_LONGEST_PAUSE = 15.0
# An empty answer that was not held is not asked for again in a rush.
_SHORTEST_POLL = 0.25
# Between two looks whether there is room.
_ROOM_SECONDS = 0.02
_BEAT_SECONDS = 1.0
# A result that is refused so often is not going to be taken; a page that is no answer of RunPod's may be one.
_REFUSALS, _PAGES = 4, 3
_SILENT_SECONDS = 60.0

log = logging.getLogger("f5_flows.endpoint")


class Loop:
    """Takes jobs while it has room.

    Args:
        handler: does a job, and returns its reply; `error` in it makes the job a failure.
        slots: jobs at once.
        held: how many slots are taken by what goes on behind replies that were sent.
        beat: called about once a second for as long as the loop goes round.
    """

    def __init__(
        self,
        handler: Handler,
        slots: int,
        *,
        held: Callable[[], int] = lambda: 0,
        beat: Callable[[], None] = lambda: None,
    ) -> None:
        self._handler, self._slots, self._held, self._beat = handler, slots, held, beat
        self._jobs: dict[str, asyncio.Task[None]] = {}
        self._stopping = asyncio.Event()
        self._heard = time.monotonic()
        self._fault, self._pause = "", 0.0

    @property
    def trouble(self) -> str | None:
        """Why no jobs come, if RunPod has given no good answer for a minute."""
        silent = time.monotonic() - self._heard
        return (
            f"RunPod has given no jobs for {silent:.0f} s: {self._fault}"
            if self._fault and silent > _SILENT_SECONDS
            else None
        )

    @property
    def jobs(self) -> list[str]:
        """The ids of those that are under way."""
        return list(self._jobs)

    def stop(self) -> None:
        """Take no more jobs than the open poll brings."""
        self._stopping.set()

    async def run(self) -> None:
        """Go round until told to stop, by `stop` or a signal; what was taken is done by then."""
        loop = asyncio.get_running_loop()
        for sign in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(sign, self.stop)
        async with AsyncClientSession() as session:
            while not self._stopping.is_set():
                await self._turn(session)
            while self._jobs or self._held():
                self._beat()
                await asyncio.sleep(_ROOM_SECONDS)

    async def hear_stops(self, well: Callable[[], None]) -> None:
        """Stop jobs that RunPod no longer wants; goes on for ever."""
        url = rp_job.JOB_GET_URL.replace("/job-take/", "/job-stop/")
        async with AsyncClientSession() as session:
            while True:
                began = time.monotonic()
                try:
                    answer = await _poll(session, url)
                    wanted = _ids(answer) if answer else []
                except (ClientError, TimeoutError, OSError, ValueError) as fault:
                    raise RunPodError(f"RunPod does not say which jobs to stop ({_said(fault)}).") from None
                for name in wanted:
                    if task := self._jobs.get(name):
                        log.info("RunPod stops job %s", name)
                        task.cancel()
                well()
                await asyncio.sleep(max(0.0, began + 1.0 - time.monotonic()))

    async def _turn(self, session: ClientSession) -> None:
        self._beat()
        room = self._slots - len(self._jobs) - self._held()
        if room <= 0:
            await asyncio.sleep(_ROOM_SECONDS)
            return
        began = time.monotonic()
        # There may be jobs on a poll that is broken off, so it is waited for even when the container is to stop.
        poll = asyncio.create_task(_take(session, room, busy=bool(self._jobs)))
        while not (await asyncio.wait({poll}, timeout=_BEAT_SECONDS))[0]:
            self._beat()
        try:
            offers = poll.result()
        except (ClientError, TimeoutError, OSError, ValueError) as fault:
            self._fault, self._pause = _said(fault), min(max(2 * self._pause, 0.5), _LONGEST_PAUSE)
            log.warning("RunPod gives no jobs (%s); asked again in %.1f s", self._fault, self._pause)
            await self._rest(self._pause)
            return
        self._heard, self._fault, self._pause = time.monotonic(), "", 0.0
        for offer in offers:
            self._begin(session, offer)
        if not offers:
            await self._rest(began + _SHORTEST_POLL - time.monotonic())

    async def _rest(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not self._stopping.is_set() and (left := deadline - time.monotonic()) > 0:
            self._beat()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), min(left, _BEAT_SECONDS))

    def _begin(self, session: ClientSession, offer: Offer) -> None:
        if offer.id in self._jobs:
            log.warning("Job %s was delivered again while it is under way; it is answered once", offer.id)
            return
        task = self._jobs[offer.id] = asyncio.create_task(self._do(session, offer))
        JobsProgress().add(offer.id)
        # Not the task's own doing: one that is stopped before it began does nothing any more.
        task.add_done_callback(lambda _: self._forget(offer.id))

    def _forget(self, job: str) -> None:
        del self._jobs[job]
        JobsProgress().remove(job)

    async def _do(self, session: ClientSession, offer: Offer) -> None:
        job_id.set(offer.id)
        try:
            if offer.fault:
                log.error("%s", offer.fault)
            await hand_in(session, {"error": offer.fault} if offer.fault else await self._answer(offer.job), offer.id)
        except asyncio.CancelledError:
            log.info("The job is stopped")
            raise
        except Exception as fault:
            log.exception("The result of job %s could not be delivered: %s", offer.id, fault)

    async def _answer(self, job: dict[str, Any]) -> dict[str, Any]:
        """What RunPod is sent."""
        try:
            reply = dict(await self._handler(job))
        except Exception as fault:
            log.exception("The job failed")
            return {"error": f"{type(fault).__name__}: {fault}"}
        error = reply.pop("error", None)
        return ({"output": reply} if reply else {}) | ({"error": error} if error else {})


class Pings:
    """Tells RunPod which jobs are under way, in a process of its own, so that it does so whatever this one does."""

    def __init__(self) -> None:
        self._mirror = PingJobMirror()
        self._process: multiprocessing.Process | None = None
        JobsProgress().set_mirror(self._mirror)
        values = settings()
        # What the SDK asks for too.
        self._wanted = (
            bool(values.runpod_ai_api_key and values.runpod_pod_id) and Heartbeat().PING_URL != "PING_NOT_SET"
        )
        self._start()

    async def keep(self, well: Callable[[], None]) -> None:
        """See to it that the process lives; goes on for ever.

        Raises:
            RunPodError: it was gone; the next call starts another.
        """
        if self._process is None or not self._process.is_alive():
            self._start()
        while self._process is None or self._process.is_alive():
            await asyncio.sleep(1)
        raise RunPodError(f"The process that pings RunPod ended with code {self._process.exitcode}.")

    def stop(self) -> None:
        if self._process:
            self._process.kill()

    def _start(self) -> None:
        if self._wanted:
            self._process = multiprocessing.Process(target=_ping, args=(self._mirror, os.getpid()), daemon=True)
            self._process.start()


def _ping(mirror: PingJobMirror, parent: int) -> None:
    """Ping for as long as the process lives whose jobs are told of; nothing that RunPod answers ends it."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    heart = Heartbeat()
    heart._mirror = mirror
    heart.PING_INTERVAL = max(1, heart.PING_INTERVAL)
    while os.getppid() == parent:
        with suppress(Exception):
            heart._send_ping()
        time.sleep(heart.PING_INTERVAL)


async def _take(session: ClientSession, room: int, *, busy: bool) -> list[Offer]:
    """The jobs that RunPod has for us, at most as many as there is room for.

    Raises:
        ClientError, TimeoutError, OSError: RunPod does not answer, or refuses.
        ValueError: what it answers holds no jobs.
    """
    url = rp_job.JOB_GET_URL
    if room > 1:
        url = f"{url.replace('/job-take/', '/job-take-batch/')}&batch_size={room}"
    answer = await _poll(session, f"{url}&job_in_progress={int(busy)}")
    return await asyncio.to_thread(read, answer) if answer else []


async def _poll(session: ClientSession, url: str) -> bytes:
    """What RunPod says when asked; nothing where it has nothing to say. Of an answer that breaks off, what came."""
    try:
        opened = await session.get(url, timeout=_POLL)
    except SocketTimeoutError:
        return b""
    async with opened as answer:
        # 400 is what a worker is told that was just woken.
        if answer.status in (204, 400):
            return b""
        answer.raise_for_status()
        if "json" not in answer.content_type:
            raise ValueError(f"an answer of type {answer.content_type}")
        told = bytearray()
        try:
            async for piece in answer.content.iter_any():
                told += piece
        except (ClientPayloadError, ConnectionError, TimeoutError) as fault:
            log.error("RunPod's answer broke off after %d bytes: %s", len(told), type(fault).__name__)
        if not told and not answer.content_length:
            return b""
        return bytes(told)


def _ids(answer: bytes) -> list[str]:
    """The ids of jobs to stop."""
    told = json.loads(answer)
    named = told.get("jobsToStop") if isinstance(told, dict) else None
    if not isinstance(named, list):
        raise ValueError(f"no jobs to stop in {answer[:80]!r}")
    return [name for name in named if isinstance(name, str)]


async def hand_in(session: ClientSession, result: dict[str, Any], job: str) -> None:
    """Post a result until RunPod has it, or else the reason why it cannot have it.

    Raises:
        ClientError, TimeoutError, OSError: RunPod took neither for as long as it keeps a job.
    """
    deadline = time.monotonic() + _DELIVERY_SECONDS
    refusals, pages, pause = 0, 0, 0.5
    while True:
        try:
            if await _post(session, result, job) or (pages := pages + 1) >= _PAGES:
                return
            raise ClientError("RunPod answered with a page")
        except (ClientError, TimeoutError, OSError) as fault:
            status = fault.status if isinstance(fault, ClientResponseError) else 0
            if status in (404, 410):
                log.error("RunPod does not know job %s any more (%d)", job, status)
                return
            if 400 <= status < 500 and status not in (408, 429):
                refusals += 1
                if refusals >= _REFUSALS or status in (400, 413):
                    # RunPod would call the job completed, without an output; a failure that says why is better.
                    result = {"error": f"RunPod refused the result ({status}); fetch it with endpoint: result."}
            if time.monotonic() > deadline:
                raise
            log.warning("RunPod did not take a result (%s); tried again in %.1f s", _said(fault), pause)
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)


async def _post(session: ClientSession, told: dict[str, Any], job: str) -> bool:
    """Tell RunPod of a job; False where a page came back, which is no answer of its own."""
    headers = {"charset": "utf-8", "Content-Type": "application/x-www-form-urlencoded", "X-Request-ID": job}
    url = rp_http.JOB_DONE_URL.replace("$ID", job) + "&isStream=false"
    text = json.dumps(told, ensure_ascii=False).encode(errors="replace")
    async with session.post(url, data=text, headers=headers, timeout=_POST, raise_for_status=True) as answer:
        await _drained(answer)
        return bool(answer.content_type != "text/html")


def _said(fault: BaseException) -> str:
    if isinstance(fault, ClientResponseError):
        return f"status {fault.status}"
    return (str(fault) or type(fault).__name__)[:200]


async def _drained(answer: ClientResponse) -> None:
    """Read the rest of it; that it came at all says that RunPod has what it was sent."""
    with suppress(ClientError, TimeoutError, OSError):
        await answer.read()


async def report(job: dict[str, Any], told: dict[str, Any]) -> None:
    """Tell RunPod how far a job is. Awaited, so that it never arrives after the result."""
    async with AsyncClientSession() as session:
        try:
            await _post(session, {"status": "IN_PROGRESS", "output": told}, job["id"])
        except (ClientError, TimeoutError, OSError) as fault:
            log.info("RunPod was not told of the progress: %s", type(fault).__name__)


def serve(main: Callable[[Pings], Awaitable[None]]) -> None:
    """Do as the SDK does when it starts a worker: fitness checks, pings, then the main work, until it ends.

    Where that fails, the process ends at once, with code 1: RunPod gives its jobs to another.
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
    """End this process with code 1 as it stands: no job is answered, none is reported any more."""
    pings.stop()
    logging.shutdown()
    with suppress(OSError, ValueError):
        sys.stdout.flush()
    os._exit(1)
