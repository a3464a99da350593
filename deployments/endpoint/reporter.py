"""Progress reports to RunPod's client: at most one a second, and none after the result."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

__all__ = ["Report", "Reporter"]

Report = Callable[[dict[str, Any]], Awaitable[None]]
"""Sends a job's progress to RunPod."""

_REPORT_SECONDS = 1.0
_LONGEST_REPORT_SECONDS = 10.0

log = logging.getLogger("f5_flows.endpoint")


class Reporter:
    """Reports the latest progress of a job while it is entered."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._latest: dict[str, Any] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._report_regularly())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task

    def hear(self, step: str, share: float) -> None:
        """Note the run's step and its progress, 0 to 1."""
        self._latest = {"step": step, "progress": round(share, 3)}

    async def _report_regularly(self) -> None:
        while True:
            await asyncio.sleep(_REPORT_SECONDS)
            if self._latest is None:
                continue
            latest, self._latest = self._latest, None
            # A report in flight must arrive before the result does, so it is not aborted.
            sending = asyncio.ensure_future(self._report(latest))
            try:
                await asyncio.shield(sending)
            except asyncio.CancelledError:
                await asyncio.wait({sending}, timeout=_LONGEST_REPORT_SECONDS)
                raise
            except Exception as fault:
                # The job matters more than its progress.
                log.warning("The job's progress could not be reported to RunPod: %s", fault)
