"""The endpoint put together. It always comes up: what is missing is told by `status`, and fails only what needs it."""

from __future__ import annotations

import asyncio
import logging
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from deployments.console import use_server
from deployments.endpoint.logs import log_as_json
from speech.errors import SpeechError
from speech.settings import export, settings

if TYPE_CHECKING:
    from deployments.endpoint.jobs import Jobs
    from deployments.endpoint.keeper import Keeper

__all__ = ["alive_file", "run"]

_SIGN_OF_LIFE_SECONDS = 5.0
_RECONNECT_SECONDS = 5.0
_HEALTH_SECONDS = 600.0

log = logging.getLogger("f5_flows.endpoint")


def alive_file() -> Path:
    """Touched while the endpoint lives; the image's health check looks at it."""
    return settings().f5_flows_home / "endpoint.alive"


def run() -> None:
    """Serve RunPod's jobs until SIGTERM; running jobs are finished first."""
    # The SDK prints every reply at its default level.
    export(RUNPOD_LOG_LEVEL="INFO", PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL="CRITICAL", PREFECT_CLIENT_MAX_RETRIES="10")
    from deployments.endpoint.jobs import Jobs
    from deployments.endpoint.keeper import Keeper
    from deployments.endpoint.loop import Loop, report, serve

    # Importing the SDK installs a log handler of its own.
    log_as_json()

    def loop() -> Loop:
        keeper = Keeper()
        jobs = Jobs(keeper, report)
        return Loop(jobs, settings().endpoint_concurrency, lambda: _live(jobs, keeper), jobs.drain)

    serve(loop)


async def _live(jobs: Jobs, keeper: Keeper) -> None:
    """Everything that goes on beside the jobs."""
    async with AsyncExitStack() as stack:
        stack.push_async_callback(keeper.stop)
        await asyncio.gather(_show_life(), _connect(jobs, keeper, stack))


async def _show_life() -> None:
    while True:
        alive_file().parent.mkdir(parents=True, exist_ok=True)
        alive_file().touch()
        await asyncio.sleep(_SIGN_OF_LIFE_SECONDS)


async def _connect(jobs: Jobs, keeper: Keeper, stack: AsyncExitStack) -> None:
    """Find the Prefect server, or start one; then the child, which needs it."""
    from prefect.client.orchestration import get_client
    from prefect.context import refresh_global_settings_context

    from deployments.endpoint.runs import Runs

    while True:
        try:
            await asyncio.to_thread(use_server)
            refresh_global_settings_context()
            client = await stack.enter_async_context(get_client())
            break
        except (SpeechError, RuntimeError, OSError) as fault:
            jobs.trouble = str(fault)
            log.error("Prefect is not reached: %s", fault)
            await asyncio.sleep(_RECONNECT_SECONDS)
    stopping: set[asyncio.Task[None]] = set()

    def cancel(run: str) -> None:
        if run not in {task.get_name() for task in stopping}:
            task = asyncio.create_task(jobs.cancelled_by_prefect(run), name=run)
            stopping.add(task)
            task.add_done_callback(stopping.discard)

    jobs.runs = Runs(client, cancel)
    jobs.connected.set()
    await keeper.start()
    await asyncio.gather(jobs.runs.look_after(), _warm_up(jobs, keeper))


async def _warm_up(jobs: Jobs, keeper: Keeper) -> None:
    """Behind the first jobs, so that a container takes work as soon as it can."""
    warm = False
    while True:
        try:
            if not warm:
                await keeper.call("warm up")
                warm = True
            jobs.health = await keeper.call("health")
        except SpeechError as fault:
            log.warning("%s", fault)
        await asyncio.sleep(_HEALTH_SECONDS)
