"""The keeper of the child process: it starts it, gives it runs, and replaces it when it is no good.

A child is replaced when it dies, when it gives no sign of life, when a thread of its own does not stop,
when CUDA is lost, when it takes too much memory, and after many runs. In the last three cases the old
one finishes what it has while the new one takes what comes. Runs that were beside the one that killed
a child are run again, once, in the new one: their results lie under their own id, so nothing doubles.
"""

from __future__ import annotations

import asyncio
import logging
import math
import socket
import sys
import time
from asyncio.subprocess import Process
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from deployments.endpoint.supervisor import Supervisor
from deployments.endpoint.wire import Wire
from speech.errors import EngineError, InvalidRequest, Problem, SpeechError
from speech.settings import environment, settings

__all__ = ["Keeper", "Outcome", "Progress"]

Progress = Callable[[str, float], None]

# Steps in which code of others works that can take the whole process down.
_DANGEROUS = ("synthesize", "align words")
# Between the starts of two children.
_RESTART_SECONDS = 1.0
# A child that says nothing while it imports what it needs is given five minutes.
_START_SECONDS = 300.0
# Starts that failed in a row, after which what waits for a child is told so.
_STARTS = 3
# What a child may take to end once it has closed its end of the wire.
_END_SECONDS = 5.0
_DEATHS_OF_A_BYSTANDER = 1
# Pauses of 1 to 64 s, each by up to half shorter: with one less, a store that is away for a minute loses a run.
_RETRIES_OVER_A_MINUTE = 7

log = logging.getLogger("f5_flows.endpoint")


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended: the type and name of its state, and the reply or the reason."""

    type: str
    name: str
    result: dict[str, Any] | None = None
    error: str | None = None


@dataclass(slots=True)
class _Work:
    """A run that was handed over."""

    id: str
    job: str | None
    progress: Progress | None
    future: asyncio.Future[Outcome]
    deaths: int = 0


@dataclass(eq=False, slots=True)
class _Child:
    """One process and what it has."""

    process: Process
    wire: Wire
    works: dict[str, _Work] = field(default_factory=dict)
    calls: dict[str, asyncio.Future[Any]] = field(default_factory=dict)
    busy: list[dict[str, Any]] = field(default_factory=list)
    heard: float = field(default_factory=time.monotonic)
    memory: int = 0
    runs: int = 0
    ready: bool = False
    retired: str | None = None
    ordered: str | None = None
    """Why it was killed by us, if for no fault of its runs."""
    settled: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when it has begun to take work, or is gone."""
    end: str | None = None
    """How it ended."""


