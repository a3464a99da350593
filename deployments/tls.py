"""One TLS context for all of Prefect's clients.

Prefect makes several clients in each flow run, and each reads all certificate authorities, also for a server without
TLS: 17 ms of computing each time, 0.13 of the 0.32 s that a short run took. A context may be shared by any number of
connections and threads.
"""

from __future__ import annotations

import ssl
from functools import cache
from types import SimpleNamespace

from prefect.client import orchestration

__all__ = ["share"]


def share() -> None:
    """Make Prefect's clients in this process share a context for each file of authorities; repeating it is harmless."""
    if vars(orchestration)["ssl"] is ssl:
        ours = SimpleNamespace(**vars(ssl))
        ours.create_default_context = cache(ssl.create_default_context)
        vars(orchestration)["ssl"] = ours
