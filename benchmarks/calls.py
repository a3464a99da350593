"""The calls to Prefect's server that one warm run of `flows.speak` makes, by route.

    uv run --all-extras --group dev python -m benchmarks.calls

A proxy before the local server counts them; events go over one WebSocket, which counts as one call. The figures are
counts, so it does not matter how busy the machine is.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections import Counter

RUNS = 5
JOB = """
import asyncio, sys
from flows.speak import speak
from speech.request import SpeechRequest

request = SpeechRequest(text="Hello there, my friend.", return_word_timings=True, seed=1)

async def run(count):
    for _ in range(count):
        await speak(request)

async def main():
    for line in sys.stdin:
        await run(int(line))
        # Logs and events are sent in the background.
        await asyncio.sleep(5)
        print("done", flush=True)

asyncio.run(main())
"""


def main() -> None:
    with tempfile.TemporaryDirectory() as home:
        os.environ |= {"F5_FLOWS_HOME": home, "PREFECT_HOME": f"{home}/client"}
        from deployments.local import server
        from tests.fakes.tap import Tap

        tap = Tap(server.ensure(print).api.removesuffix("/api"))
        environment = os.environ | {
            "PREFECT_API_URL": f"{tap.url}/api",
            "PREFECT_API_AUTH_STRING": server.password(),
            "PREFECT_CLIENT_CSRF_SUPPORT_ENABLED": "false",
            "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
            "ENGINE": "espeak",
            "STORAGE_DIR": f"{home}/store",
        }
        child = subprocess.Popen(
            [sys.executable, "-c", JOB], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        try:
            # The first run of a process asks for more.
            work(child, 1)
            tap.listen()
            work(child, RUNS)
            show(tap.calls)
        finally:
            child.kill()
            tap.stop()
            server.stop()


def work(child: subprocess.Popen[str], runs: int) -> None:
    assert child.stdin and child.stdout
    child.stdin.write(f"{runs}\n")
    child.stdin.flush()
    assert child.stdout.readline().strip() == "done"


def show(calls: Counter[str]) -> None:
    print(f"{sum(calls.values()) / RUNS:.1f} calls a run (mean of {RUNS})")
    for call, times in calls.most_common():
        print(f"  {times / RUNS:5.1f}  {call}")


if __name__ == "__main__":
    main()
