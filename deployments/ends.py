"""The end of a flow run: told to Prefect once, and kept in the store, whoever brings it about.

A run is ended by its process, by whoever watches it, by an automation, by its client or by a person in the
UI. What Prefect holds is the truth. Those that are ours call `end`, which leaves Prefect, the record and
the files agreeing; for all others, and for those that died on the way, `Sweep` does so a little later.
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

_PAGE, _MOST = 200, 1000
# Runs end side by side; one may be told of later than another that ended after it.
_OVERLAP = timedelta(minutes=2)

log = logging.getLogger("f5_flows.ends")


async def end(client: PrefectClient, run_id: UUID, state: State, *, elsewhere: bool = False) -> FlowRun:
    """Give a run that end, unless it has one, and have its record and files say what Prefect then holds.

    A run that somebody wants cancelled ends as such, whatever the end was to be.

    Args:
        elsewhere: the run was carried out on another machine, so that a folder of this one is not its store.
    """
    run = await client.read_flow_run(run_id)
    for _ in range(3):
        if run.state and run.state.is_final():
            break
        wanted = cancelled() if run.state and run.state.is_cancelling() else state
        await client.set_flow_run_state(run_id, wanted)
        run = await client.read_flow_run(run_id)
    await agree(run, elsewhere=elsewhere)
    return run


def cancelled(how: str = "") -> State:
    """The end of a run that was cancelled."""
    return Cancelled(message=f"It was cancelled{how}.")


async def agree(run: FlowRun, *, elsewhere: bool = False) -> None:
    """Have the record and the files of a run that has ended say what Prefect says.

    A store that fails is logged: the end stands, and a sweep comes by.

    Args:
        run: as it was read just now.
    """
    try:
        await _agree(run, elsewhere=elsewhere, create=True)
    except Exception as fault:
        log.warning("The record of job %s could not be written: %s", run.id, explained(fault))


async def _agree(run: FlowRun, *, elsewhere: bool, create: bool) -> bool:
    """Do so; returns whether they said something else. A record is made only if it may be created."""
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
    """Has records and files agree with the ends of runs that nobody told us of.

    Each call looks at the runs that have ended since the one before, the first one at the latest of all. A run
    is left for the next call when it is first seen, for whoever ended it may be writing; no clock is asked.

    Args:
        mine: whether a run is carried out by those that this sweep is for; of another run a record is mended
            where this store has one, and never made.
        elsewhere: as in `end`.
        at_once: leave nothing for the next call.
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
        self._seen: dict[UUID, UUID] = {}
        self._settled: dict[UUID, UUID] = {}
        self._since: datetime | None = None

    async def __call__(self) -> list[UUID]:
        """One pass; returns the runs whose record or files did not agree."""
        runs = [(run, run.state.id) for run in await self._ended() if run.state]
        mended = []
        for run, state in runs:
            if self._settled.get(run.id) == state or not (self._at_once or self._seen.get(run.id) == state):
                continue
            try:
                if await _agree(run, elsewhere=self._elsewhere, create=self._mine(run)):
                    log.warning("The record of job %s is mended: it ended as %s", run.id, run.state_name)
                    mended.append(run.id)
            except Exception as fault:
                log.warning("The record of job %s could not be looked at: %s", run.id, explained(fault))
            else:
                self._settled[run.id] = state
        self._seen = {run.id: state for run, state in runs}
        self._settled = {run.id: state for run, state in runs if self._settled.get(run.id) == state}
        waiting = [run.end_time for run, state in runs if run.end_time and self._settled.get(run.id) != state]
        ends = [run.end_time for run, _ in runs if run.end_time]
        self._since = min([*waiting, *([max(ends) - _OVERLAP] if ends else [])], default=self._since)
        return mended

    async def _ended(self) -> list[FlowRun]:
        """The latest first."""
        found: list[FlowRun] = []
        since = FlowRunFilterEndTime(after_=self._since) if self._since else None
        ended = FlowRunFilterState(type=FlowRunFilterStateType(any_=list(TERMINAL_STATES)))
        while len(found) < (_MOST if since else _PAGE):
            page = await self._client.read_flow_runs(
                flow_filter=FlowFilter(name=FlowFilterName(any_=["speak"])),
                flow_run_filter=FlowRunFilter(state=ended, end_time=since),
                sort=FlowRunSort.END_TIME_DESC,
                limit=_PAGE,
                offset=len(found),
            )
            found += page
            if len(page) < _PAGE:
                break
        return found


async def sweep() -> list[UUID]:
    """One pass over the latest runs of the local server.

    Each of them may have had a store of its own, so a record is mended where this store has one, and never made.
    """
    async with get_client() as client:
        return await Sweep(client, lambda run: False, at_once=True)()
