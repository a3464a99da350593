"""Pings to RunPod, from a process of their own, so that they go on whatever the endpoint's loop does."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress

from runpod.serverless.modules.rp_ping import Heartbeat
from runpod.serverless.modules.worker_state import JobsProgress, PingJobMirror

from speech.errors import RunPodError
from speech.settings import settings

__all__ = ["Pings"]


class Pings:
    """Tells RunPod which jobs are in progress, from a separate process, so that a busy endpoint still pings."""

    def __init__(self) -> None:
        self._mirror = PingJobMirror()
        self._process: multiprocessing.Process | None = None
        JobsProgress().set_mirror(self._mirror)
        values = settings()
        # The SDK requires the same.
        self._is_enabled = (
            bool(values.runpod_ai_api_key and values.runpod_pod_id) and Heartbeat().PING_URL != "PING_NOT_SET"
        )
        self._start()

    async def keep(self, succeeded: Callable[[], None]) -> None:
        """Watch the ping process, and start it if it has ended; never returns.

        Raises:
            RunPodError: the process ended; the next call starts another.
        """
        if self._process is None or not self._process.is_alive():
            self._start()
        while self._process is None or self._process.is_alive():
            await asyncio.sleep(1)
        raise RunPodError(f"The process that pings RunPod ended with code {self._process.exitcode}.")

    def stop(self) -> None:
        if self._process:
            self._process.kill()

    def _start(self) -> None:
        if self._is_enabled:
            self._process = multiprocessing.Process(target=_ping, args=(self._mirror, os.getpid()), daemon=True)
            self._process.start()


def _ping(mirror: PingJobMirror, parent: int) -> None:
    """Ping for as long as the parent process lives, whatever RunPod answers."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    heart = Heartbeat()
    heart._mirror = mirror
    heart.PING_INTERVAL = max(1, heart.PING_INTERVAL)
    while os.getppid() == parent:
        with suppress(Exception):
            heart._send_ping()
        time.sleep(heart.PING_INTERVAL)
