"""f5-flows models: the cache from which a new machine gets its models in seconds."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from deployments.cli.console import FAILED, open_store, refuse, storage_option
from deployments.cli.terminal import echo

if TYPE_CHECKING:
    from speech.models import Location

__all__ = ["models"]


@click.group()
def models() -> None:
    """Manage the model cache: each model is stored once in the bucket and verified when it is downloaded.

    \b
    A model's name says what it does and what it is, such as
      f5-tts/F5TTS_v1_Base   vocoder/vocos-mel-24khz   align/en   transcriber/whisper-large-v3-turbo
    """


@models.command("list")
@storage_option
def list_(storage: str | None) -> None:
    """List every model in the bucket or on this machine."""
    from speech.models import choose, listing

    location = choose()
    entries = listing(open_store(storage), location)
    if not entries:
        echo(f"There is no model in the bucket, nor below {location.root}.")
    for name, (where, manifest) in entries.items():
        echo(f"{where:<8}{manifest.size / 1e6:>9.1f} MB  {len(manifest.files):>4} files  {name}")


@models.command()
@click.argument("names", metavar="[MODEL]...", nargs=-1)
@storage_option
def sync(names: tuple[str, ...], storage: str | None) -> None:
    """Download models from the bucket to this machine; without names, every model in the bucket."""
    from speech.models import choose, listing
    from speech.models import sync as bring

    store, location = open_store(storage), choose()
    with _bar() as progress:
        for name in names or [name for name, (where, _) in listing(store, location).items() if where != "here"]:
            local = bring(name, store, location, lambda text: echo(text, err=True), progress)
            if local is None:
                refuse(f"MODEL: {name!r} is not in {store}; see: f5-flows models list")
            echo(f"{name}: {local.folder}")


@models.command()
@click.argument("names", metavar="[MODEL]...", nargs=-1)
@click.option(
    "--from", "folder", type=click.Path(path_type=Path), help="A folder whose files become the model (one MODEL)."
)
@storage_option
def push(names: tuple[str, ...], folder: Path | None, storage: str | None) -> None:
    """Upload models from this machine to the bucket, where other machines find them.

    \b
    f5-flows models push f5-tts/mine --from ./checkpoint    (safetensors, vocab.txt, model.yaml)
    """
    from speech.models import choose, listing
    from speech.models import push as send

    store, location = open_store(storage), choose()
    files: list[Path] = []
    if folder is not None:
        if len(names) != 1:
            refuse("--from: name the one MODEL that the folder becomes.")
        files = _copy_in(folder, names[0], location)
    with _bar() as progress:
        for name in names or [name for name, (where, _) in listing(None, location).items()]:
            send(name, store, location, files=files, notify=click.echo, on_progress=progress)


@models.command()
@click.argument("names", metavar="[MODEL]...", nargs=-1)
def verify(names: tuple[str, ...]) -> None:
    """Hash this machine's files again, and name those that have changed."""
    from speech.models import choose, listing
    from speech.models import verify as hash_again

    location, is_damaged = choose(), False
    checked = names or tuple(listing(None, location))
    if not checked:
        echo(f"There is no model below {location.root}.")
    for name in checked:
        wrong = hash_again(name, location)
        is_damaged |= bool(wrong)
        echo(f"{name}: {'ok' if not wrong else 'changed or missing: ' + ', '.join(wrong)}")
    if is_damaged:
        sys.exit(FAILED)


def _copy_in(folder: Path, name: str, location: Location) -> list[Path]:
    """Copy the files of a folder to where the model's files belong, and return the copies."""
    import shutil

    if not folder.is_dir():
        refuse(f"--from: there is no folder {folder}.")
    paths, files = sorted(path for path in folder.rglob("*") if path.is_file()), []
    if not paths:
        refuse(f"--from: {folder} is empty.")
    if not any(path.suffix in (".safetensors", ".pt", ".bin", ".onnx") for path in paths):
        refuse(f"--from: {folder} holds no weights (such as model.safetensors).")
    for path in paths:
        target = location.root / name / path.relative_to(folder)
        target.parent.mkdir(parents=True, exist_ok=True)
        if not (target.exists() and target.samefile(path)):
            shutil.copyfile(path, target)
        files.append(target)
    return files


@contextmanager
def _bar() -> Iterator[Callable[[str, int, int], None]]:
    """Show bytes, rate and time left on standard error, if that is a terminal."""
    if not sys.stderr.isatty():
        yield lambda name, done, total: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TaskID,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    columns = (
        TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn()
    )  # fmt: skip
    with Progress(*columns, console=Console(stderr=True), transient=True) as display:
        bars: dict[str, TaskID] = {}

        def progress(name: str, done: int, total: int) -> None:
            if name not in bars:
                bars[name] = display.add_task(name, total=total)
            display.update(bars[name], completed=done, total=total)

        yield progress
