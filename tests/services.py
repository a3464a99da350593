"""Servers that tests start for themselves: PostgreSQL, Redis, and Prefect on them."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

import httpx
from filelock import FileLock

from tests import PATIENCE, inherited
from tests.fakes.gateway import free_port

__all__ = ["POSTGRES", "Postgres", "Prefect", "Redis", "stop_group"]

POSTGRES = "postgresql"


def postgres_programs() -> Path | None:
    """Where they are; Debian keeps them beside the path."""
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    found = versions[-1] if versions else shutil.which("pg_isready")
    return Path(found).parent if found else None


def as_postgres() -> list[str]:
    """PostgreSQL refuses to run as root."""
    return ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.getuid() == 0 else []


def stop_group(process: subprocess.Popen[bytes], sign: signal.Signals = signal.SIGKILL) -> None:
    """Signal a process and all that it started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, sign)
    if sign == signal.SIGKILL:
        process.wait(PATIENCE)


class Postgres:
    """A server with one database, `prefect`, kept in a folder of its own."""

    def __init__(self, home: Path) -> None:
        programs = postgres_programs()
        assert programs, "PostgreSQL is not installed"
        self.home, self.port = home, free_port()
        self._bin = programs
        self._where = ["-h", "127.0.0.1", "-p", str(self.port)]
        self._log = home / "postgres.log"
        home.mkdir(parents=True, exist_ok=True)
        self._open_folders()
        if os.getuid() == 0:
            shutil.chown(home, "postgres", "postgres")
        if not (home / "data").exists():
            self._run("initdb", "-D", home / "data", "-U", "prefect", "-A", "trust", "--no-sync", "-E", "UTF8")
        self.start()
        names = self.query("SELECT datname FROM pg_database", "postgres")
        if "prefect" not in names.split():
            self.query("CREATE DATABASE prefect", "postgres")

    def start(self) -> None:
        """Start it, on the port that it has had, and wait until it answers.

        It ends at once, and is started again, while a connection of somebody else has its port, or a process of the
        one before still has its memory.
        """
        deadline = time.monotonic() + PATIENCE
        self.process = self._serve()
        ready = [self._bin / "pg_isready", "-q", *self._where]
        while subprocess.run(ready).returncode:
            if time.monotonic() > deadline:
                raise TimeoutError(f"PostgreSQL does not start: {self._log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.1)
            if self.process.poll() is not None:
                self.process = self._serve()

    def _open_folders(self) -> None:
        """Let PostgreSQL's user pass; another run of pytest on this machine closes the folder that both are in."""
        for folder in (self.home, *self.home.parents) if os.getuid() == 0 else ():
            if folder.stat().st_uid == 0 and not folder.stat().st_mode & 0o005 and folder != Path("/"):
                folder.chmod(folder.stat().st_mode | 0o711)

    def _serve(self) -> subprocess.Popen[bytes]:
        self._open_folders()
        with self._log.open("ab") as log:
            return subprocess.Popen(
                [*as_postgres(), self._bin / "postgres", "-D", self.home / "data", "-p", str(self.port),
                 "-k", str(self.home), "-c", "listen_addresses=127.0.0.1",
                 "-c", "fsync=off", "-c", "synchronous_commit=off",
                 "-c", "full_page_writes=off", "-c", "max_connections=200"],
                stdout=subprocess.DEVNULL, stderr=log, start_new_session=True,
            )  # fmt: skip

    def restart(self, away: float = 0) -> None:
        """End it with all of its connections, and start it again.

        Args:
            away: seconds in between.
        """
        self.stop()
        time.sleep(away)
        self.start()

    @property
    def url(self) -> str:
        return f"postgresql+asyncpg://prefect@127.0.0.1:{self.port}/prefect"

    def query(self, text: str, database: str = "prefect") -> str:
        done = subprocess.run(
            [self._bin / "psql", *self._where, "-U", "prefect", "-d", database, "-Atc", text],
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout

    def dump(self) -> str:
        """Everything that is in it."""
        done = subprocess.run(
            [self._bin / "pg_dump", *self._where, "-U", "prefect", "prefect"],
            check=True,
            capture_output=True,
            text=True,
            errors="replace",
        )
        return done.stdout

    def stop(self) -> None:
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            stop_group(self.process)

    def _run(self, program: str, *words: object) -> None:
        command = [*as_postgres(), str(self._bin / program), *map(str, words)]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr


class Redis:
    """A server that keeps nothing."""

    def __init__(self) -> None:
        self.port = free_port()
        self.process = subprocess.Popen(
            ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 5):
                return
            time.sleep(0.05)

    def stop(self) -> None:
        stop_group(self.process)


class Prefect:
    """Prefect's server on PostgreSQL, in a process that can be killed and started again."""

    def __init__(self, database: Postgres, home: Path, **variables: str) -> None:
        self.port, self.home, self.database = free_port(), home, database
        self._variables = variables
        home.mkdir(parents=True, exist_ok=True)
        self.process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def api(self) -> str:
        return f"{self.url}/api"

    def start(self) -> None:
        environment = {
            **inherited(),
            "PREFECT_HOME": str(self.home),
            "PREFECT_API_DATABASE_CONNECTION_URL": self.database.url,
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "PREFECT_SERVER_LOGGING_LEVEL": "WARNING",
            "PREFECT_UI_API_URL": self.api,
            **self._variables,
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(self.port)],
            env=environment, stdout=(self.home / "server.log").open("ab"), stderr=subprocess.STDOUT,
            start_new_session=True, cwd=self.home,
        )  # fmt: skip
        deadline = time.monotonic() + PATIENCE
        # A client reads the certificates of all authorities, which takes longer than an answer.
        with httpx.Client(timeout=2, trust_env=False, verify=False) as client:
            while time.monotonic() < deadline:
                try:
                    if client.get(f"{self.api}/health").text.strip() == "true":
                        return
                except httpx.HTTPError:
                    pass
                time.sleep(0.2)
        raise AssertionError((self.home / "server.log").read_text()[-2000:])

    def kill(self) -> None:
        if self.process:
            stop_group(self.process)

    stop = kill


def migrated(cache: Path, home: Path) -> Postgres:
    """A database with Prefect's tables, copied from one that is made once for these versions and kept in `cache`."""
    programs = postgres_programs()
    made_by = [str(programs), *map(version, ("prefect", "sqlalchemy", "alembic", "asyncpg"))]
    kept = cache / f"postgres-{version('prefect')}-{sha256(repr(made_by).encode()).hexdigest()[:16]}"
    cache.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{kept}.lock", timeout=PATIENCE):
        if not kept.exists():
            database = Postgres(home)
            Prefect(database, home / "prefect").kill()
            database.stop()
            partial = kept.with_name(f"{kept.name}.part")
            shutil.rmtree(partial, ignore_errors=True)
            subprocess.run(["cp", "-a", home, partial], check=True)
            partial.rename(kept)
            shutil.rmtree(home)
    subprocess.run(["cp", "-a", kept, home], check=True)
    (home / "data" / "postmaster.pid").unlink(missing_ok=True)
    return Postgres(home)
