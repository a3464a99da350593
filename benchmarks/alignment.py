"""The embedded aligner: the accuracy of its word starts and its speed, compared with plain DTW.

    uv run --all-extras --group dev --with librosa python -m benchmarks.alignment

The true times are espeak-ng's own word events, for recordings in five languages by espeak-ng voices other
than the reference's; and, if Debian's flite is installed, the starts of sentences by four voices made from
recordings of people, spliced with silences of known length. The comparison is what a user would otherwise
write: librosa's `sequence.dtw` over librosa's MFCC, on the same reference.
"""

from __future__ import annotations

import os

# Both methods run on one core.
os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")

import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import numpy as np
import soundfile
import soxr

from speech.alignment.embedded import Embedded
from speech.audio import Recording, record
from speech.engines.espeak import Utterance, say
from speech.text import chunks, normalise
from speech.words import confidence_of
from tests.scripts import ALICE, BY_LANGUAGE, CITIES

VOICES = {
    "en": ["en-gb-x-rp+f3", "en-us+m7", "en-gb-scotland+f2", "en-029+m3"],
    **{code: [f"{code}+f4", f"{code}+m2"] for code in ("de", "fr", "es", "it")},
}
Case = tuple[Recording, str, str, dict[int, float]]
Method = Callable[[Recording, str, str], np.ndarray]
FLITE = ("slt", "rms", "awb", "kal16")


def ours(recording: Recording, script: str, language: str) -> np.ndarray:
    return np.array([word.start for word in Embedded().align(recording, chunks(normalise(script), language), language)])


def plain(recording: Recording, script: str, language: str) -> np.ndarray:
    """Return the word starts by librosa's DTW, used as its documentation shows."""
    import librosa

    reference = say(normalise(script), language)
    samples, rate = librosa.load(recording.path, sr=16000)
    target = librosa.feature.mfcc(y=samples, sr=rate, n_mfcc=13, hop_length=160)
    source = librosa.feature.mfcc(
        y=librosa.resample(reference.samples, orig_sr=reference.rate, target_sr=16000),
        sr=16000,
        n_mfcc=13,
        hop_length=160,
    )
    _, path = librosa.sequence.dtw(source, target)
    path = path[::-1]
    starts = events(reference, script)
    frames = [path[np.searchsorted(path[:, 0], starts.get(i, 0) / 10), 1] * 10 for i in range(len(script.split()))]
    return np.array(frames)


def events(utterance: Utterance, script: str) -> dict[int, float]:
    """Return the milliseconds of each word's event, by word index."""
    at = 0
    places: dict[int, int] = {}
    found: dict[int, float] = {}
    for index, word in enumerate(script.split()):
        places[at] = index
        at += len(word) + 1
    for position, _, sample in utterance.words:
        if position in places:
            found.setdefault(places[position], sample * 1000 / utterance.rate)
    return found


def report(name: str, errors: list[np.ndarray], seconds: float, audio: float) -> None:
    signed = np.concatenate(errors)
    size = np.abs(signed)
    print(
        f"{name:<34} n {len(size):5}  bias {np.median(signed):+6.1f}  median {np.median(size):6.1f}  "
        f"p95 {np.percentile(size, 95):7.1f}  worst {size.max():7.1f} ms  real-time factor {seconds / audio:.4f}",
        flush=True,
    )


def measure(name: str, method: Method, cases: list[Case]) -> None:
    errors, seconds, audio = [], 0.0, 0.0
    for recording, script, language, truth in cases:
        began = time.process_time()
        starts = method(recording, script, language)
        seconds += time.process_time() - began
        audio += recording.duration_ms / 1000
        errors.append(np.array([starts[index] - start for index, start in truth.items() if index < len(starts)]))
    report(name, errors, seconds, audio)


def espeak_cases(folder: Path) -> Iterator[Case]:
    for language, voices in VOICES.items():
        for voice in voices:
            for wpm in (120, 165, 220):
                script = normalise(BY_LANGUAGE[language])
                utterance = say(script, language, wpm, voice)
                path = folder / f"{voice}-{wpm}.wav"
                yield (
                    record(utterance.samples, utterance.rate, (), path, 22050),
                    script,
                    language,
                    events(utterance, script),
                )


def flite_cases(folder: Path) -> Iterator[Case]:
    random = Random(3)
    for voice in FLITE:
        for script in (ALICE, CITIES):
            pieces, truth, at, word = [np.zeros(4800)], {}, 0.3, 0
            for sentence in re.findall(r"[^.!?]+[.!?]", script):
                out = folder / "flite.wav"
                stretch = f"duration_stretch={random.uniform(0.85, 1.25)}"
                told = subprocess.run(
                    ["flite", "-voice", voice, "--setf", stretch, "-psdur", "-t", f"{sentence.strip()} ", "-o", out],
                    capture_output=True, text=True, check=True,
                ).stdout  # fmt: skip
                phones = [(name, float(end)) for name, end in re.findall(r"(\S+):([\d.]+)", told)]
                first = next(index for index, (name, _) in enumerate(phones) if name != "pau")
                samples, rate = soundfile.read(out)
                samples = soxr.resample(samples, rate, 16000)
                end = max(end for name, end in phones if name != "pau")
                samples = samples[int(phones[first - 1][1] * 16000) : int((end + 0.03) * 16000)]
                truth[word] = at * 1000
                silence = np.zeros(int(random.choice([0.05, 0.15, 0.3, 0.5, 0.8, 1.2]) * 16000))
                pieces += [samples / np.abs(samples).max() / 2, silence]
                at += (len(samples) + len(silence)) / 16000
                word += len(sentence.split())
            samples = np.concatenate(pieces)
            samples += np.random.default_rng(1).normal(0, 10 ** (-62 / 20), len(samples))
            path = folder / f"{voice}-{word}.wav"
            yield record(samples.astype(np.float32), 16000, (), path, 16000), normalise(script), "en", truth


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        cases = list(espeak_cases(folder))
        measure("words, espeak-ng, embedded", ours, cases)
        measure("words, espeak-ng, librosa dtw", plain, cases)
        if shutil.which("flite"):
            cases = list(flite_cases(folder))
            measure("sentences, flite, embedded", ours, cases)
            measure("sentences, flite, librosa dtw", plain, cases)
        else:
            print("flite is not installed: apt-get install flite")
        right: list[float] = []
        wrong: list[float] = []
        for recording, script, language, _ in cases[:6]:
            for text, scores in ((script, right), (CITIES if script.startswith("Alice") else ALICE, wrong)):
                words = Embedded().align(recording, chunks(normalise(text), language), language)
                scores.append(confidence_of(words))
        for name, scores in (("right", right), ("wrong", wrong)):
            print(f"confidence of {name} scripts {min(scores):.2f} to {max(scores):.2f}")


if __name__ == "__main__":
    main()
