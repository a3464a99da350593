"""The program `f5-flows`: it stops with one line on a signal, even while the command line is still loading."""

from __future__ import annotations

import atexit
import gc
import sys
from contextlib import suppress

from deployments.interrupts import Stopped, at_work, leave, listening

__all__ = ["main"]


def main() -> None:
    """Run the command line; an error becomes one sentence and an exit code."""
    # Or the interpreter would end with several searches for garbage in all that was imported.
    atexit.register(gc.freeze)
    try:
        with listening():
            from deployments.cli.commands import run

            run()
    except Stopped as stopped:
        with suppress(OSError):
            print("Stopped.", file=sys.stderr)
        leave(int(stopped.code or 0))
    except SystemExit as ended:
        if at_work():
            leave(int(ended.code or 0))
        raise
