"""Background tasks that run beside the jobs and never end; one that fails is restarted, and its failures counted."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from speech.errors import SpeechError

__all__ = ["SideTasks", "Work"]

Work = Callable[[Callable[[], None]], Awaitable[None]]
"""A side task; it never returns. It calls the given function while it works, which resets its failures in a row."""

# From this many failures in a row, a task is reported as a problem of the container.
_REPORTED_FAILURES = 3
_STEADY_SECONDS = 60.0

log = logging.getLogger("f5_flows.endpoint")


@dataclass(slots=True)
class _Side:
    """A side task and its failures."""

    name: str
    vital: bool
    in_a_row: int = 0
    failures: int = 0
    last: str = ""

    def succeeded(self) -> None:
        self.in_a_row = 0


class SideTasks:
    """Runs side tasks, and restarts those that fail.

    Attributes:
        given_up: done once a vital task has failed `most` times in a row; its result is the reason.
    """

    def __init__(self, *, pause: float = 0.5, longest: float = 15.0, most: int = 10) -> None:
        """Create the side tasks' runner.

        Args:
            pause, longest: the first and the longest pause before a failed task is restarted, in seconds; each
                failure in a row doubles it.
            most: failures in a row after which a vital task is given up.
        """
        self.given_up: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._pause, self._longest, self._most = pause, longest, most
        self._sides: list[_Side] = []
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, name: str, work: Work, *, vital: bool = True, steady: float = _STEADY_SECONDS) -> None:
        """Start a side task.

        Args:
            vital: whether the container is useless without it.
            steady: seconds of work after which earlier failures do not count.
        """
        side = _Side(name, vital)
        self._sides.append(side)
        self._spawn(self._keep(side, work, steady))

    def run_once(self, name: str, work: Coroutine[Any, Any, Any]) -> None:
        """Run something once in the background; a failure is logged."""

        async def run() -> None:
            try:
                await work
            except Exception:
                log.exception("%s failed", name)

        self._spawn(run())

    def problems(self) -> list[str]:
        """Return a sentence for each task that keeps failing."""
        return [
            f"{side.name} failed {side.in_a_row} times in a row; last: {side.last}"
            for side in self._sides
            if side.in_a_row >= _REPORTED_FAILURES
        ]

    def recovered(self) -> list[str]:
        """Return a sentence for each task that has failed since the start, whether or not it works again."""
        return [
            f"{side.name} was restarted {side.failures} times; last: {side.last}"
            for side in self._sides
            if side.failures
        ]

    async def stop(self) -> None:
        """Cancel all tasks."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=10)

    async def _keep(self, side: _Side, work: Work, steady: float) -> None:
        while True:
            began = time.monotonic()
            try:
                await work(side.succeeded)
                fault, reason = None, "it ended"
            except (Exception, asyncio.CancelledError) as raised:
                if (task := asyncio.current_task()) and task.cancelling():
                    raise
                fault = _innermost(raised)
                reason = str(fault) if isinstance(fault, SpeechError) else f"{type(fault).__name__}: {fault}"
            if time.monotonic() - began > steady:
                side.succeeded()
            side.in_a_row += 1
            side.failures += 1
            side.last = reason[:300]
            log.error("%s failed, %d in a row: %s", side.name, side.in_a_row, reason, exc_info=_unexpected(fault))
            if side.vital and side.in_a_row >= self._most and not self.given_up.done():
                self.given_up.set_result(f"{side.name} failed {side.in_a_row} times in a row; last: {side.last}")
            await asyncio.sleep(min(self._pause * math.pow(2, min(side.in_a_row - 1, 16)), self._longest))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _innermost(fault: BaseException) -> BaseException:
    """Return the error behind a task group that failed for one reason."""
    while isinstance(fault, BaseExceptionGroup):
        fault = fault.exceptions[0]
    return fault


def _unexpected(fault: BaseException | None) -> BaseException | None:
    """Return the error if its traceback is worth logging."""
    return None if isinstance(fault, SpeechError | OSError) else fault
