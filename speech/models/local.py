"""Models on this machine: each is known by a manifest, and complete where its manifest lies."""

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
        name: of the model.
        files: all of its files, absolute.
    """

    name: str
    files: tuple[Path, ...]

    def file(self, *patterns: str) -> Path | None:
        """The first file whose name fits one of the patterns, the first pattern first."""
        fitting = (path for pattern in patterns for path in self.files if fnmatch.fnmatch(path.name, pattern))
        return next(fitting, None)

    @property
    def folder(self) -> Path:
        """The folder that holds its configuration, which is what loaders take."""
        marked = self.file("config.json", "config.yaml")
        return (marked or self.files[0]).parent


def find(name: str, location: Location) -> Local | None:
    """A model that lies here complete, by its manifest."""
    manifest = stored_here(name, location)
    return local_model(manifest, location) if manifest else None


def adopt(name: str, location: Location, files: Sequence[Path], source: str = "", revision: str = "") -> Local:
    """Make files that lie below the root of the cache a model.

    Raises:
        ModelError: one of them lies elsewhere or cannot be read.
    """
    manifest = described(name, location, files, source, revision)
    note(manifest, location)
    return local_model(manifest, location)


def verify(name: str, location: Location) -> list[str]:
    """Hash a model's files again; returns the paths of those that are not what they should be.

    Raises:
        ModelError: the model does not lie here.
    """
    manifest = stored_here(name, location, sizes=False)
    if manifest is None:
        raise ModelError(f"{name} does not lie below {location.root}.")
    return [file.path for file in manifest.files if not _is(location.root / file.path, file)]


def fsync_model(name: str, location: Location) -> None:
    """Flush a model's files to the disk, which `sync` defers since it takes as long again.

    Until then a model that was brought here before the machine's last start is hashed before it is used.
    """
    manifest = stored_here(name, location)
    if manifest and manifest.unsettled:
        for file in manifest.files:
            with (location.root / file.path).open("rb") as opened:
                os.fsync(opened.fileno())
        note(manifest.model_copy(update={"unsettled": ""}), location)


def described(name: str, location: Location, files: Sequence[Path], source: str = "", revision: str = "") -> Manifest:
    """The manifest of files that lie below the root; links are followed, and what they point to is counted once."""
    try:
        described = tuple(describe(path, path.relative_to(location.root).as_posix()) for path in files)
    except (OSError, ValueError) as fault:
        raise ModelError(f"{name} cannot be read below {location.root}: {fault}") from None
    return Manifest(model=name, source=source, revision=revision, files=described)


def manifest_path(name: str, location: Location) -> Path:
    return location.root / ".f5-flows" / "manifests" / f"{name}.json"


def stored_here(name: str, location: Location, *, sizes: bool = True) -> Manifest | None:
    try:
        manifest = parse(manifest_path(name, location).read_text(encoding="utf-8"), name)
    except (OSError, ModelError):
        return None
    if sizes and not all(_sized(location.root / file.path, file.size) for file in manifest.files):
        return None
    return manifest if not sizes or _outlasted(manifest, location) else None


def _outlasted(manifest: Manifest, location: Location) -> bool:
    """Whether the files are safe on the disk, or this machine has not been started anew since they came."""
    if manifest.unsettled in ("", boot()):
        return True
    wrong = [file for file in manifest.files if not _is(location.root / file.path, file)]
    for file in wrong:
        (location.root / file.path).unlink(missing_ok=True)
    if not wrong:
        note(manifest.model_copy(update={"unsettled": ""}), location)
    return not wrong


def note(manifest: Manifest, location: Location, *, durable: bool = True) -> None:
    """Write down which model lies here."""
    write_text(manifest_path(manifest.model, location), manifest.model_dump_json(indent=1), durable=durable)


def boot() -> str:
    """Changes whenever the machine starts; with nothing that tells, whenever it is asked."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return uuid4().hex


def _is(path: Path, file: File) -> bool:
    """Whether a file holds what it should, by its digests."""
    return _sized(path, file.size) and len(list(matches(path, file))) == len(file.parts)


def _sized(path: Path, size: int) -> bool:
    try:
        return path.stat().st_size == size
    except OSError:
        return False


def forget_changed(manifest: Manifest, location: Location) -> None:
    """Take away files of an earlier manifest that this one gives other contents, though perhaps the same size."""
    earlier = stored_here(manifest.model, location, sizes=False)
    digests = {file.path: file.digest for file in manifest.files}
    if earlier:
        manifest_path(manifest.model, location).unlink(missing_ok=True)
        for file in earlier.files:
            if digests.get(file.path, file.digest) != file.digest:
                (location.root / file.path).unlink(missing_ok=True)


def local_model(manifest: Manifest, location: Location) -> Local:
    return Local(manifest.model, tuple(location.root / file.path for file in manifest.files))
