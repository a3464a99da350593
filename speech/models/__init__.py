"""The model cache: every model lies in the bucket once, and is brought here whole or not at all.

A model is sought in this order: what the bucket's manifest says is brought up to date on the network
volume or, where there is none, on the local disk; without the bucket, what lies there is used; what
neither has comes from where it is published, and is then pushed up to the bucket. In the bucket:

    models/blobs/<BLAKE3 of a file>
    models/manifests/<model>.json       written last: what it names is complete
"""

from __future__ import annotations

import fnmatch
import os
import pickle
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from uuid import uuid4

from speech.errors import DamagedModel, ModelError, NotFound, SpeechError
from speech.files import write_text
from speech.models.catalogue import TRANSCRIBER, VOCODER, Source, aligner, f5, source_of
from speech.models.manifest import File, Manifest, describe, matches, parse
from speech.models.places import Place, announce, choose
from speech.models.transfer import fetch, send
from speech.settings import export, settings
from speech.stores import Store

__all__ = [
    "TRANSCRIBER",
    "VOCODER",
    "Local",
    "Obtained",
    "Place",
    "adopt",
    "aligner",
    "announce",
    "cache_in",
    "choose",
    "f5",
    "find",
    "listing",
    "loading",
    "obtain",
    "push",
    "settle",
    "sync",
    "verify",
]

Tell = Callable[[str], None]
Progress = Callable[[str, int, int], None]
"""Called with the model, the bytes done and the bytes in all."""

MANIFESTS = "models/manifests/"


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


@dataclass(frozen=True, slots=True)
class Obtained:
    """What came of obtaining models.

    Attributes:
        models: those that can be loaded now.
        problems: for each other one, why not.
        notes: what the operator should know.
    """

    models: dict[str, Local]
    problems: dict[str, str]
    notes: tuple[str, ...]


def cache_in(store: Store) -> Store | None:
    """The store, if models are cached there: a bucket is, a folder would only hold them twice."""
    from speech.stores.folder import FolderStore

    return store if settings().enable_s3_model_cache and not isinstance(store, FolderStore) else None


def find(name: str, place: Place) -> Local | None:
    """A model that lies here complete, by its manifest."""
    manifest = _here(name, place)
    return _local(manifest, place) if manifest else None


@contextmanager
def loading(name: str) -> Iterator[None]:
    """Load a model's files, which may come from anybody: nothing in them is run, and what is wrong is said.

    Raises:
        ModelError: they hold something other than weights, or are damaged.
    """
    # PyTorch looks at it at every load, also at those of libraries that ask for pickles by name.
    export(TORCH_FORCE_WEIGHTS_ONLY_LOAD="1")
    try:
        yield
    except (SpeechError, ImportError, OSError, RuntimeError, ValueError, KeyError):
        raise
    except pickle.UnpicklingError:
        raise ModelError(
            f"{name} was not loaded: its checkpoint holds more than weights, and code in it is never run; "
            "save it as safetensors."
        ) from None
    except Exception as fault:
        reason = str(fault).splitlines()[0][:200] if str(fault) else type(fault).__name__
        raise ModelError(f"{name} was not loaded: its files are damaged ({reason}).") from None


def obtain(
    names: Iterable[str],
    place: Place,
    store: Store | None = None,
    *,
    online: bool = True,
    tell: Tell = lambda text: None,
    progress: Progress = lambda name, done, total: None,
) -> Obtained:
    """Make models loadable here, from the nearest place that has them.

    A fault of the cache is a note, never an error: the model is then taken from elsewhere.

    Args:
        store: the bucket; None to do without.
        online: whether what the cache lacks may come from where it is published.
    """
    models, problems, notes = {}, {}, []
    for name in dict.fromkeys(names):
        damaged: frozenset[str] = frozenset()
        if store is not None:
            try:
                if local := sync(name, store, place, tell, progress):
                    models[name] = local
                    continue
            except DamagedModel as fault:
                notes.append(str(fault))
                damaged = frozenset({fault.digest})
            except SpeechError as fault:
                notes.append(f"The model cache was not used for {name}: {fault}")
        if not damaged and (here := find(name, place)):
            models[name] = here
            continue
        source = source_of(name)
        if source is None or not online:
            problems[name] = f"{name} is neither in the model cache nor here." + (
                "" if source else " It is not one that can be fetched; push it to the cache."
            )
            continue
        try:
            tell(f"{name}: fetching it from {source.name}")
            models[name] = _first_load(name, source, place)
        except ModelError as fault:
            problems[name] = str(fault)
            continue
        if store is not None:
            try:
                push(name, store, place, again=damaged, tell=tell)
            except SpeechError as fault:
                notes.append(f"{name} was not pushed to the model cache: {fault}")
    return Obtained(models, problems, tuple(notes))


