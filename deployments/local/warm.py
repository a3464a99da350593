"""The warm process as the command line sees it: found, or started, and asked to carry out `speak`.

It has imported Prefect and loaded the models, which takes this process longer than a sentence takes to speak. It
belongs to one user, one home and one environment: the socket lies in F5_FLOWS_HOME, which only its owner may enter,
and a process whose settings, packages or code differ from this one's is replaced. `warm_process.py` is its other side.
"""

from __future__ import annotations

import hashlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from deployments.interrupts import Stopped
from deployments.local.home import owner_only, restrict
from deployments.local.wire import Wire, unpack
from speech.errors import ServerError
from speech.settings import PUBLIC, SECRETS, bare_environment, settings

__all__ = ["Identity", "Unavailable", "address", "identify", "perform", "release", "status", "stop"]

_ROOT = Path(__file__).parents[2]
_HINT = "Run it again, or with --cold in a process of its own."
# How long it may take to listen: it imports next to nothing before.
_START_SECONDS = 60
_LOCK_SECONDS = 120
_END_SECONDS = 45
_STATUS_SECONDS = 10
# Beside our settings, what libraries of a run read from the environment.
_VARIABLES = (
    *PUBLIC, *SECRETS,
    "PREFECT_*", "AWS_*", "GOOGLE_*", "HF_*", "TRANSFORMERS_*", "TORCH*", "PYTORCH_*", "TRITON_*", "CUDA_*", "NVIDIA_*",
    "OMP_*", "KMP_*", "MKL_*", "OPENBLAS_*", "NUMBA_*", "UV_*", "PIP_*", "*_PROXY", "*_CA_BUNDLE", "NETRC",
    "PYTHON*", "VIRTUAL_ENV", "LD_PRELOAD", "XDG_CONFIG_HOME", "DO_NOT_TRACK",
)  # fmt: skip
# Variables that hold a path, or several; relative ones are meant from the command's folder.
_PATHS = ("*_HOME", "*_DIR", "*_FILE", "*_BUNDLE", "TMPDIR", "TEMP", "TMP", "NETRC", "*PATH")
_PACKAGES = ("blocks", "deployments", "flows", "speech", "tasks")


class Unavailable(Exception):
    """There is no warm process, and none can be had now: this process has to do the work itself."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What a warm process cannot change.

    Attributes:
        variables: its environment.
        digest: of the environment, the packages and the code.
    """

    variables: dict[str, str]
    digest: str


def perform(
    identity: Identity,
    parameters: dict[str, Any],
    on_progress: Callable[[str, float], None],
    notify: Callable[[str], None],
) -> dict[str, Any]:
    """Have `speak` run by a warm process, and return its reply.

    Args:
        identity: that of the process.
        parameters: those of the flow, as JSON.
        on_progress: called with each step and the share that is done.
        notify: called with a sentence about what is being waited for.

    Raises:
        Unavailable: it could not be run.
        SpeechError, OSError: the run failed; the text says why.
    """
    # One may be about to end when it is found, and so may the next, of another environment.
    for _ in range(3):
        with _connected(identity) as wire:
            reply = _ask(wire, identity.digest, parameters, on_progress, notify)
            if reply is not None:
                return reply
    raise Unavailable


def identify() -> Identity:
    """Return the identity of a warm process for this environment; call this before Prefect's is exported to it."""
    values, variables = settings(), _environment()
    folders = [
        *(Path(entry) for entry in sys.path if entry.endswith("-packages")),
        *(folder / "runtime" for folder in (values.f5_flows_home, values.runpod_volume / "f5-flows")),
        *filter(None, [values.runtime_dir]),
        Path(variables.get("PREFECT_HOME") or Path(variables.get("HOME", "/"), ".prefect"), "profiles.toml"),
        *(file for package in _PACKAGES for file in _code(_ROOT / package)),
    ]
    umask = os.umask(0o077)
    os.umask(umask)
    facts = (sorted(variables.items()), umask, sys.executable, [(str(path), _changed(path)) for path in folders])
    return Identity(variables, hashlib.sha256(repr(facts).encode(errors="surrogateescape")).hexdigest())


def status() -> dict[str, Any] | None:
    """Return the warm process's state, or None if there is none.

    Its `pid`, its `memory` in bytes, how many `models` and `works` it has, and `seconds` until it ends; of one that
    does not answer, the `pid` alone.
    """
    with suppress(Unavailable), _connected(seconds=_STATUS_SECONDS) as wire:
        wire.send("status")
        try:
            return next((message for message in wire.messages() if message["what"] == "status"), None)
        except TimeoutError:
            return {"pid": wire.peer()[0]}
    return None


def release() -> None:
    """Have the warm process give back the memory of its models, unless it works; this process is about to need it."""
    with suppress(Unavailable, OSError), _connected() as wire:
        wire.send("release")
        next(wire.messages(), None)


def stop() -> bool:
    """End the warm process, and with it what it works on; return False if there was none."""
    with suppress(Unavailable), _connected(seconds=min(_END_SECONDS, settings().child_silence)) as wire:
        wire.send("end")
        try:
            # It closes the connection when it ends.
            for _ in wire.messages():
                pass
        except TimeoutError:
            _kill(wire)
        return True
    return False


