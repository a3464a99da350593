"""Writing subtitles in a format; each format has a module of its own, named `<format>_format`."""

from __future__ import annotations

from importlib import import_module

from speech.subtitles.subtitles import Subtitles

__all__ = ["render"]


def render(subtitles: Subtitles, name: str) -> str:
    """Return the text of one format, which is a name in `speech.outputs.TIMINGS`."""
    text: str = import_module(f"speech.subtitles.{name}_format").write(subtitles)
    return text
