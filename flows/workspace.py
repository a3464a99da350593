"""The working folder of a run."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from prefect.runtime import flow_run
from prefect.settings import PREFECT_UI_URL

__all__ = ["job_id", "run_url", "workspace"]


@contextmanager
def workspace() -> Iterator[Path]:
    """A folder of the run's own, removed at the end whatever happens."""
    with tempfile.TemporaryDirectory(prefix="f5-flows-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def job_id() -> str:
    """The id of the flow run, which is the job's."""
    return str(flow_run.id)


def run_url() -> str | None:
    """The run's page in Prefect's UI, where there is one."""
    return f"{PREFECT_UI_URL.value()}/runs/flow-run/{flow_run.id}" if PREFECT_UI_URL.value() else None
