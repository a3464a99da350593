"""How often Prefect's services look for work on the local server: the Prefect settings for it.

Prefect's defaults are for a server with many users. Here most of what they find is nothing, day and night. What a
person would notice is as quick as before: runs that are due, and cancellations.
"""

from __future__ import annotations

__all__ = ["variables"]

_VARIABLES = {
    "PREFECT_SERVER_SERVICES_LATE_RUNS_LOOP_SECONDS": "60",
    "PREFECT_SERVER_SERVICES_SCHEDULER_RECENT_DEPLOYMENTS_LOOP_SECONDS": "60",
    "PREFECT_SERVER_SERVICES_CANCELLATION_CLEANUP_LOOP_SECONDS": "60",
    "PREFECT_SERVER_SERVICES_PAUSE_EXPIRATIONS_LOOP_SECONDS": "60",
    "PREFECT_SERVER_SERVICES_CLEANUP_RECONCILER_LOOP_SECONDS": "60",
    "PREFECT_SERVER_SERVICES_REPOSSESSOR_LOOP_SECONDS": "60",
    "PREFECT_SERVER_SERVICES_FOREMAN_LOOP_SECONDS": "60",
    "PREFECT_SERVER_EVENTS_PROACTIVE_GRANULARITY": "PT60S",
}


def variables() -> dict[str, str]:
    """Return environment variables for the server's process."""
    return dict(_VARIABLES)
