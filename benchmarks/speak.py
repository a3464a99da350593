"""The total time of `f5-flows speak`: the first run in a new home, and later runs.

    uv run --all-extras --group dev python -m benchmarks.speak
    uv run --all-extras --group dev python -m benchmarks.speak first     the first runs alone
    uv run --all-extras --group dev python -m benchmarks.speak later     the later runs alone

Later runs are those of the warm process; for comparison, runs in a process of their own (`--cold`), and the same flow
with Prefect's own temporary server, which Prefect starts for a flow run if no server is configured.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

PROGRAM = Path(sys.executable).with_name("f5-flows")
ALONE = (
    "import asyncio; from flows.speak import speak; from speech.request import SpeechRequest;"
    "asyncio.run(speak(SpeechRequest(text='Hello there, my friend.', return_word_timings=True)))"
)


def seconds(command: list[str], home: str) -> float:
    """Return how many seconds a command takes."""
    environment = os.environ | {
        "F5_FLOWS_HOME": home,
        "PREFECT_HOME": f"{home}/client",
        "PREFECT_LOGGING_LEVEL": "CRITICAL",
    }
    environment |= {
        "PREFECT_LOGGING_LEVEL": "CRITICAL",
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "180",
        "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "true",
    }
    began = time.perf_counter()
    subprocess.run(command, env=environment, check=True, cwd=home, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - began


@dataclass(frozen=True)
class First:
    """The first run in a new home: its seconds, and the seconds of computing that its server had taken by then."""

    total: float
    server: float


def first(command: list[str]) -> First:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        total = seconds(command, home)
        times = psutil.Process(json.loads(Path(home, "server.json").read_text())["pid"]).cpu_times()
        stop(home)
    return First(total, times.user + times.system)


def stop(home: str) -> None:
    subprocess.run([PROGRAM, "server", "stop"], env=os.environ | {"F5_FLOWS_HOME": home}, check=True)


def compare_firsts(command: list[str], turns: int) -> None:
    """Print what the first run in a new home takes."""
    runs = [first(command) for _ in range(turns)]
    total, server = (statistics.median(getattr(run, what) for run in runs) for what in ("total", "server"))
    print(f"First run: {total:.1f} s, of which the server computes {server:.1f} s (medians of {turns})")


def compare_later(command: list[str]) -> None:
    """Print what a sentence takes on a machine that has spoken before, in three ways, taking turns."""
    folders = [tempfile.TemporaryDirectory(ignore_cleanup_errors=True) for _ in range(2)]
    with folders[0] as home, folders[1] as other:
        alone = [sys.executable, "-c", ALONE]
        ways = {
            "f5-flows speak": (command, home, 9),
            "f5-flows speak --cold": ([*command, "--cold"], home, 9),
            "Prefect's temporary server": (alone, other, 3),
        }
        for words, folder, _ in ways.values():
            seconds(words, folder)
        taken: dict[str, list[float]] = {name: [] for name in ways}
        for turn in range(9):
            for name, (words, folder, turns) in ways.items():
                if turn < turns:
                    taken[name].append(seconds(words, folder))
        stop(home)
    best = statistics.median(taken["f5-flows speak"])
    for name, times in taken.items():
        middle = statistics.median(times)
        print(
            f"{name}, later: {middle:.2f} s (median of {len(times)}, worst {max(times):.2f}), {middle / best:.1f} times"
        )


def compare_help() -> None:
    """Print what `--help` takes beyond a bare interpreter."""
    with tempfile.TemporaryDirectory() as home:
        ways = {"--help": [str(PROGRAM), "--help"], "a bare interpreter": [sys.executable, "-c", "pass"]}
        taken = {name: statistics.median(seconds(words, home) for _ in range(9)) for name, words in ways.items()}
    print(", ".join(f"{name}: {middle:.2f} s" for name, middle in taken.items()))


def main() -> None:
    command = [str(PROGRAM), "speak", "Hello there, my friend."]
    if sys.argv[1:] != ["later"]:
        compare_firsts(command, turns=3)
    if sys.argv[1:] != ["first"]:
        compare_later(command)
        compare_help()


if __name__ == "__main__":
    main()
