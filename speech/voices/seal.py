"""The queries of voices' URLs, sealed for those who keep requests.

A signed URL opens a recording to whoever holds it, and Prefect shows the parameters of a run to all who see
its pages. What stands there is the URL with its query encrypted, after the `#`; the key lies in the store,
under `keys/`, so that any worker of that store can open it, whenever it comes to run, and nobody else.
"""

from __future__ import annotations

import secrets
from contextlib import suppress
from typing import TYPE_CHECKING
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
_kept: dict[tuple[str, str], str] = {}


def sealed(request: SpeechRequest, store: Store) -> SpeechRequest:
    """A request as it may be kept."""
    voice = request.local_voice
    if voice is None or "://" not in voice:
        return request
    return request.model_copy(update={"local_voice": seal(voice, store)})


def seal(url: str, store: Store) -> str:
    """A URL whose query can be read only with the store's key."""
    # A fragment is never sent to a host; one that looks sealed is nobody's to bring.
    place, mark, query = urldefrag(url).url.partition("?")
    if not mark:
        return place
    name, key = _key(store)
    return f"{place}#{_SIGN}{name}-{key.encrypt(query.encode()).decode()}"


def unseal(url: str, store: Store) -> str:
    """The URL that was sealed; one that was not is as it is.

    Raises:
        InvalidRequest: the store does not hold the key that it was sealed with.
    """
    from cryptography.fernet import Fernet, InvalidToken

    place, _, fragment = url.partition("#")
    if not fragment.startswith(_SIGN):
        return url
    name, _, token = fragment.removeprefix(_SIGN).partition("-")
    try:
        if not name.isalnum():
            raise InvalidToken
        return f"{place}?{Fernet(_read(store, name)).decrypt(token).decode()}"
    except (NotFound, InvalidToken, ValueError):
        message = (
            f"local_voice: {redact_url(url)} was sealed with a key that the store does not hold; send the request again"
        )
        raise InvalidRequest([Problem("local_voice", redact_url(url), "", message)]) from None


def _key(store: Store) -> tuple[str, Fernet]:
    """A key of the store, by its name; the first one that needs it makes it, and two that do so at once make two."""
    from cryptography.fernet import Fernet

    names = [name for (where, name) in list(_kept) if where == str(store)]
    for name in names or sorted(entry.key.removeprefix(FOLDER) for entry in store.list(FOLDER)):
        # Something else may have got in between.
        with suppress(ValueError, NotFound, NotText):
            return name, Fernet(_read(store, name))
    name = secrets.token_hex(8)
    store.write(f"{FOLDER}{name}", Fernet.generate_key().decode(), "text/plain")
    return name, Fernet(_read(store, name))


def _read(store: Store, name: str) -> str:
    place = (str(store), name)
    if place not in _kept:
        _kept[place] = store.read(f"{FOLDER}{name}")
    return _kept[place]
