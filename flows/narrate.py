"""Narrate: bring a book nearer to its end, from whatever is there. It can be run any number of times.

A book is finished when the store holds every take of its edition and what is bound of them. Nothing else is believed:
no state of a run, and no earlier visit. Each visit plans the edition, looks for what is missing, sees that there is a
run of `speak-part` for each incomplete part and, once all takes are there, one of `bind`; it waits for none of them.
"""

import hashlib
from typing import Annotated, Any

from prefect import flow, get_run_logger
from prefect.client.orchestration import get_client
from prefect.context import tags

from blocks.storage import aopen_store
from flows.cancellation import cancellable
from flows.form import Form
from flows.workspace import RESULTS, workspace
from speech.books.order import check_name
from speech.errors import SpeechError
from speech.stores import Store
from tasks.bind_book import is_bound, recipe
from tasks.book import Desk, find_books, find_missing, keep_outline, open_desk
from tasks.book_report import Part, report
from tasks.ensure_runs import ensure, is_over

__all__ = ["narrate", "narrate_books"]


@flow(name="narrate", flow_run_name="{book}", persist_result=False, result_storage=RESULTS)
@cancellable
async def narrate(book: str, storage: Annotated[str | None, Form()] = None, again: bool = False) -> dict[str, Any]:
    """Start what is missing of a book that was ordered with `f5-flows narrate`.

    Args:
        book: its name.
        storage: a storage block, such as s3-bucket/prod. Empty: the worker's default.
        again: also what was cancelled, or has failed too often.
    """
    store = await aopen_store(storage)
    with workspace() as folder:
        desk = await open_desk(check_name(book), store, folder)
        await keep_outline(desk)
        missing = await find_missing(desk)
        parts = [
            await _part(desk, part.number, len(lines), storage, again=again)
            for part in desk.edition.parts
            if (lines := missing.of(part))
        ]
        whole = None
        if not parts and not await is_bound(desk):
            whole = await _bind(desk, storage, again=again)
        return await report(desk, missing, parts, whole)


@flow(name="narrate-books", persist_result=False, result_storage=RESULTS)
@cancellable
async def narrate_books(storage: Annotated[str | None, Form()] = None) -> dict[str, bool]:
    """Take up every book that is not finished.

    Args:
        storage: a storage block. Empty: the worker's default.
    """
    store = await aopen_store(storage)
    finished: dict[str, bool] = {}
    for book in await find_books(store):
        try:
            state = await narrate(book, storage)
            finished[book] = isinstance(state, dict) and state["finished"]
        except SpeechError as fault:
            get_run_logger().error("%a: %s", book, fault)
    return finished


async def _part(desk: Desk, number: int, missing: int, storage: str | None, *, again: bool) -> Part:
    """See that there is a run that speaks a part."""
    parameters = {"book": desk.name, "edition": desk.edition.name, "part": number, "storage": storage}
    async with get_client() as client:
        with tags(f"book:{desk.name}"):
            run = await ensure(
                client, "speak-part", f"{desk.name} part {number}", _key(desk.store, "part", *parameters.values()),
                parameters, again=again,
            )  # fmt: skip
    return Part(number, missing, run, is_over(run, again=again))


async def _bind(desk: Desk, storage: str | None, *, again: bool) -> Part:
    """See that there is a run that binds the book."""
    parameters = {"book": desk.name, "edition": desk.edition.name, "storage": storage}
    async with get_client() as client:
        with tags(f"book:{desk.name}"):
            run = await ensure(
                client, "bind", f"{desk.name} bind", _key(desk.store, "bind", recipe(desk)), parameters, again=again
            )
    return Part(0, 0, run, is_over(run, again=again))


def _key(store: Store, *what: object) -> str:
    return f"book-{hashlib.sha256(repr((str(store), *what)).encode()).hexdigest()[:40]}"
