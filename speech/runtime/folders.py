"""The folders of components, each with a marker file that describes the environment it was made for."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import stat
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from speech.errors import InstallError
from speech.files import write_text
from speech.runtime.components import Component, Need
from speech.runtime.environment import base_versions, is_fixed
from speech.runtime.plan import InstallPlan, Notify
from speech.settings import settings

__all__ = ["digest", "home", "installed", "lock", "mark"]

# The name of a component's folder; see `digest`.
_FOLDER = re.compile(r"[a-z0-9][a-z0-9-]*-[0-9a-f]{12}")


def home() -> Path:
    """Return the folder that holds the components: on the network volume if there is one, to share them."""
    values = settings()
    if values.runtime_dir:
        return values.runtime_dir
    volume = values.runpod_volume
    return (volume / "f5-flows" if volume.is_dir() else values.f5_flows_home) / "runtime"


def installed(component: Component, need: Need) -> tuple[Path, ...]:
    """Return the folders made for this interpreter, this PyTorch and these requirements, or an empty tuple."""
    requirements = [*need.whole, *need.bare]
    for marker in sorted(home().glob(f"{component.name}-*.json")):
        try:
            record = json.loads(marker.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        if not isinstance(record, dict) or not isinstance(record.get("beside", []), list):
            continue
        names = [marker.stem, *record.get("beside", [])]
        suits = record.get("made_for") == _made_for() and record.get("requirements") == requirements
        if suits and all(_is_trusted(marker.parent, name) for name in names):
            return tuple(marker.parent / name for name in names)
    return ()


def _is_trusted(folder: Path, name: object) -> bool:
    """Check whether code may be imported from a folder that a marker names.

    It must be a component's folder in `folder`, owned by this user or root, and not writable by everyone. The
    folder may be shared, and otherwise anyone who can write a marker could choose the code that runs.
    """
    if not isinstance(name, str) or not _FOLDER.fullmatch(name):
        return False
    try:
        status = (folder / name).lstat()
    except OSError:
        return False
    mine = status.st_uid in (0, os.geteuid()) and not status.st_mode & stat.S_IWOTH
    return stat.S_ISDIR(status.st_mode) and mine


def mark(
    target: Path,
    component: Component,
    need: Need,
    install_plan: InstallPlan,
    companions: Sequence[Path],
    seconds: float,
) -> None:
    """Write the marker of an installed component."""
    marker = {
        "component": component.name,
        "made_for": _made_for(),
        "requirements": [*need.whole, *need.bare],
        "packages": {package.name: package.version for package in install_plan.packages},
        "beside": [folder.name for folder in companions],
        "download_bytes": install_plan.size,
        "seconds": round(seconds, 1),
    }
    write_text(target.with_name(target.name + ".json"), json.dumps(marker, indent=1))


def _made_for() -> dict[str, str]:
    """Return the interpreter and the versions of the fixed packages, which a component's folder depends on."""
    fixed = {name: version for name, version in base_versions().items() if is_fixed(name)}
    python = f"{platform.python_implementation()} {platform.python_version()} {sys.platform} {platform.machine()}"
    return {"python": python} | dict(sorted(fixed.items()))


def digest(component: Component, need: Need, live: Mapping[str, str]) -> str:
    """Return the digest in a folder's name, which depends on the requirements and the environment."""
    key = json.dumps([component.name, need.whole, need.bare, sys.prefix, sorted(live.items())])
    return hashlib.sha256(key.encode()).hexdigest()[:12]


@contextmanager
def lock(name: str, notify: Notify) -> Iterator[None]:
    """Hold the lock of a component within the block, waiting for it if another process holds it."""
    from filelock import FileLock, Timeout

    try:
        home().mkdir(parents=True, exist_ok=True)
        lock = FileLock(home() / f"{name}.lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            notify(f"{name} is being installed by another process; waiting for it.")
            lock.acquire()
    except OSError as fault:
        raise InstallError(f"{name} cannot be installed: {fault.strerror or fault} ({home()}).") from None
    try:
        yield
    finally:
        lock.release()
