"""The folder of models on this machine, and the variables by which libraries find it."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from speech.errors import ModelError
from speech.settings import export, settings

__all__ = ["Location", "announce", "choose"]


@dataclass(frozen=True, slots=True)
class Location:
    """The local model cache.

    Attributes:
        root: the root folder.
        rejected: the reason for each folder that could not be used.
    """

    root: Path
    rejected: tuple[str, ...] = ()

    @property
    def hub(self) -> Path:
        """Hugging Face's cache."""
        return self.root / "hub"


def candidates() -> list[Path]:
    """Return the possible root folders in order: MODELS_DIR alone if it is set, else RunPod's volume, then home."""
    values = settings()
    if values.models_dir:
        return [values.models_dir]
    return [values.runpod_volume / "models", values.f5_flows_home / "models"]


def choose(needed_bytes: int = 0) -> Location:
    """Return the first folder that is writable and has enough space.

    Args:
        needed_bytes: the required space in bytes.

    Raises:
        ModelError: there is no such folder; the text gives the problem of each.
    """
    rejected: list[str] = []
    for root in candidates():
        if problem := _problem(root, needed_bytes):
            rejected.append(problem)
        else:
            return Location(root, tuple(rejected))
    raise ModelError(
        f"There is no place for models: {' '.join(rejected)} Set MODELS_DIR to a writable folder with enough space."
    )


def _problem(root: Path, needed_bytes: int) -> str | None:
    parent = root.parent
    if root == settings().runpod_volume / "models" and not parent.is_dir():
        return f"{parent} is not mounted."
    probe = root / f".probe-{uuid4().hex[:8]}"
    try:
        root.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"probe")
        probe.unlink()
        free = shutil.disk_usage(root).free
    except OSError as fault:
        return f"{root} cannot be written to ({fault.strerror})."
    if free < needed_bytes:
        return f"{needed_bytes / 1e6:.0f} MB are needed at {root}; {free / 1e6:.0f} MB are free."
    return None


def announce(location: Location, *, offline: bool = False) -> None:
    """Set the variables by which libraries find their models; libraries read them on import.

    Args:
        offline: whether to keep libraries from asking a hub, which takes seconds for each existing file.
    """
    root = location.root
    variables = {
        "HF_HOME": root,
        "HF_HUB_CACHE": location.hub,
        "TRANSFORMERS_CACHE": location.hub,
        "TORCH_HOME": root / "torch",
        "CACHED_PATH_CACHE_ROOT": root / "cached_path",
    }
    export(
        **{name: str(path) for name, path in variables.items()},
        HF_HUB_OFFLINE="1" if offline else "0",
        HF_HUB_DISABLE_TELEMETRY="1",
    )
