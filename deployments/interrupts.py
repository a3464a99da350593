"""Ctrl-C and SIGTERM: the command stops where it is, with one line, and leaves no trace."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import NoReturn

__all__ = ["WORK", "Stopped", "at_work", "leave", "listening"]

# The name of threads that need not come to their end.
WORK = "f5-flows work"
_SIGNALS = (signal.SIGINT, signal.SIGTERM)
# What a stopped command may take to clean up after itself.
_PATIENCE = 15.0


class Stopped(SystemExit):
    """A person, or the system, asked this process to end; its code is 130 for Ctrl-C, 143 for SIGTERM.

    A SystemExit, because that is what asyncio and libraries let through.
    """


@contextmanager
def listening() -> Iterator[None]:
    """Raise `Stopped` at the first signal; the second ends the process at once."""
    stopped: list[int] = []

    def stop(number: int, frame: FrameType | None) -> None:
        if stopped:
            os._exit(128 + number)
        stopped.append(number)
        # Code that swallows what is raised here, or waits for a thread, must not keep the process.
        timer = threading.Timer(_PATIENCE, os._exit, (128 + number,))
        timer.daemon = True
        timer.start()
        if not at_work():
            _end_children()
        raise Stopped(128 + number)

    # What was started to ignore one of them, such as by nohup, goes on to.
    heard = [number for number in _SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, stop) for number in heard}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def at_work() -> bool:
    """Whether a thread works on that nobody waits for any more."""
    return any(thread.name == WORK for thread in threading.enumerate())


def leave(code: int) -> NoReturn:
    """End now, without waiting for threads, which cannot be stopped."""
    _end_children()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


def _end_children() -> None:
    """End the programs that this process waits for; a server that it has started goes on, in a session of its own."""
    try:
        import psutil  # type: ignore[import-untyped]

        me = psutil.Process()
    except (ImportError, AttributeError):
        # The signal came while it was being imported, so nothing has been started yet.
        return
    with suppress(psutil.Error):
        for child in me.children():
            with suppress(psutil.Error, OSError):
                if os.getsid(child.pid) == os.getsid(0):
                    child.kill()
