"""Narrate: start whatever a book still lacks. The flow is idempotent and can be run any number of times.

A book is finished when the store holds every take of its edition and the bound files. Nothing else is trusted:
neither the state of a run nor an earlier visit. Each visit plans the edition, finds what is missing, and ensures one
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
from tasks.book import BookContext, find_books, find_missing, keep_outline, open_book
from tasks.book_report import PartRun, report
from tasks.ensure_runs import ensure, is_final

__all__ = ["narrate", "narrate_books"]


@flow(name="narrate", flow_run_name="{book}", persist_result=False, result_storage=RESULTS)
@cancellable
async def narrate(
    book: str, storage: Annotated[str | None, Form()] = None, again: bool = False, binds: bool = True
) -> dict[str, Any]:
    """Start the runs that a book still needs; `f5-flows narrate` orders it.

    Args:
        book: its name.
        storage: a storage block, such as s3-bucket/prod. Empty: the worker's default.
        again: also restart runs that were cancelled or have failed too often.
        binds: also bind it once it is spoken, or as far as it goes if a part of it has failed too often.
    """
    store = await aopen_store(storage)
    with workspace() as folder:
        context = await open_book(check_name(book), store, folder)
        await keep_outline(context)
        missing = await find_missing(context)
        runs = [
            await _ensure(context, "speak-part", storage, part.number, len(lines), again=again)
            for part in context.edition.parts
            if (lines := missing.of(part))
        ]
        ready: BookContext | None = context
        if runs:
            # What is finished is bound without the rest only when nobody is going to finish that.
            ready = context.finished(missing) if all(run.is_final for run in runs) else None
        bound = ready.edition.name if ready and await is_bound(ready) else None
        if ready and not bound and binds:
            runs.append(await _ensure(ready, "bind", storage, again=again))
        return await report(context, missing, runs, bound)


@flow(name="narrate-books", persist_result=False, result_storage=RESULTS)
@cancellable
async def narrate_books(storage: Annotated[str | None, Form()] = None) -> dict[str, bool]:
    """Visit every unfinished book.

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


async def _ensure(
    context: BookContext, flow: str, storage: str | None, number: int = 0, missing: int = 0, *, again: bool
) -> PartRun:
    """See that there is a run that makes something of a book.

    Args:
        number: of the part that is spoken; 0 for binding.
        missing: number of its lines that are not finished.
    """
    parameters: dict[str, Any] = {"book": context.name, "edition": context.edition.name, "storage": storage}
    if number:
        parameters["part"] = number
        name, key = (
            f"{context.name} part {number}",
            _key(context.store, "part", context.name, context.edition.name, number, storage),
        )
    else:
        name, key = f"{context.name} bind", _key(context.store, "bind", recipe(context))
    async with get_client() as client:
        with tags(f"book:{context.name}"):
            run = await ensure(client, flow, name, key, parameters, again=again)
    return PartRun(number, missing, run, is_final(run, again=again))


def _key(store: Store, *what: object) -> str:
    return f"book-{hashlib.sha256(repr((str(store), *what)).encode()).hexdigest()[:40]}"
