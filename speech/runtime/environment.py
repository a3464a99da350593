"""The packages that this process can import, and those that no component may replace."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, distributions, requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from speech.errors import InstallError
from speech.runtime.components import flash_wheel
from speech.settings import bare_environment, settings

__all__ = [
    "activate",
    "active_folders",
    "base_versions",
    "is_fixed",
    "live_versions",
    "own_dependencies",
    "tags",
    "try_import",
]

# Packages that a component must never install: two versions of one in a process make it crash.
_FIXED = frozenset({"torch", "torchaudio", "torchvision", "triton", "numpy"})

_FIXED_FAMILIES = ("nvidia-", "cuda-")

# Environment variables by which the libraries of components find their folders and devices.
_LIBRARIES = (
    "CUDA_*", "OMP_*", "MKL_*", "PYTORCH_*", "TORCH_*", "HF_HOME", "HF_HUB_*", "TRANSFORMERS_CACHE",
)  # fmt: skip

_active: set[str] = set()


@cache
def live_versions() -> dict[str, str]:
    """Return the version of every package that this process can import, by normalised name."""
    return _versions(sys.path)


@cache
def base_versions() -> dict[str, str]:
    """Return the same without the packages of components."""
    return _versions([entry for entry in sys.path if entry not in _active])


def _versions(paths: Sequence[str]) -> dict[str, str]:
    versions: dict[str, str] = {}
    for distribution in distributions(path=list(paths)):
        if name := distribution.metadata["Name"]:
            versions.setdefault(canonicalize_name(name), distribution.version)
    return versions


def is_fixed(name: str) -> bool:
    """Check whether a package, given by its normalised name, must never be installed by a component."""
    return name in _FIXED or name.startswith(_FIXED_FAMILIES)


@cache
def own_dependencies() -> frozenset[str]:
    """Return this project's dependencies, including indirect ones: another version of one could break the process."""
    names: set[str] = set()
    queue = ["f5-flows"]
    while queue:
        try:
            dependencies = requires(queue.pop()) or []
        except PackageNotFoundError:
            continue
        for requirement in map(Requirement, dependencies):
            name = canonicalize_name(requirement.name)
            if name not in names and (requirement.marker is None or requirement.marker.evaluate({"extra": ""})):
                names.add(name)
                queue.append(name)
    return frozenset(names)


def tags() -> dict[str, str]:
    """Return the URL of the flash-attn wheel that fits the installed PyTorch, under `flash-attn-wheel`."""
    code = "import torch; print(torch.__version__, torch.version.cuda, torch._C._GLIBCXX_USE_CXX11_ABI)"
    completed = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=bare_environment(*_LIBRARIES)
    )
    version, cuda, abi = [*completed.stdout.split(), "", "None", "False"][:3]
    if cuda == "None":
        raise InstallError("flash-attn needs a PyTorch that was built with CUDA.")
    return {"flash-attn-wheel": flash_wheel(version, cuda, abi == "True", settings().flash_attn_wheels)}


def try_import(modules: Sequence[str], folders: Sequence[Path]) -> str | None:
    """Import modules in a child process; return what went wrong, or None."""
    paths = [str(folder) for folder in folders] + sys.path
    code = f"import sys; sys.path[:] = {paths!r}\n" + "".join(f"import {module}\n" for module in modules)
    completed = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        errors="replace",
        env=bare_environment(*_LIBRARIES),
    )
    if completed.returncode == 0:
        return None
    lines = [line for line in completed.stderr.splitlines() if line.strip()]
    return lines[-1].strip()[:300] if lines else f"its import ended with {completed.returncode}"


def activate(folders: Sequence[Path]) -> None:
    """Add folders to the import path of this process, before the interpreter's site-packages."""
    for folder in map(str, reversed(folders)):
        if folder not in sys.path:
            sites = (at for at, entry in enumerate(sys.path) if entry.endswith(("site-packages", "dist-packages")))
            sys.path.insert(next(sites, len(sys.path)), folder)
            _active.add(folder)
            live_versions.cache_clear()


def active_folders() -> tuple[Path, ...]:
    """Return the folders of components on the import path."""
    return tuple(Path(folder) for folder in sys.path if folder in _active)
