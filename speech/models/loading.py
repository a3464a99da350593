"""Loading model files from untrusted sources."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from contextlib import contextmanager

from speech.errors import ModelError, SpeechError
from speech.imports import importing
from speech.quiet import quiet
from speech.settings import export

__all__ = ["loading"]


@contextmanager
def loading(name: str) -> Iterator[None]:
    """Load untrusted model files within the block: no code in them is run, and errors are reported clearly.

    One thread loads at a time, since libraries import parts of themselves meanwhile.

    Raises:
        ModelError: the files hold something other than weights, or are damaged.
    """
    # PyTorch obeys this at every load, even if a library explicitly asks for a full pickle.
    export(TORCH_FORCE_WEIGHTS_ONLY_LOAD="1")
    try:
        with importing(), quiet():
            yield
    except (SpeechError, ImportError, OSError, RuntimeError, ValueError, KeyError):
        raise
    except pickle.UnpicklingError:
        raise ModelError(
            f"{name} was not loaded: its checkpoint holds more than weights, and code in it is never run; "
            "save it as safetensors."
        ) from None
    except Exception as fault:
        reason = str(fault).splitlines()[0][:200] if str(fault) else type(fault).__name__
        raise ModelError(f"{name} was not loaded: its files are damaged ({reason}).") from None
