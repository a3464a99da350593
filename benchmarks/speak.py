"""How long `f5-flows speak` takes, all told: the first time on a new machine, and every later one.

    uv run --all-extras --group dev python -m benchmarks.speak

Beside it, the same with Prefect's own temporary server, which is what a flow run gets by itself
where there is no server.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PROGRAM = Path(sys.executable).with_name("f5-flows")
ALONE = (
    "import asyncio; from flows.speak import speak; from speech.request import SpeechRequest;"
    "asyncio.run(speak(SpeechRequest(text='Hello there, my friend.', return_word_timings=True)))"
)


def seconds(command: list[str], home: str) -> float:
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


def main() -> None:
    ours = [str(PROGRAM), "speak", "Hello there, my friend."]
    with tempfile.TemporaryDirectory() as home:
        first = seconds(ours, home)
        later = [seconds(ours, home) for _ in range(7)]
        subprocess.run([PROGRAM, "server", "stop"], env=os.environ | {"F5_FLOWS_HOME": home}, check=True)
    middle = statistics.median(later)
    print(f"f5-flows speak: first {first:.1f} s, later {middle:.1f} s (median of 7, worst {max(later):.1f})")
    with tempfile.TemporaryDirectory() as home:
        first = seconds([sys.executable, "-c", ALONE], home)
        alone = [seconds([sys.executable, "-c", ALONE], home) for _ in range(3)]
    ratio = statistics.median(alone) / middle
    print(
        f"Prefect's temporary server: first {first:.1f} s, later {statistics.median(alone):.1f} s (median of 3); "
        f"ours is {ratio:.1f} times faster"
    )


if __name__ == "__main__":
    main()
