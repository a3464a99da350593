"""What can be started: each flow by its name, imported when it is asked for."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from speech.settings import scrub_logs

__all__ = ["FLOWS", "load"]

FLOWS = {
    "speak": "flows.speak.speak",
    "narrate-inbox": "flows.inbox.narrate_inbox",
    "sync-models": "flows.models.sync_models",
    "prune-outputs": "flows.outputs.prune_outputs",
    "add voice": "flows.voices.add",
    "list voices": "flows.voices.listing",
    "remove voice": "flows.voices.remove",
}

# Whoever runs a flow logs to Prefect, to a console and to files; each line passes here first.
scrub_logs()


def load(name: str) -> Any:
    """The flow of that name.

    Raises:
        KeyError: there is none; a flow run cannot name code that is not listed here.
    """
    module, _, attribute = FLOWS[name].rpartition(".")
    return getattr(import_module(module), attribute)