def sync(
    name: str,
    store: Store,
    place: Place,
    tell: Tell = lambda text: None,
    progress: Progress = lambda name, done, total: None,
) -> Local | None:
    """Bring a model here as the bucket has it; None where the bucket does not have it.

    Raises:
        DamagedModel: the bucket holds other bytes than its manifest says.
        ModelError: there is no room, or the manifest cannot be used.
        StoreError: the bucket does not answer, or refuses.
    """
    try:
        text = store.read(f"{MANIFESTS}{name}.json")
    except NotFound:
        return None
    manifest = parse(text, name)
    here = _here(name, place)
    if here and here.files == manifest.files:
        return _local(here, place)
    done, total = 0, manifest.size

    def arrived(size: int) -> None:
        nonlocal done
        done += size
        progress(name, done, total)

    tell(f"{name}: {len(manifest.files)} files, {total / 1e6:.0f} MB from {store}")
    _forget_other(manifest, place)
    fetch(store, manifest.files, place.root, arrived)
    # To wait for the disk here would wait for all that was fetched; `settle` does that at leisure.
    _note(manifest.model_copy(update={"unsettled": _boot()}), place, durable=False)
    return _local(manifest, place)


def push(
    name: str,
    store: Store,
    place: Place,
    *,
    files: Sequence[Path] = (),
    again: frozenset[str] = frozenset(),
    tell: Tell = lambda text: None,
    progress: Progress = lambda name, done, total: None,
) -> int:
    """Put a model into the bucket, its manifest last; returns the bytes that were sent.

    Args:
        files: below the root of the cache; by default those of the model that lies here.
        again: digests of files to send though the bucket has them.

    Raises:
        ModelError: the model does not lie here.
        StoreError: the bucket does not answer, or refuses.
    """
    manifest = _describe(name, place, files) if files else _here(name, place)
    if manifest is None:
        raise ModelError(f"{name} does not lie below {place.root}; there is nothing to push.")
    done, total = 0, manifest.size

    def gone(size: int) -> None:
        nonlocal done
        done += size
        progress(name, done, total)

    manifest = manifest.model_copy(update={"unsettled": ""})
    sent = send(store, [(file, place.root / file.path) for file in manifest.files], again, gone)
    text = manifest.model_dump_json(indent=1)
    store.write(f"{MANIFESTS}{name}.json", text, "application/json")
    _note(manifest, place)
    tell(f"{name}: {sent / 1e6:.0f} of {total / 1e6:.0f} MB sent to {store}")
    return sent


def adopt(name: str, place: Place, files: Sequence[Path], source: str = "", revision: str = "") -> Local:
    """Make files that lie below the root of the cache a model.

    Raises:
        ModelError: one of them lies elsewhere or cannot be read.
    """
    manifest = _describe(name, place, files, source, revision)
    _note(manifest, place)
    return _local(manifest, place)


def verify(name: str, place: Place) -> list[str]:
    """Hash a model's files again; returns the paths of those that are not what they should be.

    Raises:
        ModelError: the model does not lie here.
    """
    manifest = _here(name, place, sizes=False)
    if manifest is None:
        raise ModelError(f"{name} does not lie below {place.root}.")
    return [file.path for file in manifest.files if not _is(place.root / file.path, file)]


