"""Where models lie on this machine, and the variables by which libraries find that place."""

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
    """The root of the cache on this machine.

    Attributes:
        root: everything lies below it.
        passed_over: for each place that was not taken, why.
    """

    root: Path
    rejected: tuple[str, ...] = ()

    @property
    def hub(self) -> Path:
        """Hugging Face's cache."""
        return self.root / "hub"


def candidates() -> list[Path]:
    """The places in the order in which they are tried: MODELS_DIR, RunPod's volume, the local home."""
    values = settings()
    if values.models_dir:
        return [values.models_dir]
    return [values.runpod_volume / "models", values.f5_flows_home / "models"]


def choose(wanted: int = 0) -> Location:
    """The first place that can be written to and has room.

    Args:
        wanted: bytes.

    Raises:
        ModelError: there is none; the text says what is wrong with each.
    """
    passed: list[str] = []
    for root in candidates():
        if problem := _problem(root, wanted):
            passed.append(problem)
        else:
            return Location(root, tuple(passed))
    raise ModelError(f"There is no place for models: {' '.join(passed)} Set MODELS_DIR to one.")


def _problem(root: Path, wanted: int) -> str | None:
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
    return f"{root} has {free / 1e6:.0f} MB left of {wanted / 1e6:.0f} MB." if free < wanted else None


# The four files that make nltk's sentence splitter load, which whisperx does for each text. They are
# empty: what is aligned is one piece, and how it is split changes no time.
_PUNKT = ("abbrev_types.txt", "collocations.tab", "ortho_context.tab", "sent_starters.txt")


_PUNKT_LANGUAGES = (
    "czech", "danish", "dutch", "english", "estonian", "finnish", "french", "german", "greek", "italian",
    "malayalam", "norwegian", "polish", "portuguese", "russian", "slovene", "spanish", "swedish", "turkish",
)  # fmt: skip


def announce(location: Location, *, offline: bool = False) -> None:
    """Set every variable by which a library finds its models; libraries read them when they are imported.

    Args:
        offline: no library may ask a hub, which would cost seconds for each file that is there.
    """
    root = location.root
    for language in _PUNKT_LANGUAGES:
        folder = root / "nltk" / "tokenizers" / "punkt_tab" / language
        folder.mkdir(parents=True, exist_ok=True)
        for name in _PUNKT:
            (folder / name).touch()
    variables = {
        "HF_HOME": root,
        "HF_HUB_CACHE": location.hub,
        "TRANSFORMERS_CACHE": location.hub,
        "TORCH_HOME": root / "torch",
        "NLTK_DATA": root / "nltk",
        "CACHED_PATH_CACHE_ROOT": root / "cached_path",
    }
    export(
        **{name: str(path) for name, path in variables.items()},
        HF_HUB_OFFLINE="1" if offline else "0",
        HF_HUB_DISABLE_TELEMETRY="1",
    )
