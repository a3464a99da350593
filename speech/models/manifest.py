"""Manifests: the files of a model, and the digest of every part of them."""

from __future__ import annotations

import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from speech.errors import ModelError

__all__ = ["PART", "File", "Manifest", "describe", "digest", "parse"]

PART = 8 * 1024 * 1024
"""Size in bytes of the parts that are fetched and checked separately."""


_LONGEST = 1024


class File(BaseModel):
    """One file of a model.

    Attributes:
        path: path below the root of the cache, with forward slashes.
        size: size in bytes.
        digest: hexadecimal BLAKE3 digest of the whole file; also the name of the object in the bucket.
        parts: BLAKE3 digest of each part of `PART` bytes.
    """

    model_config = ConfigDict(frozen=True)

    path: str
    size: int = Field(ge=0)
    digest: str = Field(pattern="^[0-9a-f]{64}$")
    parts: tuple[str, ...]

    @field_validator("path")
    @classmethod
    def _stays_below_the_root(cls, path: str) -> str:
        parts = PurePosixPath(path).parts
        if not parts or path.startswith("/") or ".." in parts or "\\" in path or parts[0].startswith("."):
            raise ValueError(f"the path {path[:80]!r} leads out of the model cache")
        if not path.isprintable() or len(path.encode()) > _LONGEST:
            raise ValueError(f"the path {path[:80]!r} is not valid; at most {_LONGEST} bytes, all printable")
        return path


class Manifest(BaseModel):
    """All files of a model, as stored in the bucket under `models/manifests/<model>.json`."""

    version: int = 1
    model: str
    source: str = Field(default="", description="The publisher of the files.")
    revision: str = ""
    unsettled: str = Field(
        default="",
        description="In local manifests only: the boot id at the time of the fetch, until the files are flushed.",
    )
    files: tuple[File, ...]

    @property
    def size(self) -> int:
        """The total size of all distinct files in bytes."""
        return sum({file.digest: file.size for file in self.files}.values())


def parse(text: str, name: str) -> Manifest:
    """Parse a manifest from JSON.

    Raises:
        ModelError: the manifest is invalid, is for another model, or names a path outside the cache.
    """
    try:
        manifest = Manifest.model_validate_json(text)
    except ValidationError as fault:
        reason = fault.errors(include_url=False, include_input=False)[0]["msg"]
        raise ModelError(f"The manifest of {name} in the model cache cannot be used: {reason}.") from None
    if manifest.model != name:
        raise ModelError(f"The manifest of {name} in the model cache belongs to {manifest.model[:80]!r}.")
    if any(len(file.parts) != max(-(-file.size // PART), 1) for file in manifest.files):
        raise ModelError(f"The manifest of {name} in the model cache cannot be used: it lacks digests.")
    return manifest


def digest(data: bytes | memoryview) -> str:
    """Return the BLAKE3 digest; it is 2.7 times as fast as SHA-256 on processors with SHA instructions."""
    from blake3 import blake3

    return blake3(data).hexdigest()


def describe(path: Path, name: str) -> File:
    """Create the manifest's entry for a file; links are followed.

    Args:
        name: the file's path below the root of the cache.
    """
    from blake3 import blake3

    whole = blake3(max_threads=blake3.AUTO)
    whole.update_mmap(path) if path.stat().st_size else None
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        count = max(-(-size // PART), 1)
        with ThreadPoolExecutor() as pool:
            parts = tuple(pool.map(lambda at: digest(os.pread(file.fileno(), PART, at * PART)), range(count)))
    return File(path=name, size=size, digest=whole.hexdigest(), parts=parts)


def matches(path: Path, file: File) -> Iterable[int]:
    """Yield the indices of the parts of a file on disk that match their digests."""
    try:
        with path.open("rb") as stream:
            size = os.fstat(stream.fileno()).st_size
            for index, part_digest in enumerate(file.parts):
                if index * PART < size or not file.size:
                    data = os.pread(stream.fileno(), min(PART, file.size - index * PART), index * PART)
                    if digest(data) == part_digest:
                        yield index
    except OSError:
        return
