"""Databases for the local Prefect server, and the overhead of a flow over its functions.

    uv run --all-extras --group dev python -m benchmarks.database
    uv run --all-extras --group dev python -m benchmarks.database ours     the default alone

Each server starts on an empty database: SQLite as `prefect server start` opens it; SQLite with one writer
at a time (`deployments.local.server_process`, the default); and Postgres, if its programs are installed. For
each: seconds of the first start and of a later one; then 30 warm runs of `flows.speak` on one sentence,
alternating with direct calls of the same functions, in one process.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.fakes.gateway import free_port

RUNS = 30
PASSWORD = "benchmark:secret"
OURS = [sys.executable, "-m", "deployments.local.server_process"]


@contextmanager
def serving(command: list[str], home: Path, database: str) -> Iterator[tuple[str, float]]:
    """Run a server; yields its API's URL and the seconds that it took to start."""
    port = free_port()
    listener = socket.socket()
    where = ["--port", str(port)]
    if command is OURS:
        listener.bind(("127.0.0.1", port))
        where = ["--fd", str(listener.fileno()), "--mark", "benchmark"]
    environment = os.environ | {
        "PREFECT_SERVER_API_AUTH_STRING": PASSWORD,
        "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": f"http://127.0.0.1:{port}",
        "PREFECT_HOME": str(home),
        "PREFECT_API_DATABASE_CONNECTION_URL": database,
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    }
    began = time.perf_counter()
    with (home / "log").open("ab") as log, listener:
        server = subprocess.Popen(
            [*command, *where], env=environment, stdout=log, stderr=log, pass_fds=[listener.fileno()],
            # Ours takes the folder that it is in for its home.
            cwd=home,
        )  # fmt: skip
    try:
        while time.perf_counter() - began < 180 and server.poll() is None:
            try:
                if httpx.get(f"http://127.0.0.1:{port}/api/health", timeout=1, trust_env=False).text == "true":
                    break
            except httpx.HTTPError:
                time.sleep(0.05)
        else:
            raise RuntimeError((home / "log").read_text()[-2000:])
        yield f"http://127.0.0.1:{port}/api", time.perf_counter() - began
    finally:
        server.terminate()
        server.wait(20)


def measure(name: str, command: list[str], home: Path, database: str) -> None:
    with serving(command, home, database) as (api, first):
        environment = os.environ | {"PREFECT_API_URL": api, "PREFECT_API_AUTH_STRING": PASSWORD}
        environment |= {"PREFECT_LOGGING_LEVEL": "CRITICAL", "PREFECT_CLIENT_CSRF_SUPPORT_ENABLED": "false"}
        environment |= {"STORAGE_DIR": str(home / "store")}
        told = [
            subprocess.run(
                [sys.executable, "-m", "benchmarks.database", kind],
                env=environment,
                check=True,
                capture_output=True,
                text=True,
            ).stdout.strip()
            for kind in ("runs", "empty")
        ]
    with serving(command, home, database) as (_, again):
        pass
    print(f"{name:<28} start {first:5.1f} s, again {again:4.1f} s; {'; '.join(told)}", flush=True)


