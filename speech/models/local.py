"""Models on this machine; each has a manifest, which is written once the model is complete."""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from speech.errors import ModelError
from speech.files import write_text
from speech.models.location import Location
from speech.models.manifest import File, Manifest, describe, matches, parse

__all__ = [
    "Local",
    "adopt",
    "boot",
    "described",
    "find",
    "forget_changed",
    "fsync_model",
    "local_model",
    "manifest_path",
    "note",
    "stored_here",
    "verify",
]


@dataclass(frozen=True, slots=True)
class Local:
    """A model on this machine.

    Attributes:
        name: the model's name.
        files: absolute paths of all its files.
    """

    name: str
    files: tuple[Path, ...]

    def file(self, *patterns: str) -> Path | None:
        """Return the first file whose name matches one of the patterns, trying the patterns in order."""
        fitting = (path for pattern in patterns for path in self.files if fnmatch.fnmatch(path.name, pattern))
        return next(fitting, None)

    @property
    def state(self) -> tuple[tuple[Path, int, int], ...]:
        """Path, size and time of change of each file, by which a loaded model is known to be the one that is here."""
        states = ((path, path.stat()) for path in self.files)
        return tuple((path, state.st_size, state.st_mtime_ns) for path, state in states)

    @property
    def folder(self) -> Path:
        """The folder of the model's configuration, which loaders expect."""
        config = self.file("config.json", "config.yaml")
        return (config or self.files[0]).parent


def find(name: str, location: Location) -> Local | None:
    """Return the local copy of a model if it is complete, else None."""
    manifest = stored_here(name, location)
    return local_model(manifest, location) if manifest else None


def adopt(name: str, location: Location, files: Sequence[Path], source: str = "", revision: str = "") -> Local:
    """Register files below the root of the cache as a model.

    Raises:
        ModelError: a file is not below the root, or cannot be read.
    """
    manifest = described(name, location, files, source, revision)
    note(manifest, location)
    return local_model(manifest, location)


def verify(name: str, location: Location) -> list[str]:
    """Hash a model's files again; return the paths of those that do not match the manifest.

    Raises:
        ModelError: the model is not on this machine.
    """
    manifest = stored_here(name, location, sizes=False)
    if manifest is None:
        raise ModelError(f"{name} is not below {location.root}.")
    return [file.path for file in manifest.files if not _matches(location.root / file.path, file)]


def fsync_model(name: str, location: Location) -> None:
    """Flush a model's files to disk, which `sync` defers because it takes as long as the fetch itself.

    If the machine restarts before that, the model is hashed again before it is used.
    """
    manifest = stored_here(name, location)
    if manifest and manifest.unsettled:
        for file in manifest.files:
            with (location.root / file.path).open("rb") as stream:
                os.fsync(stream.fileno())
        note(manifest.model_copy(update={"unsettled": ""}), location)


def described(name: str, location: Location, files: Sequence[Path], source: str = "", revision: str = "") -> Manifest:
    """Create the manifest of files below the root; links are followed."""
    try:
        described = tuple(describe(path, path.relative_to(location.root).as_posix()) for path in files)
    except (OSError, ValueError) as fault:
        raise ModelError(f"{name} cannot be read below {location.root}: {fault}") from None
    return Manifest(model=name, source=source, revision=revision, files=described)


def manifest_path(name: str, location: Location) -> Path:
    """Return the path of a model's local manifest."""
    return location.root / ".f5-flows" / "manifests" / f"{name}.json"


def stored_here(name: str, location: Location, *, sizes: bool = True) -> Manifest | None:
    """Return the local manifest of a model; None if there is none or its files are incomplete.

    Args:
        sizes: False to return the manifest without checking the files.
    """
    try:
        manifest = parse(manifest_path(name, location).read_text(encoding="utf-8"), name)
    except (OSError, ModelError):
        return None
    if sizes and not all(_has_size(location.root / file.path, file.size) for file in manifest.files):
        return None
    return manifest if not sizes or _survived_restart(manifest, location) else None


def _survived_restart(manifest: Manifest, location: Location) -> bool:
    """Check whether files that were fetched but not flushed survived a restart; remove those that did not."""
    if manifest.unsettled in ("", boot()):
        return True
    wrong = [file for file in manifest.files if not _matches(location.root / file.path, file)]
    for file in wrong:
        (location.root / file.path).unlink(missing_ok=True)
    if not wrong:
        note(manifest.model_copy(update={"unsettled": ""}), location)
    return not wrong


def note(manifest: Manifest, location: Location, *, durable: bool = True) -> None:
    """Write the local manifest of a model."""
    write_text(manifest_path(manifest.model, location), manifest.model_dump_json(indent=1), durable=durable)


def boot() -> str:
    """Return an id that changes with each start of the machine; if the system has none, a new id each time."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return uuid4().hex


def _matches(path: Path, file: File) -> bool:
    """Check a file against its digests."""
    return _has_size(path, file.size) and len(list(matches(path, file))) == len(file.parts)


def _has_size(path: Path, size: int) -> bool:
    try:
        return path.stat().st_size == size
    except OSError:
        return False


def forget_changed(manifest: Manifest, location: Location) -> None:
    """Remove the files of the earlier manifest whose digest differs in the new one; their size may be the same."""
    earlier = stored_here(manifest.model, location, sizes=False)
    digests = {file.path: file.digest for file in manifest.files}
    if earlier:
        manifest_path(manifest.model, location).unlink(missing_ok=True)
        for file in earlier.files:
            if digests.get(file.path, file.digest) != file.digest:
                (location.root / file.path).unlink(missing_ok=True)


def local_model(manifest: Manifest, location: Location) -> Local:
    """Return the local model of a manifest."""
    return Local(manifest.model, tuple(location.root / file.path for file in manifest.files))
