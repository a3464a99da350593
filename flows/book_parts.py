"""The flows that make a book: speak one of its parts, and bind the finished takes into files."""

from typing import Annotated, Any

from prefect import flow, get_run_logger
from prefect.client.orchestration import get_client
from prefect.exceptions import ObjectNotFound
from prefect.runtime import flow_run

from blocks.google import aload_account
from blocks.storage import aopen_store
from flows.cancellation import cancellable, raise_if_cancelled
from flows.form import Form
from flows.workspace import RESULTS, workspace
from speech.books.order import check_name
from speech.books.speaking import windows
from speech.errors import EngineError
from tasks.bind_book import bind_book
from tasks.book import find_missing, open_book, speak_lines, time_lines
from tasks.step import allow_for

__all__ = ["bind", "speak_part"]


@flow(name="speak-part", flow_run_name="{book} part {part}", persist_result=False, result_storage=RESULTS)
@cancellable
async def speak_part(
    book: str, edition: str, part: int, storage: Annotated[str | None, Form()] = None
) -> dict[str, Any]:
    """Speak the missing chunks of one part of a book, and time their words.

    Args:
        book: its name.
        edition: the edition that was planned; if the book has changed since, nothing is spoken.
        part: number of the part, from 1.
        storage: a storage block. Empty: the worker's default.
    """
    store = await aopen_store(storage)
    account = await aload_account(None)
    with workspace() as folder:
        context = await open_book(check_name(book), store, folder)
        if context.edition.name != edition or part > len(context.edition.parts):
            return _superseded(book)
        missing = await find_missing(context)
        part_to_speak = context.edition.parts[part - 1]
        lines = missing.of(part_to_speak)
        total = sum(len(each.lines) for each in context.edition.parts)
        before = (
            sum(len(each.lines) for each in context.edition.parts[: part - 1]) + len(part_to_speak.lines) - len(lines)
        )
        titles = context.edition.titles()
        fault: EngineError | None = None
        for window in windows(lines):
            await raise_if_cancelled()
            try:
                await speak_lines(context, window, titles[window[0].words], before, total)
                await time_lines(context, window, account)
            except EngineError as raised:
                # What the engine cannot speak must not keep the rest from being spoken.
                get_run_logger().error("%s", raised)
                fault = fault or raised
            before += len(window)
        if fault:
            raise fault
    await _trigger_next_visit(book, storage)
    return {"book": book, "edition": edition, "part": part, "lines": len(lines)}


@flow(name="bind", flow_run_name="{book} bind", persist_result=False, result_storage=RESULTS)
@cancellable
async def bind(book: str, edition: str, storage: Annotated[str | None, Form()] = None) -> dict[str, Any]:
    """Make the files of a book whose takes are all there, or of those chapters of it that are finished.

    Args:
        book: its name.
        edition: the edition that was spoken; if the book has changed since, nothing is bound.
        storage: a storage block. Empty: the worker's default.
    """
    store = await aopen_store(storage)
    with workspace() as folder:
        context = await open_book(check_name(book), store, folder)
        if context.edition.name != edition:
            # It may be that of the chapters that could be finished.
            part = context.finished(await find_missing(context))
            if part is None or part.edition.name != edition:
                return _superseded(book)
            context = part
        allow_for(context.edition.characters)
        notes = await bind_book(context, storage)
    await _trigger_next_visit(book, storage)
    return {"book": book, "edition": edition, "notes": notes}


def _superseded(book: str) -> dict[str, Any]:
    get_run_logger().info("The book %a has changed since this run was planned; it is skipped.", book)
    return {"book": book, "superseded": True}


async def _trigger_next_visit(book: str, storage: str | None) -> None:
    """Start the next visit of the book now instead of with the next schedule, if `narrate` is deployed."""
    async with get_client() as client:
        try:
            deployment = await client.read_deployment_by_name("narrate/narrate")
        except ObjectNotFound:
            return
        parameters = {"book": book} | ({"storage": storage} if storage else {})
        key = f"after-{flow_run.id}-{flow_run.run_count}"
        await client.create_flow_run_from_deployment(deployment.id, parameters=parameters, idempotency_key=key)
