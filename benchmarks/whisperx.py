"""The accuracy of whisperx, called chunk by chunk as this project does, and on a whole recording as usual.

    uv run --all-extras --group dev python -m benchmarks.whisperx

Needs PyTorch and the component whisperx (`f5-flows runtime install whisperx`). The model is the small one of
the tests, trained on random words spoken by espeak-ng; the sentences were not in its training data. The
true times are espeak-ng's own. The figures show the error that the calling code adds, not the accuracy of
whisperx on human speech.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from pathlib import Path

import numpy as np
import soxr

from speech.alignment import whisperx
from speech.audio import record
from speech.models import Location, adopt, announce
from speech.runtime import ensure
from speech.settings import export
from speech.text import Chunk, chunks
from tests.scripts import HELD_OUT
from tests.spoken import speak

DATA = Path(__file__).parent.parent / "tests" / "data" / "tiny_ctc"


def main() -> None:
    ensure("whisperx", print)
    with tempfile.TemporaryDirectory() as folder:
        place = Location(Path(folder))
        announce(place, offline=True)
        shutil.copytree(DATA, place.root / "align" / "en")
        adopt("align/en", place, sorted((place.root / "align" / "en").iterdir()))
        export(MODELS_DIR=folder)
        model = whisperx.load("en")
        print(f"bias that is taken off: onset {model.bias.onset_ms:+.1f} ms, offset {model.bias.offset_ms:+.1f} ms")
        for label, times in (("a minute and a half", 1), ("an hour", 43)):
            parts = [chunk for sentence in HELD_OUT * times for chunk in chunks(sentence, "en")]
            compare(label, parts, Path(folder), whole=times == 1)


def compare(label: str, parts: list[Chunk], folder: Path, *, whole: bool) -> None:
    """Align a recording of the parts chunk by chunk and, if `whole`, also as one segment."""
    samples, spans, starts = speak(parts)
    recording = record(samples, 22050, spans, folder / "speech.wav", 22050)
    print(f"{label}: {recording.duration_ms / 1000:.0f} s")
    began = time.perf_counter()
    words = whisperx.WhisperX().align(recording, parts, "en")
    tell("chunk by chunk", [word.start for word in words], starts, time.perf_counter() - began, recording.duration_ms)
    if whole:
        model = whisperx.load("en")
        text = " ".join(part.spoken for part in parts)
        began = time.perf_counter()
        found = whisperx._align(text, soxr.resample(samples, 22050, 16000), model)
        seconds = time.perf_counter() - began
        tell("as one segment", [word["start"] * 1000 for word in found], starts, seconds, recording.duration_ms)


def tell(label: str, found: list[float], starts: list[float | None], seconds: float, length_ms: int) -> None:
    """Print the errors of word starts, in milliseconds, and the speed."""
    pairs = [(start - true) for start, true in zip(found, starts, strict=True) if true is not None]
    off, tenth = np.abs(pairs), max(len(pairs) // 10, 1)
    drift = np.median(pairs[-tenth:]) - np.median(pairs[:tenth])
    print(
        f"  {label:<16} {len(off)} words: median {np.median(off):.1f} ms, 95 % {np.percentile(off, 95):.1f}, "
        f"within 40 ms {np.mean(off < 40):.1%}, bias {np.median(pairs):+.1f}, drift {drift:+.1f} ms, "
        f"real-time factor {seconds / (length_ms / 1000):.4f}"
    )


if __name__ == "__main__":
    main()
