"""One WAV file per cue, for the timelines of editors."""

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
    """Return the start and end of each piece in ms: those of the cue, extended to the end of its last word."""
    return [(cue.start, max(cue.end, cue.words[-1].end)) for cue in cues]


def split(path: Path, cues: Sequence[Cue], folder: Path) -> list[Path]:
    """Write `0001.wav`, `0002.wav`, ... with the sample rate and the unchanged samples of the recording.

    Raises:
        AudioError: the recording cannot be read.
    """
    digits = max(4, len(str(len(cues))))
    targets = []
    with scratch() as temporary:
        source = Plain.find(admit(path, Path(temporary), mono=False))
        assert source
        for number, (start, end) in enumerate(spans(cues), 1):
            piece = source.read(start * source.rate // 1000, end * source.rate // 1000)
            samples = np.concatenate([np.zeros((0, source.channels), np.int16), *piece])
            target = folder / f"{number:0{digits}}.wav"
            with replacing(target) as partial:
                soundfile.write(partial, samples, source.rate, subtype="PCM_16", format="WAV")
            targets.append(target)
    for stale in set(folder.glob("*.wav")) - set(targets):
        # Left by an earlier call with more cues.
        if stale.stem.isdigit():
            stale.unlink()
    return targets


def pack(path: Path, cues: Sequence[Cue], target: Path) -> Path:
    """Write the same pieces into one ZIP file."""
    with (
        scratch() as folder,
        replacing(target) as partial,
        zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        for piece in split(path, cues, Path(folder)):
            archive.write(piece, piece.name)
    return target
