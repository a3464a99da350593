"""Voices: add one, list them all, remove one."""

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
    """Store a voice, cut and transcribed, ready to be cloned.

    Args:
        upload: voice_name, one of voice_file_url and voice_file, and perhaps reference_text.
        storage: a storage block. Empty: what the worker is set up for.
    """
    return await add_voice(Upload.parse(upload), await aopen_store(storage))


@flow(name="list voices", persist_result=False, result_storage=RESULTS)
@cancellable
async def listing(storage: str | None = None) -> list[dict[str, Any]]:
    """Every stored voice."""
    return await list_voices(await aopen_store(storage))


@flow(name="remove voice", persist_result=False, result_storage=RESULTS)
@cancellable
async def remove(voice_name: str, storage: str | None = None) -> None:
    """Remove a stored voice and what was prepared of it."""
    await remove_voice(voice_name, await aopen_store(storage))
