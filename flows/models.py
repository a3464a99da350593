"""Sync models: what the bucket has is brought to this worker's volume, ahead of the first request."""

from prefect import flow

from blocks.storage import aopen_store
from flows.cancellation import cancellable
from flows.workspace import RESULTS
from tasks.sync_models import fetch_models

__all__ = ["sync_models"]


@flow(name="sync-models", persist_result=False, result_storage=RESULTS)
@cancellable
async def sync_models(storage: str | None = None, models: list[str] | None = None) -> list[str]:
    """Bring models from the cache in the bucket to this machine.

    Args:
        storage: a storage block. Empty: what the worker is set up for.
        models: names such as align/en. Empty: all that the bucket has.
    """
    return await fetch_models(await aopen_store(storage), models)
