"""Assembly of the endpoint. It always starts: `status` reports what is missing, and only jobs that need it fail.

    RunPod ── Loop ── Contract ── Executor ─┬─ Connection ── Runs ── Prefect
                                            └─ Supervisor ══ Child: models, flow runs

All work beside the jobs runs in side tasks. If a vital one keeps failing, the container ends with code 1 and RunPod
gives its jobs to another: a container either works or ends.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

from deployments.endpoint.logs import log_as_json
from speech.settings import export, settings

if TYPE_CHECKING:
    from deployments.endpoint.connection import Connection
    from deployments.endpoint.contract import ReportJob
    from deployments.endpoint.executor import Executor
    from deployments.endpoint.health import Health
    from deployments.endpoint.pings import Pings
    from deployments.endpoint.supervisor import Supervisor

__all__ = ["Container", "run"]

_HEALTH_SECONDS, _LONGEST_CHECK_SECONDS = 600.0, 300.0
# How long jobs in progress may take to finish after a vital side task was given up.
_GRACE_SECONDS = 30.0

log = logging.getLogger("f5_flows.endpoint")


def run() -> None:
    """Serve RunPod's jobs until SIGTERM; running jobs are finished first."""
    # The SDK prints every reply at its default level.
    export(RUNPOD_LOG_LEVEL="INFO", PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL="CRITICAL")
    from deployments.endpoint.loop import serve

    # Importing the SDK installs a log handler of its own.
    log_as_json()
    serve(_main)


class Container:
    """The parts of an endpoint that do not depend on where its jobs come from.

    Args:
        stack: closes what is open when the endpoint ends.
        report: reports a job's progress to where the job came from.

    Attributes:
        contract: the handler of jobs.
    """

    def __init__(self, stack: AsyncExitStack, report: ReportJob) -> None:
        from deployments.endpoint.connection import Connection
        from deployments.endpoint.contract import Contract
        from deployments.endpoint.executor import Executor
        from deployments.endpoint.health import Health
        from deployments.endpoint.side_tasks import SideTasks
        from deployments.endpoint.supervisor import Supervisor

        self.side_tasks, self.connection = SideTasks(), Connection(stack)
        self.supervisor = Supervisor(self.side_tasks)
        self.executor = Executor(self.connection, self.supervisor, self.side_tasks)
        self.health = Health(self.side_tasks, self.supervisor, self.connection)
        self.contract = Contract(self.executor, self.connection, self.supervisor, report, self.health.report)

    def start(self) -> None:
        """Start the work beside the jobs."""
        self.side_tasks.start(
            "Maintaining runs",
            lambda _: _maintain(self.connection, self.executor, self.supervisor),
            vital=False,
        )
        self.side_tasks.start(
            "Checking the container",
            lambda succeeded: _check(self.connection, self.supervisor, self.health, succeeded),
            vital=False,
        )

    async def stop(self) -> None:
        """End the child process and the work beside the jobs."""
        await self.supervisor.stop()
        await self.side_tasks.stop()


async def _main(pings: Pings) -> None:
    from deployments.endpoint.delivery import report
    from deployments.endpoint.loop import Loop, leave

    async with AsyncExitStack() as stack:
        container = Container(stack, report)
        side_tasks, executor, health = container.side_tasks, container.executor, container.health
        loop = health.loop = Loop(
            container.contract,
            settings().endpoint_concurrency,
            held=lambda: executor.unawaited,
            heartbeat=health.write_heartbeat,
        )
        side_tasks.start("Pinging RunPod", pings.keep)
        side_tasks.start("Watching for jobs to stop", loop.watch_stops, vital=False)
        container.start()
        working = asyncio.create_task(loop.run())
        either: set[asyncio.Future[Any]] = {working, side_tasks.given_up}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if side_tasks.given_up.done():
            log.critical("The container ends because a vital task was given up: %s", side_tasks.given_up.result())
            loop.stop()
            await asyncio.wait({working}, timeout=_GRACE_SECONDS)
            log.critical("Jobs given back to RunPod: %s", ", ".join(loop.jobs) or "none")
            container.supervisor.abandon()
            leave(pings)
        await working
        await container.stop()


async def _maintain(connection: Connection, executor: Executor, supervisor: Supervisor) -> None:
    """Connect to Prefect if necessary, then renew leases, watch for cancellations and repair records."""
    runs = await connection.open()
    # The child needs the server.
    supervisor.start()
    await runs.maintain(executor.on_cancel)


async def _check(connection: Connection, supervisor: Supervisor, health: Health, succeeded: Callable[[], None]) -> None:
    """Warm up in the background, so that the container takes jobs as soon as it can; then check its health at times."""
    await connection.wait_until_open()
    async with asyncio.timeout(settings().setup_timeout):
        await supervisor.call("warm up")
    while True:
        async with asyncio.timeout(_LONGEST_CHECK_SECONDS):
            health.checks = await supervisor.call("health")
        succeeded()
        await asyncio.sleep(_HEALTH_SECONDS)
