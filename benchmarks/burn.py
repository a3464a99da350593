"""How long captions over one colour take to burn, and how true the picture is: two ways to encode, in turns.

    uv run --all-extras --group dev python -m benchmarks.burn

30 s of espeak-ng's speech at 1080x1920. "Moving" is what any video is encoded with, and what backgrounds of one colour
were encoded with before. Processor time counts both cores, and depends least on what else the machine does. SSIM
compares each with what was drawn.
"""

from __future__ import annotations

import re
import resource
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from speech.engines.espeak import say
from speech.media import ffmpeg
from speech.subtitles import make, render
from speech.subtitles.styles import LOOKS
from speech.video import _AAC, _CAPTIONED, _FLAT_H264, _H264, _THREADS, Background, _plain
from speech.words import Word
from tests.conftest import recorded
from tests.scripts import ALICE

SECONDS, ROUNDS = 30, 3
BACKGROUND = Background("navy", 1080, 1920)
ENCODERS = {"moving": _H264, "flat": _FLAT_H264}


def captions(words: Sequence[Word], look: str | None) -> str:
    """Return captions of the preset for upright video, in a look or in the preset's own style."""
    karaoke = LOOKS[look].karaoke if look else "sweep"
    made = make(
        words, text=ALICE, language="en", duration_ms=1000 * SECONDS, method="", job_id="", preset="social",
        karaoke=karaoke, look=look,
    )  # fmt: skip
    return render(made, "ass")


def encode(encoder: Sequence[str], folder: Path, target: str) -> tuple[float, float]:
    """Encode once as `burn` does; return the seconds it took, and those of the processor."""
    command = [
        ffmpeg(), "-v", "error", "-nostdin", "-y", "-threads", str(_THREADS), *_plain(BACKGROUND, 1000 * SECONDS),
        "-i", "sound.wav", "-map", "0:V:0", "-map", "1:a:0", "-vf", ",".join(_CAPTIONED), "-threads", str(_THREADS),
        *encoder, *_AAC, "-t", str(SECONDS), "-movflags", "+faststart", target,
    ]  # fmt: skip
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, cwd=folder, check=True)
    after, ended = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    return ended - began, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def likeness(folder: Path, made: str) -> str:
    """Return the structural similarity of a video to what was drawn, in decibels."""
    command = [ffmpeg(), "-v", "info", "-nostdin", "-i", made, *_plain(BACKGROUND, 1000 * SECONDS)]
    graph = f"[1:v]{','.join(_CAPTIONED)}[drawn];[0:v][drawn]ssim"
    done = subprocess.run(
        [*command, "-lavfi", graph, "-f", "null", "-"], cwd=folder, check=True, capture_output=True, text=True
    )
    return re.findall(r"All:\S+ \((\S+)\)", done.stderr)[-1]


def main() -> None:
    utterance = say(ALICE, "en")
    words = [Word(word, 340 * at, 340 * at + 300) for at, word in enumerate(ALICE.split())]
    words = [word for word in words if word.end < 1000 * SECONDS]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        recorded(utterance, folder / "sound.wav")
        for look in (None, "pop"):
            (folder / "captions.ass").write_text(captions(words, look), encoding="utf-8")
            taken: dict[str, list[tuple[float, float]]] = {encoder: [] for encoder in ENCODERS}
            for _ in range(ROUNDS):
                for encoder, arguments in ENCODERS.items():
                    taken[encoder].append(encode(arguments, folder, f"{encoder}.mp4"))
            for encoder, times in taken.items():
                wall, processor = (median(column) for column in zip(*times, strict=True))
                size = (folder / f"{encoder}.mp4").stat().st_size / 1e6
                quality = likeness(folder, f"{encoder}.mp4")
                print(
                    f"{look or 'bold, sweep':<12} {encoder:<7} {wall:6.1f} s, {processor:5.1f} s of processor time, "
                    f"{size:.2f} MB, SSIM {quality} dB",
                    flush=True,
                )
            ratios = [
                tuple(slow / fast for slow, fast in zip(moving, flat, strict=True))
                for moving, flat in zip(taken["moving"], taken["flat"], strict=True)
            ]
            print(f"  faster by {median(r[0] for r in ratios):.1f}, processor time {median(r[1] for r in ratios):.1f}")


if __name__ == "__main__":
    main()
