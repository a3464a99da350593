"""Fourth step: the timed words become subtitle files, and a page to read and listen to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from speech.audio import Recording
from speech.errors import told
from speech.files import write_text
from speech.outputs import PIECES, PREVIEW
from speech.request import SpeechRequest
from speech.subtitles import Subtitles, render
from tasks.step import step

__all__ = ["Rendered", "render_subtitles"]


@dataclass(frozen=True, slots=True)
class Rendered:
    """What was made, by its kind (see `speech.outputs`), and what could not be."""

    paths: dict[str, Path]
    warnings: tuple[str, ...] = ()


@step("render subtitles", timeout="processing_timeout")
def render_subtitles(
    subtitles: Subtitles, request: SpeechRequest, recording: Recording, audio: Path, folder: Path
) -> Rendered:
    """Write the wanted formats, and JSON always, since results are answered from it.

    Args:
        audio: the recording as it is delivered.
    """
    from speech import preview, splits

    texts = {name: render(subtitles, name) for name in dict.fromkeys([*request.formats, "json"])}
    paths = {name: folder / f"{subtitles.job_id}.{name}" for name in texts}
    for name, path in paths.items():
        write_text(path, texts[name])
    warnings = []
    try:
        files = {name: texts[name] for name in request.formats}
        paths[PREVIEW] = preview.write(subtitles, audio, files, folder / f"{subtitles.job_id}.{PREVIEW}")
    except Exception as fault:
        warnings.append(f"There is no preview: {told(fault)}")
    if request.split:
        try:
            paths[PIECES] = splits.pack(recording.path, subtitles.cues, folder / f"{subtitles.job_id}.{PIECES}")
        except Exception as fault:
            warnings.append(f"There are no files of the cues: {told(fault)}")
    return Rendered(paths, tuple(warnings))
