"""Runtime components: installed when a request first needs them, beside what is there, never over it.

A component is resolved against the interpreter that is running, and only what is missing is fetched,
into a folder of its own beside the others:

    <runtime home>/<component>-<digest>/       what was fetched
    <runtime home>/<component>-<digest>.json   the marker: versions, sizes, what it was made for

It is fetched under a temporary name, imported once in a child process, and only then renamed. So a
process that is killed leaves nothing that looks whole, a component that does not import is gone
again, and two machines may share the folder. A marker names folders beside it and no others, and one that
belongs to another user, or that everybody may write to, is not imported from. `use` puts such folders
before the interpreter's own on the import path; none of them ever holds PyTorch, numpy or a CUDA
library, or anything that this project itself depends on.
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
from speech.runtime.plan import WITHOUT_TORCH, InstallPlan, Tell, missing_requirements, need_of, resolve

__all__ = ["State", "check", "ensure", "plan", "remove", "use"]

# What a download grows to when it is unpacked and compiled, from the sizes of f5-tts and whisperx.
_GROWTH = 4

Level = Literal["ready", "absent", "broken"]


@dataclass(frozen=True, slots=True)
class State:
    """Whether a component can be used.

    Attributes:
        level: ready; absent (not installed, or in a version that does not suit); broken (installed,
            but it does not import).
        sentence: what was seen.
        folders: where its packages lie: its own, then those of components whose packages it shares;
            empty where the interpreter itself has all of them.
    """

    level: Level
    sentence: str
    folders: tuple[Path, ...] = ()


def check(name: str, components: Mapping[str, Component] = COMPONENTS) -> State:
    """Whether a component is there and imports; nothing is changed.

    Packages are compared by version first; then the imports are tried in a child process, once for
    each set of versions.
    """
    component = components[name]
    if component.torch and find_spec("torch") is None:
        return State("absent", WITHOUT_TORCH.format(name=name))
    try:
        live = live_versions()
        need = need_of(component, base_versions())
    except InstallError as fault:
        return State("absent", str(fault))
    if folders := installed(component, need):
        return State("ready", f"{name} is installed in {folders[0].name}.", folders)
    if missing := missing_requirements(need, live):
        return State("absent", f"{name} needs {', '.join(missing)}.")
    marker = home() / f"{name}-{digest(component, need, live)}.checked"
    if marker.exists():
        return State("ready", f"{name} is part of this environment.")
    if problem := try_import(component.imports, ()):
        return State("broken", f"{name} is installed but does not import: {problem}")
    # A home that cannot be written to costs one more check next time.
    with suppress(OSError):
        write_text(marker, json.dumps(sorted(live.items())))
    return State("ready", f"{name} is part of this environment.")


def plan(
    name: str, installer: Installer | None = None, components: Mapping[str, Component] = COMPONENTS
) -> InstallPlan:
    """What `ensure` would install.

    Raises:
        InstallError: nothing can be found that suits what is here; the text says why.
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
    tell: Tell = lambda text: None,
    installer: Installer | None = None,
    components: Mapping[str, Component] = COMPONENTS,
) -> State:
    """Make a component usable in this process, installing it if need be; only one process installs at a time.

    Raises:
        InstallError: it cannot be installed, or does not import; nothing of it is left behind.
    """
    state = check(name, components)
    if state.level != "ready":
        with lock(name, tell):
            state = check(name, components)
            if state.level != "ready":
                tell(state.sentence)
                state = _install(components[name], installer or choose_installer(), tell, components)
    use(state)
    return state


def use(state: State) -> None:
    """Put a component's folder on the import path of this process."""
    activate(state.folders)


def remove(name: str) -> list[Path]:
    """Take a component's folders away; returns them."""
    with lock(name, lambda text: None):
        markers = list(home().glob(f"{name}-*.json"))
        folders = [marker.with_suffix("") for marker in markers]
        for path in (*markers, *home().glob(f"{name}-*.checked")):
            path.unlink(missing_ok=True)
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)
    return folders


def _install(component: Component, installer: Installer, tell: Tell, components: Mapping[str, Component]) -> State:
    name, place = component.name, home()
    beside = _activate_others(name, components)
    live = live_versions()
    need = need_of(component, live)
    for left in place.glob(f".{name}-*"):
        shutil.rmtree(left, ignore_errors=True)
    began = time.monotonic()
    try:
        found = resolve(component, need, live, installer, place)
        if not found.packages:
            raise InstallError(f"it is installed but does not import: {try_import(component.imports, beside)}")
        tell(str(found))
        _check_room(found, place)
        with tempfile.TemporaryDirectory(prefix=f".{name}-", dir=place, ignore_cleanup_errors=True) as temporary:
            folder = Path(temporary) / "packages"
            folder.mkdir(mode=0o755)
            installer.fetch(found.packages, folder)
            _without_cuda(folder)
            if problem := try_import(component.imports, (folder,)):
                raise InstallError(f"it does not import, and was taken out again: {problem}")
            target = place / f"{name}-{digest(component, need, live)}"
            shutil.rmtree(target, ignore_errors=True)
            folder.rename(target)
            seconds = time.monotonic() - began
            mark(target, component, need, found, beside, seconds)
    except OSError as fault:
        raise InstallError(f"{name} cannot be installed: {fault.strerror or fault} ({place}).") from None
    except InstallError as fault:
        raise InstallError(f"{name} cannot be installed: {fault}") from None
    tell(f"{name} was installed in {seconds:.0f} s.")
    return State("ready", f"{name} was installed in {target.name}.", (target, *beside))


def _activate_others(name: str, components: Mapping[str, Component]) -> tuple[Path, ...]:
    """Use what other components have brought, so that two of them share a package instead of each having it."""
    for other in components.values():
        if other.name != name:
            try:
                use(State("ready", "", installed(other, need_of(other, base_versions()))))
            except InstallError:
                continue
    return active_folders()


def _check_room(found: InstallPlan, place: Path) -> None:
    free, wanted = shutil.disk_usage(place).free, found.size * _GROWTH
    if free < wanted:
        raise InstallError(f"it needs about {wanted / 1e6:.0f} MB at {place}, which has {free / 1e6:.0f} MB left.")


def _without_cuda(folder: Path) -> None:
    """Let torchaudio's wheel import beside a PyTorch for CPUs.

    Its compiled parts are linked against CUDA and are optional: without them it goes on in Python.
    """
    libraries = list((folder / "torchaudio" / "lib").glob("*.so"))
    if (
        libraries
        and not any(name.startswith("nvidia-") for name in live_versions())
        and "+cu" not in live_versions()["torch"]
    ):
        for library in libraries:
            library.unlink()
