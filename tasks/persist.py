"""Last step: files go to the store."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from speech.errors import StoreError
from speech.outputs import content_type, key
from speech.stores import Store
from tasks.step import step

__all__ = ["persist_audio", "persist_files"]


@step("persist audio", timeout="setup_timeout")
def persist_audio(store: Store, job_id: str, path: Path) -> str:
    """Store the recording as soon as it is made, so that no later fault loses it; returns its URL."""
    return _persist(store, job_id, path.suffix[1:], path)


@step("persist files", timeout="setup_timeout")
def persist_files(store: Store, job_id: str, paths: dict[str, Path]) -> dict[str, str]:
    """Store all that was made of the words, or nothing; returns the URL of each kind."""
    try:
        return {kind: _persist(store, job_id, kind, path) for kind, path in paths.items()}
    except Exception:
        for kind in paths:
            with suppress(StoreError):
                store.delete(key(job_id, kind))
        raise


def _persist(store: Store, job_id: str, kind: str, path: Path) -> str:
    store.put(key(job_id, kind), path, content_type(kind))
    return store.presign(key(job_id, kind))
