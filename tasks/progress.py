"""The progress of a run, shown in Prefect's UI as an artifact and reported to a listener in this process."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import TypeVar
from uuid import UUID

from prefect.artifacts import acreate_progress_artifact, aupdate_progress_artifact
from prefect.logging import get_run_logger

__all__ = ["Listener", "Progress", "listener", "publish", "wait"]

Listener = Callable[[str, float], None]
"""Called with the name of the step and the share of the run that is done, 0 to 1; it stops the run by raising."""

listener: ContextVar[Listener | None] = ContextVar("listener", default=None)

# The share of the run at which each step begins, measured for a minute of speech.
STEPS = {"set up": 0.0, "prepare": 0.0, "synthesize": 0.05, "align": 0.6, "render": 0.85, "persist": 0.9, "done": 1.0}


# How long a run waits for an artifact to be written.
_PUBLISH_SECONDS = 15.0

T = TypeVar("T")


async def publish(what: str, call: Awaitable[T]) -> T | None:
    """Write an artifact. Artifacts are only for people to see, so a failure is logged and does not fail the run."""
    try:
        async with asyncio.timeout(_PUBLISH_SECONDS):
            return await call
    except Exception as fault:
        get_run_logger().warning("The %s of this run is not shown: %s", what, type(fault).__name__)
        return None


def wait() -> None:
    """Report that the run waits for its turn at the GPU."""
    Progress.report("wait for the GPU", STEPS["synthesize"])


class Progress:
    """The progress of one run; create it with `begin`."""

    def __init__(self, artifact: asyncio.Task[object]) -> None:
        self._artifact: asyncio.Task[object] | None = artifact
        self._written = time.monotonic()
        self._loop = asyncio.get_running_loop()

    @classmethod
    def begin(cls) -> Progress:
        """Show the run at 0 %, while it goes on."""
        creation = acreate_progress_artifact(progress=0.0, key="progress", description="How far the run is.")
        return cls(asyncio.create_task(publish("progress", creation)))

    async def start_step(self, step: str) -> None:
        """Report that a step starts."""
        self.report(step, STEPS[step])
        if self._artifact:
            await self._artifact
        if self._due() or step == "done":
            await self._write(STEPS[step])

    def advance(self, step: str, done: int, total: int) -> None:
        """Report the progress inside a step; called from the step's thread."""
        names = list(STEPS)
        start, end = STEPS[step], STEPS[names[names.index(step) + 1]]
        share = start + (end - start) * done / max(total, 1)
        self.report(step, share)
        if self._due():
            asyncio.run_coroutine_threadsafe(self._write(share), self._loop)

    def _due(self) -> bool:
        """Check whether the artifact was last written more than a second ago."""
        return time.monotonic() - self._written > 1

    async def _write(self, share: float) -> None:
        artifact = await self._artifact if self._artifact else None
        self._written = time.monotonic()
        if not isinstance(artifact, UUID) or not await publish("progress", _update(artifact, share)):
            # The server failed to write it; do not let it delay another step.
            self._artifact = None

    @staticmethod
    def report(step: str, share: float) -> None:
        """Pass the progress to the listener, if there is one."""
        if callback := listener.get():
            callback(step, share)


async def _update(artifact: UUID, share: float) -> bool:
    await aupdate_progress_artifact(artifact, progress=share * 100)
    return True
