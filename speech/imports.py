"""Imports of large libraries, without the parts that are never called.

Most of the seconds that F5-TTS and WhisperX take to import go into plots, tables and compilers that synthesis and
alignment have no use for. While such a library is imported, empty stand-ins take their place.
"""

from __future__ import annotations

import importlib.machinery
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from types import ModuleType

__all__ = ["importing"]

# Another thread would import the stand-ins as well.
_lock = threading.RLock()


class _StandIn(ModuleType):
    """A module from which anything can be imported, but nothing can be called."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        # Libraries look for the specification of a module to see whether it is installed.
        self.__spec__ = importlib.machinery.ModuleSpec(name, None)

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)

        def fail(*_: object, **__: object) -> None:
            raise RuntimeError(f"{self.__name__}.{name} was left out when its library was imported.")

        return fail


@contextmanager
def importing(stand_ins: Mapping[str, Mapping[str, object]] | None = None) -> Iterator[None]:
    """Let this thread alone import, with stand-ins for some modules; they are gone afterwards.

    Code that imports one of these modules for its own use does so in such a context, too.

    Args:
        stand_ins: for each module, by its full name, the attributes that are used on import. A module that is imported
            already is kept and has these attributes for the time of the context, since other threads may be using it.
    """
    with _lock, ExitStack() as stack:
        for name, attributes in (stand_ins or {}).items():
            # None stands for a module that must not be imported.
            if sys.modules.get(name) is None:
                hidden = name in sys.modules
                sys.modules[name] = _StandIn(name)
                stack.callback(_forget, name, hidden)
            stack.enter_context(_attributes(sys.modules[name], attributes))
        yield


def _forget(name: str, hidden: bool) -> None:
    if hidden:
        sys.modules[name] = None  # type: ignore[assignment]
    else:
        sys.modules.pop(name, None)


@contextmanager
def _attributes(module: ModuleType, attributes: Mapping[str, object]) -> Iterator[None]:
    before = {name: module.__dict__[name] for name in attributes if name in module.__dict__}
    module.__dict__.update(attributes)
    try:
        yield
    finally:
        for name in attributes.keys() - before:
            del module.__dict__[name]
        module.__dict__.update(before)
