"""Handling of Ctrl-C and SIGTERM: the command stops at once, prints one line, and cleans up after itself."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import NoReturn

__all__ = ["WORK", "Stopped", "Unfinished", "at_work", "leave", "listening"]

# The name of threads that need not finish before the process ends.
WORK = "f5-flows work"
_SIGNALS = (signal.SIGINT, signal.SIGTERM)
# How long a stopped command may take to clean up, in seconds.
_PATIENCE = 15.0


class Stopped(SystemExit):
    """Raised when a person or the system asks this process to end; its code is 130 for Ctrl-C, 143 for SIGTERM.

    It is a SystemExit because asyncio and libraries let that through.
    """


class Unfinished(Exception):
    """What was stopped, and is recorded as cancelled, does not end in this process."""


@contextmanager
def listening() -> Iterator[None]:
    """Raise `Stopped` at the first signal, and end the process at once at the second."""
    signals: list[int] = []

    def stop(number: int, frame: FrameType | None) -> None:
        if signals:
            os._exit(128 + number)
        signals.append(number)
        # Code that swallows the exception, or waits for a thread, must not keep the process alive.
        timer = threading.Timer(_PATIENCE, os._exit, (128 + number,))
        timer.daemon = True
        timer.start()
        if not at_work():
            _end_children()
        raise Stopped(128 + number)

    # A signal that the process was started to ignore, for example by nohup, stays ignored.
    handled = [number for number in _SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, stop) for number in handled}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def at_work() -> bool:
    """Check whether a thread named `WORK` is still running."""
    return any(thread.name == WORK for thread in threading.enumerate())


def leave(code: int) -> NoReturn:
    """End the process now, without waiting for threads, which cannot be stopped."""
    _end_children()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


def _end_children() -> None:
    """Kill the programs that this process waits for; a server that it started runs in its own session and survives."""
    try:
        import psutil

        me = psutil.Process()
    except (ImportError, AttributeError):
        # The signal arrived while psutil was being imported, so no program has been started yet.
        return
    with suppress(psutil.Error):
        for child in me.children():
            with suppress(psutil.Error, OSError):
                if os.getsid(child.pid) == os.getsid(0):
                    child.kill()
