"""Planning the installation of a component."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from speech.errors import InstallError
from speech.runtime.components import Component, Need
from speech.runtime.environment import is_fixed, own_dependencies, tags
from speech.runtime.installers import Installer, Package

__all__ = ["WITHOUT_TORCH", "InstallPlan", "Notify", "missing_requirements", "need_of", "resolve"]

Notify = Callable[[str], None]

WITHOUT_TORCH = "{name} needs PyTorch, which is never installed for you; see pytorch.org."


@dataclass(frozen=True, slots=True)
class InstallPlan:
    """The effects of installing a component.

    Attributes:
        packages: the packages to fetch.
        moved: old and new version of each package whose installed version does not fit.
    """

    component: str
    packages: tuple[Package, ...]
    moved: Mapping[str, tuple[str, str]]

    @property
    def size(self) -> int:
        """Download size in bytes, as far as the index gives it."""
        return sum(package.size or 0 for package in self.packages)

    def __str__(self) -> str:
        names = ", ".join(f"{package.name} {package.version}" for package in self.packages)
        moved = "".join(f"; {name} {new} is used in place of {old}" for name, (old, new) in self.moved.items())
        return f"{self.component}: {len(self.packages)} packages, {self.size / 1e6:.0f} MB to download ({names}){moved}"


def need_of(component: Component, live: Mapping[str, str]) -> Need:
    """Return the requirements of a component that fit the installed versions.

    Raises:
        InstallError: the component needs PyTorch, or a CUDA build of it, which is not installed.
    """
    if component.torch and "torch" not in live:
        raise InstallError(WITHOUT_TORCH.format(name=component.name))
    return component.needs({**live, **tags()} if component.name == "flash-attn" else live)


def missing_requirements(need: Need, live: Mapping[str, str]) -> list[str]:
    """Return the requirements that no installed version meets."""
    lacking = []
    for requirement in map(Requirement, (*need.whole, *need.bare)):
        version = live.get(canonicalize_name(requirement.name))
        if version is None or not requirement.specifier.contains(version, prereleases=True):
            lacking.append(f"{requirement.name}{requirement.specifier}" + (f" (here is {version})" if version else ""))
    return lacking


def resolve(component: Component, need: Need, live: Mapping[str, str], installer: Installer, home: Path) -> InstallPlan:
    """Resolve a component's missing packages.

    All installed versions are kept if possible. Otherwise a package may get a second version in the component's
    folder, unless it is fixed or a dependency of this project.

    Raises:
        InstallError: there is no solution; the text says why.
    """
    home.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{component.name}-", dir=home) as folder:
        constraints = Path(folder) / "constraints.txt"

        def attempt(names: Sequence[str]) -> list[Package]:
            pins = "\n".join(f"{name}=={live[name]}" for name in names if name != "f5-flows")
            constraints.write_text(pins, encoding="utf-8")
            candidates = installer.resolve(need.whole, constraints, alone=False) if need.whole else []
            return candidates + (installer.resolve(need.bare, constraints, alone=True) if need.bare else [])

        try:
            candidates = attempt(list(live))
        except InstallError as fault:
            if "cannot be reached" in str(fault):
                raise
            candidates = attempt([name for name in live if name in own_dependencies() or is_fixed(name)])
    # Drop packages in active folders, which the installer does not see: it knows only the interpreter's.
    packages = tuple(package for package in candidates if live.get(package.name) != package.version)
    if conflicts := [
        each for each in packages if each.name in live and (is_fixed(each.name) or each.name in own_dependencies())
    ]:
        raise InstallError(
            f"it would install {', '.join(f'{each.name} {each.version}' for each in conflicts)}, "
            "but the installed versions must not change."
        )
    moved = {each.name: (live[each.name], each.version) for each in packages if each.name in live}
    return InstallPlan(component.name, packages, moved)
