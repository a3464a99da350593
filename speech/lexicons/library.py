"""The stored lexicons, `lexicons/<name>.csv`."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

from speech.errors import InvalidRequest, NotFound, Problem
from speech.lexicons.reader import read
from speech.lexicons.row import Row, check_name
from speech.lexicons.table import write
from speech.stores import Entry, Store, exists

__all__ = ["add", "find", "listing", "remove", "text_of"]

_FOLDER = "lexicons/"
_FIELD = "lexicon_name"
_MOST_NAMED = 20


def find(lexicon: str | Sequence[Row] | None, store: Store, field: str = "lexicon") -> tuple[Row, ...]:
    """Find the rows of a lexicon, which may be the name of a stored one.

    Args:
        field: what errors call it.

    Raises:
        InvalidRequest: there is none of that name, or what is stored cannot be read.
    """
    if isinstance(lexicon, str):
        return read(text_of(lexicon, store, field).encode(), f"{field}: {lexicon}").rows
    return tuple(lexicon or ())


def listing(store: Store) -> dict[str, Entry]:
    """Return the stored lexicons by name, in the order of the alphabet."""
    entries = {entry.key.removeprefix(_FOLDER): entry for entry in store.list(_FOLDER)}
    names = sorted(name for name in entries if name.endswith(".csv") and "/" not in name)
    return {name.removesuffix(".csv"): entries[name] for name in names}


def text_of(name: str, store: Store, field: str = _FIELD) -> str:
    """Return a stored lexicon as CSV.

    Raises:
        InvalidRequest: there is none of that name; the text names those that there are.
    """
    name = _checked(name, field)
    try:
        return store.read(_key(name))
    except NotFound:
        raise _unknown(name, listing(store), field) from None


def add(name: str, rows: Iterable[Row], store: Store, *, overwrite: bool = False) -> str:
    """Store rows as a lexicon; return the name under which it is found.

    Raises:
        InvalidRequest: the name is not valid, or taken.
    """
    name = _checked(name, _FIELD)
    if not overwrite and name in listing(store):
        message = f"{_FIELD}: {name!r} is taken; give another name, or overwrite it"
        raise InvalidRequest([Problem(_FIELD, name, "", message)])
    store.write(_key(name), write(rows), "text/csv")
    return name


def remove(name: str, store: Store) -> None:
    """Remove a stored lexicon.

    Raises:
        InvalidRequest: there is none of that name.
    """
    name = _checked(name, _FIELD)
    if not exists(store, _key(name)):
        raise _unknown(name, listing(store), _FIELD)
    store.delete(_key(name))


def _key(name: str) -> str:
    return f"{_FOLDER}{name}.csv"


def _checked(name: str, field: str) -> str:
    try:
        return check_name(name, field)
    except ValueError as fault:
        raise InvalidRequest([Problem(field, name, "", str(fault))]) from None


def _unknown(name: str, accepted: Iterable[str], field: str) -> InvalidRequest:
    names = list(accepted)
    near = difflib.get_close_matches(name, names, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else "."
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    there = f"Stored: {', '.join(names[:_MOST_NAMED])}{more}" if names else "None is stored"
    message = f"{field}: there is no lexicon {name!r}{hint} {there}"
    return InvalidRequest([Problem(field, name, "the name of a stored lexicon", message)])
