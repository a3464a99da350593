"""The working folder, the job id, the name and the page of a run."""

from __future__ import annotations

import tempfile
from pathlib import Path

from prefect.runtime import flow_run
from prefect.settings import PREFECT_UI_URL

from speech.request import SpeechRequest
from speech.scratch import scratch as workspace

__all__ = ["RESULTS", "job_id", "run_name", "run_url", "workspace"]

# No result is stored here. Without a named location, Prefect's engine asks its server for one inside its event loop,
# and a server that does not answer would block the whole process.
RESULTS = Path(tempfile.gettempdir())


def job_id() -> str:
    """Return the id of the flow run, which is also the job's id."""
    return str(flow_run.id)


def run_name() -> str:
    """Return the name of a speak run, by which people recognise it in Prefect's UI: that of its job."""
    return SpeechRequest.model_validate(flow_run.parameters["request"]).title


def run_url() -> str | None:
    """Return the URL of the run's page in Prefect's UI, or None if there is no UI."""
    return f"{PREFECT_UI_URL.value()}/runs/flow-run/{flow_run.id}" if PREFECT_UI_URL.value() else None
