"""Fetching files from the bucket in parallel parts, each checked before it is written.

A client that reads ranges does not notice a flipped bit, so every part is compared with its digest while it is
still in memory. A file is written under a temporary name and renamed when it is complete; the parts left by a
killed process are checked and reused. A lock for each file keeps two processes from fetching it twice; if the
lock does not work, as on some network volumes, both write the same bytes.
"""

from __future__ import annotations

import os
import random
import shutil
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from filelock import FileLock, Timeout

from speech.errors import DamagedModel, ModelError, Unreachable
from speech.models.manifest import PART, File, digest, matches
from speech.stores import Store

__all__ = ["ByteProgress", "blob_key", "fetch", "send"]

ByteProgress = Callable[[int], None]
"""Called with the number of bytes just received or sent; from several threads."""

# More concurrent requests than a fast link needs, for links that limit the rate of each stream.
_STREAMS = 16
_ATTEMPTS = 4


def blob_key(digest: str) -> str:
    """Return the key of a file in the bucket, which depends only on its content."""
    return f"models/blobs/{digest}"


@dataclass
class _Download:
    """A file that is being downloaded in parts."""

    file: File
    target: Path
    partial: Path
    handle: int
    missing: int
    lock: threading.Lock = field(default_factory=threading.Lock)

    def write(self, part: int, data: memoryview) -> bool:
        """Write a part; return whether it was the last missing one."""
        at = part * PART
        while data:
            written = os.pwrite(self.handle, data, at)
            data, at = data[written:], at + written
        with self.lock:
            self.missing -= 1
            return self.missing == 0

    def finish(self) -> None:
        """Rename the complete file to its final name."""
        self.target.parent.mkdir(parents=True, exist_ok=True)
        self.partial.replace(self.target)


def fetch(store: Store, files: Sequence[File], root: Path, on_progress: ByteProgress = lambda size: None) -> None:
    """Fetch the files that are missing below `root`.

    Raises:
        DamagedModel: a file in the bucket does not match the manifest, even after retries.
        ModelError: there is not enough space, or a file cannot be written.
        StoreError: the bucket does not answer, or refuses access.
    """
    first = {file.digest: file for file in reversed(files)}
    lacking = [file for file in first.values() if not _exists(root / file.path, file)]
    lacking.sort(key=lambda file: -file.size)
    _check_space(lacking, root)
    work = root / ".f5-flows"
    for folder in ("partial", "locks"):
        (work / folder).mkdir(parents=True, exist_ok=True)
    # The small files of a model share one lock, no matter which of them are missing.
    small = digest("".join(sorted(file.digest for file in files if len(file.parts) == 1)).encode())
    busy = _fetch(store, lacking, small, root, work, on_progress, wait=False)
    if busy:
        _fetch(store, busy, small, root, work, on_progress, wait=True)
    for file in files:
        if not _exists(root / file.path, file):
            _link(root / first[file.digest].path, root / file.path)


def send(store: Store, files: Iterable[tuple[File, Path]], again: frozenset[str], on_progress: ByteProgress) -> int:
    """Upload the files that the bucket lacks, and those with a digest in `again`; return the bytes sent."""
    sent_bytes = 0

    def put(pair: tuple[File, Path]) -> int:
        file, path = pair
        key = blob_key(file.digest)
        if file.digest not in again and _size(store, key) == file.size:
            on_progress(file.size)
            return 0
        store.put(key, path, "application/octet-stream")
        on_progress(file.size)
        return file.size

    different = {file.digest: (file, path) for file, path in files}
    with ThreadPoolExecutor(8) as pool:
        sent_bytes = sum(pool.map(put, different.values()))
    return sent_bytes


def _size(store: Store, key: str) -> int | None:
    from speech.errors import NotFound

    try:
        return store.head(key).size
    except NotFound:
        return None


def _exists(path: Path, file: File) -> bool:
    """Check whether a file exists, by its size: a file gets its name only once it is complete."""
    try:
        return path.stat().st_size == file.size
    except OSError:
        return False


def _check_space(files: Sequence[File], root: Path) -> None:
    root.mkdir(parents=True, exist_ok=True)
    needed_bytes, free = sum(file.size for file in files), shutil.disk_usage(root).free
    if free < needed_bytes:
        raise ModelError(f"The models need {needed_bytes / 1e6:.0f} MB at {root}; {free / 1e6:.0f} MB are free.")


