"""Making a book from the command line: what narrate, bind and say-again share."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from deployments.cli.books import failures, fetch_files, unfinished
from deployments.cli.console import FAILED, fail, notes, use_server_for_runs
from deployments.cli.progress import bar
from deployments.cli.terminal import echo

if TYPE_CHECKING:
    from speech.stores import Store

__all__ = ["check_workers", "finish", "leave", "make"]

# The flow that makes a book, and its deployment.
_FLOW = "narrate"


def check_workers(*, silent: bool) -> None:
    """Refuse --detach, before anything is stored, if the Prefect server has no deployment that makes books."""
    use_server_for_runs(notes(silent))
    from deployments.cli.run import require

    require(_FLOW, "--detach")


def leave(book: str, storage: str | None, says: str, *, as_json: bool = False, binds: bool = True) -> None:
    """Leave a book to the workers of the Prefect server.

    Args:
        says: what they do, for the user.
        binds: whether they bind it too.
    """
    import asyncio

    from deployments.cli.run import start

    parameters = {"book": book, "again": True, "binds": binds} | ({"storage": storage} if storage else {})
    job = asyncio.run(start(_FLOW, parameters, silent=as_json))
    status = f"f5-flows book status {book}"
    echo(json.dumps({"book": book, "job": job}, indent=1) if as_json else f"{says}; to see its progress: {status}")


def make(book: str, storage: str | None, *, silent: bool, binds: bool = True) -> dict[str, Any]:
    """Have a book spoken and bound; return its state.

    Args:
        binds: bind it too.
    """
    from deployments.local import warm
    from speech.settings import settings

    remote = settings().prefect_api_url
    use_server_for_runs(notes(silent))
    warm.release()
    with bar(silent) as on_progress:
        from deployments.local.book import narrate_here
        from deployments.local.run import carry_out

        parameters = {"book": book, "storage": storage, "binds": binds}
        return carry_out(partial(narrate_here, parameters), on_progress, remote=remote)


def finish(
    state: dict[str, Any], book: str, store: Store, target: Path, source: Path | None = None, *, as_json: bool
) -> None:
    """Say what became of a book, and fetch its files, those of its finished chapters if others failed for good.

    Args:
        source: a file that must not be written over.
    """
    files: list[Path] = []
    if state["bound"]:
        files, notes = fetch_files(store, book, state["bound"], target, source)
        if as_json:
            state = state | {"files": [str(path.absolute()) for path in files]}
            echo(json.dumps(state, ensure_ascii=False, indent=1))
        else:
            _print_outcome(state, files, notes, target)
    if not state["finished"]:
        reasons = [failure[0].upper() + failure[1:] for failure in failures(state)]
        fail([*reasons, *unfinished(state), "What was spoken is kept; the same command tries what is missing again."],
             FAILED)  # fmt: skip


def _print_outcome(state: dict[str, Any], files: list[Path], notes: list[str], target: Path) -> None:
    total = len(state["chapters"])
    if state["finished"]:
        heading = click.style("Done", fg="green", bold=True)
        echo(f"{heading}: {state['title']}, {total} chapters, spoken by {state['engine']}")
    else:
        whole = sum(each["finished"] == each["lines"] for each in state["chapters"])
        part = click.style("Unfinished", fg="yellow", bold=True)
        echo(f"{part}: {state['title']}, only {whole} of its {total} chapters, spoken by {state['engine']}")
    for note in notes:
        echo(f"Note: {note}")
    for path in files:
        if path.parent == target:
            echo(f"  {path}")
    chapter_files = [path for path in files if path.parent != target]
    if chapter_files:
        folder = chapter_files[0].parent
        echo(f"  {folder}/ with {sum(path.parent == folder for path in chapter_files)} files, by chapter")
