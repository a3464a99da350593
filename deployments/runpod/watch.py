"""Watching a flow run that is somewhere on RunPod until it has an end, and giving it one if it has none.

Prefect's state of the run is the truth; RunPod's only decides whether anybody is left who could
finish it. A run is never judged on what was read before: it is read again after its job has ended.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID

import httpx
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import FlowRun, State
from prefect.exceptions import Abort, ObjectNotFound
from prefect.states import Cancelled, Crashed
from prefect.utilities.engine import propose_state

from deployments.runpod.diagnosis import Diagnosis
from deployments.runpod.places import Place, Standing
from speech.errors import Busy, RunPodError

__all__ = ["Patience", "watch"]

Find = Callable[[str | None], Place | None]
"""The place of an `infrastructure_pid`, where it is one of ours."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait for what; seconds.

    Attributes:
        poll: between two looks.
        cancel: for a running flow run to stop by itself.
        settle: for the state of a flow run whose job has ended.
    """

    poll: float = 2.0
    cancel: float = 30.0
    settle: float = 10.0


async def watch(
    client: PrefectClient, find: Find, run_id: UUID, pid: str, patience: Patience, say: Callable[[str], None]
) -> None:
    """Return when the flow run has an end, or is no longer on RunPod.

    Args:
        say: told what a person who looks at the run should know.
    """
    place, said, cancelling, ended = find(pid), "", 0.0, 0.0
    while True:
        try:
            run = await client.read_flow_run(run_id)
            if run.infrastructure_pid and place and run.infrastructure_pid != place.pid:
                # Another job got the run first, or took it over.
                place = find(run.infrastructure_pid)
            if place is None:
                return
            standing = await place.look()
        except ObjectNotFound:
            if place:
                await _end(place)
            return
        except (Busy, httpx.HTTPError) as fault:
            say(f"This run cannot be watched at the moment: {fault}")
            await asyncio.sleep(patience.poll)
            continue
        except RunPodError as fault:
            # Without a key nobody can tell how the job stands; the run may well be finished by itself.
            if said != str(fault):
                say(said := str(fault))
            await asyncio.sleep(max(patience.poll, 10))
            continue
        now, state = time.monotonic(), run.state
        if state is None or state.is_scheduled() or state.is_paused():
            return
        if state.is_final():
            if state.is_cancelled() and not standing.ended:
                await _end(place)
            return
        if state.is_cancelling():
            cancelling = cancelling or now
            if standing.queued or standing.ended or now > cancelling + patience.cancel:
                await _end(place)
                await _cancelled(client, run_id, standing)
                return
        elif standing.ended:
            ended = ended or now
            if now > ended + patience.settle:
                await _crash(client, run, standing.diagnosis, say)
                return
        elif standing.diagnosis and said != standing.diagnosis.summary:
            said = standing.diagnosis.summary
            say(str(standing.diagnosis))
        await asyncio.sleep(min(patience.poll, 1) if ended else patience.poll)


async def _end(place: Place) -> None:
    with suppress(RunPodError):
        await place.end()


async def _cancelled(client: PrefectClient, run_id: UUID, standing: Standing) -> None:
    how = "before it began" if standing.queued else "and its job was stopped"
    run = await client.read_flow_run(run_id)
    if run.state and run.state.is_cancelling():
        await client.set_flow_run_state(run_id, Cancelled(message=f"It was cancelled {how}."), force=True)


async def _crash(client: PrefectClient, seen: FlowRun, diagnosis: Diagnosis | None, say: Callable[[str], None]) -> None:
    """Mark the run as crashed, unless something has happened to it since it was seen."""
    run = await client.read_flow_run(seen.id)
    if _same(run.state, seen.state) and run.infrastructure_pid == seen.infrastructure_pid:
        say(str(diagnosis))
        with suppress(Abort):
            await propose_state(client, Crashed(message=str(diagnosis)), flow_run_id=run.id)


def _same(one: State | None, other: State | None) -> bool:
    return one is not None and other is not None and one.id == other.id
