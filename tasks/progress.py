"""How far a run is: told to Prefect's UI as a progress artifact, and to whoever listens in this process."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import TypeVar
from uuid import UUID

from prefect.artifacts import acreate_progress_artifact, aupdate_progress_artifact
from prefect.logging import get_run_logger

__all__ = ["Listener", "Progress", "listener", "show", "wait"]

Listener = Callable[[str, float], None]
"""Called with the name of the step and the share of the whole that is done, 0 to 1; stops the run by raising."""

listener: ContextVar[Listener | None] = ContextVar("listener", default=None)

# The share of the whole at which each step begins, from the times of a minute of speech.
STEPS = {"set up": 0.0, "prepare": 0.0, "synthesize": 0.05, "align": 0.6, "render": 0.85, "persist": 0.9, "done": 1.0}


# For so long a run waits for what people see of it.
_SHOW_SECONDS = 15.0

T = TypeVar("T")


async def show(what: str, call: Awaitable[T]) -> T | None:
    """Write an artifact. It is for people: one that cannot be written is logged, and costs no run."""
    try:
        async with asyncio.timeout(_SHOW_SECONDS):
            return await call
    except Exception as fault:
        get_run_logger().warning("The %s of this run is not shown: %s", what, type(fault).__name__)
        return None


def wait() -> None:
    """Say that a run waits for its turn."""
    Progress.tell("wait for the GPU", STEPS["synthesize"])


class Progress:
    """The progress of one run; use `begin` to make it."""

    def __init__(self, artifact: UUID | None) -> None:
        self._artifact = artifact
        self._written = time.monotonic()
        self._loop = asyncio.get_running_loop()

    @classmethod
    async def begin(cls) -> Progress:
        """Show the run at 0 %."""
        artifact = await show(
            "progress", acreate_progress_artifact(progress=0.0, key="progress", description="How far the run is.")
        )
        return cls(artifact if isinstance(artifact, UUID) else None)

    async def start_step(self, step: str) -> None:
        """Say that a step starts."""
        self.tell(step, STEPS[step])
        if self._due() or step == "done":
            await self._write(STEPS[step])

    def advance(self, step: str, done: int, total: int) -> None:
        """Say how far inside a step the run is; called from the step's thread."""
        names = list(STEPS)
        start, end = STEPS[step], STEPS[names[names.index(step) + 1]]
        share = start + (end - start) * done / max(total, 1)
        self.tell(step, share)
        if self._due():
            asyncio.run_coroutine_threadsafe(self._write(share), self._loop)

    def _due(self) -> bool:
        """Whether the artifact is old: it is for people, to whom once a second is enough."""
        return time.monotonic() - self._written > 1

    async def _write(self, share: float) -> None:
        if self._artifact:
            self._written = time.monotonic()
            if not await show("progress", _update(self._artifact, share)):
                # A server that takes none keeps no step waiting again.
                self._artifact = None

    @staticmethod
    def tell(step: str, share: float) -> None:
        """Pass it to the listener."""
        if hear := listener.get():
            hear(step, share)


async def _update(artifact: UUID, share: float) -> bool:
    await aupdate_progress_artifact(artifact, progress=share * 100)
    return True
