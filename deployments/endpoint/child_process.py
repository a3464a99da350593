"""One process that holds the models, as the supervisor sees it: its state, its work, and how it ended."""

from __future__ import annotations

import asyncio
import socket
import sys
import time
from asyncio.subprocess import Process
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

from deployments.endpoint.channel import Channel
from speech.errors import EngineError
from speech.settings import environment, settings

__all__ = ["ChildProcess", "ChildState", "FlowRunWork", "Outcome", "ProgressCallback"]

ProgressCallback = Callable[[str, float], None]
"""Called with the step that a run is in and the run's progress, 0 to 1."""

# Steps that run third-party code that can take the whole process down.
_DANGEROUS = ("synthesize", "align words")
# Pauses of 1 to 64 s, each shortened by up to half: with one retry less, a store outage of a minute loses a run.
_RETRIES_OVER_A_MINUTE = 7


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended: the type and name of its state, and the reply or the reason."""

    type: str
    name: str
    result: dict[str, Any] | None = None
    error: str | None = None

    @classmethod
    def from_message(cls, message: dict[str, Any]) -> Outcome:
        """Return the outcome from a child's `done` message."""
        return cls(message["type"], message["name"], message.get("result"), message.get("error"))


@dataclass(slots=True)
class FlowRunWork:
    """A run that was handed to a child.

    Attributes:
        deaths: how many children died during this run without it being a suspect.
    """

    id: str
    job: str | None
    progress: ProgressCallback | None
    future: asyncio.Future[Outcome]
    deaths: int = 0


class ChildState(Enum):
    """The state of a child.

    Attributes:
        STARTING: it imports what it needs, and takes no work yet.
        READY: it takes work.
        RETIRING: it finishes its work; another child takes new work.
        DEAD: it has ended.
    """

    STARTING = "starting"
    READY = "ready"
    RETIRING = "retiring"
    DEAD = "dead"


@dataclass(eq=False, slots=True)
class ChildProcess:
    """One child.

    Attributes:
        works, calls: the runs and calls that it was given and has not answered, by id.
        busy: the steps in progress, as last reported.
        last_message_at: when it last sent a message; `time.monotonic()`.
        memory: the memory that it uses, in bytes.
        runs: how many runs it was given.
        kill_reason: why the supervisor killed it, if its runs are not to blame.
        was_ready: whether it was ever ready.
        changed: set once it has left the state STARTING.
        reason: how it ended; empty until then.
    """

    process: Process
    channel: Channel
    state: ChildState = ChildState.STARTING
    works: dict[str, FlowRunWork] = field(default_factory=dict)
    calls: dict[str, asyncio.Future[Any]] = field(default_factory=dict)
    busy: list[dict[str, Any]] = field(default_factory=list)
    last_message_at: float = field(default_factory=time.monotonic)
    memory: int = 0
    runs: int = 0
    kill_reason: str = ""
    was_ready: bool = False
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    reason: str = ""

    @classmethod
    async def start(cls) -> ChildProcess:
        """Start a child.

        Raises:
            OSError, RuntimeError: the process could not be started.
        """
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                process = await asyncio.create_subprocess_exec(
                    sys.executable, "-u", "-m", "deployments.endpoint.child", str(theirs.fileno()),
                    pass_fds=(theirs.fileno(),),
                    stdin=asyncio.subprocess.DEVNULL,
                    env=environment(
                        without=("PREFECT__FLOW_RUN_ID",),
                        # Logs must reach Prefect before the container sleeps.
                        PREFECT_LOGGING_TO_API_BATCH_INTERVAL="0.05",
                        PREFECT_LOGGING_EXTRA_LOGGERS="f5_tts,whisperx",
                        # A container retries a store for about a minute, so that a short outage loses no work.
                        STEP_RETRIES=str(max(settings().step_retries, _RETRIES_OVER_A_MINUTE)),
                        PYTHONPATH=str(Path(__file__).parents[2]),
                    ),
                )  # fmt: skip
            return cls(process, await Channel.over(ours))
        except BaseException:
            ours.close()
            raise

    @property
    def is_idle(self) -> bool:
        """Whether it has answered all runs and calls that it was given."""
        return not self.works and not self.calls

    def enter(self, state: ChildState) -> None:
        """Change its state."""
        self.state = state
        self.was_ready |= state is ChildState.READY
        self.changed.set()

    def kill(self) -> None:
        """Kill the process, unless it has ended."""
        if self.process.returncode is None:
            self.process.kill()

    async def wait(self, seconds: float) -> int:
        """Wait for the process to end, kill it after the given seconds, and return its exit code."""
        try:
            return await asyncio.wait_for(asyncio.shield(self.process.wait()), seconds)
        except TimeoutError:
            self.kill()
            return await self.process.wait()

    def suspects(self) -> set[str]:
        """Return the runs that most likely killed it: its only run, or else those in a dangerous step."""
        if self.kill_reason:
            return set()
        works = set(self.works)
        if len(works) <= 1:
            return works
        return {str(call["run"]) for call in self.busy if call["step"] in _DANGEROUS} & works

    def fail(self, reason: str) -> None:
        """Fail every call and run that still waits for this child."""
        for future in self.calls.values():
            if not future.done():
                future.set_exception(EngineError("The process that holds the models died; try again in a moment."))
        for work in self.works.values():
            if not work.future.done():
                work.future.set_exception(EngineError(f"The process that ran it died: {reason}."))


def explain_exit(code: int) -> str:
    """Describe how a process ended, from its exit code."""
    if code == -9:
        return "it was killed because it hung or the machine ran out of memory"
    if code < 0:
        return f"it crashed (signal {-code})"
    return f"it ended with code {code}"
