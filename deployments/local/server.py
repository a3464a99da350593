"""The local Prefect server: started in the background on first use, kept running, and replaced when it cannot be used.

It serves one user only: it listens on loopback, asks for a password that is made once for each F5_FLOWS_HOME,
and only that user can read the files it keeps there.

Its process id, mark and port are in `server.json`. A server counts as ours only if the process with that id has the
mark of that start in its command line; a process id that another program has taken over is never trusted, and never
stopped. The clock is not used, because it may be set while the server runs.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from uuid import uuid4

import httpx
import psutil
from filelock import FileLock, Timeout

from deployments.local import clients, database, pace, retention, tables
from deployments.local.home import database_file, owner_only, password, restrict
from deployments.local.probe import basic, probe
from speech.errors import ServerError
from speech.files import write_text
from speech.settings import environment, settings

__all__ = ["LIFE", "LINK", "Server", "ensure", "find", "find_problem", "password", "reset", "stop"]

# The first start on an empty database takes 15 to 35 s and as much computing. On a busy machine it takes minutes, in
# which a server that computes is waited for; one that does nothing for so long, or computes without end, hangs.
_START_SECONDS = 180
_START_PROCESSOR_SECONDS = 120
_LOCK_SECONDS = 600
_ANSWER_SECONDS = 5
# A server that ends closes its connections, and stops Prefect's services.
_END_SECONDS = 30
# A live server may be starting, or slowed down by other programs, and a restart would lose its runs.
_PATIENCE_SECONDS = 120
# A book is a few MB. Prefect's own limit, 512 KB, is the text of some eight hours.
_MOST_PARAMETER_BYTES = 64 * 2**20
_HOSTS = ("127.0.0.1", "localhost")
_PROGRAM = "deployments.local.server_process"
# The path at which the server makes links that sign a browser in.
LINK = "/f5-flows/link"
# The path at which it says when it will end.
LIFE = "/f5-flows/life"

Notify = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Server:
    """A server that was started.

    Attributes:
        pid: its process id.
        mark: a text that its command line holds, and no other.
        port: its port on loopback.
        prefect, f5_flows: the versions that it runs.
    """

    pid: int
    mark: str
    port: int
    prefect: str
    f5_flows: str

    @property
    def url(self) -> str:
        """The URL of the UI."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def api(self) -> str:
        """The URL of the API, as PREFECT_API_URL expects it."""
        return f"{self.url}/api"

    @property
    def current(self) -> bool:
        """Whether it runs the versions that are installed now."""
        return (self.prefect, self.f5_flows) == (version("prefect"), version("f5-flows"))

    def lives(self) -> bool:
        """Check whether the process is still the one that was started."""
        try:
            return self.mark in psutil.Process(self.pid).cmdline()
        except psutil.Error:
            return False

    def answers(self, seconds: float | None = None) -> bool:
        """Check whether it accepts our password and reports that it is healthy, within the given seconds."""
        return self.status(seconds or _ANSWER_SECONDS) == 200

    def status(self, seconds: float) -> int | None:
        """Return 200 if it is healthy, 401 or 403 if it wants another password, else None."""
        return probe(self.api, basic(password()), seconds)

    def outlook(self) -> tuple[float | None, list[str]]:
        """Return in how many seconds it ends if nobody uses it, None for never, and what keeps it from that.

        Raises:
            ServerError: the server does not answer.
        """
        try:
            answer = httpx.get(f"{self.url}{LIFE}", headers=basic(password()), timeout=_ANSWER_SECONDS, trust_env=False)
            outlook = answer.raise_for_status().json()
        except httpx.HTTPError as fault:
            raise ServerError(f"The local Prefect server did not say when it will end: {fault}") from None
        return outlook["seconds"], outlook["kept_by"]

    def sign_in(self) -> str:
        """Return a URL that opens the UI in a browser and signs it in; it works once, within two minutes.

        Raises:
            ServerError: the server does not answer.
        """
        try:
            answer = httpx.post(
                f"{self.url}{LINK}", headers=basic(password()), timeout=_ANSWER_SECONDS, trust_env=False
            )
            answer.raise_for_status()
        except httpx.HTTPError as fault:
            raise ServerError(f"The local Prefect server did not make a sign-in link: {fault}") from None
        return f"{self.url}{answer.text}"


