"""How well the embedded aligner separates garbled chunks from correct ones.

    uv run --all-extras --group dev python -m benchmarks.takes

flite's four voices (Debian package flite; made from recordings of people, and independent of the aligner's
reference) speak chunks of the tests' scripts: correctly; without the middle third; only the first half; and
another chunk instead. The score is the one that `speech.takes` uses.
"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

import numpy as np
import soundfile

from speech.takes import _LEAST_SCORE, _score_by_alignment
from speech.text import chunks
from tests import scripts

VOICES = ("slt", "rms", "awb", "kal16")
CHUNKS = 12


def main() -> None:
    texts = [getattr(scripts, name) for name in dir(scripts) if name.isupper()]
    parts = [chunk for text in texts if isinstance(text, str) and text.isascii() for chunk in chunks(text, "en", 200)]
    parts = parts[:CHUNKS]
    found: dict[str, list[float]] = {}
    for voice in VOICES:
        for index, part in enumerate(parts):
            words = part.spoken.split()
            third = len(words) // 3
            said = {
                "right": part.spoken,
                "a third is missing": " ".join(words[:third] + words[2 * third :]),
                "half is missing": " ".join(words[: len(words) // 2]),
                "another chunk": parts[(index + 3) % len(parts)].spoken,
            }
            for name, text in said.items():
                score = _score_by_alignment(*speak(text, voice), part, "en")
                assert score is not None
                found.setdefault(name, []).append(score)
    print(f"{len(parts)} chunks, {len(VOICES)} voices; a score below {_LEAST_SCORE} asks for another take")
    for name, scores in found.items():
        low, middle, high = np.quantile(scores, (0.1, 0.5, 0.9))
        below = np.mean(np.array(scores) < _LEAST_SCORE)
        print(f"  {name:<20} 10 % {low:.2f}  median {middle:.2f}  90 % {high:.2f}  taken again {below:.0%}")


def speak(text: str, voice: str) -> tuple[np.ndarray, int]:
    """Speak a text with flite; return the samples and their rate."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "said.wav"
        subprocess.run(["flite", "-voice", voice, "-t", text, "-o", path], check=True, capture_output=True)
        samples, rate = soundfile.read(path, dtype="float32")
        return samples, rate


if __name__ == "__main__":
    main()
