"""Claims: which process may carry out a flow run, and how a run changes hands.

A run belongs to whoever moved it to Pending named `Claimed` or `Reclaimed`; Prefect lets exactly one do so, since
it accepts a step from Pending to Pending only under another name.

    Scheduled ── worker ──▶ Pending: Pending, Submitting, InfrastructurePending
        │                          │
        └────────── claim ─────────┴──▶ Pending: Claimed ◀── take over ──▶ Pending: Reclaimed
                                              │                                   │
                                              └───── engine ──▶ Running ◀─────────┘
                                                                   │ take over: forced to Pending: Reclaimed
                                                                   └──▶ Completed, Failed, Crashed, Cancelled

- *Lease.* The holder writes the run's `infrastructure_pid` again every third of `LEASE_SECONDS`, which moves the
  run's `updated`. A run whose `updated` stands still for a whole lease may be taken over by the same job.
- *Holder.* `infrastructure_pid` is `<endpoint, pod or local>:<job>`. A job never takes a run from another job; RunPod
  delivers a job again, under its own id, when a container falls silent.
- *Cancelling.* A run that somebody wants cancelled is not claimed: whoever finds it untouched ends it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from enum import Enum
from typing import Any
from uuid import UUID, uuid4

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import FlowRun, State
from prefect.exceptions import Abort
from prefect.states import Pending
from prefect.utilities.engine import propose_state

from speech.settings import settings

__all__ = ["CLAIMED", "SUBMITTING", "Claim", "Claims", "claim_state", "is_untouched"]

CLAIMED = ("Claimed", "Reclaimed")
"""Names of the Pending state of a run that is claimed but not yet running."""

SUBMITTING = ("Pending", "Submitting", "InfrastructurePending")
"""Names of the Pending state of a run that a Prefect worker has taken but nobody has claimed."""

log = logging.getLogger("f5_flows.claims")


class Claim(Enum):
    """The outcome of an attempt to claim a run.

    Attributes:
        OURS: this container may run it.
        ENDED: it has already ended.
        UNWANTED: it was cancelled before anybody ran it; the caller must end it.
        ELSEWHERE: another job has it.
    """

    OURS = "ours"
    ENDED = "ended"
    UNWANTED = "unwanted"
    ELSEWHERE = "elsewhere"


def claim_state(holder: str, *, again: bool = False) -> State[Any]:
    """Return the state of a run that `holder` has claimed."""
    return Pending(name="Reclaimed" if again else "Claimed", message=holder)


def is_untouched(run: FlowRun) -> bool:
    """Check whether a run has been neither started nor claimed."""
    return run.start_time is None and not run.infrastructure_pid


class Claims:
    """The runs that one container holds.

    Args:
        where: the first part of the `infrastructure_pid` of these runs.
        container: a name for people; the holder's name is made unique.
    """

    def __init__(self, client: PrefectClient, where: str, container: str) -> None:
        self._client, self._location = client, where
        self._holder = f"{container}-{uuid4().hex[:8]}"
        self._pids: dict[UUID, str] = {}

    @property
    def held(self) -> list[UUID]:
        """The ids of the runs that are held."""
        return list(self._pids)

    def holder(self, job: str) -> str:
        """Return the state message of a run that this container has claimed for a job."""
        return f"RunPod job {job}, held by {self._holder}"

    def is_here(self, run: FlowRun) -> bool:
        """Check whether a run's `infrastructure_pid` names this endpoint or this pod."""
        return bool(run.infrastructure_pid) and str(run.infrastructure_pid).startswith(f"{self._location}:")

    def is_claimed(self, run: FlowRun, job: str) -> bool:
        """Check whether this container has claimed a run for this job and not started it yet."""
        return run.state is not None and run.state.is_pending() and run.state.message == self.holder(job)

    async def claim(self, run: FlowRun, job: str) -> Claim:
        """Claim a run if it is free, or take it over if the same job's earlier holder is silent.

        Args:
            run: as it was read, or created, just now.
        """
        while True:
            state = run.state
            if state is None or state.is_final():
                return Claim.ENDED
            if state.is_cancelling() and is_untouched(run):
                return Claim.UNWANTED
            if self.is_claimed(run, job):
                return await self._hold(run.id, job)
            if state.is_scheduled() or (state.is_pending() and state.name not in CLAIMED):
                if await self._propose(run.id, job):
                    return await self._hold(run.id, job)
            elif run.infrastructure_pid and run.infrastructure_pid != self._pid(job):
                return Claim.ELSEWHERE
            elif await self._is_silent(run):
                fresh = await self._client.read_flow_run(run.id)
                if fresh.state and fresh.state.is_cancelling():
                    return Claim.UNWANTED
                if await self._take_over(fresh, job):
                    return await self._hold(run.id, job)
            run = await self._client.read_flow_run(run.id)

    def release(self, run_id: UUID) -> None:
        """Stop renewing the lease of a run."""
        self._pids.pop(run_id, None)

    async def renew(self, run_id: UUID) -> None:
        """Renew the lease of a run, if it is still held."""
        if pid := self._pids.get(run_id):
            await self._client.update_flow_run(run_id, infrastructure_pid=pid)

    def _pid(self, job: str) -> str:
        return f"{self._location}:{job}"

    async def _hold(self, run_id: UUID, job: str) -> Claim:
        self._pids[run_id] = self._pid(job)
        # Prefect cancels a run without an infrastructure_pid by itself, without asking whoever runs it.
        await self._client.update_flow_run(run_id, infrastructure_pid=self._pid(job))
        return Claim.OURS

    async def _propose(self, run_id: UUID, job: str, *, again: bool = False) -> bool:
        claim = claim_state(self.holder(job), again=again)
        try:
            state = await propose_state(self._client, claim, flow_run_id=run_id)
        except Abort:
            # The first try may have succeeded although its answer was lost.
            current = (await self._client.read_flow_run(run_id)).state
            return current is not None and current.message == claim.message
        return state.message == claim.message

    async def _is_silent(self, snapshot: FlowRun) -> bool:
        """Watch a run for the length of a lease; return False as soon as it changes."""
        deadline = time.monotonic() + settings().lease_seconds
        while time.monotonic() < deadline:
            await asyncio.sleep(min(1.0, settings().lease_seconds / 5))
            run = await self._client.read_flow_run(snapshot.id)
            if run.updated != snapshot.updated or (run.state and run.state.is_final()):
                return False
        return True

    async def _take_over(self, run: FlowRun, job: str) -> bool:
        log.warning("Flow run %s is taken over: its holder is silent", run.id)
        if run.state and run.state.is_pending():
            return await self._propose(run.id, job, again=run.state.name == "Claimed")
        # No rule of Prefect's applies to a running run: of two who write at once, the later one wins.
        await self._client.set_flow_run_state(run.id, claim_state(self.holder(job), again=True), force=True)
        await asyncio.sleep(0.5)
        state = (await self._client.read_flow_run(run.id)).state
        return state is not None and state.message == self.holder(job)
