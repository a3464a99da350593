"""One run of `speak` in this process, which a person may stop at any moment.

The run has a thread of its own, so that the main thread, the only one that signals reach, is always free
to hear them.
"""

from __future__ import annotations

import asyncio
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from contextlib import suppress
from typing import Any

import httpx
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State
from prefect.exceptions import Abort, CancelledRun, PrefectException
from prefect.flow_engine import run_flow_async
from prefect.states import Cancelled

from blocks.storage import akeepable
from deployments.ends import end
from deployments.interrupts import WORK, Stopped
from deployments.local import server
from deployments.local.lease import Lease, hold
from deployments.local.sweep import runs
from flows.speak import speak
from speech.errors import ServerError, SpeechError
from tasks.progress import listener
from tasks.step import calls

__all__ = ["perform"]

_LOOK_SECONDS = 0.25
# What a run that was stopped may take to come to its end, and the server to take note of it.
_STEP_SECONDS = 3.0
_SERVER_SECONDS = 8.0


def perform(parameters: dict[str, Any], show: Callable[[str, float], None], *, remote: str | None) -> dict[str, Any]:
    """Run it and return its reply.

    Args:
        show: told of each step and the share that is done.
        remote: the address of the Prefect server, where it is not the local one.

    Raises:
        SpeechError: it failed; the text says why.
        OSError: likewise.
    """
    with hold(remote, tempfile.gettempdir()) as lease:
        run = _Run(lease, parameters, show)
        try:
            return run.reply()
        except Stopped:
            with suppress(httpx.HTTPError, PrefectException, SpeechError, TimeoutError):
                run.stop()
            raise


class _Run:
    def __init__(self, lease: Lease, parameters: dict[str, Any], show: Callable[[str, float], None]) -> None:
        self._lease, self._parameters, self._show = lease, parameters, show
        self._stopping, self._held = threading.Event(), threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._job = ""
        self._done: Future[dict[str, Any]] = Future()
        threading.Thread(target=self._work, name=WORK, daemon=True).start()

    def reply(self) -> dict[str, Any]:
        served = server.find()
        while not wait([self._done], _LOOK_SECONDS).done:
            # Prefect's client would go on asking for minutes, but the local server does not come back by itself.
            if self._lease.api is None and server.find() != served:
                raise ServerError(self._lost("it has ended"))
        return self._done.result()

    def stop(self) -> None:
        """End the run as cancelled; where that cannot be done now, the lease that stays tells the sweep to."""
        self._lease.stop()
        self._stopping.set()
        release = self._hold()
        if asyncio.run(asyncio.wait_for(self._cancel(), _SERVER_SECONDS)):
            self._lease.end()
        elif self._job:
            # It had an end already, and has yet to leave its record.
            release.set()
            with suppress(Exception):
                self._done.result(_STEP_SECONDS)
            self._lease.end()

    def _hold(self) -> threading.Event:
        """Let the run do nothing more, so that no end of its own follows the one that it gets here."""
        release = threading.Event()
        if self._loop is not None:

            def hold() -> None:
                self._held.set()
                release.wait()

            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(hold)
                self._held.wait(_STEP_SECONDS)
        return release

    async def _cancel(self) -> bool:
        """Whether there was a run without an end."""
        async with get_client() as client:
            found = await runs(client, self._lease)
            if found:
                await self._let_steps_end()
            for run in found:
                await end(client, run.id, Cancelled(message="It was stopped."))
        return bool(found)

    async def _let_steps_end(self) -> None:
        """Wait for the threads of its steps, which could store something still."""
        until = time.monotonic() + _STEP_SECONDS
        while calls() and time.monotonic() < until:
            await asyncio.sleep(0.05)

    def _work(self) -> None:
        try:
            self._done.set_result(asyncio.run(self._run()))
        except BaseException as fault:
            self._done.set_exception(fault)

    async def _run(self) -> dict[str, Any]:
        listener.set(self._hear)
        self._loop = asyncio.get_running_loop()
        kept = await akeepable(self._parameters["request"], self._parameters["storage"])
        parameters = self._parameters | {"request": kept}
        try:
            async with get_client() as client:
                run = await client.create_flow_run(speak, parameters=parameters, tags=[self._lease.name])
            self._job = str(run.id)
            state: State[Any] = await run_flow_async(  # type: ignore[assignment]
                speak,  # type: ignore[arg-type]
                flow_run=run,
                parameters=parameters,
                return_type="state",
            )
        except (Abort, CancelledRun):
            raise SpeechError(f"Job {self._job} was ended by somebody else; see the Prefect server's pages.") from None
        except (httpx.HTTPError, PrefectException) as fault:
            raise ServerError(self._lost(type(fault).__name__)) from None
        outcome = await state.aresult(raise_on_failure=False)
        if isinstance(outcome, SpeechError | OSError):
            raise outcome
        if isinstance(outcome, dict):
            return outcome
        raise SpeechError(f"The run ended as {state.name}: {state.message}")

    def _hear(self, step: str, share: float) -> None:
        if self._stopping.is_set():
            raise CancelledRun
        # Whoever read of the progress may have gone; the run goes on.
        with suppress(OSError):
            self._show(step, share)

    def _lost(self, why: str) -> str:
        what = f"in the middle of job {self._job}" if self._job else "before the job had begun"
        return (
            f"The Prefect server stopped answering {what} ({why}); run it again. What was stored until then is still "
            "in the store."
        )
