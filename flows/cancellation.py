"""What becomes of a flow that is told to stop."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from typing import Any, ParamSpec, TypeVar

from prefect.client.schemas.objects import State
from prefect.context import FlowRunContext
from prefect.exceptions import CancelledRun
from prefect.states import Cancelled

__all__ = ["cancellable"]

P = ParamSpec("P")
R = TypeVar("R")


def cancellable(function: Callable[P, Awaitable[R]]) -> Callable[P, Awaitable[R | State[Any]]]:
    """End a flow that raises `CancelledRun` as Cancelled; Prefect's engine alone would call it Failed first.

    Prefect looks its annotations up in this module, so the flow's must be types, not the text of
    `from __future__ import annotations`.
    """

    @functools.wraps(function)
    async def run(*args: P.args, **kwargs: P.kwargs) -> R | State[Any]:
        try:
            return await function(*args, **kwargs)
        except CancelledRun:
            state: State[Any] = Cancelled(message="It was cancelled.")
            await _call_hooks(state)
            return state

    return run


async def _call_hooks(state: State[Any]) -> None:
    """The engine calls them for a run that is Cancelling, and for none that has been cancelled."""
    context = FlowRunContext.get()
    if context and context.flow and context.flow_run:
        for hook in context.flow.on_cancellation_hooks:
            await hook(context.flow, context.flow_run, state)  # type: ignore[misc]