def _fetch(
    store: Store, files: Sequence[File], small: str, root: Path, work: Path, on_progress: ByteProgress, *, wait: bool
) -> list[File]:
    """Fetch files; return those that another process is fetching, unless `wait` is set."""
    busy: list[File] = []
    stop = threading.Event()
    with ExitStack() as locks, ThreadPoolExecutor(_STREAMS) as pool:
        jobs = []
        for name, group in _groups(files, small).items():
            lock = FileLock(work / "locks" / f"{name}.lock")
            try:
                lock.acquire(timeout=-1 if wait else 0)
            except Timeout:
                busy += group
                continue
            locks.callback(lock.release)
            for file in group:
                if _exists(root / file.path, file):
                    on_progress(file.size)
                elif len(file.parts) == 1:
                    jobs.append(pool.submit(_small, store, file, root, work, stop, on_progress))
                else:
                    download, parts = _begin(file, root, work)
                    locks.callback(_close, download)
                    on_progress(file.size - sum(min(PART, file.size - part * PART) for part in parts))
                    jobs += [pool.submit(_part, store, download, part, stop, on_progress) for part in parts]
                    if not parts:
                        download.finish()
        try:
            for job in jobs:
                job.result()
        except BaseException:
            stop.set()
            pool.shutdown(cancel_futures=True)
            raise
    return busy


def _groups(files: Sequence[File], small: str) -> dict[str, list[File]]:
    """Group files by the name of their lock: one for each large file, and a shared one for the small files."""
    groups: dict[str, list[File]] = {}
    for file in files:
        groups.setdefault(small if len(file.parts) == 1 else file.digest, []).append(file)
    return groups


def _begin(file: File, root: Path, work: Path) -> tuple[_Download, list[int]]:
    partial = work / "partial" / file.digest
    verified = set(matches(partial, file))
    handle = os.open(partial, os.O_CREAT | os.O_RDWR, 0o644)
    os.ftruncate(handle, file.size)
    parts = [part for part in range(len(file.parts)) if part not in verified]
    return _Download(file, root / file.path, partial, handle, len(parts)), parts


def _close(download: _Download) -> None:
    with suppress(OSError):
        os.close(download.handle)


def _small(store: Store, file: File, root: Path, work: Path, stop: threading.Event, on_progress: ByteProgress) -> None:
    """Fetch a file of one part."""
    if not stop.is_set():
        data = _read(store, file, 0)
        with _writing(file, root, stop):
            partial, target = work / "partial" / file.digest, root / file.path
            partial.write_bytes(data)
            target.parent.mkdir(parents=True, exist_ok=True)
            partial.replace(target)
        on_progress(file.size)


def _part(store: Store, download: _Download, part: int, stop: threading.Event, on_progress: ByteProgress) -> None:
    """Fetch one part of a file."""
    if not stop.is_set():
        data = _read(store, download.file, part)
        with _writing(download.file, download.target.parent, stop):
            if download.write(part, data):
                download.finish()
        on_progress(len(data))


@contextmanager
def _writing(file: File, location: Path, stop: threading.Event) -> Iterator[None]:
    try:
        yield
    except OSError as fault:
        stop.set()
        raise ModelError(f"{file.path} cannot be written below {location}: {fault.strerror}.") from None


def _read(store: Store, file: File, part: int) -> memoryview:
    """Read one part and check its digest, retrying if it is damaged or the store does not answer."""
    start, end = part * PART, min(part * PART + PART, file.size)
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            data = memoryview(store.read_range(blob_key(file.digest), start, end) if end > start else b"")
            if digest(data) != file.parts[part]:
                raise DamagedModel(f"{file.path} in the model cache is damaged at byte {start} and after.", file.digest)
            return data
        except (DamagedModel, Unreachable):
            if attempt == _ATTEMPTS:
                raise
            time.sleep(random.uniform(0.1, 0.4) * 2**attempt)
    raise AssertionError


def _link(source: Path, target: Path) -> None:
    """Give a file a second name, as a hard link if the disk supports that, else as a copy."""
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        os.link(source, temporary)
    except OSError:
        shutil.copyfile(source, temporary)
    temporary.replace(target)
