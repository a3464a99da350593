"""Fourth step: write the timed words as subtitle files, and a preview page to read and listen to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from speech.audio import Recording
from speech.errors import message_of
from speech.files import write_text
from speech.outputs import PIECES, PREVIEW, key
from speech.request import SpeechRequest
from speech.subtitles import Subtitles, render
from tasks.step import step

__all__ = ["Rendered", "render_subtitles"]


@dataclass(frozen=True, slots=True)
class Rendered:
    """The files that were written, by kind (see `speech.outputs`), and warnings about those that were not."""

    paths: dict[str, Path]
    warnings: tuple[str, ...] = ()


@step("render subtitles", timeout="processing_timeout")
def render_subtitles(
    subtitles: Subtitles, request: SpeechRequest, recording: Recording, audio: Path, folder: Path
) -> Rendered:
    """Write the requested formats, and always JSON, from which `result` requests are answered.

    Args:
        audio: the audio file that the client receives.
    """
    from speech import preview, splits

    names: dict[str, None] = dict.fromkeys([*request.formats, "json"])
    paths = {name: folder / f"{subtitles.job_id}.{name}" for name in names}
    for name, path in paths.items():
        write_text(path, render(subtitles, name))
    warnings = []
    try:
        files: dict[str, Path] = {name: paths[name] for name in request.formats}
        page = folder / f"{subtitles.job_id}.{PREVIEW}"
        audio_path = f"../{key(subtitles.job_id, audio.suffix[1:])}"
        paths[PREVIEW] = preview.write(subtitles, audio, files, page, title=request.title, beside=audio_path)
    except Exception as fault:
        warnings.append(f"There is no preview: {message_of(fault)}")
    if request.split:
        try:
            paths[PIECES] = splits.pack(recording.path, subtitles.cues, folder / f"{subtitles.job_id}.{PIECES}")
        except Exception as fault:
            warnings.append(f"There are no files of the cues: {message_of(fault)}")
    return Rendered(paths, tuple(warnings))
