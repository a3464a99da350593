"""The state of CUDA in this process."""

from __future__ import annotations

import sys

__all__ = ["find_fault"]


def find_fault() -> str | None:
    """Return CUDA's error after a failure, if there is one; once a context is lost, every call fails."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_initialized():
        return None
    try:
        torch.cuda.synchronize()
        torch.zeros(8, device="cuda").sum().item()
    except RuntimeError as fault:
        return str(fault).splitlines()[0]
    return None
