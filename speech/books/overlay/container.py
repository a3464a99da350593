"""The ZIP archive that an EPUB is."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from speech.files import replacing

__all__ = ["Container", "creating"]

# The same for every book, so that binding it again makes the same archive.
_DATE = (1980, 1, 1, 0, 0, 0)
_BLOCK = 1 << 20
# Compressing these again gains nothing.
_COMPRESSED = (".mp3", ".m4a", ".mp4", ".jpg", ".jpeg", ".png", ".gif", ".webp", ".woff", ".woff2")


class Container:
    """An archive that is being written."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        # The first entry, neither compressed nor with anything else about it, so that the file is known by its start.
        self._archive.writestr(_entry("mimetype", zipfile.ZIP_STORED), "application/epub+zip")

    def add(self, name: str, content: str | bytes) -> None:
        """Add a part."""
        self._archive.writestr(_entry(name), content)

    def copy(self, name: str, source: Iterator[bytes]) -> None:
        """Add a part block by block."""
        with self._archive.open(_entry(name), "w", force_zip64=True) as target:
            for block in source:
                target.write(block)

    def add_file(self, name: str, path: Path) -> None:
        """Add a file from the disk."""
        with path.open("rb") as file:
            self.copy(name, iter(lambda: file.read(_BLOCK), b""))


def _entry(name: str, method: int | None = None) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _DATE)
    is_compressed = name.lower().endswith(_COMPRESSED)
    entry.compress_type = (
        method if method is not None else zipfile.ZIP_STORED if is_compressed else zipfile.ZIP_DEFLATED
    )
    entry.external_attr = 0o644 << 16
    return entry


@contextmanager
def creating(target: Path) -> Iterator[Container]:
    """Yield an EPUB to write; it appears under its name once it is complete."""
    with replacing(target) as partial, zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED) as archive:
        yield Container(archive)
