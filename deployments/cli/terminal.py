"""Printing to a terminal what others wrote: titles, texts, names, messages."""

from __future__ import annotations

import re
from typing import Any

import click

__all__ = ["echo"]

# Control characters, which move the cursor, erase the screen or rename the window; all but tabs, line ends and the
# sequences by which `click.style` sets colours.
_CONTROLS = re.compile(r"(\x1b\[[0-9;]*m)|[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def echo(text: object = "", **options: Any) -> None:
    """Print as `click.echo` does, control characters as U+FFFD.

    >>> echo("A title\\x1b]0;of its own\\x07")
    A title�]0;of its own�
    """
    click.echo(_CONTROLS.sub(lambda match: match[1] or "\ufffd", str(text)), **options)
