"""Runs that must exist exactly once: created under an idempotency key, and rescheduled after a failure."""

from __future__ import annotations

from typing import Any

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import FlowRun, State
from prefect.context import TagsContext
from prefect.exceptions import ObjectNotFound
from prefect.states import Scheduled

__all__ = ["MAX_TRIES", "ensure", "is_final"]

MAX_TRIES = 3
"""How many times a run is tried automatically."""


async def ensure(
    client: PrefectClient, flow: str, name: str, key: str, parameters: dict[str, Any], *, again: bool = False
) -> FlowRun:
    """Return the run with this idempotency key: created if there is none, scheduled again if it ended.

    A run that was cancelled, or that has failed too often, is returned as it is.

    Args:
        flow: name of the flow and of its deployment; without a deployment, only this process can execute the run.
        name: of the run, for people.
        again: schedule it again however it ended, because a person asks for it.
    """
    tags = sorted(TagsContext.get().current_tags)
    parameters_set = {name: value for name, value in parameters.items() if value is not None}
    try:
        deployment = await client.read_deployment_by_name(f"{flow}/{flow}")
        run = await client.create_flow_run_from_deployment(
            deployment.id, parameters=parameters_set, idempotency_key=key, tags=tags, name=name
        )
    except ObjectNotFound:
        state: State[Any] = Scheduled()
        answer = await client.request(
            "POST",
            "/flow_runs/",
            json={"flow_id": str(await client.create_flow_from_name(flow)), "parameters": parameters_set, "name": name,
                  "idempotency_key": key, "state": {"type": state.type.value, "name": state.name}, "tags": tags},
        )  # fmt: skip
        run = FlowRun.model_validate(answer.json())
    if is_final(run, again=again) or run.state is None or not run.state.is_final():
        return run
    await client.set_flow_run_state(run.id, Scheduled(message="Its output is incomplete."), force=True)
    return await client.read_flow_run(run.id)


def is_final(run: FlowRun, *, again: bool = False) -> bool:
    """Check whether a run has ended and is not to be tried again."""
    if run.state is None or not run.state.is_final() or again:
        return False
    return run.state.is_cancelled() or run.run_count >= MAX_TRIES
