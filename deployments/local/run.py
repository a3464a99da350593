"""Flow runs in this process, which a person may stop at any moment.

They have their own thread, so that the main thread, the only one that signals reach, is always free to handle them.
"""

from __future__ import annotations

import asyncio
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Future, wait
from contextlib import suppress
from functools import partial
from typing import Any, Protocol
from uuid import UUID

import httpx
from prefect import Flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun, State
from prefect.exceptions import Abort, CancelledRun, PrefectException, PrefectHTTPStatusError
from prefect.flow_engine import run_flow_async
from prefect.states import Cancelled

from blocks.storage import akeepable
from deployments.ends import agree, end
from deployments.interrupts import WORK, Stopped, Unfinished
from deployments.local import server
from deployments.local.process_lock import ProcessLock, hold
from deployments.local.sweep import runs
from flows.speak import speak
from speech.errors import InvalidRequest, Problem, ServerError, SpeechError
from speech.processes import interrupt
from speech.request import SpeechRequest
from speech.settings import settings
from tasks.progress import listener
from tasks.step import calls

__all__ = ["Running", "Waiter", "carry_out", "outcome", "perform"]

_LOOK_SECONDS = 0.25
# How long a stopped run may take to end, and the server to record the end.
_STEP_SECONDS = 3.0
_SERVER_SECONDS = 8.0
# Prefect's own limit of a run's parameters.
_PREFECT_TAKES_BYTES = 524_288


class Running(Protocol):
    """The view of the current run that is passed to `Work`.

    Attributes:
        job: what it works on now, for messages: the id of a flow run.
    """

    job: str


class Waiter(Protocol):
    """Who waits for a reply, other than the person in front of this process."""

    def check(self) -> None:
        """Raise `Stopped` if nobody waits any longer; called every quarter of a second."""

    def acknowledge(self) -> None:
        """Pass on that what was stopped is recorded as cancelled."""


Work = Callable[[ProcessLock, Running], Awaitable[dict[str, Any]]]
"""Carries out flow runs, each with the name of the process lock among its tags, and returns a reply."""


def perform(
    parameters: dict[str, Any],
    on_progress: Callable[[str, float], None],
    *,
    remote: str | None,
    waiter: Waiter | None = None,
) -> dict[str, Any]:
    """Run `speak` and return its reply; see `carry_out`."""
    return carry_out(partial(_speak, parameters), on_progress, remote=remote, waiter=waiter)


def carry_out(
    work: Work,
    on_progress: Callable[[str, float], None],
    *,
    remote: str | None,
    waiter: Waiter | None = None,
) -> dict[str, Any]:
    """Carry out flow runs, and return the reply.

    Args:
        on_progress: called with each step and the share that is done.
        remote: the address of the Prefect server, if it is not the local one.
        waiter: who waits for them, if this process carries out more than these.

    Raises:
        SpeechError: the run failed; the text says why.
        OSError: likewise.
        Stopped: a signal, or the waiter, has stopped them.
        Unfinished: the waiter has, but a step of theirs does not end.
    """
    with hold(remote, tempfile.gettempdir()) as lock:
        run = _Run(lock, work, on_progress)
        try:
            return run.reply(waiter)
        except Stopped:
            with suppress(httpx.HTTPError, PrefectException, SpeechError, TimeoutError):
                run.stop()
            if waiter:
                waiter.acknowledge()
                if not run.settle():
                    raise Unfinished(f"job {run.job}") from None
            raise


