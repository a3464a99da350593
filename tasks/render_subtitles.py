"""Fourth step: the timed words become subtitle files."""

from __future__ import annotations

from pathlib import Path

from speech.files import write_text
from speech.settings import settings
from speech.subtitles import Subtitles, render
from tasks.step import step

__all__ = ["render_subtitles"]


@step("render subtitles", timeout=settings().processing_timeout)
def render_subtitles(subtitles: Subtitles, formats: tuple[str, ...], folder: Path) -> dict[str, Path]:
    """Write the wanted formats, and JSON always, since results are answered from it."""
    paths = {name: folder / f"{subtitles.job_id}.{name}" for name in dict.fromkeys([*formats, "json"])}
    for name, path in paths.items():
        write_text(path, render(subtitles, name))
    return paths
