"""Before the first step, where F5-TTS speaks: what it needs is installed."""

from __future__ import annotations

from prefect.logging import get_run_logger

from speech.errors import InstallError
from speech.needs import Needs
from speech.runtime import ensure
from speech.settings import settings
from tasks.step import step

__all__ = ["ensure_runtime"]


@step("ensure runtime", timeout=settings().setup_timeout)
def ensure_runtime(needs: Needs) -> list[str]:
    """Install what is missing; returns what the user should know of what the request can do without."""
    log, notes = get_run_logger(), []
    for name in needs.components:
        ensure(name, lambda text: log.info("%s", text))
    for name in needs.useful_components:
        try:
            ensure(name, lambda text: log.info("%s", text))
        except InstallError as fault:
            notes.append(str(fault))
    return notes
