"""One WAV file for each cue, as editors want them on a timeline."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile

from speech.files import replacing
from speech.media import Plain, admit
from speech.scratch import scratch
from speech.subtitles.cues import Cue

__all__ = ["pack", "spans", "split"]


def spans(cues: Sequence[Cue]) -> list[tuple[int, int]]:
    """Start and end of each piece in milliseconds: as long as the cue is shown, and until its last word is said."""
    return [(cue.start, max(cue.end, cue.words[-1].end)) for cue in cues]


def split(path: Path, cues: Sequence[Cue], folder: Path) -> list[Path]:
    """Write `0001.wav`, `0002.wav`, ... with the rate and the samples of the recording.

    Raises:
        AudioError: the recording cannot be read.
    """
    digits = max(4, len(str(len(cues))))
    made = []
    with scratch() as place:
        source = Plain.find(admit(path, Path(place), mono=False))
        assert source
        for number, (start, end) in enumerate(spans(cues), 1):
            piece = source.read(start * source.rate // 1000, end * source.rate // 1000)
            samples = np.concatenate([np.zeros((0, source.channels), np.int16), *piece])
            target = folder / f"{number:0{digits}}.wav"
            with replacing(target) as partial:
                soundfile.write(partial, samples, source.rate, subtype="PCM_16", format="WAV")
            made.append(target)
    for left in set(folder.glob("*.wav")) - set(made):
        # Of an earlier time, when there were more cues.
        if left.stem.isdigit():
            left.unlink()
    return made


def pack(path: Path, cues: Sequence[Cue], target: Path) -> Path:
    """The same pieces in one ZIP file."""
    with (
        scratch() as folder,
        replacing(target) as partial,
        zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        for piece in split(path, cues, Path(folder)):
            archive.write(piece, piece.name)
    return target
