"""What one command has asked the warm process for, and how the two are told of each other's end."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from deployments.interrupts import Stopped
from deployments.local.wire import Wire

__all__ = ["Work"]


class Work:
    """What one command has asked for.

    Attributes:
        stopped: set when nobody waits for it any longer, or the process has to end.
        end_reason: why the process has to end.
    """

    def __init__(self, wire: Wire) -> None:
        self.wire, self.stopped, self.end_reason = wire, threading.Event(), ""
        self._alive_at = 0.0

    def listen(self) -> None:
        """Notice that the command wants no more of it: it says so, or is gone."""
        next(self.wire.messages(), None)
        self.stopped.set()

    def check(self) -> None:
        """Raise `Stopped` if it should stop; tell the command now and then that this process lives."""
        if self.stopped.is_set():
            raise Stopped(130)
        if time.monotonic() - self._alive_at > 1:
            self._alive_at = time.monotonic()
            self.wire.send("alive")

    def acknowledge(self) -> None:
        self.wire.send("stopped")

    def report(self, step: str, share: float) -> None:
        self.wire.send("progress", step=step, share=share)

    @contextmanager
    def place(self, places: threading.BoundedSemaphore) -> Iterator[None]:
        """Wait for a place among the runs, and hold it for the length of the block."""
        if not places.acquire(blocking=False):
            self.report("queued", 0.0)
            while not places.acquire(timeout=0.25):
                self.check()
        try:
            yield
        finally:
            places.release()
