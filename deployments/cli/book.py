"""f5-flows book: the books in the store."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from deployments.cli.books import failures, fetch_files
from deployments.cli.console import FAILED, open_store, refuse, storage_option, use_server, writable
from deployments.cli.progress import bar
from deployments.cli.proof import bind, choose, say_again
from deployments.cli.terminal import echo

if TYPE_CHECKING:
    from speech.stores import Store

__all__ = ["book"]

_LOOK_SECONDS = 5.0


@click.group()
def book() -> None:
    """Manage the books that f5-flows narrate has stored."""


for command in (bind, choose, say_again):
    book.add_command(command)


@book.command("list")
@storage_option
def list_books(storage: str | None) -> None:
    """List the books and the progress of each."""
    from speech.books import order
    from speech.errors import InvalidRequest, KeyRefused, NotFound, NotText

    store = open_store(storage)
    names = order.names(store)
    for name in names:
        try:
            summary = _summary(_now(store, name))
        except (InvalidRequest, KeyRefused, NotFound, NotText) as fault:
            summary = str(fault)
        echo(f"{name:<42}{summary}")
    if not names:
        echo("There are no books yet; to make one: f5-flows narrate book.epub")


@book.command()
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print the state as JSON.")
@storage_option
def status(name: str, as_json: bool, storage: str | None) -> None:
    """Show the progress of the book NAME, chapter by chapter."""
    state = _now(open_store(storage), name)
    if as_json:
        echo(json.dumps(state, ensure_ascii=False, indent=1))
    else:
        echo(f"{state.get('title', name)}: {_summary(state)}")
        for chapter in state.get("chapters", ()):
            echo(f"  {chapter['finished']:>5} of {chapter['lines']:>5} chunks  {chapter['title']}")
        for failure in failures(state):
            echo(f"  {failure}")
    if state.get("over"):
        raise SystemExit(FAILED)


@book.command()
@click.argument("name")
@storage_option
def watch(name: str, storage: str | None) -> None:
    """Watch the book NAME until it is finished; Ctrl-C leaves it running."""
    store = open_store(storage)
    with bar(quiet=False) as on_progress:
        while True:
            state = _now(store, name)
            total = sum(chapter["lines"] for chapter in state.get("chapters", ()))
            finished = sum(chapter["finished"] for chapter in state.get("chapters", ()))
            at = next((each["title"] for each in state.get("chapters", ()) if each["finished"] < each["lines"]), None)
            if at is None and total:
                on_progress("bind", 0.9 + 0.1 * _bound_share(store, name, state))
            else:
                on_progress(at or "wait", 0.9 * finished / total if total else 0.0)
            if state.get("finished") or state.get("over"):
                break
            time.sleep(_LOOK_SECONDS)
    echo(_summary(state))
    if not state["finished"]:
        raise SystemExit(FAILED)


@book.command()
@click.argument("name")
@storage_option
def script(name: str, storage: str | None) -> None:
    """Print the script of the book NAME as Markdown, to edit and narrate again under the same name.

    \b
    f5-flows book script alice > script.md
    f5-flows narrate script.md --name alice
    """
    from speech.books import order
    from speech.books.book import script_of
    from speech.books.preparation import book_of
    from speech.script.readers import write

    store = open_store(storage)
    echo(write(script_of(book_of(order.load(store, name), store))), nl=False)


@book.command()
@click.argument("name")
@click.option("--out", type=click.Path(path_type=Path), help="Folder of the files. Default: one named after the book.")
@storage_option
def fetch(name: str, out: Path | None, storage: str | None) -> None:
    """Fetch the files of the book NAME, once it is finished, or as far as it goes."""
    store = open_store(storage)
    state = _now(store, name)
    bound = state.get("bound", state["edition"] if state.get("finished") else None)
    if not bound:
        refuse(f"NAME: {name} is not finished: {_summary(state)}")
    files, _ = fetch_files(store, name, bound, writable(out or Path(name)))
    echo("\n".join(map(str, files)))
    if not state["finished"]:
        echo(f"Note: {_summary(state)}", err=True)


@book.command()
@click.argument("name")
@storage_option
def cancel(name: str, storage: str | None) -> None:
    """Cancel the runs of the book NAME; finished takes are kept, and f5-flows narrate resumes the book."""
    import asyncio

    from speech.books import order

    order.read(open_store(storage), name)
    use_server()
    number = asyncio.run(_cancel(name))
    echo(f"{number} {'run is' if number == 1 else 'runs are'} cancelled.")


async def _cancel(name: str) -> int:
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterTags
    from prefect.states import Cancelled, Cancelling

    async with get_client() as client:
        candidates = await client.read_flow_runs(
            flow_run_filter=FlowRunFilter(tags=FlowRunFilterTags(all_=[f"book:{name}"])), limit=200
        )
        open_runs = [run for run in candidates if run.state and not run.state.is_final()]
        for run in open_runs:
            is_running = run.state is not None and run.state.is_running()
            await client.set_flow_run_state(run.id, Cancelling() if is_running else Cancelled())
    return len(open_runs)


def _now(store: Store, name: str) -> dict[str, Any]:
    """Return the state of a book as of its last visit, updated with the chunks finished since."""
    from speech.books import choices, order
    from speech.books.stored import read_outline
    from speech.books.take_store import TakeStore

    order.read(store, name)
    state = order.state(store, name)
    if not state or state["finished"]:
        return state | ({"decided": not choices.is_current(store, name, state)} if "choices" in state else {})
    outline = read_outline(store, name, state["edition"])
    keys = [chapter.keys for chapter in outline.chapters]
    if len(keys) != len(state["chapters"]):
        refuse(f"NAME: the state of {name} is not that of its plan; f5-flows book bind {name} writes both again")
    present = TakeStore(store).present([key for chapter_keys in keys for key in chapter_keys])
    for chapter, chapter_keys in zip(state["chapters"], keys, strict=True):
        chapter["finished"] = sum(key in present for key in chapter_keys)
    return state


def _bound_share(store: Store, name: str, state: dict[str, Any]) -> float:
    """Return the share of a book that is bound, as whoever binds it tells now and then."""
    from speech.books.stored import decode, edition_key
    from speech.errors import NotFound, NotText

    try:
        progress = decode(store.read(edition_key(name, state["edition"], "/progress.json")))
        return min(max(float(progress["share"]), 0.0), 1.0)
    except (NotFound, NotText, ValueError, LookupError, TypeError):
        return 0.0


def _summary(state: dict[str, Any]) -> str:
    if not state:
        return "ordered, not begun"
    if state["finished"]:
        since = "; takes were chosen since, which f5-flows book bind puts into it" if state.get("decided") else ""
        return f"finished, about {state['hours']:g} hours{since}"
    total = sum(chapter["lines"] for chapter in state["chapters"])
    finished = sum(chapter["finished"] for chapter in state["chapters"])
    summary = f"{finished} of {total} chunks are spoken"
    if not state["over"]:
        return summary if finished < total else f"{summary}, it is not bound yet"
    whole = sum(chapter["finished"] == chapter["lines"] for chapter in state["chapters"])
    rest = f"; {whole} of {len(state['chapters'])} chapters are bound" if state.get("bound") else ""
    return f"{summary}, and the rest failed or was cancelled{rest}"
