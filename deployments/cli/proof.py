"""f5-flows book say-again, choose and bind: what a listener decides about single chunks, and having it in the book."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from deployments.cli.books import failures
from deployments.cli.console import FAILED, fail, open_store, refuse, storage_option, writable
from deployments.cli.making import check_workers, finish, leave, make
from deployments.cli.terminal import echo
from speech.choices import LIMITS, SEED

if TYPE_CHECKING:
    from speech.stores import Store

__all__ = ["bind", "choose", "say_again"]


_SEED = click.IntRange(1, int(LIMITS["seed"][1]))


@click.command("say-again")
@click.argument("name")
@click.argument("chunk")
@click.option("--seed", type=_SEED, help="Of the new take. Default: one that no take of the chunk has had.")
@click.option("--text", help="Words to speak in place of those that are written, which stay what readers see.")
@click.option("--detach", is_flag=True, help="Leave the work to the workers of the Prefect server, and return at once.")
@storage_option
def say_again(name: str, chunk: str, seed: int | None, text: str | None, detach: bool, storage: str | None) -> None:
    """Make another take of CHUNK of the book NAME, which is then the one that is heard.

    The book's page shows the ids of its chunks. The book is not bound; f5-flows book bind does that.

    \b
    f5-flows book say-again alice k-0123456789ab-1
    f5-flows book say-again alice k-0123456789ab-1 --text "Her-my-oh-nee waved."
    """
    from speech.books import choices
    from speech.settings import settings

    store = open_store(storage)
    stored_order, state, outline = _load_plan(store, name, chunk)
    if text is None and not outline.get("seeded", True):
        refuse(f"CHUNK: {outline['engine']} says the same words alike every time; give other words with --text")
    is_spoken = all(chapter["finished"] == chapter["lines"] for chapter in state["chapters"])
    is_under_way = not is_spoken and not state["over"]
    if detach and not is_under_way:
        check_workers(silent=False)
    take = choices.say_again(
        store, name, chunk, seed, text, base=stored_order.request().seed or SEED, apart=settings().max_retakes + 1
    )
    if is_under_way:
        echo(f"Take {take} of {chunk} will be spoken with the rest of the book, which is not finished.")
        return
    if detach:
        leave(name, storage, f"Take {take} of {chunk} is being made", binds=False)
        return
    make(name, storage, silent=False, binds=False)
    _print_take(store, name, chunk, take)


@click.command()
@click.argument("name")
@click.argument("chunk")
@click.argument("take", type=int)
@storage_option
def choose(name: str, chunk: str, take: int, storage: str | None) -> None:
    """Choose which TAKE of CHUNK of the book NAME is heard, by its number; 1 is the one that was planned."""
    from speech.books import choices

    store = open_store(storage)
    _load_plan(store, name, chunk)
    choices.choose(store, name, chunk, take)
    echo(f"Take {take} of {chunk} is chosen. To have it in the book: f5-flows book bind {name}")


@click.command()
@click.argument("name")
@click.option("--out", type=click.Path(path_type=Path), help="Folder of the files. Default: one named after the book.")
@click.option("--detach", is_flag=True, help="Leave the work to the workers of the Prefect server, and return at once.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON, and nothing else.")
@storage_option
def bind(name: str, out: Path | None, detach: bool, as_json: bool, storage: str | None) -> None:
    """Bind the book NAME as it was ordered, with the takes that were chosen; what was spoken is not spoken again."""
    from speech.books import order

    store = open_store(storage)
    order.read(store, name)
    target = writable(out or Path(name))
    if detach:
        check_workers(silent=as_json)
        leave(name, storage, f"{name} is being bound", as_json=as_json)
        return
    finish(make(name, storage, silent=as_json), name, store, target, as_json=as_json)


def _load_plan(store: Store, name: str, chunk: str) -> tuple[Any, dict[str, Any], dict[str, Any]]:
    """Return the order of a book, its state and its plan; refuse a chunk that is not in it."""
    from speech.books import choices, order

    choices.check_chunk(chunk)
    stored_order = order.read(store, name)
    state = order.state(store, name)
    if not state:
        refuse(f"NAME: {name} was ordered, but is not planned yet; f5-flows book bind {name} goes on with it")
    outline = _outline(store, name, state)
    if not any(chunk in chapter.get("chunks", ()) for chapter in outline["chapters"]):
        refuse(f"CHUNK: {name} has no chunk {chunk}; its page, {name}.html, shows those that it has")
    return stored_order, state, outline


def _outline(store: Store, name: str, state: dict[str, Any]) -> dict[str, Any]:
    from speech.books.stored import read_outline

    return read_outline(store, name, state["edition"]).model_dump()


def _print_take(store: Store, name: str, chunk: str, take: int) -> None:
    """Say how a new take came out."""
    from speech.books import order
    from speech.books.take_store import TakeStore

    state, take_store = order.state(store, name), TakeStore(store)
    chapters = _outline(store, name, state)["chapters"]
    keys = dict(pair for each in chapters for pair in zip(each["chunks"], each["keys"], strict=True))
    if chunk not in keys or keys[chunk] not in take_store.present([keys[chunk]]):
        fail([*failures(state), f"Take {take} of {chunk} could not be made; f5-flows book choose {name} {chunk} 1 goes "
              "back to the first."], FAILED)  # fmt: skip
    record = take_store.records([keys[chunk]])[0]
    score = "" if record.score is None else f", score {record.score:.2f}"
    echo(f"Take {take} of {chunk} is made and chosen (seed {record.seed}{score}).")
    for problem in record.problems:
        echo(f"Note: {problem}")
    echo(f"To have it in the book: f5-flows book bind {name}")
