"""Alignment and subtitles of an hour-long script: seconds and peak memory, on one core.

    uv run --all-extras --group dev python -m benchmarks.hour

A separate process first makes the recording, with an espeak-ng voice other than the reference's. It is
measured twice: as a whole file, and with the chunk spans that a synthesizer reports.
"""

from __future__ import annotations

import itertools
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")

import numpy as np

from speech.alignment import align
from speech.audio import Recording, record
from speech.engines.espeak import say
from speech.request import STANDARD_FORMATS
from speech.subtitles import make, render
from speech.text import chunks, normalise
from tests.scripts import ALICE, CITIES

SCRIPT = normalise("\n".join([ALICE, CITIES] * 54))


def make_recording(folder: Path) -> None:
    utterances = [say(chunk.spoken, "en", 150, "en-gb-x-rp+f3") for chunk in chunks(SCRIPT, "en")]
    borders = np.cumsum([0, *(len(utterance.samples) for utterance in utterances)]).tolist()
    spans = list(itertools.pairwise(borders))
    samples = np.concatenate([utterance.samples for utterance in utterances])
    made = record(samples, utterances[0].rate, spans, folder / "hour.wav", 24000)
    (folder / "hour.json").write_text(json.dumps([made.duration_ms, made.spans_ms]))


def measure(folder: Path, with_spans: bool) -> None:
    length, spans = json.loads((folder / "hour.json").read_text())
    known = tuple(tuple(span) for span in spans) if with_spans else ()
    parts = chunks(SCRIPT, "en")
    began, used = time.perf_counter(), time.process_time()
    alignment = align(Recording(folder / "hour.wav", 24000, length, known), parts, "en")
    aligned = time.perf_counter()
    subtitles = make(
        alignment.words,
        text=SCRIPT,
        language="en",
        duration_ms=length,
        method=alignment.method,
        preset="netflix",
        job_id="hour",
    )
    size = sum(len(render(subtitles, name)) for name in STANDARD_FORMATS)
    ended = time.perf_counter()
    starts, first = [], 0
    for part in parts:
        starts.append(alignment.words[first].start)
        first += len(part.tokens)
    off = np.abs(np.array(starts) - np.array([start for start, _ in spans]))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{'chunk spans' if with_spans else 'whole file':<12} {len(alignment.words)} words, {length / 60000:.1f} min: "
        f"alignment {aligned - began:.1f} s (processor {time.process_time() - used:.1f} s, real-time factor "
        f"{(aligned - began) * 1000 / length:.4f}), five formats {ended - aligned:.1f} s ({size / 1e6:.1f} MB), "
        f"peak {memory:.0f} MB, chunk starts off by {np.median(off):.0f} ms in the median, {off.max():.0f} at worst",
        flush=True,
    )


def main() -> None:
    if len(sys.argv) > 1:
        folder = Path(sys.argv[2])
        make_recording(folder) if sys.argv[1] == "make" else measure(folder, sys.argv[1] == "spans")
        return
    with tempfile.TemporaryDirectory() as home:
        for step in ("make", "whole", "spans"):
            subprocess.run([sys.executable, "-m", "benchmarks.hour", step, home], check=True)


if __name__ == "__main__":
    main()
