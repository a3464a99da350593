"""The flows that can be started, by name; each is imported when it is first loaded."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from speech.settings import scrub_logs

__all__ = ["FLOWS", "load"]

FLOWS = {
    "speak": "flows.speak.speak",
    "narrate-inbox": "flows.inbox.narrate_inbox",
    "narrate": "flows.narrate.narrate",
    "speak-part": "flows.book_parts.speak_part",
    "bind": "flows.book_parts.bind",
    "narrate-books": "flows.narrate.narrate_books",
    "sync-models": "flows.models.sync_models",
    "prune-outputs": "flows.outputs.prune_outputs",
    "add voice": "flows.voices.add",
    "list voices": "flows.voices.listing",
    "remove voice": "flows.voices.remove",
}

# A process that runs flows logs to Prefect, to a console and to files; secrets are redacted from every line first.
scrub_logs()


def load(name: str) -> Any:
    """Return the flow of that name.

    Raises:
        KeyError: there is no such flow; a flow run cannot name code that is not listed here.
    """
    module, _, attribute = FLOWS[name].rpartition(".")
    return getattr(import_module(module), attribute)
