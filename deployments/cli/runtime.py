"""f5-flows runtime: the components that are installed when they are first needed."""

from __future__ import annotations

import sys

import click

from deployments.cli.console import FAILED, refuse
from deployments.cli.terminal import echo

__all__ = ["runtime"]


@click.group()
def runtime() -> None:
    """Components that are installed when they are first needed: f5-tts, whisperx, google, flash-attn.

    They are installed beside the environment and never change PyTorch, which you install yourself.
    """


@runtime.command()
@click.argument("names", metavar="[COMPONENT]...", nargs=-1)
def check(names: tuple[str, ...]) -> None:
    """Show for each component whether it is installed and imports, and what installing it would add."""
    from speech.errors import InstallError
    from speech.runtime import check as look
    from speech.runtime import plan

    for name in _check_names(names):
        state = look(name)
        echo(f"{state.level:<8}{name:<12}{state.sentence}")
        if state.level == "absent":
            try:
                echo(f"{'':<20}{plan(name)}")
            except InstallError as fault:
                echo(f"{'':<20}{fault}")


@runtime.command()
@click.argument("names", metavar="COMPONENT...", nargs=-1, required=True)
def install(names: tuple[str, ...]) -> None:
    """Install components now, so that no request waits for them.

    \b
    f5-flows runtime install f5-tts whisperx
    """
    from speech.errors import InstallError
    from speech.runtime import ensure

    failed = False
    for name in _check_names(names):
        try:
            echo(f"{name}: {ensure(name, lambda text: echo(text, err=True)).sentence}")
        except InstallError as fault:
            echo(f"Error: {fault}", err=True)
            failed = True
    if failed:
        sys.exit(FAILED)


@runtime.command()
@click.argument("names", metavar="COMPONENT...", nargs=-1, required=True)
def remove(names: tuple[str, ...]) -> None:
    """Remove what `install` has installed."""
    from speech.runtime import remove as take_away

    for name in _check_names(names):
        folders = take_away(name)
        echo(f"{name}: {', '.join(folder.name for folder in folders) or 'nothing'} removed")


def _check_names(names: tuple[str, ...]) -> tuple[str, ...]:
    from speech.runtime import COMPONENTS

    for name in names:
        if name not in COMPONENTS:
            refuse(f"COMPONENT: {name!r} is not accepted; expected one of {', '.join(COMPONENTS)}")
    return names or tuple(COMPONENTS)
