"""The model cache: the bucket holds each model once, and a model is fetched in full or not at all.

A model is obtained from the first of these sources that has it: the bucket, with whose manifest the copy on the
network volume or, if there is none, the local disk is synchronized; that local copy, if the bucket cannot be
used; the model's publisher, after which the model is pushed to the bucket. In the bucket:

    models/blobs/<BLAKE3 of a file>
    models/manifests/<model>.json       written last: the files that it names are complete
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from speech.errors import DamagedModel, ModelError, NotFound, SpeechError
from speech.models.catalogue import Source, source_of
from speech.models.local import (
    Local,
    adopt,
    boot,
    described,
    find,
    forget_changed,
    local_model,
    manifest_path,
    note,
    stored_here,
)
from speech.models.location import Location
from speech.models.manifest import Manifest, parse
from speech.models.transfer import fetch, send
from speech.settings import settings
from speech.stores import Store

__all__ = ["FetchResult", "cache_in", "listing", "obtain", "push", "sync"]

Notify = Callable[[str], None]

FileProgress = Callable[[str, int, int], None]
"""Called with the model's name, the bytes done and the total bytes."""

MANIFESTS = "models/manifests/"


@dataclass(frozen=True, slots=True)
class FetchResult:
    """The outcome of obtaining models.

    Attributes:
        models: the models that can be loaded now.
        problems: the reason for each model that cannot.
        notes: notes for the operator.
    """

    models: dict[str, Local]
    problems: dict[str, str]
    notes: tuple[str, ...]


def cache_in(store: Store) -> Store | None:
    """Return the store if models are cached in it: a bucket, but not a folder, which would only duplicate them."""
    from speech.stores.folder import FolderStore

    return store if settings().enable_s3_model_cache and not isinstance(store, FolderStore) else None


def obtain(
    names: Iterable[str],
    location: Location,
    store: Store | None = None,
    *,
    online: bool = True,
    notify: Notify = lambda text: None,
    on_progress: FileProgress = lambda name, done, total: None,
) -> FetchResult:
    """Make models available on this machine, from the nearest source that has them.

    An error of the cache becomes a note: the model is then obtained from another source.

    Args:
        store: the bucket; None to use no cache.
        online: whether models that the cache lacks may be fetched from their publisher.
    """
    models, problems, notes = {}, {}, []
    for name in dict.fromkeys(names):
        damaged: frozenset[str] = frozenset()
        if store is not None:
            try:
                if local := sync(name, store, location, notify, on_progress):
                    models[name] = local
                    continue
            except DamagedModel as fault:
                notes.append(str(fault))
                damaged = frozenset({fault.digest})
            except SpeechError as fault:
                notes.append(f"The model cache was not used for {name}: {fault}")
        if not damaged and (local_copy := find(name, location)):
            models[name] = local_copy
            continue
        source = source_of(name)
        if source is None or not online:
            problems[name] = f"{name} is neither in the model cache nor here." + (
                "" if source else " No publisher is known for it; push it to the cache."
            )
            continue
        try:
            notify(f"{name}: fetching it from {source.name}")
            models[name] = _download(name, source, location)
        except ModelError as fault:
            problems[name] = str(fault)
            continue
        if store is not None:
            try:
                push(name, store, location, replaced=damaged, notify=notify)
            except SpeechError as fault:
                notes.append(f"{name} was not pushed to the model cache: {fault}")
    return FetchResult(models, problems, tuple(notes))


def sync(
    name: str,
    store: Store,
    location: Location,
    notify: Notify = lambda text: None,
    on_progress: FileProgress = lambda name, done, total: None,
) -> Local | None:
    """Synchronize the local copy of a model with the bucket; return None if the bucket does not have the model.

    Raises:
        DamagedModel: a file in the bucket does not match the manifest.
        ModelError: there is not enough space, or the manifest is invalid.
        StoreError: the bucket does not answer, or refuses access.
    """
    try:
        text = store.read(f"{MANIFESTS}{name}.json")
    except NotFound:
        return None
    manifest = parse(text, name)
    installed = stored_here(name, location)
    if installed and installed.files == manifest.files:
        return local_model(installed, location)
    done, total = 0, manifest.size

    def report(size: int) -> None:
        nonlocal done
        done += size
        on_progress(name, done, total)

    notify(f"{name}: {len(manifest.files)} files, {total / 1e6:.0f} MB from {store}")
    forget_changed(manifest, location)
    fetch(store, manifest.files, location.root, report)
    # Not durable: fsync here would wait for all fetched data. `fsync_model` does that later.
    note(manifest.model_copy(update={"unsettled": boot()}), location, durable=False)
    return local_model(manifest, location)


def push(
    name: str,
    store: Store,
    location: Location,
    *,
    files: Sequence[Path] = (),
    replaced: frozenset[str] = frozenset(),
    notify: Notify = lambda text: None,
    on_progress: FileProgress = lambda name, done, total: None,
) -> int:
    """Upload a model to the bucket, its manifest last; return the number of bytes sent.

    Args:
        files: files below the root of the cache; by default those of the local copy.
        replaced: digests of files to send even if the bucket has them.

    Raises:
        ModelError: there is no local copy of the model.
        StoreError: the bucket does not answer, or refuses access.
    """
    manifest = described(name, location, files) if files else stored_here(name, location)
    if manifest is None:
        raise ModelError(f"{name} is not below {location.root}; there is nothing to push.")
    done, total = 0, manifest.size

    def report(size: int) -> None:
        nonlocal done
        done += size
        on_progress(name, done, total)

    manifest = manifest.model_copy(update={"unsettled": ""})
    sent_bytes = send(store, [(file, location.root / file.path) for file in manifest.files], replaced, report)
    text = manifest.model_dump_json(indent=1)
    store.write(f"{MANIFESTS}{name}.json", text, "application/json")
    note(manifest, location)
    notify(f"{name}: {sent_bytes / 1e6:.0f} of {total / 1e6:.0f} MB sent to {store}")
    return sent_bytes


def listing(store: Store | None, location: Location) -> dict[str, tuple[Literal["bucket", "here", "both"], Manifest]]:
    """List the models in the bucket and on this machine, with their location and manifest."""
    folder = manifest_path("", location).parent
    local = {str(path.relative_to(folder).with_suffix("")): path.read_text() for path in sorted(folder.rglob("*.json"))}
    bucket: dict[str, str] = {}
    for entry in store.list(MANIFESTS) if store else ():
        bucket[entry.key.removeprefix(MANIFESTS).removesuffix(".json")] = store.read(entry.key) if store else ""
    models: dict[str, tuple[Literal["bucket", "here", "both"], Manifest]] = {}
    for name in sorted({*local, *bucket}):
        origin: Literal["bucket", "here", "both"] = (
            "both" if name in local and name in bucket else "here" if name in local else "bucket"
        )
        models[name] = (origin, parse(bucket.get(name) or local[name], name))
    return models


def _download(name: str, source: Source, location: Location) -> Local:
    """Download a model from its publisher and add it to the local cache."""
    from speech.models.hub import download

    files, revision = download(name, source, location)
    return adopt(name, location, files, source.name, revision)
