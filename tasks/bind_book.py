"""Binding: the files of a book, made of its takes and put into the store; the record of them is written last."""

from __future__ import annotations

import json
from typing import Any

from speech.books import binding
from speech.books.binding import Options
from speech.books.placing import timeline_of
from speech.errors import NotFound
from speech.outputs import content_type
from tasks.book import Desk
from tasks.progress import Progress
from tasks.step import step

__all__ = ["bind_book", "is_bound", "recipe"]

_VERSION = 1
_CONTENT_TYPES = {"m4b": "audio/mp4", "epub": "application/epub+zip"}


def recipe(desk: Desk) -> dict[str, Any]:
    """Return what decides the files of an edition."""
    return {
        "version": _VERSION,
        "edition": desk.edition.name,
        "preset": desk.preset,
        "book": desk.edition.book.digest(),
    }


@step("look for the bound book", timeout="setup_timeout")
def is_bound(desk: Desk) -> bool:
    """Check whether the files of the edition are there, as they are wanted now."""
    try:
        return bool(json.loads(desk.store.read(desk.key("/result.json")))["recipe"] == recipe(desk))
    except (NotFound, ValueError, KeyError):
        return False


@step("bind", timeout="setup_timeout")
def bind_book(desk: Desk) -> list[str]:
    """Make the files of the book and put them into the store; return notes for the user."""
    Progress.tell("bind", 0.9)
    made = desk.folder / "bound"
    made.mkdir(exist_ok=True)
    bound = binding.bind(
        timeline_of(desk.edition, desk.shelf), desk.takes(), made, Options(preset=desk.preset), desk.source
    )
    Progress.tell("store the files", 0.98)
    for file in bound.files:
        desk.store.put(
            desk.key(f"/{file.name}"), made / file.name, _CONTENT_TYPES.get(file.kind) or content_type(file.kind)
        )
    result = {"recipe": recipe(desk), "files": [file.name for file in bound.files], "notes": bound.report.sentences()}
    desk.store.write(desk.key("/result.json"), json.dumps(result, ensure_ascii=False), "application/json")
    return bound.report.sentences()
