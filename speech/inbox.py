"""The texts in a store's inbox: finding and reading them, and filing each with its outputs."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, replace
from pathlib import Path

from speech.errors import InvalidRequest, NotFound, StoreError
from speech.outputs import PREVIEW, TIMINGS, content_type, key
from speech.records import kinds, load
from speech.script.readers import SUFFIXES, open_document
from speech.stores import Store, exists

__all__ = ["InboxEntry", "Outcome", "Text", "file_away", "locate", "new_texts", "read"]

_INBOX, _DONE, _FAILED = "inbox/", "inbox/done/", "inbox/failed/"
# A book has a few; the rest is for the pictures and fonts of a document.
_MOST_BYTES = 100_000_000
_OUTPUTS = (*TIMINGS, PREVIEW)
_UNSAFE = re.compile(r"[\x00-\x1f\x7f\\\ud800-\udfff]")
# File systems allow 255 bytes in a name, and stores 1024 in a key; the rest is for folders and suffixes.
_MAX_NAME_BYTES, _MAX_KEY_BYTES = 200, 900


@dataclass(frozen=True, slots=True)
class InboxEntry:
    """An entry of the inbox that has not been processed.

    Attributes:
        flaw: a sentence that says why it cannot be read; None if it can.
        is_ignored: whether its name is not that of a text or a document.
    """

    key: str
    flaw: str | None = None
    is_ignored: bool = False


@dataclass(frozen=True, slots=True)
class Text:
    """A text in the inbox; if it cannot be spoken, `content` is None and `flaw` says why.

    Attributes:
        content: as it travels in a request, and its format there; None for the format to be detected.
        notes: what was assumed to read it.
        digest: of the bytes of the file.
    """

    key: str
    content: str | None
    flaw: str | None = None
    script_format: str | None = None
    notes: tuple[str, ...] = ()
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of a text: the id of the job that spoke it, or the reason why it cannot be spoken."""

    job_id: str | None = None
    reason: str | None = None


def locate(store: Store) -> str:
    """Return where people put their texts; in a folder store, the folder is created."""
    return store.locate(_INBOX)


def new_texts(store: Store) -> list[InboxEntry]:
    """Return the entries that wait: first the store's strays, which cannot be read, then the texts, oldest first.

    Files of other kinds are among them, and say so; hidden ones are not.
    """
    entries = [InboxEntry(stray.key, stray.reason) for stray in store.strays(_INBOX)]
    for entry in sorted(store.list(_INBOX), key=lambda entry: entry.modified):
        flaw = (
            f"It has {entry.size / 1e6:.1f} MB; at most {_MOST_BYTES / 1e6:g} MB are read. Split it into several files."
        )
        entries.append(InboxEntry(entry.key, flaw if entry.size > _MOST_BYTES else None))
    visible = (each for each in entries if not each.key.rpartition("/")[2].startswith(".") and each.key[-1] != "/")
    return [
        each if _suffix(each.key) else replace(each, is_ignored=True)
        for each in visible
        if not each.key.startswith((_DONE, _FAILED))
    ]


def read(store: Store, entry: InboxEntry) -> Text | None:
    """Read a text or a document; return None if it no longer exists."""
    if entry.flaw:
        return Text(entry.key, None, entry.flaw)
    try:
        data = _bytes(store, entry.key)
        document = open_document(data, "It")
    except InvalidRequest as fault:
        return Text(entry.key, None, str(fault), digest=_digest(data))
    except NotFound:
        return None
    except StoreError as fault:
        if fault.transient:
            raise
        return Text(entry.key, None, f"It cannot be read: {fault}")
    return Text(entry.key, document.text, None, document.kind, document.script.notes, _digest(data))


def file_away(text: Text, outcome: Outcome, store: Store, folder: Path) -> str:
    """File a text and its outputs, or the reason of its failure; the text is moved last. Return its final key.

    A text that was changed or removed while it was spoken is left alone, for the next visit.
    """
    if text.content is not None and _digest_of(store, text.key) != text.digest:
        return text.key
    name = text.key.removeprefix(_INBOX)
    name = name[: len(name) - len(_suffix(name))]
    try:
        return _file(text, outcome, store, folder, _fitting(name))
    except StoreError as fault:
        if fault.transient:
            raise
        # A folder or the like may already exist under that name.
        return _file(text, outcome, store, folder, _fitting(name, always=True))


def _suffix(key: str) -> str:
    """Return how the name of a text or a document ends; empty for other files."""
    return next((key[-len(each) :] for each in SUFFIXES if key.lower().endswith(each)), "")


def _bytes(store: Store, key: str) -> bytes:
    size = store.head(key).size
    return bytes(store.read_range(key, 0, size)) if size else b""


def _digest_of(store: Store, key: str) -> str | None:
    try:
        return _digest(_bytes(store, key))
    except NotFound:
        return None


def _file(text: Text, outcome: Outcome, store: Store, folder: Path, name: str) -> str:
    suffix = _suffix(text.key)
    if outcome.job_id is None:
        stem = _unused_name(store, f"{_FAILED}{name}", suffix, text)
        store.write(f"{stem}.reason.txt", f"{outcome.reason}\n", "text/plain")
    else:
        stem = _unused_name(store, f"{_DONE}{name}", suffix, text)
        record = load(store, outcome.job_id)
        for kind in kinds(record.result or {}):
            _copy(store, key(outcome.job_id, kind), f"{stem}.{kind}", content_type(kind), folder)
        # Not just .json, which may be the name of a subtitle file.
        store.write(f"{stem}.result.json", json.dumps(record.result, ensure_ascii=False, indent=1), "application/json")
    target = _filed(stem, suffix)
    store.move(text.key, target)
    return target


def _filed(stem: str, suffix: str) -> str:
    """Return the key of a text beside its outputs, some of which end as texts may."""
    return f"{stem}.script{suffix}" if suffix.lower().removeprefix(".") in _OUTPUTS else f"{stem}{suffix}"


def _unused_name(store: Store, stem: str, suffix: str, text: Text) -> str:
    """Return the stem, with a digest if an earlier text of the same name is filed under it."""
    earlier = _digest_of(store, _filed(stem, suffix))
    is_taken = earlier is not None and text.content is not None and earlier != text.digest
    suffixes = (each for each in SUFFIXES if each != suffix.lower())
    if is_taken or any(exists(store, _filed(stem, each)) for each in suffixes):
        return f"{stem}-{(text.digest or _digest(text.key.encode(errors='surrogateescape')))[:8]}"
    return stem


def _fitting(name: str, *, always: bool = False) -> str:
    """Return a name that any store accepts, with room for a suffix; a changed one, or any if `always`, gets a digest.

    >>> _fitting("letters/mine")
    'letters/mine'
    """
    parts = []
    for part in name.split("/"):
        safe = _UNSAFE.sub("_", part).encode()[:_MAX_NAME_BYTES].decode(errors="ignore").strip(".") or "_"
        parts.append(safe)
    fitting = "/".join(parts)
    if len(fitting.encode()) > _MAX_KEY_BYTES:
        fitting = parts[-1]
    if fitting == name and not always:
        return name
    return f"{fitting}-{_digest(name.encode(errors='surrogateescape'))[:8]}"


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _copy(store: Store, source: str, target: str, content_type: str, folder: Path) -> None:
    path = folder / "copy"
    store.get(source, path)
    store.put(target, path, content_type)
