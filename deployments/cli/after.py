"""What a person may want done with the files of a command: to hear the audio, to see the page."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import click

from deployments.cli.console import refuse

__all__ = ["Player", "play", "player", "show"]

Player = tuple[str, ...]
"""A program with its options, to which the name of the audio file is added."""

# The first that is installed is used; all of them play every format that is written, and end with the audio.
_PLAYERS: tuple[Player, ...] = (
    ("ffplay", "-nodisp", "-autoexit", "-loglevel", "error"),
    ("afplay",),
    ("mpv", "--no-video", "--really-quiet"),
    ("cvlc", "--play-and-exit", "--quiet"),
    ("play", "-q"),
)


def player() -> Player:
    """Return a program that plays audio; without one, refuse `--play`, before any work is done."""
    for found in _PLAYERS:
        if shutil.which(found[0]):
            return found
    names = ", ".join(name for name, *_ in _PLAYERS)
    refuse(f"--play: no program that plays audio is installed here ({names}); install ffmpeg, which brings ffplay.")


def play(found: Player, audio: Path) -> None:
    """Play an audio file to its end."""
    # The name is absolute, so that it is never taken for an option.
    done = subprocess.run([*found, str(audio.absolute())], stdin=subprocess.DEVNULL)
    if done.returncode:
        click.echo(f"Note: --play: {found[0]} could not play {audio}", err=True)


def show(page: Path) -> None:
    """Open a page in the browser."""
    import webbrowser

    if not webbrowser.open(page.absolute().as_uri()):
        click.echo(f"Note: --open: no browser was found here; open {page}", err=True)