def find() -> Server | None:
    """Return the server that was started last, if its process is alive."""
    try:
        server = Server(**json.loads(_state_file().read_text()))
        return server if server.lives() else None
    except (OSError, ValueError, TypeError):
        return None


def ensure(notify: Notify, meanwhile: Callable[[Server], None] | None = None) -> Server:
    """Return our server, and start it or replace it if it does not answer.

    Args:
        notify: called with a sentence about what is being waited for.
        meanwhile: called with a server that has been started and does not answer yet.

    Raises:
        ServerError: no server could be started; the text says why, or names the log.
    """
    home = settings().f5_flows_home
    try:
        # If the first one found was ending, it is gone once the client is announced.
        is_held = find() and clients.announce(home, _END_SECONDS)
        if is_held and (server := find()) and server.current and server.answers():
            return server
        restrict(home)
        with FileLock(home / "server.lock", timeout=_LOCK_SECONDS, mode=0o600):
            # Another process may have started one while this one waited.
            is_held, server = clients.announce(home, _END_SECONDS), find()
            if is_held and server and server.current:
                status = server.status(_ANSWER_SECONDS)
                if status == 200:
                    return server
                if status is None:
                    notify("The local Prefect server is slow to answer; waiting for it ...")
                    if _answers_in_time(server):
                        return server
            if stop():
                notify(
                    "The local Prefect server does not answer, is of another version or has another password; "
                    "replacing it."
                )
            clients.announce(home, _END_SECONDS)
            return _start(notify, meanwhile)
    except Timeout:
        raise ServerError(
            f"Another process has been starting the local Prefect server for {_LOCK_SECONDS} s."
        ) from None
    except OSError as fault:
        raise ServerError(
            f"The local Prefect server cannot keep its files in {home}: {fault.strerror}; set F5_FLOWS_HOME."
        ) from None


def find_problem() -> str | None:
    """Return what would keep our server from starting, in one sentence, or None if nothing is found."""
    return database.find_problem(database_file())


def reset(notify: Notify) -> Server:
    """Stop our server, keep its database under another name, and start with a new one.

    Raises:
        ServerError: the database could not be renamed, or no server could be started.
    """
    home = settings().f5_flows_home
    try:
        restrict(home)
        with FileLock(home / "server.lock", timeout=_LOCK_SECONDS, mode=0o600):
            stop()
            old = database_file()
            archive = old.with_name(f"{old.stem}-{datetime.now():%Y%m%d-%H%M%S-%f}{old.suffix}")
            for part in database.parts(old):
                part.rename(archive.with_name(part.name.replace(old.name, archive.name)))
            if archive.exists():
                notify(f"The old database is kept as {archive}.")
    except Timeout:
        raise ServerError("Another process is starting the local Prefect server; try again when it is done.") from None
    except OSError as fault:
        raise ServerError(
            f"The database in {home} cannot be renamed: {fault.strerror}; make the folder writable, "
            "or name another one with F5_FLOWS_HOME."
        ) from None
    return ensure(notify)


def stop() -> bool:
    """Stop our server and any other that uses its files; return False if none was running."""
    running = _running()
    for process in running:
        process.terminate()
    _, alive = psutil.wait_procs(running, 10)
    for process in alive:
        process.kill()
    psutil.wait_procs(alive, 5)
    _state_file().unlink(missing_ok=True)
    return bool(running)


def _running() -> list[psutil.Process]:
    """Return the servers that use our home, whether or not `server.json` names them."""
    home, processes = settings().f5_flows_home.resolve(), []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if _PROGRAM in process.cmdline() and Path(process.cwd()) == home:
                processes.append(process)
    return processes