@contextmanager
def address(home: Path) -> Iterator[str]:
    """Yield the socket's address for the length of the block; it may be longer than the system allows a path to be."""
    path = home / "warm.sock"
    if not Path("/proc/self/fd").is_dir():
        yield str(path)
        return
    folder = os.open(home, os.O_RDONLY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


def _ask(
    wire: Wire,
    digest: str,
    parameters: dict[str, Any],
    on_progress: Callable[[str, float], None],
    notify: Callable[[str], None],
) -> dict[str, Any] | None:
    """Have the process at the other end run `speak`; return None if it ends before it has begun."""
    begun = False
    wire.send("speak", identity=digest, parameters=parameters)
    try:
        for message in wire.messages():
            match message:
                case {"what": "begun"}:
                    begun = True
                # The reader of the progress may be gone; the run continues.
                case {"what": "note", "text": str(text)}:
                    with suppress(OSError):
                        notify(text)
                case {"what": "progress", "step": str(step), "share": share}:
                    with suppress(OSError):
                        on_progress(step, share)
                case {"what": "reply", "reply": reply}:
                    return dict(reply)
                case {"what": "error"}:
                    raise unpack(message)
                case {"what": "busy"}:
                    raise Unavailable
                case {"what": "ended"}:
                    return None
    except Stopped:
        wire.send("stop")
        with suppress(OSError):
            next((message for message in wire.messages() if message["what"] == "stopped"), None)
        raise
    except TimeoutError:
        _kill(wire)
        if begun:
            raise ServerError(f"The warm process did not answer for {settings().child_silence:g} s. {_HINT}") from None
    if begun:
        raise ServerError(f"The warm process died while it spoke; it was killed or ran out of memory. {_HINT}")
    return None


def _kill(wire: Wire) -> None:
    """Kill the process at the other end, which does not answer."""
    if pid := wire.peer()[0]:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)


@contextmanager
def _connected(identity: Identity | None = None, seconds: float | None = None) -> Iterator[Wire]:
    """Connect to the warm process for the length of the block.

    Args:
        identity: of the process to start if there is none.
        seconds: without a message after which it counts as hung; None for CHILD_SILENCE.

    Raises:
        Unavailable: there is none.
    """
    home = settings().f5_flows_home
    try:
        wire = _connect(home)
        if wire is None and identity:
            wire = _start(home, identity)
    except OSError:
        wire = None
    if wire is None:
        raise Unavailable
    wire.limit(settings().child_silence if seconds is None else seconds)
    try:
        yield wire
    finally:
        wire.close()


def _connect(home: Path) -> Wire | None:
    """Return a connection to the process that listens, or None if none of this user's does."""
    connection = socket.socket(socket.AF_UNIX)
    try:
        with address(home) as path:
            is_own = os.lstat(path).st_uid == os.geteuid()
            connection.connect(path)
    except OSError:
        connection.close()
        return None
    wire = Wire(connection)
    # Who shares the folder could have put a socket there.
    if is_own and wire.peer()[1] in (None, os.geteuid()):
        return wire
    wire.close()
    return None


def _start(home: Path, identity: Identity) -> Wire | None:
    """Start a warm process, unless another command just did, and return a connection to it; None if it fails."""
    try:
        restrict(home)
        with FileLock(home / "warm.lock", timeout=_LOCK_SECONDS, mode=0o600):
            if wire := _connect(home):
                return wire
            (home / "warm.log").unlink(missing_ok=True)
            with open(home / "warm.log", "xb", opener=owner_only) as log:
                process = subprocess.Popen(
                    [sys.executable, "-m", "deployments.local.warm_process", identity.digest],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                    cwd=home,
                    env=identity.variables | {"PYTHONPATH": os.pathsep.join([str(_ROOT), *_search_path(identity)])},
                )
            deadline = time.monotonic() + _START_SECONDS
            while time.monotonic() < deadline and process.poll() is None:
                if wire := _connect(home):
                    return wire
                time.sleep(0.01)
            process.kill()
    except (Timeout, ServerError):
        # If the home cannot be used, the command says so itself.
        pass
    return None


def _environment() -> dict[str, str]:
    """Return the environment of a warm process: what decides how it speaks, with paths that hold in any folder."""
    values = settings()
    paths = {
        name.upper(): str(value.absolute())
        for name in values.model_fields_set
        if isinstance(value := getattr(values, name), Path)
    }
    variables = {
        name: _absolute(value) if any(fnmatchcase(name.upper(), pattern) for pattern in _PATHS) else value
        for name, value in bare_environment(*_VARIABLES).items()
        if name.upper() not in paths
    }
    return variables | paths


def _absolute(value: str) -> str:
    """Return a path, or several, so that they hold in any folder."""
    return os.pathsep.join(
        str(Path(path).absolute()) if path and not path.startswith("~") else path for path in value.split(os.pathsep)
    )


def _search_path(identity: Identity) -> list[str]:
    return [path for path in identity.variables.get("PYTHONPATH", "").split(os.pathsep) if path]


def _code(folder: Path) -> Iterator[Path]:
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        if entry.is_dir() and entry.name != "__pycache__":
            yield from _code(Path(entry.path))
        elif entry.name.endswith(".py"):
            yield Path(entry.path)


def _changed(path: Path) -> int:
    """Return when a file or folder was last changed, in nanoseconds; 0 if there is none."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0
