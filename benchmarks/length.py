"""Peak memory and time of `f5-flows speak` and `f5-flows align` by the length of what they speak or time.

    uv run --all-extras --group dev python -m benchmarks.length [MINUTES ...]
    uv run --all-extras --group dev python -m benchmarks.length align [MINUTES ...]

The text is Alice and a list of cities, repeated until espeak-ng takes about so many minutes (default 10, 60 and 600) to
say it. Each length is spoken twice: the audio alone, and with word times, five kinds of subtitles and the page. The
Prefect server, a process of its own, is started before and measured beside it.

With `align`, another voice of espeak-ng speaks the text into a file, and `align` times it with the embedded aligner and
writes all seven kinds of subtitles and the page, without Prefect.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import psutil

from speech.audio import Samples, write_wav
from speech.engines.espeak import say
from speech.outputs import TIMINGS
from speech.text import chunks, normalise
from tests.scripts import ALICE, CITIES

PROGRAM = Path(sys.executable).with_name("f5-flows")
# What espeak-ng says in a minute at our pace, measured on this text.
WORDS_A_MINUTE = 187
_RATE = 22_050


def script(minutes: float) -> str:
    """Return a text of so many minutes, whose paragraphs differ."""
    piece, words = f"{ALICE}\n\n{CITIES}", 0
    parts: list[str] = []
    while words < minutes * WORDS_A_MINUTE:
        parts.append(f"Part {len(parts) + 1}, as it was told.\n\n{piece}")
        words += len(parts[-1].split())
    return "\n\n".join(parts)


def speak(folder: Path, *options: str) -> None:
    """Speak the text in a process of its own, and print what it took."""
    text, out = folder / "script.txt", f"{folder}/out/"
    given: list[str | Path] = ["--file", text, "--engine", "espeak", "--cold", "--out", out, "--quiet"]
    took = run("speak", *given, *options)
    audio = max((folder / "out").glob("*.wav"), key=lambda path: path.stat().st_size)
    print(
        f"{' '.join(options) or 'with word times'}: {told(audio, took, folder)}, server {server_mb():.0f} MB",
        flush=True,
    )


def align(folder: Path) -> None:
    """Time the words of a long recording in a process of its own, and print what it took."""
    formats = [word for name in TIMINGS for word in ("--format", name)]
    given: list[str | Path] = [folder / "long.wav", "--text", folder / "script.txt"]
    print(
        f"align: {told(folder / 'long.wav', run('align', *given, '--out', folder / 'out', *formats), folder)}",
        flush=True,
    )


def record(folder: Path) -> None:
    """Speak the text into a file, in a voice that is not the aligner's."""

    def pieces() -> Iterator[Samples]:
        for chunk in chunks(normalise((folder / "script.txt").read_text()), "en"):
            yield say(chunk.spoken, "en", 150, "en-gb-x-rp+f3").samples

    write_wav(folder / "long.wav", pieces(), _RATE, _RATE)


def run(*command: str | Path) -> tuple[float, float, float]:
    """Run the program; return its seconds, those of the processor, and its peak memory in MB."""
    began = time.perf_counter()
    subprocess.run([PROGRAM, *command], check=True, stdout=subprocess.DEVNULL)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.perf_counter() - began, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def told(audio: Path, took: Sequence[float], folder: Path) -> str:
    """Return in words what a run took."""
    size = sum(path.stat().st_size for path in (folder / "out").iterdir()) / 1e6
    return (
        f"{audio.stat().st_size / 2 / _RATE / 60:.1f} min of speech, {took[0]:.0f} s, processor {took[1]:.0f} s, "
        f"peak {took[2]:.0f} MB, {size:.0f} MB of files"
    )


def server_mb() -> float:
    """Return the memory of the Prefect server."""
    home = Path(os.environ["F5_FLOWS_HOME"]).resolve()
    for process in psutil.process_iter():
        try:
            if "deployments.local.server_process" in process.cmdline() and Path(process.cwd()) == home:
                return float(process.memory_info().rss) / 2**20
        except psutil.Error:
            pass
    return 0.0


def measure(kind: str, minutes: float, *options: str) -> None:
    """Measure one run; the peak of finished children never falls, so each has a process of its own."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        environment = os.environ | {"F5_FLOWS_HOME": f"{folder}/home", "PREFECT_HOME": f"{folder}/client"}
        (Path(folder) / "script.txt").write_text(script(minutes))
        this = [sys.executable, "-m", "benchmarks.length"]
        if kind == "align":
            subprocess.run([*this, "record", folder], env=environment, check=True)
            subprocess.run([*this, "one-align", folder], env=environment, check=True)
            return
        subprocess.run([PROGRAM, "server", "start"], env=environment, check=True, capture_output=True)
        try:
            subprocess.run([*this, "one-speak", folder, *options], env=environment, check=True)
        finally:
            subprocess.run([PROGRAM, "server", "stop"], env=environment, check=True, capture_output=True)


def main() -> None:
    first, rest = (sys.argv[1], sys.argv[2:]) if len(sys.argv) > 1 else ("", [])
    if first == "one-speak":
        speak(Path(rest[0]), *rest[1:])
    elif first in ("one-align", "record"):
        (align if first == "one-align" else record)(Path(rest[0]))
    elif first == "align":
        for minutes in map(float, rest or ["10", "60", "600"]):
            measure("align", minutes)
    else:
        for minutes in map(float, sys.argv[1:] or ["10", "60", "600"]):
            measure("speak", minutes, "--no-timings")
            measure("speak", minutes)


if __name__ == "__main__":
    main()