def runs() -> None:
    """Time the flow and direct calls of its functions, alternately."""
    from blocks.storage import from_environment
    from deployments import retries
    from flows.speak import speak
    from speech.alignment import align
    from speech.engines import SynthesisOptions, choose
    from speech.outputs import content_type, key
    from speech.request import SpeechRequest
    from speech.script import prepare
    from speech.subtitles import make, render
    from speech.synthesis import Synthesis

    retries.install()
    request = SpeechRequest(text="The quick brown fox jumps over the lazy dog.", return_word_timings=True, seed=1)

    def directly(folder: Path) -> None:
        store, (engine, _) = from_environment(), choose("auto")
        script, _ = prepare(request, engine)
        recording = Synthesis(engine, script.chunks, SynthesisOptions()).record(folder / "a.wav", 22050)
        store.put(key("direct", "wav"), recording.path, "audio/wav")
        words = align(recording, script.chunks, "en").words
        subtitles = make(
            words,
            text=script.text,
            language="en",
            duration_ms=recording.duration_ms,
            method="",
            preset="netflix",
            job_id="",
        )
        for name in request.formats:
            store.write(key("direct", name), render(subtitles, name), content_type(name))

    async def main() -> None:
        flow_times, direct_times = [], []
        with tempfile.TemporaryDirectory() as folder:
            for index in range(RUNS + 2):
                began = time.perf_counter()
                await speak(request)
                between = time.perf_counter()
                directly(Path(folder))
                if index >= 2:
                    flow_times.append(between - began)
                    direct_times.append(time.perf_counter() - between)
        flow, direct = statistics.median(flow_times), statistics.median(direct_times)
        slow = sum(seconds > 2 for seconds in flow_times)
        print(
            f"flow {flow:.3f} s, functions {direct:.3f} s, overhead {flow - direct:.3f} s a run (median of {RUNS}); "
            f"slowest {max(flow_times):.2f} s, {slow} runs over 2 s"
        )

    asyncio.run(main())


def empty_runs() -> None:
    """Time a flow of six tasks that do nothing, which is the server's share."""
    from prefect import flow, task

    @task
    async def nothing(value: int) -> int:
        return value + 1

    @flow
    async def six() -> None:
        value = 0
        for _ in range(6):
            value = await nothing(value)

    async def main() -> None:
        times = []
        for _ in range(RUNS + 2):
            began = time.perf_counter()
            await six()
            times.append(time.perf_counter() - began)
        slow = sum(seconds > 2 for seconds in times[2:])
        print(f"six empty tasks {statistics.median(times[2:]):.3f} s, {slow} of {RUNS} runs over 2 s")

    asyncio.run(main())


def main() -> None:
    is_ours = sys.argv[1:] == ["ours"]
    if sys.argv[1:] and not is_ours:
        {"runs": runs, "empty": empty_runs}[sys.argv[1]]()
        return
    prefect = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1"]
    with tempfile.TemporaryDirectory() as name:
        ways = (("SQLite, as Prefect opens it", prefect), ("SQLite, one writer", OURS))
        for title, command in ways[is_ours:]:
            home = Path(name) / title.replace(" ", "-")
            home.mkdir()
            measure(title, command, home, f"sqlite+aiosqlite:///{home}/prefect.db")
        if not is_ours:
            postgres(Path(name), prefect)


def postgres(folder: Path, prefect: list[str]) -> None:
    binaries = next(iter(sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)), None)
    if binaries is None:
        print("Postgres is not installed: apt-get install postgresql")
        return
    port, data, home = free_port(), folder / "data", folder / "home"
    home.mkdir()
    folder.chmod(0o755)
    data.mkdir()
    user: list[str] = []
    if os.geteuid() == 0:
        shutil.chown(data, "postgres")
        user = ["runuser", "-u", "postgres", "--"]
    quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": "/"}
    subprocess.run(
        [*user, str(binaries / "initdb"), "-D", str(data), "-U", "prefect", "-A", "trust"], check=True, **quiet
    )
    options = ["-D", str(data), "-p", str(port), "-k", str(data), "-c", "listen_addresses=127.0.0.1"]
    server = subprocess.Popen([*user, str(binaries / "postgres"), *options], **quiet)
    try:
        create = [str(binaries / "createdb"), "-h", "127.0.0.1", "-p", str(port), "-U", "prefect", "prefect"]
        for _ in range(100):
            if subprocess.run(create, check=False, **quiet).returncode == 0:
                break
            time.sleep(0.1)
        measure("Postgres", prefect, home, f"postgresql+asyncpg://prefect@127.0.0.1:{port}/prefect")
    finally:
        server.terminate()
        server.wait(20)


if __name__ == "__main__":
    main()
