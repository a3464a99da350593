"""Loaded models: one cache for each process, with one memory budget for engines, aligners and the transcriber."""

from __future__ import annotations

import sys
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, TypeVar, cast

from speech.settings import settings

__all__ = ["clear", "held", "parameter_bytes", "reuse"]

M = TypeVar("M")

_lock = threading.Lock()
_models: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()
# Held while one model is loaded, so that it is loaded only once and other models stay usable.
_loading: dict[Hashable, threading.Lock] = {}


def reuse(key: Hashable, load: Callable[[], M], size: Callable[[M], int]) -> M:
    """Return the model of that key, loading it if it is not loaded.

    Models stay loaded until together they exceed `MODELS_MEMORY_MB`; the least recently used ones are dropped first.
    The latest is kept, however large it is.

    Args:
        key: what decides the model, such as its files.
        size: returns the bytes that the model takes.
    """
    with _lock:
        lock = _loading.setdefault(key, threading.Lock())
    with lock:
        with _lock:
            if key in _models:
                _models.move_to_end(key)
                return cast(M, _models[key][0])
        model = load()
        bytes_used = size(model)
        with _lock:
            _make_room(settings().models_memory_mb * 1_000_000 - bytes_used)
            _models[key] = (model, bytes_used)
        return model


def clear() -> None:
    """Drop every loaded model."""
    with _lock:
        _make_room(-1)


def held() -> list[int]:
    """Return the bytes of each loaded model."""
    with _lock:
        return [size for _, size in _models.values()]


def parameter_bytes(*networks: Any) -> int:
    """Return the bytes that the parameters of PyTorch modules take."""
    return sum(one.numel() * one.element_size() for network in networks for one in network.parameters())


def _make_room(budget: int) -> None:
    dropped = 0
    while _models and sum(size for _, size in _models.values()) > budget:
        _models.popitem(last=False)
        dropped += 1
    torch = sys.modules.get("torch")
    if dropped and torch is not None and torch.cuda.is_initialized():
        # PyTorch keeps freed memory for itself, where a batch of chunks does not find it.
        torch.cuda.empty_cache()
