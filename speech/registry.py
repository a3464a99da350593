"""Implementations that are chosen by name and imported on first use."""

from __future__ import annotations

from importlib import import_module
from typing import Any

__all__ = ["make"]


def make(entry: str, **options: Any) -> Any:
    """Create an instance of the class named by an entry `module:class`.

    >>> make("collections:OrderedDict")
    OrderedDict()
    """
    module, _, attribute = entry.partition(":")
    return getattr(import_module(module), attribute)(**options)