class Keeper:
    """Runs flow runs in a child process.

    Args:
        supervisor: of what the keeper does without being asked.

    Attributes:
        deaths: how many children had to be replaced, with the reason of each.
    """

    def __init__(self, supervisor: Supervisor) -> None:
        self.deaths: list[str] = []
        self._supervisor = supervisor
        self._child: _Child | None = None
        self._all: set[_Child] = set()
        self._numbers = count()
        self._ready, self._vacant = asyncio.Event(), asyncio.Event()
        self._vacant.set()
        self._failed_starts: list[str] = []
        self._started = -_RESTART_SECONDS
        self._stopping = False

    @property
    def memory(self) -> int:
        """Bytes that the child takes."""
        return self._child.memory if self._child else 0

    @property
    def ready(self) -> bool:
        """Whether there is a child that takes runs."""
        return self._ready.is_set()

    @property
    def trouble(self) -> str | None:
        """Why there is no child, if several could not be started one after the other."""
        if len(self._failed_starts) < _STARTS:
            return None
        tries, last = len(self._failed_starts), self._failed_starts[-1]
        return f"The process that holds the models does not start; it was tried {tries} times, last: {last}."

    def start(self) -> None:
        """See to it that there is always a child."""
        self._supervisor.start("Keeping a process for the models", self._keep, steady=math.inf)
        self._supervisor.start("Watching the models' process", self._watch)

    async def stop(self) -> None:
        """End all children; what they have fails."""
        self._stopping = True
        for child in list(self._all):
            child.wire.close()
            _kill(child)
            self._settle(child, "the container stops")
        for child in list(self._all):
            with suppress(TimeoutError):
                await asyncio.wait_for(child.process.wait(), 10)

    def abandon(self) -> None:
        """Kill all children, and tell nobody."""
        for child in self._all:
            _kill(child)

    async def run(self, run_id: str, job: str | None, progress: Progress | None = None) -> Outcome:
        """Have a claimed flow run run, and wait for its end.

        Args:
            progress: told of each step; None where nobody waits, and Prefect shows how far it is.

        Raises:
            EngineError: the process died with it, or none can be started; the run has no end yet.
        """
        work = _Work(run_id, job, progress, asyncio.get_running_loop().create_future())
        try:
            await self._hand_over(work)
            return await work.future
        finally:
            for child in self._all:
                child.works.pop(run_id, None)

    def cancel(self, run_id: str) -> None:
        """Stop a run at its next chunk."""
        for child in self._all:
            if run_id in child.works:
                child.wire.send("cancel", id=run_id)

    def end(self, run_id: str) -> None:
        """End the process that a run is in; other runs in it are run again."""
        for child in list(self._all):
            if run_id in child.works:
                child.works.pop(run_id)
                child.ordered = f"flow run {run_id} did not stop when it was cancelled"
                _kill(child)

    async def call(self, name: str, **given: Any) -> Any:
        """Have the child do something else, and wait for its answer; it is stopped when nobody waits any more.

        Raises:
            EngineError: the process died, or none can be started.
            SpeechError: what it was asked failed.
        """
        child = await self._current()
        number = str(next(self._numbers))
        waiting = child.calls[number] = asyncio.get_running_loop().create_future()
        try:
            child.wire.send("call", id=number, name=name, given=given)
            return await waiting
        except asyncio.CancelledError:
            child.wire.send("drop", id=number)
            raise
        finally:
            child.calls.pop(number, None)

    async def _hand_over(self, work: _Work) -> None:
        child = await self._current()
        child.works[work.id] = work
        child.runs += 1
        child.wire.send("run", id=work.id, job=work.job)
        if child.runs >= settings().child_runs:
            self._retire(child, f"it has done {child.runs} runs")

    async def _again(self, work: _Work) -> None:
        try:
            await self._hand_over(work)
        except SpeechError as fault:
            if not work.future.done():
                work.future.set_exception(fault)

    async def _current(self) -> _Child:
        """The child that takes work, waited for while it starts.

        Raises:
            EngineError: none starts.
        """
        while (child := self._child) is None:
            if self._stopping:
                raise EngineError("The container stops.")
            if self.trouble:
                raise EngineError(self.trouble)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._ready.wait(), 0.5)
        return child

    async def _keep(self, well: Callable[[], None]) -> None:
        """Start a child whenever there is none that takes work; goes on for ever.

        Raises:
            EngineError: one could not be started, or ended before it took work.
        """
        while True:
            await self._vacant.wait()
            await asyncio.sleep(self._started + _RESTART_SECONDS - time.monotonic())
            self._started = time.monotonic()
            try:
                child = await self._new()
            except (OSError, RuntimeError) as fault:
                self._failed_starts.append(f"{type(fault).__name__}: {fault}")
                raise EngineError(f"It could not be started: {fault}") from None
            await child.settled.wait()
            if child.end is not None and not child.ready:
                self._failed_starts.append(child.end)
                raise EngineError(f"It could not be started: {child.end}")
            self._failed_starts.clear()
            well()

    async def _new(self) -> _Child:
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                process = await asyncio.create_subprocess_exec(
                    sys.executable, "-u", "-m", "deployments.endpoint.child", str(theirs.fileno()),
                    pass_fds=(theirs.fileno(),),
                    stdin=asyncio.subprocess.DEVNULL,
                    env=environment(
                        without=("PREFECT__FLOW_RUN_ID",),
                        # What is logged must reach Prefect before the container sleeps.
                        PREFECT_LOGGING_TO_API_BATCH_INTERVAL="0.05",
                        PREFECT_LOGGING_EXTRA_LOGGERS="f5_tts,whisperx",
                        # A container that has no store for a minute waits; the work is not lost.
                        STEP_RETRIES=str(max(settings().step_retries, _RETRIES_OVER_A_MINUTE)),
                        PYTHONPATH=str(Path(__file__).parents[2]),
                    ),
                )  # fmt: skip
            wire = await Wire.over(ours)
        except BaseException:
            ours.close()
            raise
        child = _Child(process, wire)
        self._all.add(child)
        self._supervisor.once("Listening to the models' process", self._listen(child))
        return child

    async def _listen(self, child: _Child) -> None:
        async for message in child.wire.messages():
            child.heard = time.monotonic()
            try:
                self._hear(child, message)
            except Exception:
                log.exception("What the models' process said could not be followed: %.200s", message)
        # One that says nothing any more is of no use, whether or not it has ended by itself.
        try:
            code = await asyncio.wait_for(asyncio.shield(child.process.wait()), _END_SECONDS)
        except TimeoutError:
            _kill(child)
            code = await child.process.wait()
        self._bury(child, code)

    def _hear(self, child: _Child, message: dict[str, Any]) -> None:
        match message:
            case {"what": "ready"}:
                self._appoint(child)
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
                    told = (message.get(name) for name in ("type", "name", "result", "error"))
                    work.future.set_result(Outcome(*told))  # type: ignore[arg-type]
            case {"what": "answer", "id": number}:
                if (waiting := child.calls.get(number)) and not waiting.done():
                    _answer(waiting, message)
            case {"what": "broken", "reason": reason}:
                self._retire(child, str(reason))

    def _retire(self, child: _Child, reason: str) -> None:
        """Give it no more runs; another one is started now, and it goes when it has none left."""
        if child.retired is None:
            log.warning("The child process is replaced: %s", reason)
            child.retired = reason
            self.deaths.append(reason)
            if child is self._child:
                self._appoint(None)

    def _appoint(self, child: _Child | None) -> None:
        """The one that takes work from now on."""
        self._child = child
        if child:
            child.ready = True
            child.settled.set()
            self._vacant.clear()
            self._ready.set()
        else:
            self._ready.clear()
            self._vacant.set()

    def _bury(self, child: _Child, code: int) -> None:
        """What becomes of the runs of a child that is gone."""
        self._all.discard(child)
        reason = child.ordered or _reason(code)
        if not child.retired:
            if child.works or code:
                log.error("The child process is gone: %s", reason)
            self.deaths.append(reason)
        child.end = reason
        if child is self._child:
            self._appoint(None)
        child.settled.set()
        guilty = _guilty(child)
        for work in list(child.works.values()):
            if work.id not in guilty and work.deaths < _DEATHS_OF_A_BYSTANDER and not self._stopping:
                work.deaths += 1
                del child.works[work.id]
                log.warning("Flow run %s is run again: the process died while another run was at work", work.id)
                self._supervisor.once("Running a flow run again", self._again(work))
        self._settle(child, _reason(code))

    def _settle(self, child: _Child, reason: str) -> None:
        """Tell those that wait for it that it is gone."""
        for waiting in child.calls.values():
            if not waiting.done():
                waiting.set_exception(EngineError("The process that holds the models died; try again in a moment."))
        for work in child.works.values():
            if not work.future.done():
                work.future.set_exception(EngineError(f"The process that ran it died: {reason}."))

    async def _watch(self, well: Callable[[], None]) -> None:
        """Kill children that give no sign of life, and those that are retired and have nothing left."""
        while True:
            await asyncio.sleep(0.2)
            for child in list(self._all):
                silent = time.monotonic() - child.heard
                if silent > self._patience(child) and child.process.returncode is None:
                    log.error("The child process has given no sign of life for %.0f s", silent)
                    _kill(child)
                elif child.retired and not child.works and not child.calls:
                    _kill(child)

    def _patience(self, child: _Child) -> float:
        """Seconds for which it may be silent."""
        return settings().child_silence if child.ready else _START_SECONDS


def _guilty(child: _Child) -> set[str]:
    """The runs that a process most likely died of: the only one, else those in code that can do such a thing."""
    if child.ordered:
        return set()
    works = set(child.works)
    if len(works) <= 1:
        return works
    return {str(call["run"]) for call in child.busy if call["step"] in _DANGEROUS} & works


def _answer(waiting: asyncio.Future[Any], message: dict[str, Any]) -> None:
    if "error" not in message:
        waiting.set_result(message.get("value"))
    elif message.get("bad_input"):
        waiting.set_exception(InvalidRequest([Problem("", None, "", str(message["error"]))]))
    else:
        waiting.set_exception(SpeechError(str(message["error"])))


def _reason(code: int) -> str:
    if code == -9:
        return "it was killed, for it hung or the machine ran out of memory"
    if code < 0:
        return f"it crashed (signal {-code})"
    return f"it ended with code {code}"


def _kill(child: _Child) -> None:
    if child.process.returncode is None:
        child.process.kill()
