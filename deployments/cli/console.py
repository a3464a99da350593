"""What all commands share: exit codes, error messages, input, output folders, the server and the store."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from deployments.cli.terminal import echo

if TYPE_CHECKING:
    from deployments.local.server import Server
    from speech.errors import Problem
    from speech.stores import Store

__all__ = [
    "BAD_INPUT",
    "DONE",
    "FAILED",
    "Checks",
    "as_option",
    "blame",
    "fail",
    "input_named",
    "notes",
    "open_store",
    "reading",
    "refuse",
    "spare",
    "storage_option",
    "temporary_files",
    "use_server",
    "use_server_for_runs",
    "writable",
    "writing",
]

DONE, FAILED, BAD_INPUT = 0, 1, 2

storage_option = click.option("--storage", help="A Prefect storage block. Default: the environment's.")


def refuse(message: str) -> NoReturn:
    from speech.errors import InvalidRequest, Problem

    raise InvalidRequest([Problem("", None, "", message)])


class Checks:
    """Several checks of what was given, whose problems are reported together.

    Attributes:
        problems: those found so far.
    """

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    @contextmanager
    def each(self) -> Iterator[None]:
        """Make a check; what it refuses, and what else keeps it from an answer once something was refused, waits."""
        from speech.errors import InvalidRequest, SpeechError

        try:
            yield
        except InvalidRequest as fault:
            self.problems += fault.problems
        except SpeechError:
            if not self.problems:
                raise

    def finish(self) -> None:
        """Refuse what was given, if there is a problem."""
        from speech.errors import InvalidRequest

        if self.problems:
            raise InvalidRequest(self.problems)


# Fields of a request whose option has another name.
_OPTIONS = {
    "text": "TEXT",
    "local_voice": "--voice",
    "cues": "--preset",
    "timing_format": "--format",
    "timing_formats": "--format",
    "chapters": "--chapters",
    "book": "NAME",
    "chunk": "CHUNK",
    "take": "TAKE",
    "words": "--text",
    "voice_name": "NAME",
    "lexicon_name": "NAME",
    "voice_file": "RECORDING",
    "voice_file_url": "RECORDING",
    "reference_text": "--text",
}

# References to other fields in the text of a problem, and their equivalents on the command line.
_SAID = {
    "return_word_timings: true": "word times; leave out --no-timings",
    "overwrite: true": "--overwrite",
    " max_duration": " --max-duration",
    "as reference_text": "with --text",
    "as ref_text": "with --ref-text",
}


def as_option(problem: Problem) -> str:
    """Return the message of a problem, with its field replaced by the command-line option."""
    from speech.fields import CueRules
    from speech.request import SpeechRequest

    message = str(problem)
    field, _, rest = message.partition(":")
    name = field.rpartition(".")[2]
    if field.startswith("cast."):
        return f"--cast: {name}:{rest}"
    if name not in {*_OPTIONS, *SpeechRequest.model_fields, *CueRules.model_fields}:
        return message
    for phrase, replacement in _SAID.items():
        rest = rest.replace(phrase, replacement)
    return f"{_OPTIONS.get(name, '--' + name.replace('_', '-'))}:{rest}"


@contextmanager
def input_named(name: str) -> Iterator[None]:
    """Report an unusable recording or video under the name given on the command line."""
    from speech.errors import AudioError, VideoError

    try:
        yield
    except (AudioError, VideoError) as fault:
        refuse(f"{name}: {fault}")


@contextmanager
def reading(file: Path, option: str) -> Iterator[None]:
    """Report an unreadable file under the option or argument that names it."""
    try:
        yield
    except OSError as fault:
        refuse(f"{option}: {file} cannot be read: {fault.strerror}.")


def fail(messages: list[str], code: int) -> NoReturn:
    for message in messages:
        echo(f"Error: {message}", err=True)
    sys.exit(code)


def writable(folder: Path) -> Path:
    """Check that files can be written to a folder, or to the nearest folder above it, before any work is done."""
    from tempfile import TemporaryFile

    try:
        # A temporary file cannot collide with another process that probes the same folder.
        with TemporaryFile(dir=next(above for above in (folder, *folder.parents) if above.exists())) as probe:
            probe.write(b"probe")
    except OSError as fault:
        refuse(
            f"--out: {folder} cannot be written to: {fault.strerror}; free some space there, or name another folder."
        )
    return folder


def spare(sources: Iterable[Path | None], targets: Iterable[Path]) -> None:
    """Refuse to overwrite an input file."""
    for target in targets:
        for source in sources:
            if source and source.exists() and target.exists() and target.samefile(source):
                refuse(f"--out: {target} would be written over, but it is an input; name another folder or file.")


@contextmanager
def writing(folder: Path, unless: str = "") -> Iterator[None]:
    """Create a folder for what the block writes, and turn a failed write into an error that names the folder.

    If the block does not succeed, the folders that were created are removed, unless there is something in them.

    Args:
        unless: a sentence to add to the error.
    """
    from speech.errors import NotKept, StoreError

    created = [above for above in (folder, *folder.parents) if not above.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except BaseException as fault:
        with suppress(OSError):
            for above in created:
                above.rmdir()
        if not isinstance(fault, OSError | NotKept):
            raise
        cause = fault.__cause__ if isinstance(fault, NotKept) else fault
        reason = getattr(cause, "strerror", None) or fault
        message = f"--out: {folder} cannot be written to: {reason}; free some space there, or name another folder."
        raise StoreError(f"{message} {unless}".rstrip()) from None


def blame(fault: OSError) -> str:
    """Describe which folder failed and what to do; for a full disk, name the folder with the least free space."""
    import errno
    import shutil
    import tempfile

    from speech.settings import settings

    if fault.errno is None:
        return str(fault)
    if fault.errno not in (errno.ENOSPC, errno.EDQUOT):
        return f"{fault.filename or 'This machine'}: {fault.strerror or fault}"
    folders = {
        "TMPDIR": Path(tempfile.gettempdir()),
        "F5_FLOWS_HOME": settings().f5_flows_home,
        "STORAGE_DIR": settings().storage_folder,
    }
    free = {
        name: shutil.disk_usage(next(parent for parent in (folder, *folder.parents) if parent.exists())).free
        for name, folder in folders.items()
    }
    name = min(free, key=lambda name: free[name])
    return f"There is no space left in {folders[name]}; free some, or set {name} to a folder on another disk."


@contextmanager
def temporary_files() -> Iterator[None]:
    """Give this process and its libraries one folder for temporary files, and delete what dead processes left."""
    import tempfile

    from speech.scratch import clear, scratch

    clear()
    with scratch() as folder:
        before, tempfile.tempdir = tempfile.tempdir, str(folder)
        try:
            yield
        finally:
            tempfile.tempdir = before


def notes(quiet: bool = False) -> Callable[[str], None]:
    """Return a function that prints what the command is waiting for, unless it is quiet."""
    return lambda text: None if quiet else echo(text, err=True)


def use_server_for_runs(notify: Callable[[str], None]) -> None:
    """Point Prefect at a server, as `use_server` does, for flow runs in this process."""
    import logging

    from speech.settings import export

    # The user need not know if the server misses part of a failed run's log. This must be set before Prefect is
    # imported, which freezes its settings.
    export(PREFECT_LOGGING_INTERNAL_LEVEL="CRITICAL")
    logging.raiseExceptions = False
    use_server(notify)


def use_server(notify: Callable[[str], None] | None = None) -> None:
    """Point Prefect at a server that answers; call this before Prefect is imported, which freezes its settings.

    Args:
        notify: called with what is being waited for; by default it is printed.
    """
    from deployments.local import probe, server
    from speech.settings import settings

    if remote := settings().prefect_api_url:
        probe.require(remote)
        _point_prefect_to(remote)
    else:
        running_server = server.ensure(notify or notes(), _import_prefect)
        _point_prefect_to(running_server.api, server.password())
    from deployments import retries

    retries.install()


def _import_prefect(server: Server) -> None:
    """Import Prefect and the flow while a server starts, which takes longer on another core."""
    from deployments.local.server import password

    _point_prefect_to(server.api, password())
    from deployments.local import run  # noqa: F401


def _point_prefect_to(api: str, password: str | None = None) -> None:
    from speech.settings import bypass_proxies, export

    if password:
        # Our server knows no CSRF tokens, and each client would ask for one.
        export(PREFECT_API_AUTH_STRING=password, PREFECT_CLIENT_CSRF_SUPPORT_ENABLED="false")
        bypass_proxies("127.0.0.1")
    # Keep Prefect's own log off the console; it goes to the server and its UI. Turn off Prefect's telemetry.
    export(
        DO_NOT_TRACK="1",
        PREFECT_API_URL=api,
        PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL="CRITICAL",
        PREFECT_CLI_WARN_ON_UPDATE="false",
    )


def open_store(block: str | None = None) -> Store:
    """Open the store; a block is looked up on the Prefect server, which is started if necessary."""
    from speech.settings import settings

    if block or settings().storage_block:
        use_server()
    import asyncio

    from blocks.storage import aopen_store

    return asyncio.run(aopen_store(block))
