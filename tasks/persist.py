"""Last step: files go to the store."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from speech.errors import StoreError
from speech.records import audio_key, timing_key
from speech.settings import settings
from speech.stores import Store
from speech.subtitles import CONTENT_TYPES
from tasks.step import step

__all__ = ["persist_audio", "persist_timings"]


@step("persist audio", timeout=settings().processing_timeout)
def persist_audio(store: Store, job_id: str, path: Path) -> str:
    """Store the recording as soon as it is made, so that no later fault loses it; returns its URL."""
    store.put(audio_key(job_id), path, "audio/wav")
    return store.presign(audio_key(job_id))


@step("persist timings", timeout=settings().processing_timeout)
def persist_timings(store: Store, job_id: str, paths: dict[str, Path]) -> dict[str, str]:
    """Store all subtitle files or none; returns the URL of each."""
    try:
        for name, path in paths.items():
            store.put(timing_key(job_id, name), path, CONTENT_TYPES[name])
        return {name: store.presign(timing_key(job_id, name)) for name in paths}
    except StoreError:
        for name in paths:
            with suppress(StoreError):
                store.delete(timing_key(job_id, name))
        raise
