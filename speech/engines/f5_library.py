"""The inference part of f5_tts, imported without its training part.

`f5_tts.model` imports its trainer, and with it four packages that inference never calls; if any of them
is missing, an empty stand-in replaces the trainer. A flash-attn that fails to import would break f5_tts
and transformers, which only check whether it is installed; it is hidden from them.
"""

from __future__ import annotations

import importlib
import importlib.machinery
import sys
from importlib.util import find_spec
from types import ModuleType

__all__ = ["DiT", "flash_attention", "get_epss_timesteps", "utils_infer"]

_TRAINING = ("accelerate", "datasets", "ema_pytorch", "wandb")


def _hide(name: str, **attributes: object) -> None:
    """Put an empty stand-in module into `sys.modules`."""
    module = ModuleType(name)
    module.__spec__ = importlib.machinery.ModuleSpec(name, None)
    module.__dict__.update(attributes)
    sys.modules[name] = module


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

if not all(find_spec(name) for name in _TRAINING):
    _hide("f5_tts.model.trainer", Trainer=object)
if find_spec("librosa") is None:
    # Only BigVGAN's features need librosa. transformers checks for it on import, so it is imported first.
    importlib.import_module("transformers")
    _hide("librosa")
    _hide("librosa.filters", mel=None)

from f5_tts.infer import utils_infer  # noqa: E402
from f5_tts.model.backbones.dit import DiT  # noqa: E402
from f5_tts.model.utils import get_epss_timesteps  # noqa: E402
