"""The local Prefect server: started in the background on first use, kept, and replaced when it is no good.

It is its user's alone: it listens on loopback, asks for a password that is made once for each
F5_FLOWS_HOME, and what it keeps there can be read by that user only.

What is known of it stands in `server.json`. A server counts as ours only when the process of that id
has the mark of that start in its command line; a number that another program has taken over is never
trusted, and never stopped. The clock is not asked, which may be set while the server runs.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import stat
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from uuid import uuid4

import httpx
import psutil
from filelock import FileLock, Timeout

from deployments.local import database, retention
from speech.errors import ServerError
from speech.files import write_text
from speech.settings import environment, settings

__all__ = ["LINK", "Server", "ensure", "find", "obstacle", "password", "require", "reset", "stop"]

# The first start on an empty database takes 15 to 35 s, on a busy machine more.
_START_SECONDS = 180
_ANSWER_SECONDS = 5
# A server that lives may be starting, or starved by what else runs here; it has runs that a restart would lose.
_PATIENCE_SECONDS = 120
_HOSTS = ("127.0.0.1", "localhost")
_PROGRAM = "deployments.local.server_process"
# Where the server makes links that sign a browser in.
LINK = "/f5-flows/link"

# What lies in our home beside the files of the server, and is nobody else's either.
_FOLDERS = ("prefect", "running")
# So do these, whose contents are for others to close.
_UNCLOSED = {"storage", "models", "runtime"}

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Server:
    """A server that was started.

    Attributes:
        pid: of its process.
        mark: what its command line holds, and no other one.
        port: on loopback.
        prefect, f5_flows: the versions it runs.
    """

    pid: int
    mark: str
    port: int
    prefect: str
    f5_flows: str

    @property
    def url(self) -> str:
        """Of the UI."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def api(self) -> str:
        """Of the API, as PREFECT_API_URL wants it."""
        return f"{self.url}/api"

    @property
    def current(self) -> bool:
        """Whether it runs what is installed now."""
        return (self.prefect, self.f5_flows) == (version("prefect"), version("f5-flows"))

    def lives(self) -> bool:
        """Whether the process is still the one that was started."""
        try:
            return self.mark in psutil.Process(self.pid).cmdline()
        except psutil.Error:
            return False

    def answers(self, seconds: float | None = None) -> bool:
        """Whether it takes our password and says that it is well, within the time it has."""
        return self.status(seconds or _ANSWER_SECONDS) == 200

    def status(self, seconds: float) -> int | None:
        """What it says within that time: 200, or 401 or 403 where it asks for another password; else None."""
        return _status(self.api, _basic(password()), seconds)

    def sign_in(self) -> str:
        """A URL that opens the UI in a browser and signs it in: once, within two minutes.

        Raises:
            ServerError: the server does not answer.
        """
        try:
            answer = httpx.post(
                f"{self.url}{LINK}", headers=_basic(password()), timeout=_ANSWER_SECONDS, trust_env=False
            )
            answer.raise_for_status()
        except httpx.HTTPError as fault:
            raise ServerError(f"The local Prefect server did not make a link to its pages: {fault}") from None
        return f"{self.url}{answer.text}"


def find() -> Server | None:
    """The server that was started last, if its process lives."""
    try:
        server = Server(**json.loads(_state_file().read_text()))
        return server if server.lives() else None
    except (OSError, ValueError, TypeError):
        return None


def password() -> str:
    """What our server asks for, as PREFECT_API_AUTH_STRING wants it; made on first use.

    Raises:
        OSError: it cannot be kept.
    """
    path = settings().f5_flows_home / "server.auth"
    if known := _read(path):
        return known
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with FileLock(path.with_name("server.auth.lock"), mode=0o600):
        if known := _read(path):
            return known
        path.unlink(missing_ok=True)
        made = f"f5-flows:{secrets.token_urlsafe(32)}"
        with open(path, "x", opener=_for_its_owner) as file:
            file.write(made)
        return made


