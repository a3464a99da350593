"""Logs as JSON lines that RunPod's console can filter by job, without secrets."""

from __future__ import annotations

import json
import logging
import sys
from contextvars import ContextVar
from datetime import UTC, datetime

from speech.settings import scrub

__all__ = ["job_id", "log_as_json"]

job_id: ContextVar[str | None] = ContextVar("job_id", default=None)
"""RunPod's id of the job in progress."""

# RunPod's console cuts longer lines.
_LONGEST = 4000
# Prefect's loggers that do not propagate to the root logger.
_NON_PROPAGATING = ("prefect", "prefect.flow_runs", "prefect.task_runs")


class _Line(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        message = record.getMessage()
        if record.exc_info:
            message = f"{message}\n{self.formatException(record.exc_info)}"
        line = {
            "requestId": job_id.get(),
            "level": "WARN" if record.levelname == "WARNING" else record.levelname,
            "message": scrub(message)[:_LONGEST],
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "logger": record.name,
        }
        if run := getattr(record, "flow_run_id", None):
            line["flow_run_id"] = str(run)
        return json.dumps(line, ensure_ascii=False)


def log_as_json(level: int = logging.INFO) -> None:
    """Write this process's log to standard output, one JSON object per line."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(_Line())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in _NON_PROPAGATING:
        logger = logging.getLogger(name)
        handlers = [existing for existing in logger.handlers if type(existing).__name__ == "APILogHandler"]
        logger.handlers[:] = [*handlers, handler]
        logger.propagate = False
    # These log a line for every call to a server, which nobody reads.
    for name in ("httpx", "httpcore", "botocore", "urllib3", "aiohttp"):
        logging.getLogger(name).setLevel(logging.WARNING)
