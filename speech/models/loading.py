"""Loading files that may come from anybody."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from contextlib import contextmanager

from speech.errors import ModelError, SpeechError
from speech.settings import export

__all__ = ["loading"]


@contextmanager
def loading(name: str) -> Iterator[None]:
    """Load a model's files, which may come from anybody: nothing in them is run, and what is wrong is said.

    Raises:
        ModelError: they hold something other than weights, or are damaged.
    """
    # PyTorch looks at it at every load, also at those of libraries that ask for pickles by name.
    export(TORCH_FORCE_WEIGHTS_ONLY_LOAD="1")
    try:
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
