"""Implementations that are chosen by name and imported only when they are asked for."""

from __future__ import annotations

from importlib import import_module
from typing import Any

__all__ = ["make"]


def make(entry: str, **options: Any) -> Any:
    """A new instance of the class that an entry `module:class` names.

    >>> make("collections:OrderedDict")
    OrderedDict()
    """
    module, _, attribute = entry.partition(":")
    return getattr(import_module(module), attribute)(**options)
