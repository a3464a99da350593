"""Sealing the queries of voice URLs where requests are stored.

A signed URL gives anyone access to the recording, and Prefect shows a run's parameters to everyone who can open
its pages. The parameters therefore hold the URL with its query encrypted, after a `#`. The key is kept in the
store, under `keys/`, so that any worker with access to the store can decrypt the query whenever the run starts,
and nobody else can.
"""

from __future__ import annotations

import secrets
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import urldefrag

from speech.errors import InvalidRequest, NotFound, NotText, Problem
from speech.request import SpeechRequest
from speech.stores import Store
from speech.voices import redact_url

if TYPE_CHECKING:
    from cryptography.fernet import Fernet

__all__ = ["FOLDER", "seal", "sealed", "unseal"]

FOLDER = "keys/"
_SIGN = "sealed-"
_cache: dict[tuple[str, str], str] = {}


def sealed(request: SpeechRequest, store: Store) -> SpeechRequest:
    """Return the request with the URLs of its voices sealed."""
    changes: dict[str, Any] = {}
    if request.local_voice and "://" in request.local_voice:
        changes["local_voice"] = seal(request.local_voice, store)
    if any("://" in voice for voice in request.cast.values()):
        changes["cast"] = {
            name: seal(voice, store) if "://" in voice else voice for name, voice in request.cast.items()
        }
    return request.model_copy(update=changes) if changes else request


def seal(url: str, store: Store) -> str:
    """Encrypt a URL's query with the store's key."""
    # A client's fragment is dropped: it is never sent to a host, and must not look like a sealed query.
    base, mark, query = urldefrag(url).url.partition("?")
    if not mark:
        return base
    name, key = _key(store)
    return f"{base}#{_SIGN}{name}-{key.encrypt(query.encode()).decode()}"


def unseal(url: str, store: Store) -> str:
    """Decrypt the query of a sealed URL; other URLs are returned unchanged.

    Raises:
        InvalidRequest: the store does not hold the key with which the URL was sealed.
    """
    from cryptography.fernet import Fernet, InvalidToken

    base, _, fragment = url.partition("#")
    if not fragment.startswith(_SIGN):
        return url
    name, _, token = fragment.removeprefix(_SIGN).partition("-")
    try:
        if not name.isalnum():
            raise InvalidToken
        return f"{base}?{Fernet(_read(store, name)).decrypt(token).decode()}"
    except (NotFound, InvalidToken, ValueError):
        message = (
            f"local_voice: {redact_url(url)} was sealed with a key that the store does not hold; send the request again"
        )
        raise InvalidRequest([Problem("local_voice", redact_url(url), "", message)]) from None


def _key(store: Store) -> tuple[str, Fernet]:
    """Return a key of the store and its name, creating it if there is none; two concurrent calls may create two."""
    from cryptography.fernet import Fernet

    names = [name for (store_name, name) in list(_cache) if store_name == str(store)]
    for name in names or sorted(entry.key.removeprefix(FOLDER) for entry in store.list(FOLDER)):
        # Skip objects that are not valid keys, or were removed meanwhile.
        with suppress(ValueError, NotFound, NotText):
            return name, Fernet(_read(store, name))
    name = secrets.token_hex(8)
    store.write(f"{FOLDER}{name}", Fernet.generate_key().decode(), "text/plain")
    return name, Fernet(_read(store, name))


def _read(store: Store, name: str) -> str:
    entry = (str(store), name)
    if entry not in _cache:
        _cache[entry] = store.read(f"{FOLDER}{name}")
    return _cache[entry]
