"""Standard output without what libraries print.

It belongs to the command line, whose replies are read by programs. `contextlib.redirect_stdout` would take it from all
threads, and two that overlap would not give it back.
"""

from __future__ import annotations

import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["quiet"]

_lock = threading.Lock()
_threads: Counter[int] = Counter()
_filter: _Filter | None = None


class _Filter:
    """Standard output, which drops what quiet threads write."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream

    def write(self, text: str) -> int:
        return len(text) if _threads[threading.get_ident()] else int(self.stream.write(text))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


@contextmanager
def quiet() -> Iterator[None]:
    """Drop what this thread prints within the block."""
    global _filter
    thread = threading.get_ident()
    with _lock:
        _threads[thread] += 1
        if sys.stdout is not _filter or _filter is None:
            sys.stdout = _filter = _Filter(sys.stdout)
    try:
        yield
    finally:
        with _lock:
            _threads[thread] -= 1
            if not +_threads and sys.stdout is _filter and _filter is not None:
                sys.stdout, _filter = _filter.stream, None
