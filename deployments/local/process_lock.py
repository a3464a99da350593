"""The lock of a process that runs flows on this machine: a locked file in F5_FLOWS_HOME, held while it lives.

Its runs carry the lock's name as a tag from the moment they exist. When the process dies, however it dies, the
system releases the file; a process that then acquires it knows that these runs no longer have a process (see
`deployments.local.sweep`). This is immune to reused process ids and clock changes, and another machine or another
home has other files.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from uuid import uuid4

from filelock import FileLock, Timeout
from pydantic import TypeAdapter

from speech.settings import overridden, settings

__all__ = ["ProcessLock", "abandoned", "hold", "take"]

# The settings that determine where a job's files go.
_LOCATION_SETTINGS = ("s3_bucket", "aws_endpoint_url", "aws_region", "aws_ca_bundle", "storage_dir", "storage_block")
# Earlier versions named the files so; those that such a version has left are still swept.
_SUFFIX = ".lease"


@dataclass(frozen=True, slots=True)
class ProcessLock:
    """What a process records about itself.

    Attributes:
        name: the tag of its runs.
        pid: its process id.
        api: the address of the Prefect server that has its runs; None: the local one, whose address changes.
        scratch: the folder of its temporary files.
        environment: the variables that determine where its files go; none of them is secret.
        stopped: whether a person asked it to stop.
    """

    name: str
    pid: int
    api: str | None
    scratch: str
    environment: dict[str, str] = field(default_factory=dict)
    stopped: bool = False

    def stop(self) -> None:
        """Record that a person asked it to stop, so that the runs left end as cancelled, not as crashed."""
        # One write over the old text, so that whoever reads it meanwhile, or after a kill, finds one or the other.
        with suppress(OSError), _path(self.name).open("r+b", buffering=0) as file:
            file.write(_text(replace(self, stopped=True)))

    def end(self) -> None:
        """Delete the lock, because none of its runs is open any longer."""
        with suppress(OSError):
            _path(self.name).unlink()

    @contextmanager
    def adopted(self) -> Iterator[None]:
        """Make this process write where the lock's process did."""
        with overridden(**self.environment):
            yield


@contextmanager
def hold(api: str | None, scratch: str) -> Iterator[ProcessLock]:
    """Hold a lock; if the block fails, the sweep ends the runs that are left open."""
    lock = ProcessLock(f"process:{uuid4()}", os.getpid(), api, scratch, _location_variables())
    path = _path(lock.name)
    file_lock = FileLock(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file_lock.acquire()
        path.write_bytes(_text(lock))
    except OSError:
        # Runs on another server are never swept, so a home that cannot be written to does no harm.
        if api is None:
            raise
    try:
        yield lock
        lock.end()
    finally:
        file_lock.release()


def abandoned() -> list[Path]:
    """Return the locks of dead processes."""
    locks = []
    for path in _folder().glob(f"*{_SUFFIX}"):
        with suppress(OSError, Timeout), FileLock(path, blocking=False):
            locks.append(path)
    return locks


@contextmanager
def take(path: Path) -> Iterator[ProcessLock | None]:
    """Take over the lock of a dead process, to finish its work; the lock is deleted if the block succeeds.

    The lock is None if its process died before it had written it, and so before it had a run.
    """
    with FileLock(path, blocking=False):
        try:
            lock = TypeAdapter(ProcessLock).validate_json(path.read_text())
        except ValueError:
            lock = None
        yield lock
        path.unlink(missing_ok=True)


def _text(lock: ProcessLock) -> bytes:
    """Return a lock as JSON, of the same length whether it is stopped or not."""
    return json.dumps(asdict(lock)).encode().ljust(len(json.dumps(asdict(replace(lock, stopped=False)))))


def _location_variables() -> dict[str, str]:
    values = settings()
    locations = {name: getattr(values, name) for name in _LOCATION_SETTINGS}
    # An empty variable counts as unset. Unset ones are included because the process that reads this may have them set.
    return {
        name.upper(): str(value.absolute() if isinstance(value, Path) else value or "")
        for name, value in locations.items()
    }


def _folder() -> Path:
    return settings().f5_flows_home / "running"


def _path(name: str) -> Path:
    return _folder() / f"{name.partition(':')[2]}{_SUFFIX}"
