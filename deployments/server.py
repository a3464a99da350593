"""The local Prefect server: started in the background on first use, kept, and replaced when it is no good.

What is known of it stands in `server.json` in F5_FLOWS_HOME. A server counts as ours only when the
process of that id is the one that was started (same start time, same program) and answers; a number
that another program has taken over is never trusted, and never stopped.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

import httpx
import psutil
from filelock import FileLock, Timeout

from deployments import retention
from speech.errors import ServerError
from speech.files import write_text
from speech.settings import environment, settings

__all__ = ["Server", "ensure", "find", "require", "stop"]

# The first start on an empty database takes 15 to 35 s, on a busy machine more.
_START_SECONDS = 180
_ANSWER_SECONDS = 5

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Server:
    """A server that was started.

    Attributes:
        pid, created: the process and its start, as the system counts it.
        port: on loopback.
        prefect: the version it runs.
    """

    pid: int
    created: float
    port: int
    prefect: str

    @property
    def url(self) -> str:
        """Of the UI."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def api(self) -> str:
        """Of the API, as PREFECT_API_URL wants it."""
        return f"{self.url}/api"

    def process(self) -> psutil.Process | None:
        """Its process, if that is still the one that was started."""
        try:
            process = psutil.Process(self.pid)
            ours = abs(process.create_time() - self.created) < 2 and "deployments.server_process" in process.cmdline()
            return process if ours and process.status() != psutil.STATUS_ZOMBIE else None
        except psutil.Error:
            return None

    def answers(self) -> bool:
        """Whether the API says that it is well."""
        return _healthy(self.api, _ANSWER_SECONDS)


def find() -> Server | None:
    """The server that was started last, if its process lives."""
    try:
        server = Server(**json.loads(_state_file().read_text()))
        return server if server.process() else None
    except (OSError, ValueError, TypeError):
        return None


def ensure(say: Say) -> Server:
    """A server of ours that answers: the one there is, else a new one.

    Args:
        say: told what is being waited for.

    Raises:
        ServerError: none could be started; the text names the log.
    """
    if (server := find()) and server.prefect == version("prefect") and server.answers():
        return server
    home = settings().f5_flows_home
    try:
        home.mkdir(parents=True, exist_ok=True)
        with FileLock(home / "server.lock", timeout=_START_SECONDS):
            # Another process may have started one while this one waited.
            if server := find():
                if server.prefect == version("prefect") and server.answers():
                    return server
                say("The local Prefect server does not answer or is of another version; replacing it.")
                stop()
            return _start(say)
    except Timeout:
        raise ServerError(
            f"Another process has been starting the local Prefect server for {_START_SECONDS} s."
        ) from None
    except OSError as fault:
        raise ServerError(
            f"The local Prefect server cannot keep its files in {home}: {fault.strerror}; set F5_FLOWS_HOME."
        ) from None


def require(api: str) -> None:
    """Check that a server that somebody else runs can be used.

    Raises:
        ServerError: it does not answer.
    """
    if not _healthy(api, _ANSWER_SECONDS):
        raise ServerError(
            f"The Prefect server at {api} (PREFECT_API_URL) does not answer; start it, correct the address, "
            "or unset PREFECT_API_URL to use a local server."
        )


def stop() -> bool:
    """Stop our server; False where none ran."""
    server = find()
    process = server.process() if server else None
    if process:
        process.terminate()
        try:
            process.wait(10)
        except psutil.TimeoutExpired:
            process.kill()
            process.wait(5)
    _state_file().unlink(missing_ok=True)
    return process is not None


def _start(say: Say) -> Server:
    home = settings().f5_flows_home
    database = home / "prefect" / "prefect.db"
    database.parent.mkdir(parents=True, exist_ok=True)
    first = "" if database.exists() else " for the first time (it sets up its database, about 15 to 40 s)"
    say(f"Starting the local Prefect server{first} ...")
    port, log = _free_port(), home / "server.log"
    with log.open("wb") as output:
        child = subprocess.Popen(
            [sys.executable, "-m", "deployments.server_process", "--port", str(port)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            cwd=home,
            env=environment(
                without=("PREFECT_API_URL", "PREFECT_API_KEY", "PREFECT_PROFILE"),
                **retention.variables(),
                PREFECT_HOME=str(home / "prefect"),
                PREFECT_API_DATABASE_CONNECTION_URL=f"sqlite+aiosqlite:///{database}",
                PREFECT_UI_API_URL=f"http://127.0.0.1:{port}/api",
                PREFECT_SERVER_ANALYTICS_ENABLED="false",
                PREFECT_SERVER_LOGGING_LEVEL="WARNING",
                PYTHONPATH=str(Path(__file__).parent.parent),
            ),
        )
    server = Server(child.pid, psutil.Process(child.pid).create_time(), port, version("prefect"))
    write_text(_state_file(), json.dumps(asdict(server)))
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if child.poll() is not None:
            break
        if _healthy(server.api, 1):
            return server
        time.sleep(0.1)
    stop()
    last = log.read_text(errors="replace").strip().splitlines()[-1:] or ["nothing"]
    raise ServerError(f"The local Prefect server did not start; {log} ends with: {last[0][:200]}")


def _healthy(api: str, seconds: float) -> bool:
    try:
        return httpx.get(f"{api}/health", timeout=seconds, trust_env=False).text.strip() == "true"
    except httpx.HTTPError:
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _state_file() -> Path:
    return settings().f5_flows_home / "server.json"
