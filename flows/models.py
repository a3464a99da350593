"""Sync models: fetch the models in the bucket to this worker's volume, ahead of the first request."""

from typing import Annotated

from prefect import flow

from blocks.storage import aopen_store
from flows.cancellation import cancellable
from flows.form import Form
from flows.workspace import RESULTS
from tasks.sync_models import fetch_models

__all__ = ["sync_models"]


@flow(name="sync-models", persist_result=False, result_storage=RESULTS)
@cancellable
async def sync_models(
    storage: Annotated[str | None, Form()] = None, models: Annotated[list[str] | None, Form()] = None
) -> list[str]:
    """Fetch models from the cache in the bucket to this machine.

    Args:
        storage: a storage block. Empty: the worker's default.
        models: names such as align/en. Empty: all models in the bucket.
    """
    return await fetch_models(await aopen_store(storage), models)
