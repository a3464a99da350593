"""The steps by which a book is spoken."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import replace
from pathlib import Path

from prefect.logging import get_run_logger

from speech.alignment.google import Account
from speech.books import choices, order, speaking
from speech.books.edition import Edition, MissingKeys
from speech.books.lines import Line
from speech.books.order import Ordered
from speech.books.preparation import prepare, requirements
from speech.books.stored import edition_key
from speech.books.take_store import TakeStore
from speech.requirements import Requirements
from speech.stores import Store
from tasks.ensure_runtime import ensure_runtime
from tasks.progress import Progress
from tasks.step import step
from tasks.sync_models import sync_models

__all__ = ["BookContext", "find_books", "find_missing", "keep_outline", "open_book", "speak_lines", "time_lines"]


class BookContext:
    """The context of a run on a book. It is no dataclass, because Prefect would traverse all words of the book."""

    def __init__(self, ordered: Ordered, store: Store, edition: Edition, folder: Path) -> None:
        self.name, self.preset = ordered.name, ordered.order.preset
        self.source = ordered.data if edition.book.format == "epub" else None
        self.store, self.edition, self.folder = store, edition, folder
        self.take_store = TakeStore(store)
        self.decided = choices.fingerprint(ordered.choices)

    def key(self, rest: str) -> str:
        """Return the store key of a file of this edition."""
        return edition_key(self.name, self.edition.name, rest)

    def finished(self, missing: MissingKeys) -> BookContext | None:
        """Return the context of the chapters of which nothing is missing; None if there is none."""
        edition = self.edition.finished(missing)
        if edition is None:
            return None
        other = copy(self)
        other.edition = edition
        return other

    def takes(self) -> Callable[[str], Path]:
        """Return a function that fetches a take into a file, which the next call overwrites."""
        path = self.folder / "take.flac"

        def fetch(key: str) -> Path:
            self.take_store.fetch(key, path)
            return path

        return fetch


async def open_book(name: str, store: Store, folder: Path) -> BookContext:
    """Read a book, install and fetch what it needs, and plan its edition."""
    ordered, required = await read_book(name, store)
    if required:
        await ensure_runtime(required)
        await sync_models(required, store)
    return await plan_edition(ordered, store, folder)


@step("look for books", timeout="setup_timeout")
def find_books(store: Store) -> list[str]:
    """Return the names of the unfinished books, according to their last visits."""
    return [
        name
        for name in order.names(store)
        if not order.is_settled(store, name) or not choices.is_current(store, name, order.state(store, name))
    ]


@step("read the book", timeout="processing_timeout")
def read_book(name: str, store: Store) -> tuple[Ordered, Requirements]:
    """Read the book; return it, and what must be installed and fetched to speak it."""
    ordered = replace(order.load(store, name), choices=choices.load(store, name))
    return ordered, requirements(ordered, store)


@step("plan the edition", timeout="processing_timeout")
def plan_edition(ordered: Ordered, store: Store, folder: Path) -> BookContext:
    """Cut the book into chunks and parts."""
    edition = prepare(ordered, store, folder)
    for note in edition.notes:
        get_run_logger().info("%s", note)
    return BookContext(ordered, store, edition, folder)


@step("keep the plan", timeout="setup_timeout")
def keep_outline(context: BookContext) -> None:
    """Write the plan of the edition into the store."""
    context.store.write(context.key(".json"), context.edition.outline(), "application/json")


@step("look for takes", timeout="setup_timeout")
def find_missing(context: BookContext) -> MissingKeys:
    """Find the takes and word times of the edition that the store lacks."""
    return context.edition.missing(context.take_store)


@step("speak", timeout="processing_timeout", gpu=True)
def speak_lines(context: BookContext, lines: Sequence[Line], title: str, before: int, total: int) -> None:
    """Speak lines, and keep their takes.

    Args:
        title: of the chapter, for people.
        before: number of lines of the book that are finished.
        total: number of all lines.
    """
    # Skip what an earlier try of this step has already spoken.
    present = context.take_store.present([line.key for line in lines])
    missing = [line for line in lines if line.key not in present]
    done = before + len(lines) - len(missing)
    speaking.speak(
        context.edition,
        missing,
        context.take_store,
        lambda number, _: Progress.report(title, share(done + number, total)),
    )


@step("time the words", timeout="processing_timeout")
def time_lines(context: BookContext, lines: Sequence[Line], account: Account | None) -> None:
    """Time the words of lines, and keep the times."""
    options = {"google": {"account": account}} if account else {}
    for note in speaking.time_words(context.edition, lines, context.take_store, context.folder, options):
        get_run_logger().info("%s", note)


def share(finished: int, total: int) -> float:
    """Return the progress of a book, 0 to 1, once `finished` of its lines are finished; binding is the last tenth."""
    return 0.9 * finished / max(total, 1)
