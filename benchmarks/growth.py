"""The growth of the local Prefect server's database, with and without our upkeep.

    uv run --all-extras --group dev python -m benchmarks.growth [JOBS]

Two servers, each with an empty home, run JOBS small jobs (default 100): one as `f5-flows` starts it, and one
with Prefect's own settings. Nothing is extrapolated. To see what the upkeep does at KEEP_MB, set it low:

    KEEP_MB=10 uv run --all-extras --group dev python -m benchmarks.growth 300
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

PROGRAM = Path(sys.executable).with_name("f5-flows")


def jobs(count: int) -> None:
    """Run jobs one after the other in this process."""
    from deployments.cli.console import use_server

    use_server()
    from flows.speak import speak
    from speech.request import SpeechRequest

    async def run() -> None:
        for number in range(count):
            text = f"The quick brown fox jumps over the lazy dog, {number} times."
            await speak(SpeechRequest(text=text, return_word_timings=True, seed=1))

    asyncio.run(run())


def plain_server() -> None:
    """Start a server with Prefect's own retention."""
    from deployments.local import retention, server

    retention.variables = dict
    server.ensure(print)


def measure(name: str, count: int, *, plain: bool = False) -> None:
    """Run jobs against a new server, and print its database's growth and contents."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        environment = os.environ | {"F5_FLOWS_HOME": home, "PREFECT_HOME": f"{home}/client"}
        database = Path(home) / "prefect" / "prefect.db"
        program = [sys.executable, "-m", "benchmarks.growth"]
        start = [*program, "plain"] if plain else [str(PROGRAM), "server", "start"]
        subprocess.run(start, env=environment, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            before = size(database)
            began = time.perf_counter()
            subprocess.run([*program, "jobs", str(count)], env=environment, check=True)
            seconds = time.perf_counter() - began
            # The upkeep runs once a minute, and events are written within seconds.
            time.sleep(75)
            after = size(database)
        finally:
            subprocess.run([PROGRAM, "server", "stop"], env=environment, check=True, stdout=subprocess.DEVNULL)
        with closing(sqlite3.connect(database)) as connection:
            kept = [
                connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
                for table in ("flow_run", "task_run", "log", "events")
            ]
    each = (after - before) / count * 1000
    print(
        f"{name}: {count} jobs in {seconds:.0f} s, {before:.1f} to {after:.1f} MB, {each:.0f} KB a job; kept are "
        "{} runs, {} steps, {} logs, {} events".format(*kept),
        flush=True,
    )


def size(database: Path) -> float:
    """Return the size of the database file and its write-ahead log in megabytes."""
    return sum(part.stat().st_size for part in database.parent.glob("prefect.db*")) / 1e6


def main() -> None:
    if sys.argv[1:2] == ["jobs"]:
        jobs(int(sys.argv[2]))
        return
    if sys.argv[1:2] == ["plain"]:
        plain_server()
        return
    count = int(sys.argv[1]) if sys.argv[1:] else 100
    measure("with the upkeep", count)
    measure("without", count, plain=True)


if __name__ == "__main__":
    main()
