"""Prune outputs: remove old outputs from the store."""

from typing import Annotated, Any

from prefect import flow
from pydantic import Field

from blocks.storage import aopen_store
from flows.cancellation import cancellable
from flows.form import Form
from flows.workspace import RESULTS
from tasks.prune import old_jobs, old_takes, remove, report_prune

__all__ = ["prune_outputs"]


@flow(name="prune-outputs", persist_result=False, result_storage=RESULTS)
@cancellable
async def prune_outputs(
    storage: Annotated[str | None, Form()] = None,
    keep_days: Annotated[float, Field(ge=1)] = 30,
    dry_run: bool = True,
) -> dict[str, Any]:
    """Remove the recordings, subtitles, previews and records of jobs that ended long ago, and old takes of no book.

    Books, voices, lexicons, models and the inbox are never touched.

    Args:
        storage: a storage block. Empty: the worker's default.
        keep_days: jobs and takes whose newest file is older than this many days are removed; at least 1.
        dry_run: only report what would be removed.
    """
    store = await aopen_store(storage)
    old = await old_jobs(store, keep_days)
    takes = await old_takes(store, keep_days)
    if not dry_run:
        await remove(store, [*old, *takes])
    return await report_prune(old, takes, keep_days, dry_run=dry_run)