class _Run:
    def __init__(self, lock: ProcessLock, work: Work, on_progress: Callable[[str, float], None]) -> None:
        self._lock, self._work, self._on_progress = lock, work, on_progress
        self._stopping, self._held, self._release = threading.Event(), threading.Event(), threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopped_runs: list[UUID] = []
        self.job = ""
        self._outcome: Future[dict[str, Any]] = Future()
        threading.Thread(target=self._start, name=WORK, daemon=True).start()

    def reply(self, waiter: Waiter | None) -> dict[str, Any]:
        served = server.find()
        while not wait([self._outcome], _LOOK_SECONDS).done:
            if waiter:
                waiter.check()
            # Prefect's client would retry for minutes, but the local server does not come back by itself.
            if self._lock.api is None and server.find() != served:
                raise ServerError(self._lost_message("it has ended"))
        return self._outcome.result()

    def stop(self) -> None:
        """End the run as cancelled; if that fails now, the process lock that is left makes the sweep do it."""
        self._lock.stop()
        self._stopping.set()
        self._hold()
        if asyncio.run(asyncio.wait_for(self._cancel(), _SERVER_SECONDS)):
            self._lock.end()
        elif self.job:
            # The run had already ended, but may still have to write its record.
            self._release.set()
            with suppress(Exception):
                self._outcome.result(_STEP_SECONDS)
            self._lock.end()

    def settle(self) -> bool:
        """Let a stopped run end in this process, and remove what it has stored since; return whether it has ended."""
        self._release.set()
        has_ended = bool(wait([self._outcome], settings().cancel_grace).done)
        with suppress(httpx.HTTPError, PrefectException, TimeoutError):
            asyncio.run(asyncio.wait_for(self._agree(), _SERVER_SECONDS))
        return has_ended

    def _hold(self) -> None:
        """Block the run's event loop, so that the run cannot end itself after it is ended here."""
        if self._loop is not None:

            def hold() -> None:
                self._held.set()
                self._release.wait()

            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(hold)
                self._held.wait(_STEP_SECONDS)

    async def _agree(self) -> None:
        async with get_client() as client:
            for run_id in self._stopped_runs:
                await agree(await client.read_flow_run(run_id))

    async def _cancel(self) -> bool:
        """Cancel the run, and return whether there was one that had not ended."""
        async with get_client() as client:
            open_runs = await runs(client, self._lock)
            if open_runs:
                await self._let_steps_end({str(run.id) for run in open_runs})
            self._stopped_runs = [run.id for run in open_runs]
            for run in open_runs:
                await end(client, run.id, Cancelled(message="The run was stopped."))
        return bool(open_runs)

    async def _let_steps_end(self, run_ids: set[str]) -> None:
        """Wait for the threads of the runs' steps, which could still store something."""
        until = time.monotonic() + _STEP_SECONDS
        while any(call.run in run_ids for call in calls()) and time.monotonic() < until:
            await asyncio.sleep(0.05)

    def _start(self) -> None:
        try:
            self._outcome.set_result(asyncio.run(self._run()))
        except BaseException as fault:
            self._outcome.set_exception(fault)

    async def _run(self) -> dict[str, Any]:
        listener.set(self._advance)
        interrupt.set(self._raise_if_stopping)
        self._loop = asyncio.get_running_loop()
        try:
            return await self._work(self._lock, self)
        except (Abort, CancelledRun):
            raise SpeechError(f"Job {self.job} was ended by somebody else; see the Prefect server's UI.") from None
        except (httpx.HTTPError, PrefectException) as fault:
            raise ServerError(self._lost_message(type(fault).__name__)) from None

    def _raise_if_stopping(self) -> None:
        if self._stopping.is_set():
            raise CancelledRun

    def _advance(self, step: str, share: float) -> None:
        self._raise_if_stopping()
        # The reader of the progress may be gone; the run continues.
        with suppress(OSError):
            self._on_progress(step, share)

    def _lost_message(self, reason: str) -> str:
        when = f"in the middle of job {self.job}" if self.job else "before the job had begun"
        return (
            f"The Prefect server stopped answering {when} ({reason}); run it again. What was stored until then is "
            "still in the store."
        )


async def _speak(parameters: dict[str, Any], lock: ProcessLock, running: Running) -> dict[str, Any]:
    storable = await akeepable(parameters["request"], parameters["storage"])
    parameters = parameters | {"request": storable}
    async with get_client() as client:
        try:
            run = await client.create_flow_run(speak, parameters=parameters, tags=[lock.name])
        except PrefectHTTPStatusError as fault:
            if refusal := _too_long(fault, storable):
                raise refusal from None
            raise
    running.job = str(run.id)
    return await outcome(speak, run, parameters)


async def outcome(flow: Flow[..., Any], run: FlowRun, parameters: dict[str, Any]) -> dict[str, Any]:
    """Carry out a flow run in this process, and return what its flow returns.

    Raises:
        SpeechError, OSError: what the flow raised, or how the run ended.
    """
    state: State[Any] = await run_flow_async(  # type: ignore[assignment]
        flow, flow_run=run, parameters=parameters, return_type="state"
    )
    result = await state.aresult(raise_on_failure=False)
    if isinstance(result, SpeechError | OSError):
        raise result
    if isinstance(result, dict):
        return result
    raise SpeechError(f"The run ended as {state.name}: {state.message}")


def _too_long(fault: PrefectHTTPStatusError, request: SpeechRequest) -> InvalidRequest | None:
    """Return the error for a script that is too long for a server that somebody else runs."""
    size = len(request.model_dump_json())
    if fault.response.status_code != httpx.codes.UNPROCESSABLE_ENTITY or size < _PREFECT_TAKES_BYTES:
        return None
    message = (
        f"text: {len(request.text)} characters is too long for this Prefect server, which takes "
        f"{_PREFECT_TAKES_BYTES // 1024} KB with each run; raise PREFECT_SERVER_API_MAX_PARAMETER_SIZE there, or, "
        "without PREFECT_API_URL, use the local server, which takes any book"
    )
    return InvalidRequest([Problem("text", None, "", message)])
