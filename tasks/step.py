"""What all steps have in common: when they are tried again, how long they may take, where they run."""

from __future__ import annotations

import asyncio
import functools
import threading
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar

from prefect import Task, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.runtime import flow_run
from prefect.tasks import exponential_backoff

from speech.errors import SpeechError
from speech.processes import interrupted_by
from speech.settings import settings
from tasks.progress import wait

__all__ = ["Call", "calls", "may_pass", "step"]

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Call:
    """A step that is at work in a thread of this process.

    A thread cannot be stopped: a step that ran out of time is still listed here while its thread goes on.

    Attributes:
        run: id of its flow run.
        since: when it began, as `time.monotonic` counts.
    """

    step: str
    run: str | None
    since: float


_calls: dict[int, Call] = {}
# One thread, so that the next call begins as soon as the one before it ends, whatever the loop is busy with.
_GPU = ThreadPoolExecutor(1, thread_name_prefix="gpu")


def calls() -> list[Call]:
    """The steps that are at work in this process."""
    return list(_calls.values())


async def may_pass(_task: Task[..., Any], _run: TaskRun, state: State[Any]) -> bool:
    """Whether the step failed for a reason that may be gone a moment later."""
    fault = await state.aresult(raise_on_failure=False)
    return isinstance(fault, SpeechError) and fault.transient


def step(
    name: str, timeout: float | str, *, gpu: bool = False
) -> Callable[[Callable[P, R]], Callable[P, Awaitable[R]]]:
    """Make a function a step of that name.

    The function runs in a thread, so that the flow's own loop stays free for heartbeats and
    cancellation. It is tried again, with growing pauses, only for faults that may pass. When the
    step is over, whyever, the programs that its thread still waits for are ended.

    Args:
        timeout: seconds for one try, or the setting that says how many.
        gpu: flow runs of one process take turns at it; waiting for the turn is not part of `timeout`.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, Awaitable[R]]:
        @functools.wraps(function)
        async def run(*args: P.args, **kwargs: P.kwargs) -> R:
            seconds = getattr(settings(), timeout) if isinstance(timeout, str) else timeout
            loop, begun, over = asyncio.get_running_loop(), asyncio.Event(), threading.Event()

            def check() -> None:
                if over.is_set():
                    raise TimeoutError(f"{name} was given up.")

            def work() -> R:
                loop.call_soon_threadsafe(begun.set)
                call = Call(name, str(flow_run.id or "") or None, time.monotonic())
                _calls[id(call)] = call
                try:
                    with interrupted_by(check):
                        return function(*args, **kwargs)
                finally:
                    del _calls[id(call)]

            working = loop.run_in_executor(_GPU if gpu else None, copy_context().run, work)
            try:
                if gpu:
                    await _turn(begun, working)
                async with asyncio.timeout(seconds):
                    return await working
            except TimeoutError:
                longer = f"; {timeout.upper()} gives it longer" if isinstance(timeout, str) else ""
                raise TimeoutError(f"{name} took longer than {seconds:g} s, and was given up{longer}.") from None
            finally:
                over.set()

        decorated: Callable[P, Awaitable[R]] = task(
            name=name,
            retries=settings().step_retries,
            retry_delay_seconds=exponential_backoff(backoff_factor=1),
            retry_jitter_factor=0.5,
            retry_condition_fn=may_pass,  # type: ignore[arg-type]
            cache_policy=NO_CACHE,
            persist_result=False,
        )(run)
        return decorated

    return decorate


async def _turn(begun: asyncio.Event, working: asyncio.Future[Any]) -> None:
    """Wait until a call has its turn at the GPU; one whose run is cancelled meanwhile leaves the queue."""
    while not begun.is_set():
        try:
            async with asyncio.timeout(0.5):
                await begun.wait()
        except TimeoutError:
            try:
                wait()
            except BaseException:
                working.cancel()
                raise
