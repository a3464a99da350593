"""Install the components that a request requires."""

from __future__ import annotations

from prefect.logging import get_run_logger

from speech.requirements import Requirements, install_components
from tasks.step import step

__all__ = ["ensure_runtime"]


@step("ensure runtime", timeout="setup_timeout")
def ensure_runtime(required: Requirements) -> list[str]:
    """Install what is missing; return notes for the user about optional components."""
    log = get_run_logger()
    return install_components(required, lambda text: log.info("%s", text))
