"""Ending a flow run, so that Prefect, the record in the store and the files agree.

A run can be ended by its process, by its watcher, by an automation, by its client or by a person in the UI.
Prefect's state is the truth. Our own code calls `end`, which makes the record and the files agree with Prefect.
`Sweep` does the same a little later for runs that were ended by others, or by a process that died halfway.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.filters import (
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterEndTime,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import TERMINAL_STATES, FlowRun, State
from prefect.client.schemas.sorting import FlowRunSort
from prefect.states import Cancelled

from blocks.storage import aopen_store
from deployments.retries import explained
from flows.hooks import record_of, value_of, write
from speech.errors import InvalidRequest, NotText
from speech.records import load
from speech.stores import Store
from speech.stores.folder import FolderStore

__all__ = ["Sweep", "agree", "cancelled", "end", "sweep"]

_PAGE_SIZE, _MAX_RUNS = 200, 1000
# Runs end concurrently: Prefect may show a run later than another one that ended after it.
_OVERLAP = timedelta(minutes=2)

log = logging.getLogger("f5_flows.ends")


async def end(client: PrefectClient, run_id: UUID, state: State, *, elsewhere: bool = False) -> FlowRun:
    """End a run with a state, unless it has already ended, and make its record and files agree with Prefect.

    A run that is being cancelled ends as cancelled, whatever the given state.

    Args:
        elsewhere: the run was carried out on another machine, so a folder on this machine is not its store.
    """
    run = await client.read_flow_run(run_id)
    for _ in range(3):
        if run.state and run.state.is_final():
            break
        end_state = cancelled() if run.state and run.state.is_cancelling() else state
        await client.set_flow_run_state(run_id, end_state)
        run = await client.read_flow_run(run_id)
    await agree(run, elsewhere=elsewhere)
    return run


def cancelled(how: str = "") -> State:
    """Return the final state of a run that was cancelled."""
    return Cancelled(message=f"The run was cancelled{how}.")


async def agree(run: FlowRun, *, elsewhere: bool = False) -> None:
    """Make the record and the files of an ended run agree with Prefect.

    An error is only logged: the end stands, and a later sweep tries again.

    Args:
        run: the run as just read from Prefect.
    """
    try:
        await _agree(run, elsewhere=elsewhere, create=True)
    except Exception as fault:
        log.warning("The record of job %s could not be written: %s", run.id, explained(fault))


async def _agree(run: FlowRun, *, elsewhere: bool, create: bool) -> bool:
    """Make them agree and return whether they differed; a missing record is written only if `create` is set."""
    if run.state is None or not run.state.is_final() or "request" not in run.parameters:
        return False
    store = await aopen_store(run.parameters.get("storage"))
    if elsewhere and isinstance(store, FolderStore):
        return False
    if not create and not await asyncio.to_thread(_is_known, store, str(run.id)):
        return False
    return await write(store, record_of(run, run.state, await value_of(run.state)), overrule=True)


def _is_known(store: Store, job_id: str) -> bool:
    try:
        load(store, job_id)
    except InvalidRequest:
        return False
    except NotText:
        return True
    return True


class Sweep:
    """Makes records and files agree with Prefect for runs that were ended by somebody else.

    Each call checks the runs that have ended since the previous call; the first call checks the latest runs. A
    run that is seen for the first time is left to the next call, because the process that ended it may still be
    writing its record. The local clock is not used.

    Args:
        mine: whether a run is carried out by the processes that this sweep serves; for any other run, a record
            that this store has is repaired, but a missing one is never written.
        elsewhere: as in `end`.
        at_once: handle a run the first time it is seen.
    """

    def __init__(
        self,
        client: PrefectClient,
        mine: Callable[[FlowRun], bool] = lambda run: True,
        *,
        elsewhere: bool = False,
        at_once: bool = False,
    ) -> None:
        self._client, self._mine, self._elsewhere, self._at_once = client, mine, elsewhere, at_once
        self._previous: dict[UUID, UUID] = {}
        self._settled: dict[UUID, UUID] = {}
        self._since: datetime | None = None

    async def __call__(self) -> list[UUID]:
        """Make one pass, and return the ids of the runs whose record or files did not agree."""
        runs = [(run, run.state.id) for run in await self._ended_runs() if run.state]
        repaired = []
        for run, state in runs:
            if self._settled.get(run.id) == state or not (self._at_once or self._previous.get(run.id) == state):
                continue
            try:
                if await _agree(run, elsewhere=self._elsewhere, create=self._mine(run)):
                    log.warning("Repaired the record of job %s: the run ended as %s", run.id, run.state_name)
                    repaired.append(run.id)
            except Exception as fault:
                log.warning("The record of job %s could not be checked: %s", run.id, explained(fault))
            else:
                self._settled[run.id] = state
        self._previous = {run.id: state for run, state in runs}
        self._settled = {run.id: state for run, state in runs if self._settled.get(run.id) == state}
        pending = [run.end_time for run, state in runs if run.end_time and self._settled.get(run.id) != state]
        ends = [run.end_time for run, _ in runs if run.end_time]
        self._since = min([*pending, *([max(ends) - _OVERLAP] if ends else [])], default=self._since)
        return repaired

    async def _ended_runs(self) -> list[FlowRun]:
        """Return the runs that have ended since the previous pass, latest first."""
        runs: list[FlowRun] = []
        since = FlowRunFilterEndTime(after_=self._since) if self._since else None
        state_filter = FlowRunFilterState(type=FlowRunFilterStateType(any_=list(TERMINAL_STATES)))
        while len(runs) < (_MAX_RUNS if since else _PAGE_SIZE):
            page = await self._client.read_flow_runs(
                flow_filter=FlowFilter(name=FlowFilterName(any_=["speak"])),
                flow_run_filter=FlowRunFilter(state=state_filter, end_time=since),
                sort=FlowRunSort.END_TIME_DESC,
                limit=_PAGE_SIZE,
                offset=len(runs),
            )
            runs += page
            if len(page) < _PAGE_SIZE:
                break
        return runs


async def sweep() -> list[UUID]:
    """Make one pass over the latest runs of the local server.

    Each run may have used a different store, so a record that this store has is repaired, but a missing one is
    never written.
    """
    async with get_client() as client:
        return await Sweep(client, lambda run: False, at_once=True)()
