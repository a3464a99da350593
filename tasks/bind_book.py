"""Binding: make the files of a book from its takes, and store them; their record is written last."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from speech.books import binding, choices, proof, stored
from speech.books.binding import Options
from speech.books.edition_timeline import timeline_of
from speech.books.take_store import TakeRecord
from speech.books.timeline import Timeline
from speech.errors import NotFound, NotText, SpeechError
from speech.outputs import content_type
from tasks.book import BookContext
from tasks.progress import Progress
from tasks.step import step

__all__ = ["PROGRESS", "bind_book", "is_bound", "recipe"]

PROGRESS = "/progress.json"
"""Where an edition that is being bound tells how far it is."""

_VERSION = 2
_TELL_SECONDS = 5.0
_CONTENT_TYPES = {"m4b": "audio/mp4", "epub": "application/epub+zip"}


def recipe(context: BookContext) -> dict[str, Any]:
    """Return everything that determines the files of an edition."""
    return {
        "version": _VERSION,
        "edition": context.edition.name,
        "preset": context.preset,
        "book": context.edition.book.digest(),
        # The page shows what can be chosen.
        "choices": choices.fingerprint(context.edition.choices),
    }


@step("look for the bound book", timeout="setup_timeout")
def is_bound(context: BookContext) -> bool:
    """Check whether the edition's files are stored and match the current recipe."""
    try:
        return bool(stored.decode(context.store.read(context.key("/result.json")))["recipe"] == recipe(context))
    except (NotFound, NotText, ValueError, LookupError, TypeError):
        return False


@step("bind", timeout="setup_timeout")
def bind_book(context: BookContext, storage: str | None = None) -> list[str]:
    """Make the files of the book and put them into the store; return notes for the user.

    Args:
        storage: the storage block, for the commands on the book's page.
    """
    made = context.folder / "bound"
    made.mkdir(exist_ok=True)
    on_progress = _BindProgress(context)
    on_progress(0.0)
    kept = _records(context)
    timeline = timeline_of(context.edition, context.take_store, kept)
    options = Options(preset=context.preset)
    bound = binding.bind(timeline, context.takes(), made, options, context.source, on_progress)
    files = [(file.name, file.kind) for file in bound.files]
    files += _proof(context, timeline, kept, [file.name for file in bound.files if file.kind == "mp3"], made, storage)
    Progress.report("store the files", 0.98)
    for name, kind in files:
        context.store.put(context.key(f"/{name}"), made / name, _CONTENT_TYPES.get(kind) or content_type(kind))
    result = {"recipe": recipe(context), "files": [name for name, _ in files], "notes": bound.report.sentences()}
    context.store.write(context.key("/result.json"), json.dumps(result, ensure_ascii=False), "application/json")
    context.store.delete(context.key(PROGRESS))
    return bound.report.sentences()


class _BindProgress:
    """Tells how far binding is: those who listen in this process, and now and then the store, for `book watch`."""

    def __init__(self, context: BookContext) -> None:
        self._context, self._next_report = context, 0.0

    def __call__(self, share: float) -> None:
        Progress.report("bind", 0.9 + 0.08 * share)
        if time.monotonic() >= self._next_report:
            self._next_report = time.monotonic() + _TELL_SECONDS
            # Nobody may be looking, and a book is not lost for that.
            with suppress(SpeechError):
                self._context.store.write(self._context.key(PROGRESS), json.dumps({"share": share}), "application/json")


def _records(context: BookContext) -> dict[str, TakeRecord]:
    """Return the records of all takes, and of those that could be chosen in their place as far as they are there."""
    keys = context.edition.keys
    alternatives = {each.key for line in context.edition.all_lines for each in line.versions} - {*keys}
    keys += context.take_store.present(alternatives)
    return dict(zip(keys, context.take_store.records(keys), strict=True))


def _proof(
    context: BookContext,
    timeline: Timeline,
    records: dict[str, TakeRecord],
    audio: list[str],
    folder: Path,
    storage: str | None,
) -> list[tuple[str, str]]:
    """Make the page for proof-listening, and the takes that can be heard and chosen on it; return names and kinds."""
    proof.write(context.edition, timeline, records, audio, folder / "book.html", context.name, storage)
    files = [("book.html", "html")]
    for line in context.edition.all_lines:
        for each in line.versions:
            if each.key in records:
                name = proof.sound_of(line, each.number)
                (folder / name).parent.mkdir(exist_ok=True)
                context.take_store.fetch(each.key, folder / name)
                files.append((name, "flac"))
    return files
