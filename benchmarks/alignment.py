"""The embedded aligner: the accuracy of its word starts and its speed, compared with plain DTW.

    uv run --all-extras --group dev --with librosa python -m benchmarks.alignment

The true times are espeak-ng's own word events, for recordings in five languages by espeak-ng voices other
than the reference's; and, if Debian's flite is installed, the starts of sentences by four voices made from
recordings of people, spliced with silences of known length, and the words of talk that nobody prepared (see
`tests/talk.py`), by voices of both. The aligner was tuned on part of the talk, which is called known.
The comparison is what a user would otherwise write: librosa's `sequence.dtw` over librosa's MFCC, on the same
reference.
"""

from __future__ import annotations

import os

# Both methods run on one core.
os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")

import difflib
import functools
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
from speech.audio import Recording, Samples, record
from speech.engines.espeak import say
from speech.text import chunks, normalise
from speech.words import confidence_of
from tests.scripts import ALICE, BOOKS, BY_LANGUAGE, CITIES, HELD_OUT
from tests.talk import RATE, Spoken, Voice, espeak, record_talk, word_starts

VOICES = {
    "en": ["en-gb-x-rp+f3", "en-us+m7", "en-gb-scotland+f2", "en-029+m3"],
    **{code: [f"{code}+f4", f"{code}+m2"] for code in ("de", "fr", "es", "it")},
}
Case = tuple[Recording, str, str, dict[int, float]]
Talk = tuple[str, Voice, str, list[str], int]
"""A name, a voice, a language, the sentences, and a seed."""
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
    starts = word_starts(reference, script)
    frames = [path[np.searchsorted(path[:, 0], starts.get(i, 0) / 10), 1] * 10 for i in range(len(script.split()))]
    return np.array(frames)


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


def doubts(cases: list[Case]) -> None:
    """Print how many of the words that are off by 200 ms are among the tenth of least confidence."""
    off: list[float] = []
    confidence: list[float] = []
    for recording, script, language, truth in cases:
        words = Embedded().align(recording, chunks(normalise(script), language), language)
        off += [abs(words[index].start - start) for index, start in truth.items()]
        confidence += [words[index].confidence for index in truth]
    wrong, doubted = np.array(off) > 200, np.array(confidence) <= np.quantile(confidence, 0.1)
    print(f"off by 200 ms: {wrong.mean():.1%}, of these doubted: {doubted[wrong].mean():.0%}", flush=True)


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
                    word_starts(utterance, script),
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


def flite(name: str) -> Voice:
    """Return a voice of flite, whose words begin where the phones of the words before them end."""

    def run(text: str, *options: str) -> tuple[Samples, str]:
        with tempfile.NamedTemporaryFile(suffix=".wav") as file:
            command = ["flite", "-voice", name, *options, "-t", f"{text} ", "-o", file.name]
            printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            samples, rate = soundfile.read(file.name, dtype="float32")
        return soxr.resample(samples, rate, RATE), printed

    @functools.cache
    def phones_of(word: str) -> tuple[str, ...]:
        return tuple(phone for phone in run(word, "-ps")[1].split() if phone != "pau")

    def speak(text: str) -> Spoken:
        samples, printed = run(text, "-psdur")
        heard, begins, ends, at = [], [], [], 0.0
        for phone, end in re.findall(r"(\S+):([\d.]+)", printed):
            if phone != "pau":
                heard.append(phone)
                begins.append(at)
                ends.append(float(end))
            at = float(end)
        alone: list[str] = []
        words: list[int] = []
        for index, word in enumerate(text.split()):
            alone += phones_of(word)
            words += [index] * len(phones_of(word))
        # A word sounds otherwise among others ("the", "of"): its phones are found by their order.
        starts: dict[int, float] = {}
        for _, first, last, begin, end in difflib.SequenceMatcher(None, alone, heard, autojunk=False).get_opcodes():
            for offset in range(last - first):
                if begin < end:
                    starts.setdefault(words[first + offset], begins[min(begin + offset, end - 1)])
        found = [starts.get(index, float("nan")) for index in range(len(text.split()))]
        return Spoken(samples, [*found, ends[-1]])

    return speak


def talk_cases(folder: Path, is_known: bool) -> Iterator[Case]:
    """Yield talk: twelve recordings of four voices, on which the aligner was tuned, or six that are unseen."""
    for name, voice, language, sentences, seed in _known() if is_known else _unseen():
        samples, truth = record_talk(voice, sentences, language, seed)
        path = folder / f"{name}-{seed}.wav"
        yield record(samples, RATE, (), path, RATE), " ".join(sentences), language, truth


def _known() -> Iterator[Talk]:
    english, german = _sentences(BOOKS["en"]), _sentences(BOOKS["de"])
    for number in range(3):
        at = 14 * number
        yield "slt", flite("slt"), "en", english[at : at + 14], 100 + number
        yield "kal16", flite("kal16"), "en", english[at + 7 : at + 21], 200 + number
        yield "m7", espeak("en-us+m7", "en", 165), "en", english[at + 3 : at + 17], 300 + number
        yield "f4", espeak("de+f4", "de", 165), "de", german[12 * number :][:12], 400 + number


def _unseen() -> Iterator[Talk]:
    english, french, spanish = (_sentences(BOOKS[code]) for code in ("en", "fr", "es"))
    yield "rms", flite("rms"), "en", HELD_OUT, 11
    yield "awb", flite("awb"), "en", english[56:72], 12
    yield "slt", flite("slt"), "en", english[72:86], 13
    yield "f2", espeak("en-gb-scotland+f2", "en", 165), "en", english[42:56], 14
    yield "m2", espeak("fr+m2", "fr", 165), "fr", french[:12], 15
    yield "f4", espeak("es+f4", "es", 165), "es", spanish[:12], 16


def _sentences(book: str) -> list[str]:
    """Return the sentences of 4 to 28 words, without signs that no voice reads."""
    parts = (re.sub(r"[^\w\s',.;:!?-]+", "", part.replace("’", "'")) for part in re.findall(r"[^.!?;]+[.!?;]", book))
    sentences = [normalise(" ".join(part.split()).strip("', ")) for part in parts]
    return [sentence for sentence in sentences if 4 <= len(sentence.split()) <= 28]


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
            for name, is_known in (("known", True), ("unseen", False)):
                cases = list(talk_cases(folder, is_known))
                measure(f"words, talk, {name}, embedded", ours, cases)
                doubts(cases)
                measure(f"words, talk, {name}, librosa dtw", plain, cases)
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
