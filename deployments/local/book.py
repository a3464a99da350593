"""A book spoken by this process: it visits the book, and carries out the runs that each visit finds necessary.

Several processes, and workers, may do so for the same book at once: a run is carried out by whoever claims it.
"""

from __future__ import annotations

import asyncio
import platform
from typing import Any
from uuid import UUID

from prefect.client.orchestration import PrefectClient, get_client
from prefect.context import tags
from prefect.flow_engine import run_flow_async

from deployments.local.process_lock import ProcessLock
from deployments.local.run import Running, outcome
from deployments.local.sweep import sweep
from flows.book_parts import bind, speak_part
from flows.narrate import narrate
from tasks.claims import Claim, Claims

__all__ = ["narrate_here"]

# How long to wait before looking again at runs that others carry out.
_LOOK_SECONDS = 2.0


async def narrate_here(parameters: dict[str, Any], lock: ProcessLock, running: Running) -> dict[str, Any]:
    """Speak and bind as much of a book as possible; return its state.

    Args:
        parameters: of `narrate`.

    Raises:
        SpeechError: the book cannot be read or planned.
    """
    with tags(lock.name):
        async with get_client() as client:
            claims = Claims(client, "local", platform.node() or "here")
            again = True
            while True:
                # The runs of a killed process become free once its process lock is taken over.
                await sweep()
                state = await _visit(client, parameters | {"again": again}, lock, running)
                again = False
                open_runs = [run for run in state["runs"] if not run["over"]]
                if not open_runs:
                    return state
                outcomes = [await _carry_out(client, run, claims, lock, running) for run in open_runs]
                if not any(outcomes):
                    await asyncio.sleep(_LOOK_SECONDS)


async def _visit(
    client: PrefectClient, parameters: dict[str, Any], lock: ProcessLock, running: Running
) -> dict[str, Any]:
    run = await client.create_flow_run(
        narrate, parameters=parameters, name=parameters["book"], tags=[lock.name, f"book:{parameters['book']}"]
    )
    running.job = str(run.id)
    return await outcome(narrate, run, parameters)


async def _carry_out(
    client: PrefectClient, facts: dict[str, Any], claims: Claims, lock: ProcessLock, running: Running
) -> bool:
    """Run a flow run unless another process has claimed it; return whether it was run."""
    run = await client.read_flow_run(UUID(facts["run"]))
    if await claims.claim(run, lock.name) is not Claim.OURS:
        return False
    running.job = str(run.id)
    try:
        # It may have been created by a process that is gone; it is this one's now.
        other_tags = [tag for tag in run.tags if not tag.startswith("process:")]
        await client.update_flow_run(run.id, tags=[*other_tags, lock.name])
        run = await client.read_flow_run(run.id)
        flow = speak_part if facts["part"] else bind
        await run_flow_async(flow, flow_run=run, parameters=run.parameters, return_type="state")
    finally:
        claims.release(run.id)
    return True
