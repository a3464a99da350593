"""Before the first step, where F5-TTS speaks: its models are brought here from the nearest place that has them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from prefect.logging import get_run_logger

from speech.errors import ModelError
from speech.models import announce, cache_in, choose, listing, obtain, settle, sync
from speech.needs import Needs
from speech.settings import settings
from speech.stores import Store
from tasks.step import step

__all__ = ["bring", "fetch_models", "sync_models"]

# For so long a warm worker does not ask again whether the cache has changed.
_TRUSTED_SECONDS = 600.0
_obtained: dict[tuple[str, str], float] = {}


@step("sync models", timeout=settings().setup_timeout)
def sync_models(needs: Needs, store: Store) -> list[str]:
    """Make every model loadable; returns what the user should know.

    Raises:
        ModelError: one without which the request fails cannot be had.
    """
    log = get_run_logger()
    return bring(needs, store, lambda text: log.info("%s", text))


def bring(needs: Needs, store: Store, tell: Callable[[str], None]) -> list[str]:
    """Do so outside of a flow run too.

    Raises:
        ModelError: one without which the request fails cannot be had.
    """
    place = choose()
    names = [
        name
        for name in (*needs.models, *needs.useful_models)
        if time.monotonic() - _obtained.get((str(place.root), name), -_TRUSTED_SECONDS) >= _TRUSTED_SECONDS
    ]
    if not names:
        return []
    announce(place)
    found = obtain(names, place, cache_in(store), tell=tell)
    announce(place, offline=True)
    _obtained.update({(str(place.root), name): time.monotonic() for name in found.models})
    for name in found.models:
        threading.Thread(target=settle, args=(name, place), daemon=True).start()
    if lacking := [problem for name, problem in found.problems.items() if name in needs.models]:
        raise ModelError("; ".join(lacking))
    return [*found.notes, *found.problems.values()]


@step("fetch models", timeout=settings().setup_timeout)
def fetch_models(store: Store, names: list[str] | None) -> list[str]:
    """Bring models from the bucket; returns the names of those that are here now.

    Raises:
        ModelError: one that was named is not in the bucket.
    """
    log, place = get_run_logger(), choose()
    wanted = names or [name for name, (where, _) in listing(store, place).items() if where != "here"]
    for name in wanted:
        if sync(name, store, place, lambda text: log.info("%s", text)) is None:
            raise ModelError(f"The model {name!r} is not in {store}; see: f5-flows models list")
    return wanted
