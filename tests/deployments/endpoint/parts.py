"""The parts of an endpoint, put together without RunPod's loop."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import Any

from deployments.endpoint.connection import Connection
from deployments.endpoint.contract import Contract
from deployments.endpoint.executor import Executor
from deployments.endpoint.health import Health
from deployments.endpoint.runs import Runs
from deployments.endpoint.side_tasks import SideTasks
from deployments.endpoint.supervisor import Supervisor

__all__ = ["Parts"]


class Parts:
    """An endpoint.

    Args:
        runs: the connection to Prefect; none is made by itself.
    """

    def __init__(self, side_tasks: SideTasks, supervisor: Supervisor | None = None, runs: Runs | None = None) -> None:
        self.side_tasks = side_tasks
        self.supervisor = supervisor or Supervisor(side_tasks)
        self.connection = Connection(AsyncExitStack())
        if runs:
            self.connection.use(runs)
        self.executor = Executor(self.connection, self.supervisor, side_tasks)
        self.health = Health(side_tasks, self.supervisor, self.connection)
        self.contract = Contract(self.executor, self.connection, self.supervisor, _report_nothing, self.health.report)


async def _report_nothing(job: dict[str, Any], progress: dict[str, Any]) -> None:
    pass
