"""The child: the process that holds the models and runs flow runs, several at once, one of them on the GPU.

    python -m deployments.endpoint.child <file descriptor of its end of the channel>

It ends when the channel closes. A run is stopped by an exception at its next chunk, because its thread cannot be
stopped; if that takes too long, the supervisor ends the whole process.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import sys
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any
from uuid import UUID

import httpx
import psutil
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.objects import FlowRun, State
from prefect.events.worker import EventsWorker
from prefect.exceptions import Abort, CancelledRun, Pause
from prefect.flow_engine import run_flow_async
from prefect.settings import PREFECT_LOGGING_TO_API_BATCH_INTERVAL
from prefect.states import Cancelled, Crashed, Failed

from blocks.storage import aopen_store
from deployments import retries
from deployments.endpoint.channel import Channel
from deployments.endpoint.logs import job_id, log_as_json
from deployments.ends import agree, cancelled, end
from deployments.retries import explained
from flows import FLOWS, load
from flows.hooks import reason, value_of
from speech import cuda
from speech.errors import InvalidRequest, SpeechError
from speech.processes import interrupt
from speech.records import short_reply
from speech.scratch import clear
from tasks.progress import listener
from tasks.step import calls

__all__ = ["main"]

_HEARTBEAT_SECONDS = 1.0
_FLUSH_SECONDS = 15.0

log = logging.getLogger("f5_flows.child")


class Child:
    """The flow runs and calls of this process."""

    def __init__(self, channel: Channel, client: PrefectClient) -> None:
        self._channel, self._client = channel, client
        self._loop = asyncio.get_running_loop()
        self._cancelled_runs: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._names: dict[UUID, str] = {}
        self._calls: dict[str, asyncio.Task[None]] = {}

    async def serve(self) -> None:
        """Handle the supervisor's messages until the channel closes."""
        heartbeats = asyncio.create_task(self._send_heartbeats())
        self._channel.send("ready")
        async for message in self._channel.messages():
            match message:
                case {"what": "run", "id": str(run), "job": job}:
                    # Left by a cancellation that came after the end of an earlier attempt.
                    self._cancelled_runs.discard(run)
                    self._begin(self._run(run, job))
                case {"what": "cancel", "id": str(run)}:
                    self._cancelled_runs.add(run)
                case {"what": "call", "id": str(number), "name": str(name), "given": given}:
                    self._calls[number] = self._begin(self._call(number, name, given))
                case {"what": "drop", "id": str(number)} if number in self._calls:
                    self._calls[number].cancel()
        heartbeats.cancel()

    def _begin(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _send_heartbeats(self) -> None:
        process = psutil.Process()
        while True:
            busy = [{"step": call.step, "run": call.run, "seconds": time.monotonic() - call.since} for call in calls()]
            self._channel.send("alive", memory=process.memory_info().rss, busy=busy)
            await asyncio.sleep(_HEARTBEAT_SECONDS)

    async def _run(self, run_id: str, job: str | None) -> None:
        """Run a flow run that the supervisor has claimed, and report how it ended."""
        job_id.set(job)
        listener.set(self._listener(run_id))
        interrupt.set(lambda: self._check(run_id))
        try:
            run = await self._client.read_flow_run(UUID(run_id))
            if run.state and run.state.is_final():
                # Another run took the previous process down just after this run had ended.
                await agree(run)
                state = run.state
            else:
                state = await self._close(run, await self._perform(run))
            ending = {"type": state.type.value, "name": state.name, **await _outcome(run, state)}
        except Exception as fault:
            log.exception("Flow run %s could not be run", run_id)
            ending = {"type": "CRASHED", "name": "Crashed", "error": str(explained(fault))}
        self._cancelled_runs.discard(run_id)
        await _flush()
        self._channel.send("done", id=run_id, **ending)
        await self._look_for_damage(run_id, failed=ending["type"] in ("FAILED", "CRASHED"))

    async def _perform(self, run: FlowRun) -> State[Any]:
        """Run the flow and return the run's state; if the engine gave up, end the run and return that state."""
        if run.flow_id not in self._names:
            self._names[run.flow_id] = (await self._client.read_flow(run.flow_id)).name
        flow_name = self._names[run.flow_id]
        try:
            flow = load(flow_name)
        except KeyError:
            flows = ", ".join(FLOWS)
            return await self._end(run, Failed(message=f"This image has no flow {flow_name!r}; it has {flows}."))
        try:
            state = await run_flow_async(flow, flow_run=run, parameters=run.parameters or None, return_type="state")
        except (Abort, Pause):
            return (await self._client.read_flow_run(run.id)).state or Failed()
        except CancelledRun:
            return Cancelled()
        except httpx.HTTPError as fault:
            return await self._end(run, Crashed(message=str(explained(fault))))
        except Exception as fault:
            # Parameters that the flow does not have are refused before the engine could set a state.
            return await self._end(run, Failed(message=f"The flow run could not begin: {fault}"))
        return state or Failed()

    async def _end(self, run: FlowRun, state: State[Any]) -> State[Any]:
        return (await end(self._client, run.id, state)).state or state

    async def _close(self, run: FlowRun, state: State[Any]) -> State[Any]:
        """End a cancelled run as cancelled and without files, whether or not it had begun; return the final state."""
        if state.is_completed():
            return state
        if not state.is_final() and not state.is_cancelling():
            fresh = (await self._client.read_flow_run(run.id)).state
            if fresh and not fresh.is_cancelling() and not fresh.is_cancelled():
                # Another container has taken the run over.
                return fresh
        elif not (state.is_cancelling() or state.is_cancelled()):
            return state
        return await self._end(run, cancelled())

    def _listener(self, run_id: str) -> Callable[[str, float], None]:
        def report(step: str, share: float) -> None:
            self._check(run_id)
            self._loop.call_soon_threadsafe(lambda: self._channel.send("progress", id=run_id, step=step, share=share))

        return report

    def _check(self, run_id: str) -> None:
        """Raise CancelledRun if the run was cancelled; called at each chunk, and while the run waits for a program."""
        if run_id in self._cancelled_runs:
            raise CancelledRun

    async def _call(self, number: str, name: str, given: dict[str, Any]) -> None:
        """Handle a call that needs the models or takes long, but is not a flow run."""
        try:
            from deployments.endpoint.child_calls import do

            job_id.set(given.pop("job", None))
            value = await do(name, given)
            self._channel.send("answer", id=number, value=value)
        except SpeechError as fault:
            self._channel.send("answer", id=number, error=str(fault), bad_input=isinstance(fault, InvalidRequest))
        except Exception as fault:
            log.exception("%s failed", name)
            self._channel.send("answer", id=number, error=f"{name} failed: {type(fault).__name__}: {fault}")
        finally:
            self._calls.pop(number, None)

    async def _look_for_damage(self, run_id: str, *, failed: bool) -> None:
        """Report to the supervisor if this process should not be trusted with another run."""
        if steps := [call.step for call in calls() if call.run == run_id]:
            self._channel.send("broken", reason=f"the step {steps[0]!r} of flow run {run_id} did not stop")
        elif failed and (fault := await asyncio.to_thread(cuda.find_fault)):
            self._channel.send("broken", reason=f"CUDA can no longer be used: {fault}")


async def _outcome(run: FlowRun, state: State[Any]) -> dict[str, Any]:
    """Return the reply for the client: the flow's result, or the reason why there is none."""
    value = await value_of(state)
    if not state.is_completed():
        return {"error": reason(state, value)}
    if not isinstance(value, dict) and "request" in run.parameters:
        # Prefect's answer to the last state was lost, and with it the state that held the result.
        try:
            store = await aopen_store(run.parameters.get("storage"))
            value = await asyncio.to_thread(short_reply, store, str(run.id))
        except SpeechError as fault:
            return {"error": f"The job is done, but its result could not be read; fetch it by its id: {fault}"}
    return {"result": value if isinstance(value, dict) else None}


async def _flush() -> None:
    """Wait until logs and events have reached Prefect, because a container may be frozen when its job is done.

    Draining Prefect's services instead would leak 2.7 MB per run.
    """
    with suppress(TimeoutError):
        # Events are for people; a server that does not accept them must not keep a client waiting.
        await asyncio.wait_for(asyncio.to_thread(EventsWorker.instance().wait_until_empty), _FLUSH_SECONDS)
    await asyncio.sleep(PREFECT_LOGGING_TO_API_BATCH_INTERVAL.value() + 0.05)


async def _main(ours: socket.socket) -> None:
    log_as_json()
    retries.install()
    # A child that was killed leaves its temporary files behind.
    await asyncio.to_thread(clear)
    channel = await Channel.over(ours)
    async with get_client() as client:
        await Child(channel, client).serve()


def main() -> None:
    # A signal to the container is meant for the supervisor, which lets the runs here finish.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    asyncio.run(_main(socket.socket(fileno=int(sys.argv[1]))))


if __name__ == "__main__":
    main()