def _start(notify: Notify, meanwhile: Callable[[Server], None] | None) -> Server:
    file = database_file()
    if problem := find_problem():
        raise ServerError(f"The local Prefect server cannot start. {problem}")
    first = ""
    if not file.exists():
        hint = "" if tables.fit() else " (it sets up its database, about 15 to 40 s)"
        first = f" for the first time{hint}"
        # In it, Prefect remembers what the previous database holds.
        file.with_name("memo_store.toml").unlink(missing_ok=True)
    notify(f"Starting the local Prefect server{first} ...")
    log = settings().f5_flows_home / "server.log"
    server, child = _launch(file, log)
    write_text(_state_file(), json.dumps(asdict(server)))
    _state_file().chmod(0o600)
    if meanwhile:
        meanwhile(server)
    if _comes_up(server, child):
        return server
    stop()
    if problem := find_problem():
        raise ServerError(f"The local Prefect server did not start. {problem}")
    last = log.read_text(errors="replace").strip().splitlines()[-1:] or ["nothing"]
    raise ServerError(f"The local Prefect server did not start; {log} ends with: {last[0][:200]}")


def _launch(file: Path, log: Path) -> tuple[Server, subprocess.Popen[bytes]]:
    """Start the process of a server on a free port.

    Args:
        file: its database.
        log: where its output goes.
    """
    mark = uuid4().hex
    # The server inherits the bound socket, so that no other program can take the port in between.
    with open(log, "wb", opener=owner_only) as output, socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        child = subprocess.Popen(
            [sys.executable, "-m", _PROGRAM, "--fd", str(listener.fileno()), "--mark", mark],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=[listener.fileno()],
            umask=0o077,
            cwd=settings().f5_flows_home,
            env=environment(
                without=("PREFECT_API_URL", "PREFECT_API_KEY", "PREFECT_API_AUTH_STRING", "PREFECT_PROFILE"),
                **retention.variables(),
                **pace.variables(),
                PREFECT_HOME=str(file.parent),
                PREFECT_API_DATABASE_CONNECTION_URL=f"sqlite+aiosqlite:///{file}",
                PREFECT_SERVER_API_AUTH_STRING=password(),
                # Our clients send no tokens (`deployments.cli.console`); the gate refuses pages of other origins.
                PREFECT_SERVER_API_CSRF_PROTECTION_ENABLED="false",
                PREFECT_SERVER_CORS_ALLOWED_ORIGINS=",".join(f"http://{host}:{port}" for host in _HOSTS),
                PREFECT_UI_API_URL=f"http://127.0.0.1:{port}/api",
                PREFECT_SERVER_ANALYTICS_ENABLED="false",
                PREFECT_SERVER_API_MAX_PARAMETER_SIZE=str(_MOST_PARAMETER_BYTES),
                PREFECT_SERVER_LOGGING_LEVEL="WARNING",
                PYTHONPATH=str(Path(__file__).parents[2]),
            ),
        )
    return Server(child.pid, mark, port, version("prefect"), version("f5-flows")), child


def _comes_up(server: Server, child: subprocess.Popen[bytes]) -> bool:
    """Wait until a server answers; return whether it does. While it computes, it gets more time."""
    processor_seconds, deadline = 0.0, time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and child.poll() is None:
        if server.answers(1):
            return True
        if processor_seconds + 1 < (now := _processor_seconds(child.pid)) < _START_PROCESSOR_SECONDS:
            processor_seconds, deadline = now, time.monotonic() + _START_SECONDS
        time.sleep(0.1)
    return False


def _processor_seconds(pid: int) -> float:
    """Return the processor time that a process has used, or 0 if it is gone."""
    with suppress(psutil.Error):
        return float(sum(psutil.Process(pid).cpu_times()[:2]))
    return 0.0


def _answers_in_time(server: Server) -> bool:
    """Check whether a server answers in time; one call may take all of it, as many short ones could all time out."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while server.lives() and (remaining := deadline - time.monotonic()) > 0:
        if server.answers(remaining):
            return True
        time.sleep(0.1)
    return False


def _state_file() -> Path:
    return settings().f5_flows_home / "server.json"
