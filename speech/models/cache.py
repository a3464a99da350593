"""The model cache: every model lies in the bucket once, and is brought here whole or not at all.

A model is sought in this order: what the bucket's manifest says is brought up to date on the network
volume or, where there is none, on the local disk; without the bucket, what lies there is used; what
neither has comes from where it is published, and is then pushed up to the bucket. In the bucket:

    models/blobs/<BLAKE3 of a file>
    models/manifests/<model>.json       written last: what it names is complete
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

__all__ = ["Obtained", "cache_in", "listing", "obtain", "push", "sync"]

Tell = Callable[[str], None]

Progress = Callable[[str, int, int], None]
"""Called with the model, the bytes done and the bytes in all."""

MANIFESTS = "models/manifests/"


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


def obtain(
    names: Iterable[str],
    location: Location,
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
                if local := sync(name, store, location, tell, progress):
                    models[name] = local
                    continue
            except DamagedModel as fault:
                notes.append(str(fault))
                damaged = frozenset({fault.digest})
            except SpeechError as fault:
                notes.append(f"The model cache was not used for {name}: {fault}")
        if not damaged and (here := find(name, location)):
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
            models[name] = _first_load(name, source, location)
        except ModelError as fault:
            problems[name] = str(fault)
            continue
        if store is not None:
            try:
                push(name, store, location, again=damaged, tell=tell)
            except SpeechError as fault:
                notes.append(f"{name} was not pushed to the model cache: {fault}")
    return Obtained(models, problems, tuple(notes))


def sync(
    name: str,
    store: Store,
    location: Location,
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
    here = stored_here(name, location)
    if here and here.files == manifest.files:
        return local_model(here, location)
    done, total = 0, manifest.size

    def arrived(size: int) -> None:
        nonlocal done
        done += size
        progress(name, done, total)

    tell(f"{name}: {len(manifest.files)} files, {total / 1e6:.0f} MB from {store}")
    forget_changed(manifest, location)
    fetch(store, manifest.files, location.root, arrived)
    # To wait for the disk here would wait for all that was fetched; `fsync_model` does that at leisure.
    note(manifest.model_copy(update={"unsettled": boot()}), location, durable=False)
    return local_model(manifest, location)


def push(
    name: str,
    store: Store,
    location: Location,
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
    manifest = described(name, location, files) if files else stored_here(name, location)
    if manifest is None:
        raise ModelError(f"{name} does not lie below {location.root}; there is nothing to push.")
    done, total = 0, manifest.size

    def gone(size: int) -> None:
        nonlocal done
        done += size
        progress(name, done, total)

    manifest = manifest.model_copy(update={"unsettled": ""})
    sent = send(store, [(file, location.root / file.path) for file in manifest.files], again, gone)
    text = manifest.model_dump_json(indent=1)
    store.write(f"{MANIFESTS}{name}.json", text, "application/json")
    note(manifest, location)
    tell(f"{name}: {sent / 1e6:.0f} of {total / 1e6:.0f} MB sent to {store}")
    return sent


def listing(store: Store | None, location: Location) -> dict[str, tuple[Literal["bucket", "here", "both"], Manifest]]:
    """Every model that the bucket or this machine has."""
    folder = manifest_path("", location).parent
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


def _first_load(name: str, source: Source, location: Location) -> Local:
    from speech.models.hub import download

    files, revision = download(name, source, location)
    return adopt(name, location, files, source.name, revision)
