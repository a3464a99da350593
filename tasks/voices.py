"""Adding, listing and removing stored voices."""

from __future__ import annotations

from typing import Any

from speech.stores import Store
from speech.voices import library
from tasks.step import step

__all__ = ["add_voice", "list_voices", "remove_voice"]


@step("add voice", timeout="processing_timeout")
def add_voice(upload: library.Upload, store: Store) -> dict[str, Any]:
    """Cut and transcribe a voice's recording, and store it."""
    return library.add(upload, store)


@step("list voices", timeout="request_timeout")
def list_voices(store: Store) -> list[dict[str, Any]]:
    """List the stored voices."""
    return library.listing(store)


@step("remove voice", timeout="request_timeout")
def remove_voice(name: str, store: Store) -> None:
    """Remove a voice and the files prepared from it."""
    library.remove(name, store)
