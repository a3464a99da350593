"""The endpoint put together. It always comes up: what is missing is told by `status`, and fails only what needs it.

What goes on beside the jobs is supervised. Where something vital is past mending the container ends with code 1,
and RunPod gives its jobs to another: it works, or it ends.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deployments.cli.console import use_server
from deployments.endpoint.logs import log_as_json
from deployments.endpoint.supervisor import Supervisor
from speech.errors import SpeechError
from speech.files import write_text
from speech.settings import export, settings

if TYPE_CHECKING:
    from deployments.endpoint.jobs import Jobs
    from deployments.endpoint.keeper import Keeper
    from deployments.endpoint.loop import Loop, Pings

__all__ = ["Life", "alive_file", "run"]

_SIGN_OF_LIFE_SECONDS = 5.0
_RECONNECT_SECONDS = 5.0
_HEALTH_SECONDS, _LONGEST_CHECK_SECONDS = 600.0, 300.0
# What jobs that are under way may take when the container is past mending.
_GRACE_SECONDS = 30.0

log = logging.getLogger("f5_flows.endpoint")


def alive_file() -> Path:
    """Written by the loop that takes jobs, with what is wrong; the image's health check reads it."""
    return settings().f5_flows_home / "endpoint.alive"


def run() -> None:
    """Serve RunPod's jobs until SIGTERM; running jobs are finished first."""
    # The SDK prints every reply at its default level.
    export(RUNPOD_LOG_LEVEL="INFO", PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL="CRITICAL")
    from deployments.endpoint.loop import serve

    # Importing the SDK installs a log handler of its own.
    log_as_json()
    serve(_main)


async def _main(pings: Pings) -> None:
    from deployments.endpoint.jobs import Jobs
    from deployments.endpoint.keeper import Keeper
    from deployments.endpoint.loop import Loop, leave, report

    supervisor = Supervisor()
    keeper = Keeper(supervisor)
    life = Life(supervisor, keeper)
    jobs = Jobs(keeper, report, problems=life.problems, mended=supervisor.mended)
    loop = life.loop = Loop(jobs, settings().endpoint_concurrency, held=lambda: jobs.behind, beat=life.beat)
    async with AsyncExitStack() as stack:
        connection = _Connection(jobs, keeper, supervisor, stack)
        supervisor.start("Pinging RunPod", pings.keep)
        supervisor.start("Hearing which jobs to stop", loop.hear_stops, vital=False)
        supervisor.start("Looking after runs", connection.keep, vital=False)
        supervisor.start("Checking what is here", lambda well: _check(jobs, keeper, well), vital=False)
        working = asyncio.create_task(loop.run())
        either: set[asyncio.Future[Any]] = {working, supervisor.given_up}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if supervisor.given_up.done():
            log.critical("The container ends, for it is past mending: %s", supervisor.given_up.result())
            loop.stop()
            await asyncio.wait({working}, timeout=_GRACE_SECONDS)
            log.critical("Jobs that are given back: %s", ", ".join(loop.jobs) or "none")
            keeper.abandon()
            leave(pings)
        await working
        await keeper.stop()
        await supervisor.stop()


class Life:
    """What is known of the container, shown to whoever looks at it from outside."""

    def __init__(self, supervisor: Supervisor, keeper: Keeper) -> None:
        self.loop: Loop | None = None
        self._supervisor, self._keeper = supervisor, keeper
        self._shown = 0.0
        self._hidden = ""

    def problems(self) -> list[str]:
        """What is wrong, a sentence each."""
        told = (self._keeper.trouble, self.loop and self.loop.trouble, self._hidden)
        return [*self._supervisor.problems(), *(problem for problem in told if problem)]

    def beat(self) -> None:
        """Show it now and then; called for as long as the loop goes round."""
        now = time.monotonic()
        if now - self._shown < _SIGN_OF_LIFE_SECONDS:
            return
        self._shown = now
        hidden, self._hidden = self._hidden, ""
        try:
            alive_file().parent.mkdir(parents=True, exist_ok=True)
            write_text(alive_file(), json.dumps({"problems": self.problems()}), durable=False)
        except OSError as fault:
            if not hidden:
                log.error("The sign of life cannot be written: %s", fault)
            self._hidden = f"The sign of life cannot be written, so health checks fail: {fault}."


class _Connection:
    """To Prefect: found, or a server started; then looked after."""

    def __init__(self, jobs: Jobs, keeper: Keeper, supervisor: Supervisor, stack: AsyncExitStack) -> None:
        self._jobs, self._keeper, self._supervisor, self._stack = jobs, keeper, supervisor, stack
        self._stopping: set[str] = set()

    async def keep(self, well: Callable[[], None]) -> None:
        """Connect if need be, and look after the runs that are held."""
        if self._jobs.runs is None:
            await self._connect()
            # The child needs the server.
            self._keeper.start()
        assert self._jobs.runs
        await self._jobs.runs.look_after()

    async def _connect(self) -> None:
        from prefect.client.orchestration import get_client
        from prefect.context import refresh_global_settings_context

        from deployments.endpoint.runs import Runs

        while True:
            try:
                await asyncio.to_thread(use_server)
                refresh_global_settings_context()
                client = await self._stack.enter_async_context(get_client())
                break
            except Exception as fault:
                self._jobs.trouble = (
                    str(fault) if isinstance(fault, SpeechError) else f"Prefect is not reached: {fault}"
                )
                log.error("Prefect is not reached: %s", fault)
                await asyncio.sleep(_RECONNECT_SECONDS)
        self._jobs.runs = Runs(client, self._cancel)
        self._jobs.connected.set()

    def _cancel(self, run: str) -> None:
        if run not in self._stopping:
            self._stopping.add(run)
            self._supervisor.once(f"Stopping flow run {run}", self._stop(run))

    async def _stop(self, run: str) -> None:
        try:
            await self._jobs.cancelled_by_prefect(run)
        finally:
            self._stopping.discard(run)


async def _check(jobs: Jobs, keeper: Keeper, well: Callable[[], None]) -> None:
    """Warm up behind the first jobs, so that a container takes work as soon as it can; then look now and then."""
    await jobs.connected.wait()
    async with asyncio.timeout(settings().setup_timeout):
        await keeper.call("warm up")
    while True:
        async with asyncio.timeout(_LONGEST_CHECK_SECONDS):
            jobs.health = await keeper.call("health")
        well()
        await asyncio.sleep(_HEALTH_SECONDS)
