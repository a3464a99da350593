"""The lease of a process that runs flows on this machine: while it lives it holds a lock on a file in F5_FLOWS_HOME.

Its runs carry the lease's name as a tag from the moment they exist. When the process dies, however it
dies, the system lets go of the lock; whoever gets it then knows that these runs have no process any
more (see `deployments.local.sweep`). Neither a number that another process has taken over nor a clock that
jumps can fool it, and another machine or another home has other files.
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

__all__ = ["Lease", "abandoned", "hold", "take"]

# The settings that say where a job's files go.
_PLACES = ("s3_bucket", "aws_endpoint_url", "aws_region", "aws_ca_bundle", "storage_dir", "storage_block")


@dataclass(frozen=True, slots=True)
class Lease:
    """What a process says of itself.

    Attributes:
        name: the tag of its runs.
        pid: its number.
        api: of the Prefect server that has its runs; None: the local one, whose address changes.
        scratch: where its temporary files lie.
        environment: the variables that say where its files go; no secret is among them.
        stopped: whether a person asked it to stop.
    """

    name: str
    pid: int
    api: str | None
    scratch: str
    environment: dict[str, str] = field(default_factory=dict)
    stopped: bool = False

    def stop(self) -> None:
        """Say that a person asked for it, so that what is left will end as cancelled, not as crashed."""
        with suppress(OSError):
            _path(self.name).write_text(json.dumps(asdict(replace(self, stopped=True))))

    def end(self) -> None:
        """Say that none of its runs is open any more."""
        with suppress(OSError):
            _path(self.name).unlink()

    @contextmanager
    def adopted(self) -> Iterator[None]:
        """Have this process write where that one did."""
        with overridden(**self.environment):
            yield


@contextmanager
def hold(api: str | None, scratch: str) -> Iterator[Lease]:
    """Hold a lease; a run that is left open when the block fails is for the sweep to end."""
    lease = Lease(f"process:{uuid4()}", os.getpid(), api, scratch, _places())
    path = _path(lease.name)
    lock = FileLock(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
        path.write_text(json.dumps(asdict(lease)))
    except OSError:
        # Nobody sweeps the runs of another server, so that a home that cannot be written to is no harm.
        if api is None:
            raise
    try:
        yield lease
        lease.end()
    finally:
        lock.release()


def abandoned() -> list[Path]:
    """The leases of processes that are dead."""
    found = []
    for path in _folder().glob("*.lease"):
        with suppress(OSError, Timeout), FileLock(path, blocking=False):
            found.append(path)
    return found


@contextmanager
def take(path: Path) -> Iterator[Lease | None]:
    """The lease of a dead process, for whoever does what it has left undone; it is gone when the block ends well.

    None where its process died before it had said anything, and had no run.
    """
    with FileLock(path, blocking=False):
        try:
            lease = TypeAdapter(Lease).validate_json(path.read_text())
        except ValueError:
            lease = None
        yield lease
        path.unlink(missing_ok=True)


def _places() -> dict[str, str]:
    values = settings()
    given = {name: getattr(values, name) for name in _PLACES}
    # An empty variable counts as unset, and one that is not set here may be set for whoever reads this.
    return {
        name.upper(): str(value.absolute() if isinstance(value, Path) else value or "") for name, value in given.items()
    }


def _folder() -> Path:
    return settings().f5_flows_home / "running"


def _path(name: str) -> Path:
    return _folder() / f"{name.partition(':')[2]}.lease"
