"""The endpoint's connection to Prefect, made in the background and awaited by the code that needs it."""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import AsyncExitStack, suppress
from typing import TYPE_CHECKING

from deployments.cli.console import use_server
from speech.errors import ServerError, SpeechError
from speech.settings import settings

if TYPE_CHECKING:
    from deployments.endpoint.runs import Runs

__all__ = ["Connection"]

_RECONNECT_SECONDS = 5.0

log = logging.getLogger("f5_flows.endpoint")


class Connection:
    """The connection of a container to Prefect.

    Args:
        stack: closes the client when the endpoint ends.

    Attributes:
        problem: why there is no connection; empty if there is one.
    """

    def __init__(self, stack: AsyncExitStack) -> None:
        self.problem = "The Prefect server has not been reached yet."
        self._stack, self._began = stack, time.monotonic()
        self._ready: asyncio.Future[Runs] = asyncio.get_running_loop().create_future()

    @property
    def current(self) -> Runs | None:
        """The flow runs of Prefect, if there is a connection."""
        return self._ready.result() if self._ready.done() else None

    async def runs(self) -> Runs:
        """Wait for the connection, for at most `PROCESSING_TIMEOUT` seconds.

        Raises:
            ServerError: there is no connection; the message says why.
        """
        await self._wait(settings().processing_timeout)
        if (runs := self.current) is None:
            raise ServerError(self.problem)
        return runs

    async def runs_or_none(self) -> Runs | None:
        """Return the connection if there is one; a container that has just started waits for its first."""
        await self._wait(self._began + settings().request_timeout - time.monotonic())
        return self.current

    async def wait_until_open(self) -> None:
        """Wait until there is a connection."""
        await asyncio.shield(self._ready)

    def use(self, runs: Runs) -> None:
        """Adopt an open connection."""
        self.problem = ""
        self._ready.set_result(runs)

    async def open(self) -> Runs:
        """Connect, retrying for as long as it takes, and return the connection; an existing one is returned at once."""
        while not self._ready.done():
            try:
                self.use(await self._connect())
            except Exception as fault:
                self.problem = str(fault) if isinstance(fault, SpeechError) else f"Prefect cannot be reached: {fault}"
                log.error("Prefect cannot be reached: %s", fault)
                await asyncio.sleep(_RECONNECT_SECONDS)
        return self._ready.result()

    async def _connect(self) -> Runs:
        from prefect.client.orchestration import get_client
        from prefect.context import refresh_global_settings_context

        from deployments.endpoint.runs import Runs

        await asyncio.to_thread(use_server)
        refresh_global_settings_context()
        return Runs(await self._stack.enter_async_context(get_client()))

    async def _wait(self, seconds: float) -> None:
        if not self._ready.done() and seconds > 0:
            with suppress(TimeoutError):
                await asyncio.wait_for(self.wait_until_open(), seconds)
