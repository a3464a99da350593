"""The folder and the names of a job's files on this machine."""

from __future__ import annotations

import fcntl
import os
import shutil
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from deployments.cli.console import refuse, spare
from speech.choices import AUDIO_ALIASES, AUDIO_FORMATS, FORMATS

__all__ = ["Destination", "choose_destination", "free_path", "give_name", "lock", "vacant"]

# The kind of file that is unpacked into a folder.
_PIECES = "zip"
_ENDINGS: dict[str, str] = {name: name for name in AUDIO_FORMATS} | {"opus": "ogg"}
# Extensions of the files other than the audio; a path with one of them is not taken for a folder.
_OTHERS = (*FORMATS, _PIECES, "html", "txt", "md", "aac", "aiff", "aif", "wma", "mp4", "mkv", "mov", "webm")


@dataclass(frozen=True, slots=True)
class Destination:
    """Where the files of a job go.

    Attributes:
        folder: the folder of the files, which need not exist.
        audio: the audio file, whose siblings the other files become; it may be written over. None: the files are
            named after the job, with a number if there are files of that name.
    """

    folder: Path
    audio: Path | None = None

    @property
    def audio_format(self) -> str | None:
        """The format that the ending of the audio file asks for."""
        return _audio_format(self.audio.name) if self.audio else None

    def guard(self, source: Path | None, kinds: Sequence[str]) -> None:
        """Refuse to write a kind of file over the script."""
        if self.audio:
            spare([source], self._paths(self.audio.stem, kinds))

    def keep(self, stem: str, kinds: Sequence[str], fetch: Callable[[str, Path], None]) -> list[Path]:
        """Fetch the files of a job, and return their paths; if one fails, none is left.

        Args:
            stem: the name of the files, if no audio file was named.
            kinds: the kinds of files, the audio first; see `speech.outputs`.
            fetch: writes the file of a kind to a path.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with lock(self.folder):
            paths = self._paths(self.audio.stem, kinds) if self.audio else self._unused_paths(stem, kinds)
            stored_paths: list[Path] = []
            try:
                for kind, path in zip(kinds, paths, strict=True):
                    if not os.path.lexists(path):
                        stored_paths.append(path)
                    if kind == _PIECES:
                        _unpack(lambda archive: fetch(_PIECES, archive), path)
                    else:
                        fetch(kind, path)
            except BaseException:
                for path in stored_paths:
                    _remove(path)
                raise
        return paths

    def _unused_paths(self, stem: str, kinds: Sequence[str]) -> list[Path]:
        """Return paths none of which exists: those of the stem, or else with the first number that is free."""
        return self._paths(vacant(stem, lambda candidate: self._paths(candidate, kinds)), kinds)

    def _paths(self, stem: str, kinds: Sequence[str]) -> list[Path]:
        names = [f"{stem}-cues" if kind == _PIECES else f"{stem}.{kind}" for kind in kinds]
        audio, *others = (self.folder / name for name in names)
        return [self.audio or audio, *others]


def vacant(stem: str, paths: Callable[[str], Iterable[Path]]) -> str:
    """Return a stem none of whose paths exists: the given one, or else that with the first number that is free."""
    candidates = (stem if number == 1 else f"{stem}-{number}" for number in count(1))
    return next(candidate for candidate in candidates if not any(map(os.path.lexists, paths(candidate))))


def free_path(path: Path) -> Path:
    """Return a path at which there is nothing: the given one, or else that with the first number that is free."""
    return path.with_name(
        vacant(path.stem, lambda candidate: [path.with_name(f"{candidate}{path.suffix}")]) + path.suffix
    )


def give_name(unnamed: Path, path: Path) -> Path:
    """Move a finished file to a path, or to that with the first number that is free, and return where it is."""
    with lock(path.parent):
        return unnamed.rename(free_path(path))


def choose_destination(out: str | None, audio_format: str | None) -> Destination:
    """Return the destination in `--out`: an audio file, by its extension, or a folder; by default the working folder.

    Args:
        audio_format: what `--audio-format` says, which must not contradict the ending.
    """
    if out is None:
        return Destination(Path())
    path = Path(out)
    if path.is_dir() or out.endswith(("/", os.sep)):
        return Destination(path)
    ending = path.suffix.removeprefix(".").lower()
    format_of_path = _audio_format(out)
    if format_of_path is None:
        if ending in _OTHERS:
            refuse(
                f"--out: {out} is not the name of an audio file ({', '.join(_ENDINGS)}); name one, and the other files "
                "are written beside it, or name a folder with a / at its end."
            )
        return Destination(path)
    kind = (audio_format or format_of_path).strip().lower()
    if AUDIO_ALIASES.get(kind, kind) != format_of_path:
        refuse(f"--out, --audio-format: {out} ends in .{ending}, but the format is {kind}; leave out one of the two.")
    return Destination(path.parent, path)


def _audio_format(name: str) -> str | None:
    return _ENDINGS.get(Path(name).suffix.removeprefix(".").lower())


@contextmanager
def lock(folder: Path) -> Iterator[None]:
    """Lock a folder while names are chosen in it, so that two commands never choose the same name."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        # Some network file systems cannot lock a folder.
        with suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _unpack(fetch: Callable[[Path], None], folder: Path) -> None:
    archive = folder.with_name(f".{folder.name}.zip")
    try:
        fetch(archive)
        with zipfile.ZipFile(archive) as members:
            members.extractall(folder)
    finally:
        archive.unlink(missing_ok=True)


def _remove(path: Path) -> None:
    with suppress(OSError):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
