"""Before the first step, where F5-TTS speaks: what it needs is installed."""

from __future__ import annotations

from collections.abc import Callable

from prefect.logging import get_run_logger

from speech.errors import InstallError
from speech.needs import Needs
from speech.request import SpeechRequest
from speech.runtime import ensure
from speech.settings import settings
from speech.stores import Store
from speech.voices import find
from tasks.step import step

__all__ = ["ensure_runtime", "install"]


@step("ensure runtime", timeout=settings().setup_timeout)
def ensure_runtime(needs: Needs, request: SpeechRequest, store: Store) -> list[str]:
    """Install what is missing; returns what the user should know of what the request can do without."""
    log = get_run_logger()
    # A name that is wrong must not cost minutes first.
    find(request.local_voice, store)
    return install(needs, lambda text: log.info("%s", text))


def install(needs: Needs, tell: Callable[[str], None]) -> list[str]:
    """Do so outside of a flow run too.

    Raises:
        InstallError: one without which nothing works cannot be installed.
    """
    notes = []
    for name in needs.components:
        ensure(name, tell)
    for name in needs.useful_components:
        try:
            ensure(name, tell)
        except InstallError as fault:
            notes.append(str(fault))
    return notes
