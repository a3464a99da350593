"""Last step: put the files into the store."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from speech.errors import StoreError
from speech.outputs import content_type, key, link
from speech.stores import Store
from tasks.step import step

__all__ = ["persist_audio", "persist_files"]


@step("persist audio", timeout="setup_timeout")
def persist_audio(store: Store, job_id: str, path: Path, name: str) -> str:
    """Store the audio as soon as it is made, so that no later failure loses it; return its URL.

    Args:
        name: the name of the job, for people.
    """
    return _persist(store, job_id, path.suffix[1:], path, name)


@step("persist files", timeout="setup_timeout")
def persist_files(store: Store, job_id: str, paths: dict[str, Path], name: str) -> dict[str, str]:
    """Store all files made from the words, or none; return the URL of each kind.

    Args:
        name: the name of the job, for people.
    """
    try:
        return {kind: _persist(store, job_id, kind, path, name) for kind, path in paths.items()}
    except Exception:
        for kind in paths:
            with suppress(StoreError):
                store.delete(key(job_id, kind))
        raise


def _persist(store: Store, job_id: str, kind: str, path: Path, name: str) -> str:
    store.put(key(job_id, kind), path, content_type(kind))
    return link(store, job_id, kind, name)
