"""Fetch the models that a request requires, from the nearest source that has them."""

from __future__ import annotations

from prefect.logging import get_run_logger

from speech.errors import ModelError
from speech.models import choose, listing, sync
from speech.requirements import Requirements
from speech.requirements import fetch_models as fetch
from speech.stores import Store
from tasks.step import step

__all__ = ["fetch_models", "sync_models"]


@step("sync models", timeout="setup_timeout")
def sync_models(required: Requirements, store: Store) -> list[str]:
    """Make every required model loadable; return notes for the user.

    Raises:
        ModelError: a model that the request cannot do without cannot be fetched.
    """
    log = get_run_logger()
    return fetch(required, store, lambda text: log.info("%s", text))


@step("fetch models", timeout="setup_timeout")
def fetch_models(store: Store, names: list[str] | None) -> list[str]:
    """Fetch models from the bucket; return their names.

    Args:
        names: the models to fetch; None or empty for all that are not on this machine.

    Raises:
        ModelError: a named model is not in the bucket.
    """
    log, location = get_run_logger(), choose()
    wanted = names or [name for name, (where, _) in listing(store, location).items() if where != "here"]
    for name in wanted:
        if sync(name, store, location, lambda text: log.info("%s", text)) is None:
            raise ModelError(f"The model {name!r} is not in {store}; see: f5-flows models list")
    return wanted
