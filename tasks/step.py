"""What all steps have in common: when they are tried again, how long they may take, where they run."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable
from typing import Any, ParamSpec, TypeVar

from prefect import Task, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.tasks import exponential_backoff

from speech.errors import SpeechError

__all__ = ["may_pass", "step"]

P = ParamSpec("P")
R = TypeVar("R")


async def may_pass(_task: Task[..., Any], _run: TaskRun, state: State[Any]) -> bool:
    """Whether the step failed for a reason that may be gone a moment later."""
    fault = await state.aresult(raise_on_failure=False)
    return isinstance(fault, SpeechError) and fault.transient


def step(name: str, timeout: float) -> Callable[[Callable[P, R]], Callable[P, Awaitable[R]]]:
    """Make a function a step of that name.

    The function runs in a thread, so that the flow's own loop stays free for heartbeats and
    cancellation. It is tried three times, with growing pauses, and only for faults that may pass.

    Args:
        timeout: seconds for one try.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, Awaitable[R]]:
        @functools.wraps(function)
        async def run(*args: P.args, **kwargs: P.kwargs) -> R:
            return await asyncio.to_thread(function, *args, **kwargs)

        decorated: Callable[P, Awaitable[R]] = task(
            name=name,
            retries=2,
            retry_delay_seconds=exponential_backoff(backoff_factor=1),
            retry_jitter_factor=0.5,
            retry_condition_fn=may_pass,  # type: ignore[arg-type]
            timeout_seconds=timeout,
            cache_policy=NO_CACHE,
            persist_result=False,
        )(run)
        return decorated

    return decorate
