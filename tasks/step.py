"""Common behaviour of all steps: retries, timeouts, and the threads that they run in."""

from __future__ import annotations

import asyncio
import functools
import threading
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar, copy_context
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

__all__ = ["Call", "allow_for", "calls", "may_pass", "step"]

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Call:
    """A step that is running in a thread of this process.

    A thread cannot be stopped: a step that timed out is still listed here while its thread runs.

    Attributes:
        step: name of the step.
        run: id of its flow run.
        since: when it started, in seconds of `time.monotonic`.
        given_up: set when the step has ended for its flow, though its thread may go on.
    """

    step: str
    run: str | None
    since: float
    given_up: threading.Event


_calls: dict[int, Call] = {}
_stretch: ContextVar[float] = ContextVar("stretch", default=1.0)
# One thread, so that the next call starts as soon as the previous one ends, even if the event loop is busy.
_GPU = ThreadPoolExecutor(1, thread_name_prefix="gpu")


def allow_for(characters: int) -> None:
    """Extend the timeouts of this run's steps in proportion if its text exceeds MAX_TEXT_CHARS.

    The settings are meant for requests up to that length; the time for a book grows with its length.
    """
    _stretch.set(max(1.0, characters / settings().max_text_chars))


def calls() -> list[Call]:
    """Return the steps that are running in this process."""
    return list(_calls.values())


async def may_pass(_task: Task[..., Any], _run: TaskRun, state: State[Any]) -> bool:
    """Check whether a step failed with a transient error; only then is it retried."""
    fault = await state.aresult(raise_on_failure=False)
    return isinstance(fault, SpeechError) and fault.transient


def step(
    name: str, timeout: float | str, *, gpu: bool = False
) -> Callable[[Callable[P, R]], Callable[P, Awaitable[R]]]:
    """Make a function a step of that name.

    The function runs in a thread, so that the flow's event loop stays free for heartbeats and
    cancellation. It is retried, with exponential backoff, only after transient errors. When the step ends
    for any reason, the child processes that its thread still waits for are ended.

    Args:
        timeout: seconds for one try, or the name of the setting that holds them for a text of usual length.
        gpu: whether the flow runs of a process take turns at this step; `timeout` excludes the wait.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, Awaitable[R]]:
        @functools.wraps(function)
        async def run(*args: P.args, **kwargs: P.kwargs) -> R:
            seconds = getattr(settings(), timeout) * _stretch.get() if isinstance(timeout, str) else timeout
            loop, start, end = asyncio.get_running_loop(), asyncio.Event(), threading.Event()

            def check() -> None:
                if end.is_set():
                    raise TimeoutError(f"{name} was given up.")

            def work() -> R:
                loop.call_soon_threadsafe(start.set)
                call = Call(name, str(flow_run.id or "") or None, time.monotonic(), end)
                _calls[id(call)] = call
                try:
                    with interrupted_by(check):
                        return function(*args, **kwargs)
                finally:
                    del _calls[id(call)]

            future = loop.run_in_executor(_GPU if gpu else None, copy_context().run, work)
            try:
                if gpu:
                    await _wait_for_turn(start, future)
                async with asyncio.timeout(seconds):
                    return await future
            except TimeoutError:
                advice = f"; raise {timeout.upper()} to allow more" if isinstance(timeout, str) else ""
                raise TimeoutError(f"{name} took longer than {seconds:g} s, and was given up{advice}.") from None
            finally:
                end.set()

        @functools.cache
        def prefect_task(retries: int) -> Callable[P, Awaitable[R]]:
            return task(
                name=name,
                retries=retries,
                retry_delay_seconds=exponential_backoff(backoff_factor=1),
                retry_jitter_factor=0.5,
                retry_condition_fn=may_pass,
                cache_policy=NO_CACHE,
                persist_result=False,
            )(run)

        @functools.wraps(function)
        async def call(*args: P.args, **kwargs: P.kwargs) -> R:
            # Settings are read when they are used, not when this module is imported.
            return await prefect_task(settings().step_retries)(*args, **kwargs)

        return call

    return decorate


async def _wait_for_turn(start: asyncio.Event, future: asyncio.Future[Any]) -> None:
    """Wait for a call's turn at the GPU; if the run is cancelled meanwhile, take the call out of the queue."""
    while not start.is_set():
        try:
            async with asyncio.timeout(0.5):
                await start.wait()
        except TimeoutError:
            try:
                wait()
            except BaseException:
                future.cancel()
                raise
