"""Peak memory and time of `f5-flows speak` by the length of what it speaks.

    uv run --all-extras --group dev python -m benchmarks.length [MINUTES ...]

The text is Alice and a list of cities, repeated until espeak-ng takes about so many minutes (default 10, 60 and 600) to
say it. Each length is spoken twice: the audio alone, and with word times, five kinds of subtitles and the page. The
Prefect server, a process of its own, is started before and measured beside it.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from tests.scripts import ALICE, CITIES

PROGRAM = Path(sys.executable).with_name("f5-flows")
# What espeak-ng says in a minute at our pace, measured on this text.
WORDS_A_MINUTE = 187


def script(minutes: float) -> str:
    """Return a text of so many minutes, whose paragraphs differ."""
    piece, parts, words = f"{ALICE}\n\n{CITIES}", [], 0
    while words < minutes * WORDS_A_MINUTE:
        parts.append(f"Part {len(parts) + 1}, as it was told.\n\n{piece}")
        words += len(parts[-1].split())
    return "\n\n".join(parts)


def speak(folder: Path, minutes: float, environment: dict[str, str], *options: str) -> None:
    """Speak a text in a process of its own, and print what it took."""
    (folder / "script.txt").write_text(script(minutes))
    command = [
        PROGRAM,
        "speak",
        "--file",
        folder / "script.txt",
        "--engine",
        "espeak",
        "--out",
        f"{folder}/out/",
        "--quiet",
    ]
    began, used = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([*command, *options], env=environment, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    audio = max((folder / "out").glob("*.wav"), key=lambda path: path.stat().st_size)
    size = sum(path.stat().st_size for path in (folder / "out").iterdir()) / 1e6
    spent = after.ru_utime + after.ru_stime - used.ru_utime - used.ru_stime
    print(
        f"{' '.join(options) or 'with word times'}: {audio.stat().st_size / 2 / 22050 / 60:.1f} min of speech, "
        f"{time.perf_counter() - began:.0f} s, processor {spent:.0f} s, peak {after.ru_maxrss / 1024:.0f} MB, "
        f"{size:.0f} MB of files, server {server_mb(environment):.0f} MB",
        flush=True,
    )


def server_mb(environment: dict[str, str]) -> float:
    """Return the memory of the Prefect server."""
    home = Path(environment["F5_FLOWS_HOME"]).resolve()
    for process in psutil.process_iter():
        try:
            if "deployments.local.server_process" in process.cmdline() and Path(process.cwd()) == home:
                return float(process.memory_info().rss) / 2**20
        except psutil.Error:
            pass
    return 0.0


def main() -> None:
    if sys.argv[1:2] == ["one"]:
        speak(Path(sys.argv[2]), float(sys.argv[3]), dict(os.environ), *sys.argv[4:])
        return
    for minutes in map(float, sys.argv[1:] or ["10", "60", "600"]):
        for options in (["--no-timings"], []):
            with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
                environment = os.environ | {"F5_FLOWS_HOME": f"{folder}/home", "PREFECT_HOME": f"{folder}/client"}
                subprocess.run([PROGRAM, "server", "start"], env=environment, check=True, capture_output=True)
                # The peak of finished children never falls, so each measurement has a process of its own.
                one = [sys.executable, "-m", "benchmarks.length", "one", folder, str(minutes), *options]
                try:
                    subprocess.run(one, env=environment, check=True)
                finally:
                    subprocess.run([PROGRAM, "server", "stop"], env=environment, check=True, capture_output=True)


if __name__ == "__main__":
    main()