def ensure(say: Say) -> Server:
    """A server of ours that answers: the one there is, else a new one.

    Args:
        say: told what is being waited for.

    Raises:
        ServerError: none could be started; the text says why, or names the log.
    """
    home = settings().f5_flows_home
    try:
        if (server := find()) and server.current and server.answers():
            return server
        _close(home)
        with FileLock(home / "server.lock", timeout=_START_SECONDS + _PATIENCE_SECONDS, mode=0o600):
            # Another process may have started one while this one waited.
            server = find()
            if server and server.current:
                status = server.status(_ANSWER_SECONDS)
                if status == 200:
                    return server
                if status is None:
                    say("The local Prefect server is slow to answer; waiting for it ...")
                    if _answers_in_time(server):
                        return server
            if stop():
                say(
                    "The local Prefect server does not answer, is of another version or has another password; "
                    "replacing it."
                )
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
        ServerError: it does not answer, or refuses what it is given.
    """
    known = settings()
    if known.prefect_api_auth_string:
        name, given = "PREFECT_API_AUTH_STRING", _basic(known.prefect_api_auth_string.get_secret_value())
    elif known.prefect_api_key:
        name, given = "PREFECT_API_KEY", {"Authorization": f"Bearer {known.prefect_api_key.get_secret_value()}"}
    else:
        name, given = None, {}
    status = _status(api, given, _ANSWER_SECONDS)
    if status in (401, 403):
        raise ServerError(
            f"The Prefect server at {api} (PREFECT_API_URL) refuses our calls ({status}): "
            + (f"{name} is not what it asks for." if name else "set PREFECT_API_AUTH_STRING to what it asks for.")
        )
    if status != 200:
        raise ServerError(
            f"The Prefect server at {api} (PREFECT_API_URL) does not answer; start it, correct the address, "
            "or unset PREFECT_API_URL to use a local server."
        )


def obstacle() -> str | None:
    """What would keep our server from starting, in one sentence; None where nothing is found."""
    return database.obstacle(_database())


def reset(say: Say) -> Server:
    """Stop our server, put its database aside under another name, and start with a new one.

    Raises:
        ServerError: none could be started.
    """
    home = settings().f5_flows_home
    try:
        _close(home)
        with FileLock(home / "server.lock", timeout=_START_SECONDS + _PATIENCE_SECONDS, mode=0o600):
            stop()
            old = _database()
            kept = old.with_name(f"{old.stem}-{datetime.now():%Y%m%d-%H%M%S-%f}{old.suffix}")
            for part in database.parts(old):
                part.rename(kept.with_name(part.name.replace(old.name, kept.name)))
            if kept.exists():
                say(f"The old database is kept as {kept}.")
    except Timeout:
        raise ServerError("Another process is starting the local Prefect server; try again when it has.") from None
    except OSError as fault:
        raise ServerError(
            f"The database in {home} cannot be put aside: {fault.strerror}; make the folder writable, "
            "or name another one with F5_FLOWS_HOME."
        ) from None
    return ensure(say)


def stop() -> bool:
    """Stop our server, and any other that runs on its files; False where none ran."""
    running = _running()
    for process in running:
        process.terminate()
    _, left = psutil.wait_procs(running, 10)
    for process in left:
        process.kill()
    psutil.wait_procs(left, 5)
    _state_file().unlink(missing_ok=True)
    return bool(running)


def _running() -> list[psutil.Process]:
    """The servers on this home, whether `server.json` names them or not."""
    home, found = settings().f5_flows_home.resolve(), []
    for process in psutil.process_iter():
        try:
            if _PROGRAM in process.cmdline() and Path(process.cwd()) == home:
                found.append(process)
        except psutil.Error:
            pass
    return found


def _start(say: Say) -> Server:
    home, file = settings().f5_flows_home, _database()
    if fault := obstacle():
        raise ServerError(f"The local Prefect server cannot start. {fault}")
    first = ""
    if not file.exists():
        first = " for the first time (it sets up its database, about 15 to 40 s)"
        # It tells Prefect what the last database holds already.
        file.with_name("memo_store.toml").unlink(missing_ok=True)
    say(f"Starting the local Prefect server{first} ...")
    log, mark = home / "server.log", uuid4().hex
    # The socket goes to the server as it is, so that no other program can take the port in between.
    with open(log, "wb", opener=_for_its_owner) as output, socket.socket() as listener:
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
            cwd=home,
            env=environment(
                without=("PREFECT_API_URL", "PREFECT_API_KEY", "PREFECT_API_AUTH_STRING", "PREFECT_PROFILE"),
                **retention.variables(),
                PREFECT_HOME=str(file.parent),
                PREFECT_API_DATABASE_CONNECTION_URL=f"sqlite+aiosqlite:///{file}",
                PREFECT_SERVER_API_AUTH_STRING=password(),
                PREFECT_SERVER_CORS_ALLOWED_ORIGINS=",".join(f"http://{host}:{port}" for host in _HOSTS),
                PREFECT_UI_API_URL=f"http://127.0.0.1:{port}/api",
                PREFECT_SERVER_ANALYTICS_ENABLED="false",
                PREFECT_SERVER_LOGGING_LEVEL="WARNING",
                PYTHONPATH=str(Path(__file__).parents[2]),
            ),
        )
    server = Server(child.pid, mark, port, version("prefect"), version("f5-flows"))
    write_text(_state_file(), json.dumps(asdict(server)))
    _state_file().chmod(0o600)
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and child.poll() is None:
        if server.answers(1):
            return server
        time.sleep(0.1)
    stop()
    if fault := obstacle():
        raise ServerError(f"The local Prefect server did not start. {fault}")
    last = log.read_text(errors="replace").strip().splitlines()[-1:] or ["nothing"]
    raise ServerError(f"The local Prefect server did not start; {log} ends with: {last[0][:200]}")


def _answers_in_time(server: Server) -> bool:
    """Whether it does while there is patience; one call may take all of it, where each of many would be given up."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while server.lives() and (left := deadline - time.monotonic()) > 0:
        if server.answers(left):
            return True
        time.sleep(0.1)
    return False


