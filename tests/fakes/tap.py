"""A proxy that counts every call to a server, and answers the ones that it is told badly, once."""

from __future__ import annotations

import re
from collections import Counter

from tests.fakes.faults import FaultyProxy

__all__ = ["KINDS", "Tap"]

# What an answer can be instead of itself; after `cut`, and after `nothing` to what is not a GET, the call was done.
KINDS = ("page", "cut", "nothing", "fault", "unauthorized", "late")
_NAMES = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}(-u1)?|(?<=/)b\d+(?=/|$)")


class Tap(FaultyProxy):
    """Serves on a loopback port of its own until `stop`.

    Attributes:
        calls: how often each call was made since `listen`, as method and path with `*` for each id.
        broken: the calls that were answered badly since then, and how.
    """

    def __init__(self, upstream: str, *, signed: bool = False) -> None:
        super().__init__(upstream, signed=signed)
        self.listen()
        self.mode = self._count

    def listen(self, wanted: dict[tuple[str, int], str] | None = None) -> None:
        """Count anew, and break the calls of these names and numbers, counted from 1."""
        self.calls: Counter[str] = Counter()
        self.broken: list[tuple[str, str]] = []
        self._wanted = dict(wanted or {})

    def _count(self, method: str, path: str) -> str:
        name = f"{method} {_NAMES.sub('*', path)}"
        self.calls[name] += 1
        if kind := self._wanted.pop((name, self.calls[name]), None):
            self.broken.append((name, kind))
        return kind or "plain"
