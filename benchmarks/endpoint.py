"""The overhead of RunPod's path for a run, and how busy it keeps the GPU.

    uv run --all-extras --group dev python -m benchmarks.endpoint [latency] [throughput] [memory]

Everything is real (Prefect on PostgreSQL, the SDK's loop, the child process, the flow) except RunPod's control
plane, which is the tests' own on loopback. The voice is the embedded one, so the figures are those of the path,
not of a model.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path

import httpx
import psutil

from tests.fakes.runpod import API_KEY, ControlPlane
from tests.services import Postgres, Prefect, stop_group
from tests.stack import ENDPOINT, Container

PARTS = ["latency", "throughput", "memory"]

# A text that takes about a second from start to end, including timings.
SECOND = " ".join(f"This is sentence number {number} of a story about the sea." for number in range(9))
BARE = """
import asyncio, json, sys, time
from flows.speak import speak
from speech.request import SpeechRequest

async def main():
    text = sys.stdin.read()
    for _ in range(3):
        await speak(SpeechRequest(text=text, return_word_timings=True, seed=1))
    for _ in range(12):
        began = time.perf_counter()
        await speak(SpeechRequest(text=text, return_word_timings=True, seed=1))
        print("took", time.perf_counter() - began, flush=True)

asyncio.run(main())
"""


def bare(home: Path, api: str) -> list[float]:
    """Return the seconds of each run of the flow alone, in a warm process, with the same server."""
    environment = os.environ | {
        "PREFECT_API_URL": api, "STORAGE_DIR": str(home / "bare"), "ENGINE": "espeak", "F5_FLOWS_HOME": str(home),
        "PREFECT_HOME": str(home / "prefect"), "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", BARE], input=SECOND, env=environment, capture_output=True, text=True, check=True
    )
    return [float(line.split()[1]) for line in done.stdout.splitlines() if line.startswith("took")]


def over_runpod(container: Container) -> list[float]:
    """Return the seconds from each client call to its answer."""
    for _ in range(3):
        container.ask(text=SECOND, return_word_timings=True, seed=1)
    took = []
    for _ in range(12):
        began = time.perf_counter()
        assert container.ask(text=SECOND, return_word_timings=True, seed=1)["status"] == "COMPLETED"
        took.append(time.perf_counter() - began)
    return took


async def throughput(container: Container, text: str, jobs: int) -> float:
    """Return the seconds for a number of jobs that are all sent at once."""
    async with httpx.AsyncClient(timeout=300, headers={"Authorization": f"Bearer {API_KEY}"}) as client:
        url = f"{container.plane.url}/{ENDPOINT}"
        began = time.perf_counter()
        sent = await asyncio.gather(
            *(client.post(f"{url}/run", json={"input": {"text": text, "seed": n + 1}}) for n in range(jobs))
        )
        for answer in sent:
            while True:
                told = (await client.get(f"{url}/status/{answer.json()['id']}")).json()
                if told["status"] not in ("IN_QUEUE", "IN_PROGRESS"):
                    break
                await asyncio.sleep(0.1)
            assert told["status"] == "COMPLETED", told
        return time.perf_counter() - began


def busy(container: Container, since: float) -> tuple[float, float]:
    """Return the share of the time, from first to last synthesis, spent synthesizing, and the mean seconds of each."""
    spans = []
    for line in container.log.splitlines():
        if line.startswith("{") and (found := re.search(r"spoke \d+ chunks: .* in ([\d.]+) s", line)):
            end = datetime.fromisoformat(json.loads(line)["time"]).timestamp()
            spans.append((end - float(found[1]), end))
    spans = sorted(span for span in spans if span[0] > since)
    worked = sum(end - start for start, end in spans)
    return worked / (spans[-1][1] - spans[0][0]), worked / len(spans)


def text_of(seconds: float) -> str:
    """Return a text whose synthesis takes about that many seconds."""
    from speech.engines import SynthesisOptions, choose
    from speech.text import chunks

    engine, _ = choose("espeak")
    sentences = [f"This is sentence number {number} of a story about the sea." for number in range(100)]
    pieces = [chunk.spoken for chunk in chunks(" ".join(sentences), "en")]
    engine.synthesize(pieces, SynthesisOptions())
    began = time.perf_counter()
    engine.synthesize(pieces, SynthesisOptions())
    return " ".join(sentences[: max(1, int(100 * seconds / (time.perf_counter() - began)))])


def memory(container: Container) -> int:
    """Return the resident memory of a container's processes in bytes."""
    return (
        sum(process.memory_info().rss for process in container.children())
        + psutil.Process(container.process.pid).memory_info().rss
    )


def main() -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        home = Path(folder)
        home.chmod(0o755)
        database = Postgres(home / "postgres")
        prefect = Prefect(database, home / "server")
        plane = ControlPlane(ENDPOINT)
        plane.limits = {}
        try:
            measure(home, plane, prefect.api, sys.argv[1:] or PARTS)
        finally:
            plane.stop()
            prefect.kill()
            database.stop()


def measure(home: Path, plane: ControlPlane, api: str, parts: list[str]) -> None:
    def container(name: str, **variables: str) -> Container:
        (home / name).mkdir()
        return Container(plane, home / name, api, **variables)

    if "latency" in parts:
        began = time.perf_counter()
        one = container("latency")
        assert one.ask(text="Hello there, my friend.")["status"] == "COMPLETED"
        print(f"container start to first audio, embedded voice: {time.perf_counter() - began:.1f} s")
        alone, whole = statistics.median(bare(home, api)), statistics.median(over_runpod(one))
        print(
            f"a job of a second: the flow by itself {alone:.2f} s, over RunPod {whole:.2f} s (medians of 12): "
            f"{whole - alone:.2f} s more"
        )
        stop_group(one.process)
    for slots in (1, 2, 4, 6) if "throughput" in parts else ():
        text = text_of(0.4)
        one = container(f"slots{slots}", ENDPOINT_CONCURRENCY=str(slots))
        one.ask(text=text)
        since = time.time()
        took = asyncio.run(throughput(one, text, 40))
        share, each = busy(one, since)
        print(f"{slots} jobs at once: {40 / took:.2f} jobs a second, the slot busy {share:.0%} ({each:.2f} s each)")
        stop_group(one.process)
    if "memory" in parts:
        one, before = container("memory"), 0
        for number in range(1, 501):
            assert one.ask(text="Hello there.", seed=number)["status"] == "COMPLETED"
            if number == 50:
                before = memory(one)
        print(f"memory after 50 runs {before / 1e6:.0f} MB, after 500 {memory(one) / 1e6:.0f} MB")
        stop_group(one.process)


if __name__ == "__main__":
    main()
