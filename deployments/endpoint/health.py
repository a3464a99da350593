"""The health of a container, shown by `status` and, through a file, to the image's health check."""

from __future__ import annotations

import json
import logging
import time
from pathlib import Path
from typing import TYPE_CHECKING

from deployments.endpoint.connection import Connection
from deployments.endpoint.side_tasks import SideTasks
from deployments.endpoint.supervisor import Supervisor
from speech.files import write_text
from speech.settings import settings

if TYPE_CHECKING:
    from deployments.endpoint.loop import Loop

__all__ = ["Health", "alive_file"]

_HEARTBEAT_SECONDS = 5.0

log = logging.getLogger("f5_flows.endpoint")


def alive_file() -> Path:
    """Return the file in which the job loop writes what is wrong, for the image's health check."""
    return settings().f5_flows_home / "endpoint.alive"


class Health:
    """The health of a container.

    Attributes:
        loop: takes the jobs; None until it is created.
        checks: the report of the start-up checks; empty until they are done.
    """

    def __init__(self, side_tasks: SideTasks, supervisor: Supervisor, connection: Connection) -> None:
        self.loop: Loop | None = None
        self.checks: dict[str, dict[str, str]] = {}
        self._side_tasks, self._supervisor, self._connection = side_tasks, supervisor, connection
        self._written_at = 0.0
        self._write_problem = ""

    def problems(self) -> list[str]:
        """Return what is wrong with the container, one sentence each."""
        problems = (self._supervisor.problem, self.loop and self.loop.problem, self._write_problem)
        return [*self._side_tasks.problems(), *(problem for problem in problems if problem)]

    def report(self) -> dict[str, dict[str, str]]:
        """Return the health report of the contract."""
        checks = self.checks or {"checks": {"status": "degraded", "message": "The start-up checks are not done yet."}}
        return {**checks, "prefect": self._prefect(), "worker": self._worker(), "container": self._container()}

    def write_heartbeat(self) -> None:
        """Write the heartbeat file every few seconds; called while the job loop is running."""
        now = time.monotonic()
        if now - self._written_at < _HEARTBEAT_SECONDS:
            return
        self._written_at = now
        previous, self._write_problem = self._write_problem, ""
        try:
            alive_file().parent.mkdir(parents=True, exist_ok=True)
            write_text(alive_file(), json.dumps({"problems": self.problems()}), durable=False)
        except OSError as fault:
            if not previous:
                log.error("The heartbeat cannot be written: %s", fault)
            self._write_problem = f"The heartbeat cannot be written, so health checks fail: {fault}."

    def _prefect(self) -> dict[str, str]:
        if self._connection.current:
            return {"status": "ok", "message": "The Prefect server is connected."}
        return {"status": "degraded", "message": self._connection.problem}

    def _worker(self) -> dict[str, str]:
        if self._supervisor.ready:
            status, message = "ok", f"The process that holds the models uses {self._supervisor.memory / 1e6:.0f} MB."
        else:
            status = "degraded"
            message = self._supervisor.problem or "The process that holds the models is starting."
        if deaths := self._supervisor.deaths:
            message += f" It was replaced {len(deaths)} times; last: {deaths[-1]}."
        return {"status": status, "message": message}

    def _container(self) -> dict[str, str]:
        problems = self.problems()
        messages = [*problems, *self._side_tasks.recovered()] or ["All background tasks work."]
        return {"status": "degraded" if problems else "ok", "message": " ".join(messages)}
