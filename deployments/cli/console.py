"""What all commands share: exit codes, faults in words, the progress bar, the store."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

if TYPE_CHECKING:
    from speech.stores import Store

__all__ = [
    "BAD_INPUT",
    "DONE",
    "FAILED",
    "bar",
    "blame",
    "fail",
    "number",
    "open_store",
    "read_script",
    "refuse",
    "spare",
    "temporary_files",
    "use_server",
    "writable",
    "writing",
]

DONE, FAILED, BAD_INPUT = 0, 1, 2


def refuse(sentence: str) -> NoReturn:
    from speech.errors import InvalidRequest, Problem

    raise InvalidRequest([Problem("", None, "", sentence)])


def fail(sentences: list[str], code: int) -> NoReturn:
    for sentence in sentences:
        click.echo(f"Error: {sentence}", err=True)
    sys.exit(code)


def number(value: str) -> Any:
    """Options reach the contract as a client would send them, so that it alone decides what is accepted."""
    for kind in (int, float):
        try:
            return kind(value)
        except ValueError:
            pass
    return value


def read_script(text: str | None, file: Path | None) -> str:
    """A text as it was given, from a UTF-8 file, or, for `-`, from standard input."""
    from speech.files import as_text

    if (text is None) == (file is None):
        refuse("Give the text, or --file PATH, or - to read it from standard input.")
    if text == "-":
        raw = sys.stdin.buffer.read()
    elif file is not None:
        try:
            raw = file.read_bytes()
        except OSError as fault:
            refuse(f"The script {file} cannot be read: {fault.strerror}.")
    else:
        return str(text)
    return as_text(raw, "The script")


def writable(folder: Path) -> Path:
    """Find out before any work is done that the files could not be written."""
    from tempfile import TemporaryFile

    try:
        folder.mkdir(parents=True, exist_ok=True)
        # A file that nobody else can meet: others may be probing the same folder.
        with TemporaryFile(dir=folder) as probe:
            probe.write(b"probe")
    except OSError as fault:
        refuse(f"--out: {folder} cannot be written to: {fault.strerror}; free some room there, or name another folder.")
    return folder


def spare(sources: Iterable[Path | None], targets: Iterable[Path]) -> None:
    """Refuse to write over what is read."""
    for target in targets:
        for source in sources:
            if source and source.exists() and target.exists() and target.samefile(source):
                refuse(f"--out: {target} would be written over, and it is what is read; name another folder or file.")


@contextmanager
def writing(folder: Path, unless: str = "") -> Iterator[None]:
    """Name the folder of the files where one cannot be written.

    Args:
        unless: what else is good to know then.
    """
    from speech.errors import NotKept, StoreError

    try:
        yield
    except (OSError, NotKept) as fault:
        cause = fault.__cause__ if isinstance(fault, NotKept) else fault
        why = getattr(cause, "strerror", None) or fault
        sentence = f"--out: {folder} cannot be written to: {why}; free some room there, or name another folder."
        raise StoreError(f"{sentence} {unless}".rstrip()) from None


def blame(fault: OSError) -> str:
    """Which place failed, and what to do; a full disk does not tell its name, so the fullest of ours is it."""
    import errno
    import shutil
    import tempfile

    from speech.settings import settings

    if fault.errno is None:
        return str(fault)
    if fault.errno not in (errno.ENOSPC, errno.EDQUOT):
        return f"{fault.filename or 'This machine'}: {fault.strerror or fault}"
    places = {
        "TMPDIR": Path(tempfile.gettempdir()),
        "F5_FLOWS_HOME": settings().f5_flows_home,
        "STORAGE_DIR": settings().storage_folder,
    }
    free = {
        name: shutil.disk_usage(next(parent for parent in (place, *place.parents) if parent.exists())).free
        for name, place in places.items()
    }
    name = min(free, key=lambda name: free[name])
    return f"There is no room left in {places[name]}; free some, or set {name} to a folder on another disk."


@contextmanager
def temporary_files() -> Iterator[None]:
    """Give this process a folder for all that it and its libraries write for a while, and clear what dead ones left."""
    import tempfile

    from speech.scratch import clear, scratch

    clear()
    with scratch() as folder:
        before, tempfile.tempdir = tempfile.tempdir, str(folder)
        try:
            yield
        finally:
            tempfile.tempdir = before


@contextmanager
def bar(quiet: bool) -> Iterator[Callable[[str, float], None]]:
    """A progress bar on standard error; plain lines where that is no terminal."""
    if quiet:
        yield lambda step, share: None
        return
    if not sys.stderr.isatty():
        seen: list[str] = []

        def tell(step: str, share: float) -> None:
            if step not in seen:
                seen.append(step)
                click.echo(f"[{share:4.0%}] {step}", err=True)

        yield tell
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description:<12}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"))
    with Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task("start", total=1.0)
        yield lambda step, share: progress.update(bar, description=step, completed=share)


def use_server() -> None:
    """Point Prefect at a server that answers, before it is imported: its settings freeze then."""
    from deployments.local import server
    from speech.settings import bypass_proxies, export, settings

    configured = settings().prefect_api_url
    if configured:
        server.require(configured)
    else:
        configured = server.ensure(lambda text: click.echo(text, err=True)).api
        export(PREFECT_API_AUTH_STRING=server.password())
        bypass_proxies("127.0.0.1")
    # The console is for the person; Prefect's own log goes to the server and its UI.
    export(
        PREFECT_API_URL=configured,
        PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL="CRITICAL",
        PREFECT_CLI_WARN_ON_UPDATE="false",
    )
    from deployments import retries

    retries.install()


def open_store(block: str | None = None) -> Store:
    """The store; a block is looked up in the Prefect server, which is started if need be."""
    from speech.settings import settings

    if block or settings().storage_block:
        use_server()
    import asyncio

    from blocks.storage import aopen_store

    return asyncio.run(aopen_store(block))
