"""Ending flows that are cancelled while they run."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from typing import Any, ParamSpec, TypeVar
from uuid import UUID

import httpx
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State
from prefect.context import FlowRunContext
from prefect.exceptions import CancelledRun
from prefect.runtime import flow_run
from prefect.states import Cancelled

__all__ = ["cancellable", "raise_if_cancelled"]

P = ParamSpec("P")
R = TypeVar("R")


def cancellable(function: Callable[P, Awaitable[R]]) -> Callable[P, Awaitable[R | State[Any]]]:
    """Make a flow that raises `CancelledRun` end as Cancelled; Prefect's engine alone would set it to Failed first.

    If somebody else has ended the run, it keeps that end.

    Prefect resolves the flow's annotations in this module, so they must be types, not the strings that
    `from __future__ import annotations` makes of them.
    """

    @functools.wraps(function)
    async def run(*args: P.args, **kwargs: P.kwargs) -> R | State[Any]:
        try:
            return await function(*args, **kwargs)
        except CancelledRun:
            if end_state := await _given_end():
                return end_state
            state: State[Any] = Cancelled(message="It was cancelled.")
            await _call_hooks(state)
            return state

    return run


async def raise_if_cancelled() -> None:
    """Raise `CancelledRun` if this run is being cancelled; for flows that share a process with others."""
    async with get_client() as client:
        run = await client.read_flow_run(UUID(str(flow_run.id)))
    if run.state and (run.state.is_cancelling() or run.state.is_cancelled()):
        raise CancelledRun


async def _given_end() -> State[Any] | None:
    """Return the state in which somebody else has ended this run, other than by cancelling it, or None."""
    try:
        async with get_client() as client:
            state = (await client.read_flow_run(UUID(str(flow_run.id)))).state
    except httpx.HTTPError:
        return None
    if state is None or not state.is_final() or state.is_cancelled():
        return None
    # A copy, since the engine summarizes a state that belongs to a run instead of setting it.
    return State(type=state.type, name=state.name, message=state.message)


async def _call_hooks(state: State[Any]) -> None:
    """Call the cancellation hooks: the engine does so for a run that is Cancelling, but not for a Cancelled one."""
    context = FlowRunContext.get()
    if context and context.flow and context.flow_run:
        for hook in context.flow.on_cancellation_hooks:
            await hook(context.flow, context.flow_run, state)  # type: ignore[misc]