def _status(api: str, headers: dict[str, str], seconds: float) -> int | None:
    """What a server says of its health, and, where it is well, of what it is given: 200, 401, 403; else None."""
    try:
        encoded = {name: value.encode() for name, value in headers.items()}
        with httpx.Client(headers=encoded, timeout=seconds, trust_env=False) as client:
            health = client.get(f"{api}/health")
            if health.status_code in (401, 403):
                return health.status_code
            if health.text.strip() != "true":
                return None
            # Prefect tells its health to anybody.
            asked = client.get(f"{api}/admin/version").status_code
            return asked if asked in (401, 403) else 200
    except (httpx.HTTPError, httpx.InvalidURL):
        return None


def _basic(text: str) -> dict[str, str]:
    return {"Authorization": f"Basic {b64encode(text.encode()).decode()}"}


def _close(home: Path) -> None:
    """Make the folder, and close it and what an earlier version left in it to everybody else."""
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    found = {path.name: path for path in home.iterdir()}
    ours = [path for name, path in found.items() if name in _FOLDERS or name.startswith("server.")]
    is_mixed = len(ours) < len(found.keys() - _UNCLOSED)
    if home.resolve() == Path("/") or (is_mixed and home.stat().st_mode & stat.S_ISVTX):
        raise ServerError(f"F5_FLOWS_HOME is {home}, which all users share; name a folder of your own.")
    file = _database()
    file.parent.mkdir(exist_ok=True)
    # The mode of a folder that holds nothing of ours yet, but other things, is not for us to change.
    if not found or found.keys() & {"prefect", "server.auth", "server.json"}:
        ours.append(home)
    for path in (*ours, file.parent, *file.parent.iterdir()):
        if not path.is_symlink():
            path.chmod(0o700 if path.is_dir() else 0o600)


def _for_its_owner(path: str, flags: int) -> int:
    """Opens a new file that nobody else may read."""
    return os.open(path, flags, 0o600)


def _read(path: Path) -> str | None:
    """What was kept there, if it can be a password."""
    try:
        text = path.read_text().strip()
    except (FileNotFoundError, UnicodeDecodeError):
        return None
    return text if text.isprintable() and ":" in text else None


def _database() -> Path:
    return settings().f5_flows_home / "prefect" / "prefect.db"


def _state_file() -> Path:
    return settings().f5_flows_home / "server.json"
