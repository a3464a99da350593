"""The working folder of a run."""

from __future__ import annotations

import tempfile
from pathlib import Path

from prefect.runtime import flow_run
from prefect.settings import PREFECT_UI_URL

from speech.scratch import scratch as workspace

__all__ = ["RESULTS", "job_id", "run_url", "workspace"]

# No result is stored there. Where a flow names a place, Prefect's engine does not ask its server for one: it does that
# in the middle of its event loop, and a server that is away would keep the whole process waiting.
RESULTS = Path(tempfile.gettempdir())


def job_id() -> str:
    """The id of the flow run, which is the job's."""
    return str(flow_run.id)


def run_url() -> str | None:
    """The run's page in Prefect's UI, where there is one."""
    return f"{PREFECT_UI_URL.value()}/runs/flow-run/{flow_run.id}" if PREFECT_UI_URL.value() else None
