"""Programs that work for us: bounded in time and memory, without our secrets, and gone when we are."""

from __future__ import annotations

import os
import selectors
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from functools import cache
from pathlib import Path
from types import TracebackType

from speech.errors import SpeechError
from speech.settings import bare_environment

__all__ = ["Program", "interrupt", "interrupted_by"]

interrupt: ContextVar[Callable[[], None]] = ContextVar("interrupt", default=lambda: None)
"""Called a few times a second while a program works, in the thread that waits for it; ends it by raising."""

_LOOK_SECONDS = 0.2
_READ = 1 << 18
# What a program says is kept from its beginning and its end; between them it may say what it likes.
_KEPT = 1 << 16


@contextmanager
def interrupted_by(check: Callable[[], None]) -> Iterator[None]:
    """Within, programs are ended by what `check` raises too. Threads hear of it by the context they run in."""
    outer = interrupt.get()

    def both() -> None:
        outer()
        check()

    token = interrupt.set(both)
    try:
        yield
    finally:
        interrupt.reset(token)


class Program:
    """One run of a program; leaving the block ends it and all that it started, whatever happened.

    Attributes:
        code: how it ended, as `subprocess` counts; None while it works.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        fault: type[SpeechError],
        seconds: float,
        memory: int,
        folder: Path | None = None,
    ) -> None:
        """Prepare it.

        Args:
            fault: what is raised when it cannot be started, or takes too long.
            seconds: for which it may be waited for.
            memory: bytes that it may take, where the system can see to that.
            folder: where it works.
        """
        self._command, self._fault, self._folder = command, fault, folder
        self._seconds, self._memory = seconds, memory
        self._waited, self._looked = 0.0, time.monotonic()
        self._said: list[bytes] = []
        self.code: int | None = None

    def __enter__(self) -> Program:
        try:
            # A group of its own: Ctrl-C is ours to answer, and whatever it starts ends with it.
            self._process = subprocess.Popen(
                [*_leash(), *self._command],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd=self._folder,
                env=bare_environment(),
                process_group=0,
            )
        except OSError as fault:
            raise self._fault(f"{self._name} could not be started: {fault.strerror or fault}.") from None
        _limit(self._process.pid, self._memory, self._seconds)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        for pipe in (self._process.stdout, self._process.stderr):
            if pipe:
                pipe.close()

    def output(self) -> Iterator[bytes]:
        """What it writes, as it comes, until it has ended.

        Raises:
            SpeechError: of the kind asked for; it took too long.
        """
        assert self._process.stdout and self._process.stderr
        with selectors.DefaultSelector() as selector:
            for pipe in (self._process.stdout, self._process.stderr):
                selector.register(pipe, selectors.EVENT_READ)
            while selector.get_map():
                began = time.monotonic()
                ready = selector.select(_LOOK_SECONDS)
                self._look(began)
                for key, _ in ready:
                    data = os.read(key.fd, _READ)
                    if not data:
                        selector.unregister(key.fileobj)
                    elif key.fileobj is self._process.stdout:
                        yield data
                    else:
                        self._keep(data)
        while self.code is None:
            began = time.monotonic()
            with suppress(subprocess.TimeoutExpired):
                self.code = self._process.wait(_LOOK_SECONDS)
            self._look(began)

    def run(self) -> bytes:
        """All that it writes.

        Raises:
            SpeechError: of the kind asked for; it took too long.
        """
        return b"".join(self.output())

    @property
    def said(self) -> str:
        """What it said on its standard error: all of it, or its beginning and its end."""
        return b"".join(self._said).decode("utf-8", "replace")

    @property
    def complaint(self) -> str:
        """Why it failed: the last line of what it said; files that it was given are named without their folders."""
        lines = [line.strip() for line in self.said.splitlines() if line.strip()]
        reason = (lines or ["it gave no reason"])[-1]
        for word in self._command:
            if "/" in word:
                reason = reason.replace(word, Path(word).name)
        return reason[:200]

    @property
    def _name(self) -> str:
        return Path(self._command[0]).name

    def _look(self, began: float) -> None:
        """Whether it may go on; only what it keeps us waiting counts, not what is done with its output meanwhile."""
        now = time.monotonic()
        self._waited += now - began
        if now - self._looked >= _LOOK_SECONDS:
            self._looked = now
            interrupt.get()()
        if self._waited > self._seconds:
            raise self._fault(f"{self._name} took longer than {self._seconds:g} s, and was ended.")

    def _keep(self, data: bytes) -> None:
        if not self._said:
            self._said = [b"", b""]
        head, tail = self._said
        room = _KEPT - len(head)
        self._said = [head + data[:room], (tail + data[room:])[-_KEPT:]]


def _limit(pid: int, memory: int, seconds: float) -> None:
    """Bounds that the system keeps even where we are gone; not all systems can."""
    try:
        import resource
    except ImportError:
        return
    if hasattr(resource, "prlimit"):
        processor = int(seconds * (os.cpu_count() or 1)) + 1
        # It may have ended already.
        with suppress(OSError):
            resource.prlimit(pid, resource.RLIMIT_DATA, (memory, memory))
            resource.prlimit(pid, resource.RLIMIT_CPU, (processor, processor))
            resource.prlimit(pid, resource.RLIMIT_CORE, (0, 0))


@cache
def _leash() -> tuple[str, ...]:
    """Have the system kill it when the thread that started it is gone, where the system can."""
    leash = ("setpriv", "--pdeathsig", "KILL", "--")
    if shutil.which("setpriv"):
        tried = subprocess.run([*leash, "true"], stdin=subprocess.DEVNULL, capture_output=True, check=False)
        if tried.returncode == 0:
            return leash
    return ()