def settle(name: str, place: Place) -> None:
    """Make sure that a model outlasts a power cut, which `sync` leaves for later since it takes as long again.

    Until then a model that was brought here before the machine's last start is hashed before it is used.
    """
    manifest = _here(name, place)
    if manifest and manifest.unsettled:
        for file in manifest.files:
            with (place.root / file.path).open("rb") as opened:
                os.fsync(opened.fileno())
        _note(manifest.model_copy(update={"unsettled": ""}), place)


def listing(store: Store | None, place: Place) -> dict[str, tuple[Literal["bucket", "here", "both"], Manifest]]:
    """Every model that the bucket or this machine has."""
    folder = _manifest_path("", place).parent
    here = {str(path.relative_to(folder).with_suffix("")): path.read_text() for path in sorted(folder.rglob("*.json"))}
    bucket: dict[str, str] = {}
    for entry in store.list(MANIFESTS) if store else ():
        bucket[entry.key.removeprefix(MANIFESTS).removesuffix(".json")] = store.read(entry.key) if store else ""
    found: dict[str, tuple[Literal["bucket", "here", "both"], Manifest]] = {}
    for name in sorted({*here, *bucket}):
        where: Literal["bucket", "here", "both"] = (
            "both" if name in here and name in bucket else "here" if name in here else "bucket"
        )
        found[name] = (where, parse(bucket.get(name) or here[name], name))
    return found


def _first_load(name: str, source: Source, place: Place) -> Local:
    from speech.models.hub import download

    files, revision = download(name, source, place)
    return adopt(name, place, files, source.name, revision)


def _describe(name: str, place: Place, files: Sequence[Path], source: str = "", revision: str = "") -> Manifest:
    """The manifest of files that lie below the root; links are followed, and what they point to is counted once."""
    try:
        described = tuple(describe(path, path.relative_to(place.root).as_posix()) for path in files)
    except (OSError, ValueError) as fault:
        raise ModelError(f"{name} cannot be read below {place.root}: {fault}") from None
    return Manifest(model=name, source=source, revision=revision, files=described)


def _manifest_path(name: str, place: Place) -> Path:
    return place.root / ".f5-flows" / "manifests" / f"{name}.json"


def _here(name: str, place: Place, *, sizes: bool = True) -> Manifest | None:
    try:
        manifest = parse(_manifest_path(name, place).read_text(encoding="utf-8"), name)
    except (OSError, ModelError):
        return None
    if sizes and not all(_sized(place.root / file.path, file.size) for file in manifest.files):
        return None
    return manifest if not sizes or _outlasted(manifest, place) else None


def _outlasted(manifest: Manifest, place: Place) -> bool:
    """Whether the files are safe on the disk, or this machine has not been started anew since they came."""
    if manifest.unsettled in ("", _boot()):
        return True
    wrong = [file for file in manifest.files if not _is(place.root / file.path, file)]
    for file in wrong:
        (place.root / file.path).unlink(missing_ok=True)
    if not wrong:
        _note(manifest.model_copy(update={"unsettled": ""}), place)
    return not wrong


def _note(manifest: Manifest, place: Place, *, durable: bool = True) -> None:
    """Write down which model lies here."""
    write_text(_manifest_path(manifest.model, place), manifest.model_dump_json(indent=1), durable=durable)


def _boot() -> str:
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


def _forget_other(manifest: Manifest, place: Place) -> None:
    """Take away files of an earlier manifest that this one gives other contents, though perhaps the same size."""
    earlier = _here(manifest.model, place, sizes=False)
    digests = {file.path: file.digest for file in manifest.files}
    if earlier:
        _manifest_path(manifest.model, place).unlink(missing_ok=True)
        for file in earlier.files:
            if digests.get(file.path, file.digest) != file.digest:
                (place.root / file.path).unlink(missing_ok=True)


def _local(manifest: Manifest, place: Place) -> Local:
    return Local(manifest.model, tuple(place.root / file.path for file in manifest.files))
