"""A folder as a store: the default, for local use.

Every part of a key is opened relative to its parent folder, and links are not followed. So only what is in
the store can be reached, even if others can write there.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

from speech.errors import Denied, KeyRefused, NotFound, NotText, StoreError, StoreFull, Unreachable
from speech.stores import EXPIRES_IN, Entry, Stray, check_key, is_key
from speech.stores.disk import keeping, reading

__all__ = ["FolderStore"]

_PARTIAL = re.compile(r"\.[0-9a-f]{32}\.part")
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# O_NONBLOCK: do not wait if the file is a pipe.
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_BLOCK = 1024 * 1024
_DEEPEST = 64


class FolderStore:
    """Objects as files below `root`, which is created if it is missing.

    Raises:
        StoreError: the folder cannot be created.
    """

    def __init__(self, root: Path) -> None:
        self._root = root.expanduser().absolute()
        try:
            self._root.mkdir(parents=True, exist_ok=True)
        except OSError as fault:
            raise StoreError(f"The folder {root} cannot be used as a store: {fault.strerror}.") from None

    def __str__(self) -> str:
        return f"the folder {self._root}"

    def put(self, key: str, path: Path, content_type: str) -> None:
        with reading(path) as source, self._faults(key):
            self._store(key, lambda file: shutil.copyfileobj(source, file, _BLOCK))

    def write(self, key: str, text: str, content_type: str) -> None:
        with self._faults(key):
            data = text.encode()
            self._store(key, lambda file: file.write(data))

    def update(self, key: str, change: Callable[[str | None], str], content_type: str) -> None:
        with self._locked(key):
            before = None
            with suppress(NotFound):
                before = self.read(key)
            self.write(key, change(before), content_type)

    def get(self, key: str, path: Path) -> None:
        with self._open_file(key) as file, keeping(path) as target:
            while block := self._block(file, key):
                target.write(block)

    def read(self, key: str) -> str:
        with self._open_file(key) as file, self._faults(key):
            content = file.read()
        try:
            return content.decode()
        except UnicodeDecodeError:
            raise NotText(f"{key} in {self} is not UTF-8 text.") from None

    def read_range(self, key: str, start: int, end: int) -> bytes:
        with self._open_file(key) as file, self._faults(key):
            file.seek(start)
            data = file.read(end - start)
        if len(data) != end - start:
            raise Unreachable(f"{self} holds {len(data)} of {end - start} bytes of {key}.")
        return data

    def list(self, prefix: str) -> Iterator[Entry]:
        for key, status in self._walk_below(prefix):
            if isinstance(status, os.stat_result) and is_key(key):
                yield _entry(key, status)

    def strays(self, prefix: str) -> Iterator[Stray]:
        for key, status in self._walk_below(prefix):
            if isinstance(status, str):
                yield Stray(key, status)
            elif not is_key(key):
                yield Stray(key, "Its name is not UTF-8, or holds a backslash or a control character.")

    def head(self, key: str) -> Entry:
        with self._open_file(key) as file:
            return _entry(key, os.fstat(file.fileno()))

    def delete(self, key: str) -> None:
        with (
            suppress(NotFound),
            self._faults(key),
            self._folder(check_key(key)) as (folder, name),
            suppress(IsADirectoryError),
        ):
            os.unlink(name, dir_fd=folder)

    def move(self, source: str, target: str) -> None:
        if any(part in ("", ".", "..") for part in source.split("/")):
            raise KeyRefused(f"The key {source[:80]!r} is not accepted; it leads out of the store.")
        with (
            self._faults(source),
            self._folder(source) as (folder, name),
            self._folder(check_key(target), make=True) as (onto, new),
        ):
            os.rename(name, new, src_dir_fd=folder, dst_dir_fd=onto)

    def presign(self, key: str, expires_in: int = EXPIRES_IN, disposition: str | None = None) -> str:
        """Return a `file://` URL, which opens on this machine only; it does not expire, and there are no headers."""
        self.head(key)
        return (self._root / key).as_uri()

    def _store(self, key: str, write: Callable[[BinaryIO], object]) -> None:
        with self._folder(check_key(key), make=True) as (folder, name):
            partial = f".{uuid4().hex}.part"
            handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666, dir_fd=folder)
            try:
                with os.fdopen(handle, "wb") as file:
                    write(file)
                os.rename(partial, name, src_dir_fd=folder, dst_dir_fd=folder)
            except BaseException:
                with suppress(OSError):
                    os.unlink(partial, dir_fd=folder)
                raise

    @contextmanager
    def _locked(self, key: str) -> Iterator[None]:
        """Lock the folder of a key."""
        with ExitStack() as stack:
            with self._faults(key):
                folder, _ = stack.enter_context(self._folder(check_key(key), make=True))
            # Some network file systems cannot lock a folder.
            with suppress(OSError):
                fcntl.flock(folder, fcntl.LOCK_EX)
            yield

    @contextmanager
    def _open_file(self, key: str) -> Iterator[BinaryIO]:
        with ExitStack() as stack:
            with self._faults(key), self._folder(check_key(key)) as (folder, name):
                handle = os.open(name, _FILE, dir_fd=folder)
                if not stat.S_ISREG(os.fstat(handle).st_mode):
                    os.close(handle)
                    raise FileNotFoundError(errno.ENOENT, "not a file")
                file = stack.enter_context(os.fdopen(handle, "rb"))
            yield file

    def _block(self, file: BinaryIO, key: str) -> bytes:
        with self._faults(key):
            return file.read(_BLOCK)

    def locate(self, prefix: str) -> str:
        with self._faults(prefix), self._folder(f"{check_key(prefix.rstrip('/'))}/", make=True):
            return str(self._root / prefix)

    @contextmanager
    def _folder(self, key: str, *, make: bool = False) -> Iterator[tuple[int, str]]:
        """Open the folder of a key's last part; yield its descriptor and that part."""
        *parts, name = key.split("/")
        folder = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for part in parts:
                if make:
                    with suppress(FileExistsError):
                        os.mkdir(part, dir_fd=folder)
                try:
                    inner = os.open(part, _FOLDER, dir_fd=folder)
                except NotADirectoryError:
                    if not make:
                        raise
                    raise StoreError(f"{key} cannot be stored in {self}: {part!r} is not a folder.") from None
                os.close(folder)
                folder = inner
            yield folder, name
        finally:
            os.close(folder)

    def _walk_below(self, prefix: str) -> Iterator[tuple[str, os.stat_result | str]]:
        """Yield each file below a prefix with its status, and anything else with why it is not an object."""
        start = check_key(prefix.rstrip("/"))
        try:
            with self._faults(start), self._folder(f"{start}/-") as (folder, _):
                yield from self._walk(folder, start)
        except NotFound:
            return

    def _walk(self, folder: int, prefix: str) -> Iterator[tuple[str, os.stat_result | str]]:
        with os.scandir(folder) as entries:
            names = sorted(entry.name for entry in entries)
        for name in names:
            key = f"{prefix}/{name}"
            try:
                status = os.stat(name, dir_fd=folder, follow_symlinks=False)
                if stat.S_ISREG(status.st_mode):
                    if not _PARTIAL.fullmatch(name):
                        yield key, status
                elif stat.S_ISLNK(status.st_mode):
                    yield key, "It is a link; links are not followed."
                elif not stat.S_ISDIR(status.st_mode):
                    yield key, "It is not a file."
                elif prefix.count("/") > _DEEPEST:
                    yield key, "It is nested too deeply."
                else:
                    inner = os.open(name, _FOLDER, dir_fd=folder)
                    try:
                        yield from self._walk(inner, key)
                    finally:
                        os.close(inner)
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError as fault:
                yield key, f"It cannot be opened: {fault.strerror}."

    @contextmanager
    def _faults(self, key: str) -> Iterator[None]:
        try:
            yield
        except UnicodeEncodeError:
            raise NotText(f"The text for {key} in {self} cannot be encoded as UTF-8; nothing was stored.") from None
        except OSError as fault:
            raise self._diagnosis(fault, key) from None

    def _diagnosis(self, fault: OSError, key: str) -> StoreError:
        label = f"{key[:80]!r}" if not is_key(key) else key
        if fault.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
            return NotFound(f"There is no {label} in {self}.")
        if fault.errno in (errno.ENOSPC, errno.EDQUOT):
            return StoreFull(f"{self} has no space left; {label} was not stored.")
        if fault.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            return Denied(f"{self} refused access to {label}: {fault.strerror}; check the folder's permissions.")
        if fault.errno in (errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.EHOSTDOWN):
            return Unreachable(f"{self} does not answer (at {label}): {fault.strerror}.")
        return StoreError(f"{self} failed at {label}: {fault.strerror}.")


def _entry(key: str, status: os.stat_result) -> Entry:
    return Entry(key, status.st_size, datetime.fromtimestamp(status.st_mtime, UTC))
