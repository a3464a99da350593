"""The working folder of a run."""

from __future__ import annotations

from prefect.runtime import flow_run
from prefect.settings import PREFECT_UI_URL

from speech.scratch import scratch as workspace

__all__ = ["job_id", "run_url", "workspace"]


def job_id() -> str:
    """The id of the flow run, which is the job's."""
    return str(flow_run.id)


def run_url() -> str | None:
    """The run's page in Prefect's UI, where there is one."""
    return f"{PREFECT_UI_URL.value()}/runs/flow-run/{flow_run.id}" if PREFECT_UI_URL.value() else None
