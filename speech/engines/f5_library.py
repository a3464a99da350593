"""The part of f5_tts that synthesis calls, imported without its trainer, its plots and its recognizer.

A flash-attn that fails to import would break f5_tts and transformers, which only check whether it is installed; it is
hidden from them.
"""

from __future__ import annotations

import importlib
import sys
from importlib.util import find_spec
from typing import Any

from torch.overrides import TorchFunctionMode

from speech.imports import importing

__all__ = ["DiT", "blank", "flash_attention", "get_epss_timesteps", "utils_infer"]

_UNUSED: dict[str, dict[str, object]] = {
    "einx": {},
    "f5_tts.model.trainer": {},
    "librosa": {},
    "librosa.filters": {},
    "matplotlib": {"use": lambda backend: None},
    "matplotlib.pylab": {},
    "torchdiffeq._impl.scipy_wrapper": {},
    "transformers": {"pipeline": None},
}


def _has_flash_attention() -> bool:
    if find_spec("flash_attn") is None:
        return False
    try:
        importlib.import_module("flash_attn")
    except Exception:
        # None makes the import system report that there is no such package.
        sys.modules["flash_attn"] = None  # type: ignore[assignment]
        return False
    return True


flash_attention = _has_flash_attention()

with importing(_UNUSED):
    from f5_tts.infer import utils_infer
    from f5_tts.model.backbones.dit import DiT
    from f5_tts.model.utils import get_epss_timesteps


class _Uninitialized(TorchFunctionMode):  # type: ignore[misc]
    """Leaves new parameters as they are instead of filling them with random numbers."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        # In PyTorch's names: kaiming_uniform_, trunc_normal_, Tensor.uniform_ and so on.
        if getattr(func, "__name__", "").endswith(("uniform_", "normal_")):
            return args[0] if args else kwargs["tensor"]
        return func(*args, **kwargs)


def blank(**architecture: Any) -> Any:
    """Return f5_tts's network without weights, for a checkpoint that has all of them.

    Random ones, which PyTorch would make first, take seven eighths of the time to load a model.
    """
    with _Uninitialized():
        return DiT(**architecture)
