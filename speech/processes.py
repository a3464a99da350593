"""Running external programs: limited in time and memory, without our secrets, and never outliving this process."""

from __future__ import annotations

import os
import selectors
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from functools import cache
from pathlib import Path
from types import TracebackType

from speech.errors import SpeechError
from speech.settings import bare_environment

__all__ = ["Program", "interrupt", "interrupted_by"]

interrupt: ContextVar[Callable[[], None]] = ContextVar("interrupt", default=lambda: None)
"""Called a few times a second while a program runs, in the thread that waits for it; raises to end the program."""

_CHECK_SECONDS = 0.2
_READ = 1 << 18
# Bytes kept of the beginning of a program's standard error, and of its end; the middle is dropped.
_KEPT = 1 << 16


@contextmanager
def interrupted_by(check: Callable[[], None]) -> Iterator[None]:
    """Let `check` interrupt programs within the block too, by raising. Threads inherit it only with the context."""
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
    """One run of a program. Leaving the block kills the program and its children, if they still run.

    Attributes:
        code: the exit code, as in `subprocess`; None while the program runs.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        fault: type[SpeechError],
        seconds: float,
        memory: int,
        folder: Path | None = None,
        feed: Iterable[bytes] | None = None,
    ) -> None:
        """Prepare the run.

        Args:
            fault: the error to raise if the program cannot be started, or takes too long.
            seconds: the maximum time to wait for the program.
            memory: the memory limit in bytes, on systems that can enforce one.
            folder: the working directory.
            feed: what the program reads from its standard input, made as fast as it is read; what a program does not
                want to read is dropped. None for nothing.
        """
        self._command, self._fault, self._folder = command, fault, folder
        self._feed = None if feed is None else iter(feed)
        self._unread = memoryview(b"")
        self._seconds, self._memory = seconds, memory
        self._waited, self._last_check = 0.0, time.monotonic()
        self._stderr: list[bytes] = []
        self.code: int | None = None

    def __enter__(self) -> Program:
        try:
            # In a separate process group: Ctrl-C reaches only us, and the group can be killed as a whole.
            self._process = subprocess.Popen(
                [*_leash(), *_limited(self._memory, self._seconds), *self._command],
                stdin=subprocess.DEVNULL if self._feed is None else subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd=self._folder,
                env=bare_environment(),
                process_group=0,
            )
        except OSError as fault:
            raise self._fault(f"{self._name} could not be started: {fault.strerror or fault}.") from None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe:
                pipe.close()

    def output(self) -> Iterator[bytes]:
        """Yield the program's output as it arrives, until the program has ended.

        Raises:
            SpeechError: the program took too long; raised as the class `fault`.
        """
        assert self._process.stdout and self._process.stderr
        with selectors.DefaultSelector() as selector:
            for pipe in (self._process.stdout, self._process.stderr):
                selector.register(pipe, selectors.EVENT_READ)
            if self._process.stdin:
                os.set_blocking(self._process.stdin.fileno(), False)
                selector.register(self._process.stdin, selectors.EVENT_WRITE)
            while selector.get_map():
                began = time.monotonic()
                ready = selector.select(_CHECK_SECONDS)
                self._check(began)
                for key, _ in ready:
                    if self._process.stdin and key.fileobj is self._process.stdin:
                        if not self._write(key.fd):
                            selector.unregister(key.fileobj)
                            self._process.stdin.close()
                        continue
                    data = os.read(key.fd, _READ)
                    if not data:
                        selector.unregister(key.fileobj)
                    elif key.fileobj is self._process.stdout:
                        yield data
                    else:
                        self._keep_stderr(data)
        while self.code is None:
            began = time.monotonic()
            with suppress(subprocess.TimeoutExpired):
                self.code = self._process.wait(_CHECK_SECONDS)
            self._check(began)

    def run(self) -> bytes:
        """Return all of the program's output.

        Raises:
            SpeechError: the program took too long; raised as the class `fault`.
        """
        return b"".join(self.output())

    @property
    def stderr(self) -> str:
        """The program's standard error: all of it, or its beginning and end if it is long."""
        return b"".join(self._stderr).decode("utf-8", "replace")

    @property
    def complaint(self) -> str:
        """Why the program failed: the last line of its standard error, with paths reduced to file names."""
        lines = [line.strip() for line in self.stderr.splitlines() if line.strip()]
        reason = (lines or ["it gave no reason"])[-1]
        for word in self._command:
            if "/" in word:
                reason = reason.replace(word, Path(word).name)
        return reason[:200]

    @property
    def _name(self) -> str:
        return Path(self._command[0]).name

    def _check(self, began: float) -> None:
        """Raise if the program is interrupted or late; only time spent waiting counts, not time to use its output."""
        now = time.monotonic()
        self._waited += now - began
        if now - self._last_check >= _CHECK_SECONDS:
            self._last_check = now
            interrupt.get()()
        if self._waited > self._seconds:
            raise self._fault(f"{self._name} took longer than {self._seconds:g} s and was stopped.")

    def _write(self, pipe: int) -> bool:
        """Write as much as the program has room for; return whether it may read more."""
        while not self._unread:
            data = next(self._feed or iter(()), None)
            if data is None:
                return False
            self._unread = memoryview(data)
        try:
            self._unread = self._unread[os.write(pipe, self._unread) :]
        except BrokenPipeError:
            return False
        return True

    def _keep_stderr(self, data: bytes) -> None:
        if not self._stderr:
            self._stderr = [b"", b""]
        head, tail = self._stderr
        free_bytes = _KEPT - len(head)
        self._stderr = [head + data[:free_bytes], (tail + data[free_bytes:])[-_KEPT:]]


def _limited(memory: int, seconds: float) -> tuple[str, ...]:
    """Return a command prefix that has the system limit a program from its first instruction, where it can."""
    processor = int(seconds * (os.cpu_count() or 1)) + 1
    script = '{ ulimit -c 0; ulimit -t "$1"; ulimit -d "$2"; } 2>/dev/null; shift 2; exec "$@"'
    return ("sh", "-c", script, "sh", str(processor), str(memory // 1024))


@cache
def _leash() -> tuple[str, ...]:
    """Return a command prefix that has the system kill a program when its parent thread ends; () if unsupported."""
    leash = ("setpriv", "--pdeathsig", "KILL", "--")
    if shutil.which("setpriv"):
        probe = subprocess.run([*leash, "true"], stdin=subprocess.DEVNULL, capture_output=True, check=False)
        if probe.returncode == 0:
            return leash
    return ()
