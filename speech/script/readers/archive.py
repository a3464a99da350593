"""Untrusted ZIP archives, with limits on what is unpacked into memory."""

from __future__ import annotations

import io
import zipfile

from speech.errors import InvalidRequest
from speech.script.readers.markup import refused

__all__ = ["Archive", "check"]

# The longest books have 5 MB of text. Text compresses 20-fold at most; a ratio of 200 is a bomb.
_MOST_BYTES, _MOST_PARTS, _WORST_RATIO, _SMALL = 30_000_000, 20_000, 200, 1_000_000
_TEXTS = (".xml", ".xhtml", ".html", ".htm", ".opf", ".ncx", ".rels")


class Archive:
    """The parts of a ZIP archive by their names.

    Raises:
        InvalidRequest: it is damaged, has too many parts, or would fill the memory.
    """

    def __init__(self, data: bytes) -> None:
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(data))
            parts = self._zip.infolist()
        except (zipfile.BadZipFile, ValueError, NotImplementedError, OverflowError, EOFError) as fault:
            raise refused(f"it is a damaged ZIP archive ({fault})", "file") from None
        if len(parts) > _MOST_PARTS:
            raise refused(f"it has {len(parts)} parts; at most {_MOST_PARTS} are accepted", "file")
        texts = [part for part in parts if _is_text(part.filename)]
        for part in texts:
            check(part)
        if sum(part.file_size for part in texts) > _MOST_BYTES:
            raise _too_long()
        self._parts = {part.filename: part for part in parts}
        self._bytes_left = 2 * _MOST_BYTES

    def __contains__(self, name: str) -> bool:
        return name in self._parts

    def names(self) -> list[str]:
        """Return the names of all parts."""
        return [*self._parts]

    def texts(self) -> list[str]:
        """Return the names of the parts that hold text by their names, whose sizes were checked."""
        return [name for name in self._parts if _is_text(name)]

    def read(self, name: str) -> bytes:
        """Return a part.

        Raises:
            InvalidRequest: there is no such part, it is damaged or protected, or it is far larger than it looks.
        """
        part = self._parts.get(name)
        if part is None:
            raise refused(f"its part {name[:80]!r} is missing", "file")
        check(part)
        # Parts may be read more than once, and text may have any name.
        self._bytes_left -= part.file_size
        if self._bytes_left < 0:
            raise _too_long()
        if part.flag_bits & 1:
            raise refused("it is locked with a password", "file")
        try:
            return self._zip.read(part)
        except Exception as fault:  # What a damaged stream raises depends on its compression.
            raise refused(f"its part {name[:80]!r} is damaged ({fault})", "file") from None


def _is_text(name: str) -> bool:
    return name.lower().endswith(_TEXTS)


def check(part: zipfile.ZipInfo) -> None:
    """Refuse a part that would unpack to far more than it can hold."""
    if part.file_size > _SMALL and part.file_size > part.compress_size * _WORST_RATIO:
        size = f"{part.file_size / 1e6:.0f} MB"
        raise refused(f"its part {part.filename[:80]!r} would unpack to {size} of nothing", "file")


def _too_long() -> InvalidRequest:
    return refused(f"its text has more than {_MOST_BYTES / 1e6:.0f} MB", "file")
