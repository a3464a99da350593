"""How long the local Prefect server keeps its data: the Prefect settings for it."""

from __future__ import annotations

from speech.settings import settings

__all__ = ["variables"]

_DAY = 86_400


def variables() -> dict[str, str]:
    """Return environment variables for the server's process; `deployments.local.upkeep` does what they cannot."""
    return {
        "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs",
        "PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD": str(settings().keep_days * _DAY),
        # Enough for a run's page that is opened again, and for a client that was disconnected for minutes.
        "PREFECT_SERVER_EVENTS_RETENTION_PERIOD": "P1D",
        "PREFECT_SERVER_EVENTS_MESSAGING_BROKER": "deployments.local.broker",
    }
