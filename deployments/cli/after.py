"""Play the audio or open the page that a command has written (`--play`, `--open`)."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from deployments.cli.console import refuse
from deployments.cli.terminal import echo

__all__ = ["Player", "play", "player", "show"]

Player = tuple[str, ...]
"""The command line of an audio player; the path of the audio file is appended to it."""

# The first one installed is used. Each plays every format that we write, and exits at the end of the audio.
_PLAYERS: tuple[Player, ...] = (
    ("ffplay", "-nodisp", "-autoexit", "-loglevel", "error"),
    ("afplay",),
    ("mpv", "--no-video", "--really-quiet"),
    ("cvlc", "--play-and-exit", "--quiet"),
    ("play", "-q"),
)


def player() -> Player:
    """Return an installed audio player; if there is none, refuse `--play` before any work is done."""
    for program in _PLAYERS:
        if shutil.which(program[0]):
            return program
    names = ", ".join(name for name, *_ in _PLAYERS)
    refuse(f"--play: no audio player is installed here ({names}); install ffmpeg, which includes ffplay.")


def play(program: Player, audio: Path) -> None:
    """Play an audio file to its end."""
    # The name is absolute, so that it is never taken for an option.
    completed = subprocess.run([*program, str(audio.absolute())], stdin=subprocess.DEVNULL)
    if completed.returncode:
        echo(f"Note: --play: {program[0]} could not play {audio}", err=True)


def show(page: Path) -> None:
    """Open a page in the browser."""
    import webbrowser

    if not webbrowser.open(page.absolute().as_uri()):
        echo(f"Note: --open: no browser was found here; open {page}", err=True)
