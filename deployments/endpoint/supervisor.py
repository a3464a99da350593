"""Supervise the child process: start it, hand it runs, and replace it when it dies, hangs or leaks.

A child is replaced when it dies, when it sends no heartbeat, when one of its threads does not stop, when CUDA is
lost, when it uses too much memory, and after many runs. In the last four cases the old child finishes its work while
the new one takes new work. If a run kills its child, the other runs of that child are run again, once, in the new
child: their results are stored under their own ids, so nothing is duplicated.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from typing import Any

from deployments.endpoint.child_process import (
    ChildProcess,
    ChildState,
    FlowRunWork,
    Outcome,
    ProgressCallback,
    explain_exit,
)
from deployments.endpoint.side_tasks import SideTasks
from speech.errors import EngineError, InvalidRequest, Problem, SpeechError
from speech.settings import settings

__all__ = ["Outcome", "ProgressCallback", "Supervisor"]

# A child may be silent for five minutes while it imports what it needs.
_START_SECONDS = 300.0
# After this many failed starts in a row, callers that wait for a child get an error.
_STARTS = 3
# How long a child may take to end after it has closed its end of the channel, and when the container stops.
_END_SECONDS, _STOP_SECONDS = 5.0, 10.0
_MAX_DEATHS_OF_BYSTANDER = 1
_WATCH_SECONDS = 0.2

log = logging.getLogger("f5_flows.endpoint")


class Supervisor:
    """Runs flow runs in a child process.

    Args:
        side_tasks: run the supervisor's background work.
        restart_seconds: the minimum time between the starts of two children.

    Attributes:
        deaths: the reason of each replacement of a child.
    """

    def __init__(self, side_tasks: SideTasks, *, restart_seconds: float = 1.0) -> None:
        self.deaths: list[str] = []
        self._side_tasks, self._restart_seconds = side_tasks, restart_seconds
        self._current: ChildProcess | None = None
        self._children: set[ChildProcess] = set()
        self._cancelled: set[str] = set()
        self._numbers = count()
        self._ready, self._vacant = asyncio.Event(), asyncio.Event()
        self._vacant.set()
        self._failed_starts: list[str] = []
        self._started_at = -math.inf
        self._is_started = self._is_stopping = False

    @property
    def memory(self) -> int:
        """The memory that the child uses, in bytes."""
        return self._current.memory if self._current else 0

    @property
    def ready(self) -> bool:
        """Whether there is a child that takes work."""
        return self._ready.is_set()

    @property
    def problem(self) -> str | None:
        """Why there is no child, if several starts in a row have failed."""
        if len(self._failed_starts) < _STARTS:
            return None
        tries, last = len(self._failed_starts), self._failed_starts[-1]
        return f"The process that holds the models does not start; {tries} attempts failed, last: {last}."

    def start(self) -> None:
        """Keep a child running from now on; a second call does nothing."""
        if not self._is_started:
            self._is_started = True
            self._side_tasks.start("Keeping a process for the models", self._keep, steady=math.inf)
            self._side_tasks.start("Watching the models' process", self._watch)

    async def stop(self) -> None:
        """End all children; their work fails."""
        self._is_stopping = True
        for child in list(self._children):
            child.channel.close()
            child.kill()
            child.fail("the container stops")
        for child in list(self._children):
            await child.wait(_STOP_SECONDS)

    def abandon(self) -> None:
        """Kill all children without failing their work."""
        for child in self._children:
            child.kill()

    async def run(self, run_id: str, job: str | None, progress: ProgressCallback | None = None) -> Outcome:
        """Run a claimed flow run in the child, and wait for its end.

        Args:
            progress: None if nobody waits for the run; Prefect alone shows its progress.

        Raises:
            EngineError: the process died with the run, or none can be started; the run has not been ended.
        """
        work = FlowRunWork(run_id, job, progress, asyncio.get_running_loop().create_future())
        try:
            await self._hand_over(work)
            return await work.future
        finally:
            for child in self._children:
                child.works.pop(run_id, None)
            self.forget(run_id)

    def cancel(self, run_id: str) -> None:
        """Stop a run at its next chunk; one that no child has yet is stopped when a child gets it."""
        self._cancelled.add(run_id)
        for child in self._children:
            if run_id in child.works:
                child.channel.send("cancel", id=run_id)

    def forget(self, run_id: str) -> None:
        """Forget that a run was cancelled, because nobody will hand it over any more."""
        self._cancelled.discard(run_id)

    def end(self, run_id: str) -> None:
        """Kill the process that a run is in; other runs in it are run again."""
        for child in list(self._children):
            if run_id in child.works:
                child.works.pop(run_id)
                child.kill_reason = f"flow run {run_id} did not stop when it was cancelled"
                child.kill()

    async def call(self, name: str, **arguments: Any) -> Any:
        """Have the child handle a call, and wait for its answer; cancelling this stops the call.

        Raises:
            EngineError: the process died, or none can be started.
            SpeechError: the call failed.
        """
        child = await self._wait_for_child()
        number = str(next(self._numbers))
        answer = child.calls[number] = asyncio.get_running_loop().create_future()
        try:
            child.channel.send("call", id=number, name=name, given=arguments)
            return await answer
        except asyncio.CancelledError:
            child.channel.send("drop", id=number)
            raise
        finally:
            child.calls.pop(number, None)

    async def _hand_over(self, work: FlowRunWork) -> None:
        child = await self._wait_for_child()
        child.works[work.id] = work
        child.runs += 1
        child.channel.send("run", id=work.id, job=work.job)
        if work.id in self._cancelled:
            child.channel.send("cancel", id=work.id)
        if child.runs >= settings().child_runs:
            self._retire(child, f"it has done {child.runs} runs")

    async def _run_again(self, work: FlowRunWork) -> None:
        try:
            await self._hand_over(work)
        except SpeechError as fault:
            if not work.future.done():
                work.future.set_exception(fault)

    async def _wait_for_child(self) -> ChildProcess:
        """Wait for the child that takes work.

        Raises:
            EngineError: no child starts.
        """
        while (child := self._current) is None:
            if self._is_stopping:
                raise EngineError("The container stops.")
            if self.problem:
                raise EngineError(self.problem)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._ready.wait(), 0.5)
        return child

    async def _keep(self, succeeded: Callable[[], None]) -> None:
        """Start a child whenever there is none that takes work; never returns.

        Raises:
            EngineError: a child could not be started, or ended before it took work.
        """
        while True:
            await self._vacant.wait()
            await asyncio.sleep(self._started_at + self._restart_seconds - time.monotonic())
            self._started_at = time.monotonic()
            try:
                child = await ChildProcess.start()
            except (OSError, RuntimeError) as fault:
                self._failed_starts.append(f"{type(fault).__name__}: {fault}")
                raise EngineError(f"It could not be started: {fault}") from None
            self._children.add(child)
            self._side_tasks.run_once("Listening to the models' process", self._listen(child))
            await child.changed.wait()
            if not child.was_ready:
                self._failed_starts.append(child.reason)
                raise EngineError(f"It could not be started: {child.reason}")
            self._failed_starts.clear()
            succeeded()

    async def _listen(self, child: ChildProcess) -> None:
        async for message in child.channel.messages():
            child.last_message_at = time.monotonic()
            try:
                self._handle_message(child, message)
            except Exception:
                log.exception("A message from the models' process could not be handled: %.200s", message)
        # A child that has closed its channel is of no use, whether or not it has ended by itself.
        self._handle_exit(child, await child.wait(_END_SECONDS))

    def _handle_message(self, child: ChildProcess, message: dict[str, Any]) -> None:
        match message:
            case {"what": "ready"}:
                child.enter(ChildState.READY)
                self._set_current(child)
            case {"what": "alive", "memory": memory, "busy": busy}:
                child.memory, child.busy = memory, busy
                limit = settings().child_memory_mb
                if limit and child.runs and memory > limit * 1_000_000:
                    self._retire(child, f"it takes {memory / 1e6:.0f} MB")
            case {"what": "progress", "id": run, "step": step, "share": share}:
                if (work := child.works.get(run)) and work.progress:
                    work.progress(step, share)
            case {"what": "done", "id": run}:
                if (work := child.works.pop(run, None)) and not work.future.done():
                    work.future.set_result(Outcome.from_message(message))
            case {"what": "answer", "id": number}:
                if (answer := child.calls.get(number)) and not answer.done():
                    _answer(answer, message)
            case {"what": "broken", "reason": reason}:
                self._retire(child, str(reason))

    def _retire(self, child: ChildProcess, reason: str) -> None:
        """Give a child no more work: another one is started now, and this one ends when its work is done."""
        if child.state is ChildState.READY:
            log.warning("The child process is replaced: %s", reason)
            child.enter(ChildState.RETIRING)
            self.deaths.append(reason)
            if child is self._current:
                self._set_current(None)

    def _set_current(self, child: ChildProcess | None) -> None:
        """Make a child the one that takes new work, or no child."""
        self._current = child
        if child:
            self._vacant.clear()
            self._ready.set()
        else:
            self._ready.clear()
            self._vacant.set()

    def _handle_exit(self, child: ChildProcess, code: int) -> None:
        """Give the runs of a child that has ended to another child, or fail them."""
        self._children.discard(child)
        child.reason = child.kill_reason or explain_exit(code)
        if child.state is not ChildState.RETIRING:
            if child.works or code:
                log.error("The child process is gone: %s", child.reason)
            self.deaths.append(child.reason)
        if child is self._current:
            self._set_current(None)
        child.enter(ChildState.DEAD)
        suspects = child.suspects()
        for work in list(child.works.values()):
            if work.id not in suspects and work.deaths < _MAX_DEATHS_OF_BYSTANDER and not self._is_stopping:
                work.deaths += 1
                del child.works[work.id]
                log.warning("Flow run %s is run again: another run is suspected of having killed its process", work.id)
                self._side_tasks.run_once("Running a flow run again", self._run_again(work))
        child.fail(explain_exit(code))

    async def _watch(self, _: Callable[[], None]) -> None:
        """Kill children that send no heartbeat, and retiring children whose work is done."""
        while True:
            await asyncio.sleep(_WATCH_SECONDS)
            for child in list(self._children):
                silent = time.monotonic() - child.last_message_at
                patience = _START_SECONDS if child.state is ChildState.STARTING else settings().child_silence
                if silent > patience and child.process.returncode is None:
                    log.error("The child process has sent no heartbeat for %.0f s", silent)
                    child.kill()
                elif child.state is ChildState.RETIRING and child.is_idle:
                    child.kill()


def _answer(future: asyncio.Future[Any], message: dict[str, Any]) -> None:
    if "error" not in message:
        future.set_result(message.get("value"))
    elif message.get("bad_input"):
        future.set_exception(InvalidRequest([Problem("", None, "", str(message["error"]))]))
    else:
        future.set_exception(SpeechError(str(message["error"])))
