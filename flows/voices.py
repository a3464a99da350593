"""Voices: add, list and remove them."""

from typing import Any

from prefect import flow

from blocks.storage import aopen_store
from flows.cancellation import cancellable
from flows.workspace import RESULTS
from speech.voices.library import Upload
from tasks.voices import add_voice, list_voices, remove_voice

__all__ = ["add", "listing", "remove"]


@flow(name="add voice", persist_result=False, result_storage=RESULTS)
@cancellable
async def add(upload: dict[str, Any], storage: str | None = None) -> dict[str, Any]:
    """Cut and transcribe a voice's recording, and store it ready for cloning.

    Args:
        upload: voice_name, either voice_file_url or voice_file, and optionally reference_text.
        storage: a storage block. Empty: the worker's default.
    """
    return await add_voice(Upload.parse(upload), await aopen_store(storage))


@flow(name="list voices", persist_result=False, result_storage=RESULTS)
@cancellable
async def listing(storage: str | None = None) -> list[dict[str, Any]]:
    """List the stored voices."""
    return await list_voices(await aopen_store(storage))


@flow(name="remove voice", persist_result=False, result_storage=RESULTS)
@cancellable
async def remove(voice_name: str, storage: str | None = None) -> None:
    """Remove a stored voice and the files prepared from it."""
    await remove_voice(voice_name, await aopen_store(storage))
