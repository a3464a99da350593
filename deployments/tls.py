"""One TLS context for all of Prefect's clients.

Prefect makes several clients in each flow run, and each reads all certificate authorities, also for a server without
TLS: 17 ms of computing each time, 0.13 of the 0.32 s that a short run took. A context may be shared by any number of
connections and threads.
"""

from __future__ import annotations

import ssl
from functools import cache
from types import SimpleNamespace

__all__ = ["shared_ssl"]

shared_ssl = SimpleNamespace(**vars(ssl) | {"create_default_context": cache(ssl.create_default_context)})
"""The module `ssl`, but with one default context for each file of authorities."""
