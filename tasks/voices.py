"""What can be done with stored voices."""

from __future__ import annotations

from typing import Any

from speech.stores import Store
from speech.voices import library
from tasks.step import step

__all__ = ["add_voice", "list_voices", "remove_voice"]


@step("add voice", timeout="processing_timeout")
def add_voice(upload: library.Upload, store: Store) -> dict[str, Any]:
    """Store a voice, cut and transcribed."""
    return library.add(upload, store)


@step("list voices", timeout="request_timeout")
def list_voices(store: Store) -> list[dict[str, Any]]:
    """Every stored voice."""
    return library.listing(store)


@step("remove voice", timeout="request_timeout")
def remove_voice(name: str, store: Store) -> None:
    """Remove a voice and what was prepared of it."""
    library.remove(name, store)
