"""Runtime components: installed when a request first needs them, beside the environment and never into it.

A component is resolved against the running interpreter, and only the missing packages are fetched, into a
separate folder:

    <runtime home>/<component>-<digest>/       the packages
    <runtime home>/<component>-<digest>.json   the marker: versions, sizes, the environment it was made for

The packages are fetched under a temporary name, imported once in a child process, and only then renamed.
A killed process therefore leaves nothing that looks complete, a component that fails to import is removed,
and two machines may share the runtime home. A marker can only name folders next to it; folders that belong
to another user or are writable by everyone are not imported from. `use` adds the folders to the import path
before the interpreter's own. They never hold PyTorch, numpy, a CUDA library, or a dependency of this project.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from speech.errors import InstallError
from speech.files import write_text
from speech.runtime.components import COMPONENTS, Component
from speech.runtime.environment import activate, active_folders, base_versions, live_versions, try_import
from speech.runtime.folders import digest, home, installed, lock, mark
from speech.runtime.installers import Installer
from speech.runtime.installers import choose as choose_installer
from speech.runtime.plan import WITHOUT_TORCH, InstallPlan, Notify, missing_requirements, need_of, resolve

__all__ = ["ComponentState", "check", "ensure", "plan", "remove", "use"]

# Ratio of installed size to download size, including compiled files; measured on f5-tts and whisperx.
_GROWTH = 4

Level = Literal["ready", "absent", "broken"]


@dataclass(frozen=True, slots=True)
class ComponentState:
    """The state of a component.

    Attributes:
        level: ready; absent (not installed, or in a version that does not fit); broken (installed, but
            fails to import).
        sentence: the finding, for people.
        folders: the component's folder, then those of components whose packages it shares; empty if the
            environment itself has all packages.
    """

    level: Level
    sentence: str
    folders: tuple[Path, ...] = ()


def check(name: str, components: Mapping[str, Component] = COMPONENTS) -> ComponentState:
    """Check whether a component is installed and imports, without changing anything.

    First the versions of the packages are compared; then the imports are tried in a child process, once per
    set of versions.
    """
    component = components[name]
    if component.torch and find_spec("torch") is None:
        return ComponentState("absent", WITHOUT_TORCH.format(name=name))
    try:
        live = live_versions()
        need = need_of(component, base_versions())
    except InstallError as fault:
        return ComponentState("absent", str(fault))
    if folders := installed(component, need):
        return ComponentState("ready", f"{name} is installed in {folders[0].name}.", folders)
    if lacking := missing_requirements(need, live):
        return ComponentState("absent", f"{name} needs {', '.join(lacking)}.")
    marker = home() / f"{name}-{digest(component, need, live)}.checked"
    if marker.exists():
        return ComponentState("ready", f"{name} is part of this environment.")
    if problem := try_import(component.imports, ()):
        return ComponentState("broken", f"{name} is installed but fails to import: {problem}")
    # If the home is not writable, the imports are tried again next time.
    with suppress(OSError):
        write_text(marker, json.dumps(sorted(live.items())))
    return ComponentState("ready", f"{name} is part of this environment.")


def plan(
    name: str, installer: Installer | None = None, components: Mapping[str, Component] = COMPONENTS
) -> InstallPlan:
    """Return what `ensure` would install.

    Raises:
        InstallError: no set of packages fits the environment; the text says why.
    """
    component = components[name]
    live = live_versions()
    need = need_of(component, live)
    try:
        return resolve(component, need, live, installer or choose_installer(), home())
    except InstallError as fault:
        raise InstallError(f"{name} cannot be installed: {fault}") from None


def ensure(
    name: str,
    notify: Notify = lambda text: None,
    installer: Installer | None = None,
    components: Mapping[str, Component] = COMPONENTS,
) -> ComponentState:
    """Make a component usable in this process, installing it if necessary; one process installs at a time.

    Raises:
        InstallError: the component cannot be installed, or fails to import; nothing of it is left behind.
    """
    state = check(name, components)
    if state.level != "ready":
        with lock(name, notify):
            state = check(name, components)
            if state.level != "ready":
                notify(state.sentence)
                state = _install(components[name], installer or choose_installer(), notify, components)
    use(state)
    return state


def use(state: ComponentState) -> None:
    """Add a component's folders to the import path of this process."""
    activate(state.folders)


def remove(name: str) -> list[Path]:
    """Remove a component's folders; return their paths."""
    with lock(name, lambda text: None):
        markers = list(home().glob(f"{name}-*.json"))
        folders = [marker.with_suffix("") for marker in markers]
        for path in (*markers, *home().glob(f"{name}-*.checked")):
            path.unlink(missing_ok=True)
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)
    return folders


def _install(
    component: Component, installer: Installer, notify: Notify, components: Mapping[str, Component]
) -> ComponentState:
    name, root = component.name, home()
    companions = _activate_others(name, components)
    live = live_versions()
    need = need_of(component, live)
    for stale in root.glob(f".{name}-*"):
        shutil.rmtree(stale, ignore_errors=True)
    began = time.monotonic()
    try:
        install_plan = resolve(component, need, live, installer, root)
        if not install_plan.packages:
            raise InstallError(f"it is installed but fails to import: {try_import(component.imports, companions)}")
        notify(str(install_plan))
        _check_room(install_plan, root)
        with tempfile.TemporaryDirectory(prefix=f".{name}-", dir=root, ignore_cleanup_errors=True) as temporary:
            folder = Path(temporary) / "packages"
            folder.mkdir(mode=0o755)
            installer.fetch(install_plan.packages, folder)
            _without_cuda(folder)
            if problem := try_import(component.imports, (folder,)):
                raise InstallError(f"it fails to import and was removed: {problem}")
            target = root / f"{name}-{digest(component, need, live)}"
            shutil.rmtree(target, ignore_errors=True)
            folder.rename(target)
            seconds = time.monotonic() - began
            mark(target, component, need, install_plan, companions, seconds)
    except OSError as fault:
        raise InstallError(f"{name} cannot be installed: {fault.strerror or fault} ({root}).") from None
    except InstallError as fault:
        raise InstallError(f"{name} cannot be installed: {fault}") from None
    notify(f"{name} was installed in {seconds:.0f} s.")
    return ComponentState("ready", f"{name} was installed in {target.name}.", (target, *companions))


def _activate_others(name: str, components: Mapping[str, Component]) -> tuple[Path, ...]:
    """Activate the installed folders of other components, to share their packages; return all active folders."""
    for other in components.values():
        if other.name != name:
            try:
                use(ComponentState("ready", "", installed(other, need_of(other, base_versions()))))
            except InstallError:
                continue
    return active_folders()


def _check_room(install_plan: InstallPlan, root: Path) -> None:
    free, needed_bytes = shutil.disk_usage(root).free, install_plan.size * _GROWTH
    if free < needed_bytes:
        raise InstallError(f"it needs about {needed_bytes / 1e6:.0f} MB at {root}; {free / 1e6:.0f} MB are free.")


def _without_cuda(folder: Path) -> None:
    """Make torchaudio's wheel importable with a CPU build of PyTorch.

    Its compiled libraries are linked against CUDA, and are optional: without them it works in pure Python.
    """
    libraries = list((folder / "torchaudio" / "lib").glob("*.so"))
    if (
        libraries
        and not any(name.startswith("nvidia-") for name in live_versions())
        and "+cu" not in live_versions()["torch"]
    ):
        for library in libraries:
            library.unlink()
