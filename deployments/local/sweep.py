"""Ending the runs whose process is gone, and making all records agree with Prefect.

    python -m deployments.local.sweep

The local server starts it when it finds the lock of a dead process; see `deployments.local.upkeep`.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
from filelock import Timeout
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterTags
from prefect.client.schemas.objects import FlowRun, State
from prefect.exceptions import PrefectException
from prefect.settings import PREFECT_API_URL
from prefect.states import Cancelled, Crashed

from deployments import ends
from deployments.local.process_lock import ProcessLock, abandoned, take
from speech.errors import SpeechError
from speech.scratch import clear

__all__ = ["runs", "sweep"]


async def sweep() -> list[str]:
    """End the runs of dead processes, remove their temporary files, and return the ids of the runs."""
    run_ids = []
    for path in abandoned():
        with suppress(OSError, Timeout), take(path) as lock:
            if lock is None:
                continue
            clear(Path(lock.scratch).parent)
            with lock.adopted():
                async with get_client() as client:
                    # The lock of runs on another server is only deleted: their state cannot be read here.
                    for run in await runs(client, lock) if lock.api in (None, PREFECT_API_URL.value()) else ():
                        await ends.end(client, run.id, _end(lock))
                        run_ids.append(str(run.id))
    return run_ids


async def runs(client: PrefectClient, lock: ProcessLock) -> list[FlowRun]:
    """Return the runs of a process that have not ended."""
    tagged = await client.read_flow_runs(flow_run_filter=FlowRunFilter(tags=FlowRunFilterTags(all_=[lock.name])))
    return [run for run in tagged if run.state is None or not run.state.is_final()]


def _end(lock: ProcessLock) -> State[Any]:
    if lock.stopped:
        return Cancelled(message="The run was stopped.")
    return Crashed(message=f"The run's process (pid {lock.pid}) is gone; run it again.")


async def _mend() -> None:
    for run in await sweep():
        print(f"Flow run {run} was ended: its process is gone.", file=sys.stderr)
    await ends.sweep()


def main() -> None:
    try:
        asyncio.run(_mend())
    except (httpx.HTTPError, PrefectException, SpeechError) as fault:
        print(f"The runs of dead processes could not be swept, which is retried later: {fault}", file=sys.stderr)


if __name__ == "__main__":
    main()
