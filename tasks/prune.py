"""Removing old outputs: whole jobs at a time, so that no record names removed files, and each job's record last."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from prefect.artifacts import acreate_markdown_artifact

from speech.stores import Entry, Store
from tasks.step import step

__all__ = ["OldJob", "old_jobs", "remove", "report_prune"]

# In the order in which they are removed.
_PREFIXES = ("previews/", "timings/", "output/", "jobs/")
_ID = re.compile(r"^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$")


@dataclass(frozen=True, slots=True)
class OldJob:
    """A job and its files, in the order in which they are removed."""

    job_id: str
    files: tuple[Entry, ...]

    @property
    def size(self) -> int:
        return sum(file.size for file in self.files)


@step("find old jobs", timeout="setup_timeout")
def old_jobs(store: Store, keep_days: float) -> list[OldJob]:
    """Return the jobs whose newest file is older than `keep_days`; files not named by a job's id are ignored."""
    cutoff = datetime.now(UTC) - timedelta(days=keep_days)
    found: dict[str, list[Entry]] = {}
    for prefix in _PREFIXES:
        for entry in store.list(prefix):
            name = entry.key.removeprefix(prefix).partition(".")[0]
            if _ID.match(name):
                found.setdefault(name, []).append(entry)
    return [
        OldJob(name, tuple(files))
        for name, files in sorted(found.items())
        if max(file.modified for file in files) < cutoff
    ]


@step("remove", timeout="setup_timeout")
def remove(store: Store, jobs: list[OldJob]) -> None:
    """Remove the files of jobs; files that no longer exist are no error."""
    for job in jobs:
        for file in job.files:
            store.delete(file.key)


async def report_prune(jobs: list[OldJob], keep_days: float, *, dry_run: bool) -> dict[str, Any]:
    """Write an artifact that says what was removed, or would be, and return the numbers."""
    size = sum(job.size for job in jobs)
    verb = "would be removed" if dry_run else "were removed"
    text = f"{len(jobs)} jobs older than {keep_days:g} days {verb}: {size / 1e6:.1f} MB."
    await acreate_markdown_artifact(text, key="pruned", description="What was removed.")
    return {"jobs": len(jobs), "files": sum(len(job.files) for job in jobs), "bytes": size, "dry_run": dry_run}
