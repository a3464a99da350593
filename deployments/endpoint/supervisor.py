"""What goes on beside the jobs, and never ends: each such work is begun again when it fails, and counted."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from speech.errors import SpeechError

__all__ = ["Supervisor", "Work"]

Work = Callable[[Callable[[], None]], Awaitable[None]]
"""Works for ever. It is given a function to call when it is well, after which earlier failures do not count."""

# So many failures in a row are told as a problem of the container.
_WORTH_TELLING = 3
_STEADY_SECONDS = 60.0

log = logging.getLogger("f5_flows.endpoint")


@dataclass(slots=True)
class _Side:
    """A work, and how it fares."""

    name: str
    vital: bool
    in_a_row: int = 0
    failures: int = 0
    last: str = ""

    def well(self) -> None:
        self.in_a_row = 0


class Supervisor:
    """Keeps works going.

    Attributes:
        given_up: has a result, the reason, once a vital work has failed `most` times in a row.
    """

    def __init__(self, *, pause: float = 0.5, longest: float = 15.0, most: int = 10) -> None:
        """Make one.

        Args:
            pause, longest: seconds before a work is begun again; doubled with each failure.
        """
        self.given_up: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._pause, self._longest, self._most = pause, longest, most
        self._sides: list[_Side] = []
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, name: str, work: Work, *, vital: bool = True, steady: float = _STEADY_SECONDS) -> None:
        """Begin a work.

        Args:
            vital: the container is no good without it.
            steady: seconds of work after which earlier failures do not count.
        """
        side = _Side(name, vital)
        self._sides.append(side)
        self._spawn(self._keep(side, work, steady))

    def once(self, name: str, work: Coroutine[Any, Any, Any]) -> None:
        """Do something behind everything else; where it fails, the log says so."""

        async def do() -> None:
            try:
                await work
            except Exception:
                log.exception("%s failed", name)

        self._spawn(do())

    def problems(self) -> list[str]:
        """What goes on failing, a sentence each."""
        return [
            f"{side.name} failed {side.in_a_row} times in a row; last: {side.last}"
            for side in self._sides
            if side.in_a_row >= _WORTH_TELLING
        ]

    def mended(self) -> list[str]:
        """What has failed since the start, whether or not it works again, a sentence each."""
        return [
            f"{side.name} was begun again {side.failures} times; last: {side.last}"
            for side in self._sides
            if side.failures
        ]

    async def stop(self) -> None:
        """End all works."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=10)

    async def _keep(self, side: _Side, work: Work, steady: float) -> None:
        while True:
            began = time.monotonic()
            try:
                await work(side.well)
                fault, reason = None, "it ended"
            except (Exception, asyncio.CancelledError) as raised:
                if (task := asyncio.current_task()) and task.cancelling():
                    raise
                fault = raised
                reason = str(raised) if isinstance(raised, SpeechError) else f"{type(raised).__name__}: {raised}"
            if time.monotonic() - began > steady:
                side.well()
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


def _unexpected(fault: BaseException | None) -> BaseException | None:
    """A fault whose place in the code matters."""
    return None if isinstance(fault, SpeechError | OSError) else fault
