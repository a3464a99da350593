"""What runs on this machine, as the tests look at it."""

from __future__ import annotations

import psutil


def command_line(process: psutil.Process) -> list[str]:
    """Its words; none of one that has ended meanwhile."""
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:
        return []


def descendants(pid: int, word: str) -> list[psutil.Process]:
    """The processes under one, itself left out, that have a word in their command line."""
    try:
        found = psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []
    return [one for one in found if word in command_line(one)]
