"""Install the components that a request requires."""

from __future__ import annotations

from prefect.logging import get_run_logger

from speech.request import SpeechRequest
from speech.requirements import Requirements, install_components
from speech.stores import Store
from speech.voices import find
from tasks.step import step

__all__ = ["ensure_runtime"]


@step("ensure runtime", timeout="setup_timeout")
def ensure_runtime(required: Requirements, request: SpeechRequest, store: Store) -> list[str]:
    """Install what is missing; returns what the user should know about optional components."""
    log = get_run_logger()
    # A wrong voice name must not cost minutes of installing first.
    find(request.local_voice, store)
    return install_components(required, lambda text: log.info("%s", text))
