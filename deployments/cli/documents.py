"""Helpers of the commands that take a script: reading it from any supported format, and reading the cast."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from deployments.cli.console import reading, refuse
from deployments.cli.terminal import echo
from deployments.cli.values import one_of
from speech.choices import ScriptFormat

if TYPE_CHECKING:
    from speech.script import Script
    from speech.script.readers import Document

__all__ = ["cast_and_format", "cast_option", "open_script", "read_cast", "read_script", "read_spoken"]

F = TypeVar("F", bound=Callable[..., Any])

cast_option = click.option(
    "--cast",
    type=click.Path(path_type=Path),
    help='A TOML file that assigns voices to names in the script, such as alice = "alice.wav".',
)
_FORMAT = click.option("--script-format", type=one_of(ScriptFormat), help="Format of the script. Default: detected.")


def cast_and_format(command: F) -> F:
    """Add the options for the cast and the format of a script."""
    return cast_option(_FORMAT(command))


def read_script(text: str | None, file: Path | None, kind: str | None, silent: bool) -> tuple[str, str | None]:
    """Return a script as it travels in a request, and its format: the given text, or what a file holds, or, for `-`,
    standard input.

    Args:
        silent: whether to suppress the notes on assumptions and omissions.
    """
    if (text is None) == (file is None):
        refuse("Give the text, or --file PATH, or - to read it from standard input.")
    if text is not None and text != "-":
        return text, kind
    document = open_script(file, "--file", kind)
    if not silent:
        for note in document.script.notes:
            echo(f"Note: {note}", err=True)
        if number := len(document.script.left_out):
            things = "1 thing is" if number == 1 else f"{number} things are"
            echo(f"Note: {things} not spoken; f5-flows script lists what, and why.", err=True)
    return document.text, document.kind


def read_spoken(file: Path, option: str, cast: Collection[str]) -> Script:
    """Read the script of a recording, without its directions, which were followed when it was spoken.

    Args:
        cast: names in the script that are directions.
    """
    from speech.script.directions import direct

    return direct(open_script(None if str(file) == "-" else file, option).script, cast, tuple)


def open_script(file: Path | None, option: str, kind: str | None = None) -> Document:
    """Read a document from a file, or from standard input.

    Args:
        option: the option, or the argument, that names the file.
    """
    from speech.script.readers import open_document

    if file is None:
        return open_document(sys.stdin.buffer.read(), "The script", kind)
    with reading(file, option):
        data = file.read_bytes()
    return open_document(data, f"{option}: {file}", kind)


def read_cast(file: Path | None) -> dict[str, str]:
    """Return the names in a script and their voices, from a TOML file."""
    import tomllib

    if file is None:
        return {}
    try:
        with reading(file, "--cast"):
            cast = tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as fault:
        refuse(f'--cast: {file} is not TOML ({fault}); expected lines such as alice = "alice.wav".')
    except RecursionError:
        refuse(f'--cast: {file} is nested too deeply; expected lines such as alice = "alice.wav".')
    for name, voice in cast.items():
        if not isinstance(voice, str):
            refuse(f"--cast: {name}: {voice!r} is not accepted; expected the name of a voice, in quotation marks.")
    return cast
