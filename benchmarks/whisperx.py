"""The accuracy and speed of the WhisperX aligner, chunk by chunk, against whisperx's own function.

    uv run --all-extras --group dev python -m benchmarks.whisperx

Needs PyTorch, the component whisperx (`f5-flows runtime install whisperx`), and nltk and pandas of the group dev.
The model is the small one of the tests, trained on random words spoken by espeak-ng; the sentences were not in its
training data. The true times are espeak-ng's own. The figures show the error that the calling code adds, not the
accuracy of whisperx on human speech. With `--large` the network has the size of wav2vec2-base and random weights: its
speed is real, its word times are not.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import soxr

from speech.alignment import whisperx
from speech.audio import Samples, record
from speech.models import Location, adopt, announce
from speech.runtime import ensure
from speech.settings import export
from speech.text import Chunk, chunks
from tests.scripts import HELD_OUT
from tests.spoken import speak

DATA = Path(__file__).parent.parent / "tests" / "data" / "tiny_ctc"


def main() -> None:
    large = "--large" in sys.argv[1:]
    ensure("whisperx", print)
    # Before ours, which imports it without what its own function needs.
    from whisperx import alignment

    alignment.nltk_load = lambda _: OneSentence()
    with tempfile.TemporaryDirectory() as folder:
        place = Location(Path(folder))
        announce(place, offline=True)
        shutil.copytree(DATA, place.root / "align" / "en")
        if large:
            enlarge(place.root / "align" / "en")
        adopt("align/en", place, sorted((place.root / "align" / "en").iterdir()))
        export(MODELS_DIR=folder)
        model = whisperx.load("en")
        print(f"bias that is taken off: onset {model.bias.onset_ms:+.1f} ms, offset {model.bias.offset_ms:+.1f} ms")
        for label, times in (("a minute and a half", 1), ("an hour", 43)):
            parts = [chunk for sentence in HELD_OUT * times for chunk in chunks(sentence, "en")]
            compare(label, parts, Path(folder), whole=times == 1)


class OneSentence:
    """Takes the place of nltk's sentence splitter, whose data would have to be downloaded."""

    def span_tokenize(self, text: str) -> list[tuple[int, int]]:
        return [(0, len(text))]


def enlarge(folder: Path) -> None:
    """Exchange the model for one of the size of facebook/wav2vec2-base."""
    from transformers import Wav2Vec2Config, Wav2Vec2ForCTC

    sizes = {
        "conv_dim": [512] * 7, "hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12,
        "num_attention_heads": 12, "num_conv_pos_embeddings": 128, "num_conv_pos_embedding_groups": 16,
    }  # fmt: skip
    config = json.loads((folder / "config.json").read_text()) | sizes
    Wav2Vec2ForCTC(Wav2Vec2Config(**config)).save_pretrained(folder)


def compare(label: str, parts: list[Chunk], folder: Path, *, whole: bool) -> None:
    """Align a recording of the parts chunk by chunk, by ours and by whisperx, and, if `whole`, as one segment."""
    samples, spans, starts = speak(parts)
    recording = record(samples, 22050, spans, folder / "speech.wav", 22050)
    print(f"{label}: {recording.duration_ms / 1000:.0f} s")
    began = time.perf_counter()
    words = whisperx.WhisperX().align(recording, parts, "en")
    tell("chunk by chunk", [word.start for word in words], starts, time.perf_counter() - began, recording.duration_ms)
    heard = soxr.resample(samples, 22050, 16000)
    segments = [
        {"text": part.spoken, "start": start / 22050, "end": end / 22050}
        for part, (start, end) in zip(parts, spans, strict=True)
    ]
    usual("whisperx, chunk by chunk", segments, heard, starts)
    if whole:
        text = " ".join(part.spoken for part in parts)
        usual("whisperx, one segment", [{"text": text, "start": 0.0, "end": len(heard) / 16000}], heard, starts)


def usual(label: str, segments: list[dict[str, Any]], samples: Samples, starts: list[float | None]) -> None:
    """Align with whisperx's own function."""
    from whisperx import alignment

    model = whisperx.load("en")
    began = time.perf_counter()
    found = alignment.align(segments, model.network, model.metadata, samples, model.device)["word_segments"]
    seconds = time.perf_counter() - began
    tell(label, [word["start"] * 1000 for word in found], starts, seconds, len(samples) // 16)


def tell(label: str, found: list[float], starts: list[float | None], seconds: float, length_ms: int) -> None:
    """Print the errors of word starts, in milliseconds, and the speed."""
    pairs = [(start - true) for start, true in zip(found, starts, strict=True) if true is not None]
    off, tenth = np.abs(pairs), max(len(pairs) // 10, 1)
    drift = np.median(pairs[-tenth:]) - np.median(pairs[:tenth])
    print(
        f"  {label:<26} {len(off)} words: median {np.median(off):.1f} ms, 95 % {np.percentile(off, 95):.1f}, "
        f"within 40 ms {np.mean(off < 40):.1%}, bias {np.median(pairs):+.1f}, drift {drift:+.1f} ms, "
        f"real-time factor {seconds / (length_ms / 1000):.4f}"
    )


if __name__ == "__main__":
    main()
