"""Watching a flow run on RunPod until it ends, and ending it if nothing on RunPod can finish it.

Prefect's state of the run is the truth; RunPod's state only tells whether anything is left that could finish it. A
run is never judged by an earlier reading: it is read again after its job has ended.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import FlowRun, State
from prefect.exceptions import ObjectNotFound
from prefect.states import Crashed

from deployments.ends import cancelled, end
from deployments.retries import explained
from deployments.runpod.diagnosis import Diagnosis
from deployments.runpod.infrastructure import Infrastructure
from speech.errors import RunPodError

__all__ = ["Patience", "watch"]

Find = Callable[[str | None], Infrastructure | None]
"""Returns the infrastructure of an `infrastructure_pid`, if it is ours."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait, in seconds.

    Attributes:
        poll: between two checks.
        cancel: for a running flow run to stop by itself.
        settle: for the final state of a flow run whose job has ended.
    """

    poll: float = 2.0
    cancel: float = 30.0
    settle: float = 10.0


async def watch(
    client: PrefectClient, find: Find, run_id: UUID, pid: str, patience: Patience, notify: Callable[[str], None]
) -> None:
    """Return when the flow run has ended, or is no longer on RunPod.

    Args:
        notify: called with notes for the log of the run.
    """
    watcher = _Watcher(client, find, run_id, find(pid), patience, notify)
    while True:
        try:
            pause = await watcher.look()
        except Exception as fault:
            # Whatever the error is, the run continues without being watched, and may well finish by itself.
            watcher.notify_once(f"This run cannot be watched at the moment: {explained(fault)}")
            is_refusal = isinstance(fault, RunPodError) and not fault.transient
            pause = max(patience.poll, 10) if is_refusal else patience.poll
        if pause is None:
            return
        await asyncio.sleep(pause)


class _Watcher:
    """What is known about one run between two checks."""

    def __init__(
        self,
        client: PrefectClient,
        find: Find,
        run_id: UUID,
        infrastructure: Infrastructure | None,
        patience: Patience,
        notify: Callable[[str], None],
    ) -> None:
        self._client, self._find, self._run_id, self._infrastructure = client, find, run_id, infrastructure
        self._patience, self._notify = patience, notify
        self._last_message = ""
        self._cancelling: float | None = None
        self._ended_at: float | None = None

    def notify_once(self, message: str) -> None:
        """Pass on a message, unless it repeats the previous one."""
        if self._last_message != message:
            self._last_message = message
            self._notify(message)

    async def look(self) -> float | None:
        """Check the run and act on its state; return the seconds until the next check, or None at the end."""
        try:
            run = await self._client.read_flow_run(self._run_id)
        except ObjectNotFound:
            if self._infrastructure:
                await _end(self._infrastructure)
            return None
        if run.infrastructure_pid and self._infrastructure and run.infrastructure_pid != self._infrastructure.pid:
            # Another job claimed the run first, or took it over.
            self._infrastructure, self._ended_at = self._find(run.infrastructure_pid), None
        infrastructure, state, now = self._infrastructure, run.state, time.monotonic()
        if infrastructure is None or state is None or state.is_scheduled() or state.is_paused():
            return None
        status = await infrastructure.look()
        if state.is_final():
            if state.is_cancelled() and not status.ended:
                await _end(infrastructure)
            return None
        self._ended_at = (self._ended_at or now) if status.ended else None
        is_settled = self._ended_at is not None and now > self._ended_at + self._patience.settle
        if state.is_cancelling():
            self._cancelling = now if self._cancelling is None else self._cancelling
            # A container still winds a run down, and ends it, after RunPod reports its job as cancelled.
            if status.queued or is_settled or now > self._cancelling + self._patience.cancel:
                await _end(infrastructure)
                manner = " before it began" if status.queued else " and its job was stopped"
                await end(self._client, run.id, cancelled(manner), elsewhere=True)
                return None
        elif status.ended:
            if is_settled and await self._crash(run, status.diagnosis):
                return None
            return min(self._patience.poll, 1)
        elif status.diagnosis:
            self.notify_once(str(status.diagnosis))
        return self._patience.poll

    async def _crash(self, snapshot: FlowRun, diagnosis: Diagnosis | None) -> bool:
        """Mark the run as crashed, unless it has changed since it was read; return whether it was marked."""
        run = await self._client.read_flow_run(snapshot.id)
        if not _same(run.state, snapshot.state) or run.infrastructure_pid != snapshot.infrastructure_pid:
            self._ended_at = None
            return False
        self.notify_once(str(diagnosis))
        await end(self._client, run.id, Crashed(message=str(diagnosis)), elsewhere=True)
        return True


async def _end(infrastructure: Infrastructure) -> None:
    with suppress(RunPodError):
        await infrastructure.end()


def _same(first: State | None, second: State | None) -> bool:
    return first is not None and second is not None and first.id == second.id
