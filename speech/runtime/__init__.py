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

import hashlib
import json
import os
import platform
import re
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, distributions, requires
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from speech.errors import InstallError
from speech.files import write_text
from speech.runtime.components import COMPONENTS, Component, Need, flash_wheel
from speech.runtime.installers import Installer, Package
from speech.runtime.installers import choose as choose_installer
from speech.settings import bare_environment, settings

__all__ = ["COMPONENTS", "Plan", "State", "check", "ensure", "home", "plan", "remove", "use"]

Tell = Callable[[str], None]

# What a download grows to when it is unpacked and compiled, from the sizes of f5-tts and whisperx.
_GROWTH = 4

# What a component must never bring: two of them in one process end in a crash.
_FIXED = frozenset({"torch", "torchaudio", "torchvision", "triton", "numpy"})
_FIXED_FAMILIES = ("nvidia-", "cuda-")

# Variables by which the libraries of components find their places and devices.
_LIBRARIES = (
    "CUDA_*", "OMP_*", "MKL_*", "PYTORCH_*", "TORCH_*", "HF_HOME", "HF_HUB_*", "TRANSFORMERS_CACHE", "NLTK_DATA",
    "MPLCONFIGDIR",
)  # fmt: skip

# What the folder of a component is called; see `_digest`.
_FOLDER = re.compile(r"[a-z0-9][a-z0-9-]*-[0-9a-f]{12}")

_WITHOUT_TORCH = "{name} needs PyTorch, which is never installed for you; see pytorch.org."

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


@dataclass(frozen=True, slots=True)
class Plan:
    """What installing a component would do.

    Attributes:
        packages: those to be fetched.
        moved: for packages that are there in a version that does not suit: old and new version.
    """

    component: str
    packages: tuple[Package, ...]
    moved: Mapping[str, tuple[str, str]]

    @property
    def size(self) -> int:
        """Bytes to download, as far as the index says."""
        return sum(package.size or 0 for package in self.packages)

    def __str__(self) -> str:
        names = ", ".join(f"{package.name} {package.version}" for package in self.packages)
        moved = "".join(f"; {name} {new} is used in place of {old}" for name, (old, new) in self.moved.items())
        return f"{self.component}: {len(self.packages)} packages, {self.size / 1e6:.0f} MB to download ({names}){moved}"


def home() -> Path:
    """The folder that holds the components: on the network volume where there is one, so that workers share them."""
    values = settings()
    if values.runtime_dir:
        return values.runtime_dir
    volume = values.runpod_volume
    return (volume / "f5-flows" if volume.is_dir() else values.f5_flows_home) / "runtime"


def check(name: str, components: Mapping[str, Component] = COMPONENTS) -> State:
    """Whether a component is there and imports; nothing is changed.

    Packages are compared by version first; then the imports are tried in a child process, once for
    each set of versions.
    """
    component = components[name]
    if component.torch and find_spec("torch") is None:
        return State("absent", _WITHOUT_TORCH.format(name=name))
    try:
        live = _live()
        need = _need(component, _base())
    except InstallError as fault:
        return State("absent", str(fault))
    if folders := _installed(component, need):
        return State("ready", f"{name} is installed in {folders[0].name}.", folders)
    if missing := _missing(need, live):
        return State("absent", f"{name} needs {', '.join(missing)}.")
    marker = home() / f"{name}-{_digest(component, need, live)}.checked"
    if marker.exists():
        return State("ready", f"{name} is part of this environment.")
    if problem := _import(component.imports, ()):
        return State("broken", f"{name} is installed but does not import: {problem}")
    # A home that cannot be written to costs one more check next time.
    with suppress(OSError):
        write_text(marker, json.dumps(sorted(live.items())))
    return State("ready", f"{name} is part of this environment.")


def plan(name: str, installer: Installer | None = None, components: Mapping[str, Component] = COMPONENTS) -> Plan:
    """What `ensure` would install.

    Raises:
        InstallError: nothing can be found that suits what is here; the text says why.
    """
    component = components[name]
    live = _live()
    need = _need(component, live)
    try:
        return _resolve(component, need, live, installer or choose_installer())
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
        with _lock(name, tell):
            state = check(name, components)
            if state.level != "ready":
                tell(state.sentence)
                state = _install(components[name], installer or choose_installer(), tell, components)
    use(state)
    return state


def use(state: State) -> None:
    """Put a component's folder on the import path of this process."""
    for folder in map(str, reversed(state.folders)):
        if folder not in sys.path:
            sites = (at for at, entry in enumerate(sys.path) if entry.endswith(("site-packages", "dist-packages")))
            sys.path.insert(next(sites, len(sys.path)), folder)
            _active.add(folder)
            _live.cache_clear()


def remove(name: str) -> list[Path]:
    """Take a component's folders away; returns them."""
    with _lock(name, lambda text: None):
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
    live = _live()
    need = _need(component, live)
    for left in place.glob(f".{name}-*"):
        shutil.rmtree(left, ignore_errors=True)
    began = time.monotonic()
    try:
        found = _resolve(component, need, live, installer)
        if not found.packages:
            raise InstallError(f"it is installed but does not import: {_import(component.imports, beside)}")
        tell(str(found))
        _check_room(found, place)
        with tempfile.TemporaryDirectory(prefix=f".{name}-", dir=place, ignore_cleanup_errors=True) as temporary:
            folder = Path(temporary) / "packages"
            folder.mkdir(mode=0o755)
            installer.fetch(found.packages, folder)
            _without_cuda(folder)
            if problem := _import(component.imports, (folder,)):
                raise InstallError(f"it does not import, and was taken out again: {problem}")
            target = place / f"{name}-{_digest(component, need, live)}"
            shutil.rmtree(target, ignore_errors=True)
            folder.rename(target)
            seconds = time.monotonic() - began
            _mark(target, component, need, found, beside, seconds)
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
                use(State("ready", "", _installed(other, _need(other, _base()))))
            except InstallError:
                continue
    return tuple(Path(folder) for folder in sys.path if folder in _active)


def _mark(target: Path, component: Component, need: Need, found: Plan, beside: Sequence[Path], seconds: float) -> None:
    marker = {
        "component": component.name,
        "made_for": _made_for(),
        "requirements": [*need.whole, *need.bare],
        "packages": {package.name: package.version for package in found.packages},
        "beside": [folder.name for folder in beside],
        "download_bytes": found.size,
        "seconds": round(seconds, 1),
    }
    write_text(target.with_name(target.name + ".json"), json.dumps(marker, indent=1))


def _installed(component: Component, need: Need) -> tuple[Path, ...]:
    """The folders that were made for this interpreter, this PyTorch and these requirements."""
    wanted = [*need.whole, *need.bare]
    for marker in sorted(home().glob(f"{component.name}-*.json")):
        try:
            found = json.loads(marker.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        if not isinstance(found, dict) or not isinstance(found.get("beside", []), list):
            continue
        names = [marker.stem, *found.get("beside", [])]
        suits = found.get("made_for") == _made_for() and found.get("requirements") == wanted
        if suits and all(_is_ours(marker.parent, name) for name in names):
            return tuple(marker.parent / name for name in names)
    return ()


def _is_ours(place: Path, name: object) -> bool:
    """Whether code may be imported from a folder that a marker names: one of a component, here, and nobody else's.

    The folder may be shared, and whoever writes a marker would else choose what runs.
    """
    if not isinstance(name, str) or not _FOLDER.fullmatch(name):
        return False
    try:
        found = (place / name).lstat()
    except OSError:
        return False
    mine = found.st_uid in (0, os.geteuid()) and not found.st_mode & stat.S_IWOTH
    return stat.S_ISDIR(found.st_mode) and mine


def _made_for() -> dict[str, str]:
    fixed = {name: version for name, version in _base().items() if _is_fixed(name)}
    python = f"{platform.python_implementation()} {platform.python_version()} {sys.platform} {platform.machine()}"
    return {"python": python} | dict(sorted(fixed.items()))


def _digest(component: Component, need: Need, live: Mapping[str, str]) -> str:
    """Names a component's folder: another set of requirements or another environment gets another one."""
    key = json.dumps([component.name, need.whole, need.bare, sys.prefix, sorted(live.items())])
    return hashlib.sha256(key.encode()).hexdigest()[:12]


_active: set[str] = set()


@cache
def _live() -> dict[str, str]:
    """Normalised name and version of every package that this process can import."""
    return _versions(sys.path)


@cache
def _base() -> dict[str, str]:
    """The same without what components have brought."""
    return _versions([entry for entry in sys.path if entry not in _active])


def _versions(paths: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for distribution in distributions(path=list(paths)):
        if name := distribution.metadata["Name"]:
            found.setdefault(canonicalize_name(name), distribution.version)
    return found


def _need(component: Component, live: Mapping[str, str]) -> Need:
    if component.torch and "torch" not in live:
        raise InstallError(_WITHOUT_TORCH.format(name=component.name))
    return component.needs({**live, **_tags()} if component.name == "flash-attn" else live)


def _tags() -> dict[str, str]:
    """The wheel of flash-attn that suits the PyTorch that is here."""
    code = "import torch; print(torch.__version__, torch.version.cuda, torch._C._GLIBCXX_USE_CXX11_ABI)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=bare_environment(*_LIBRARIES)
    )
    version, cuda, abi = [*done.stdout.split(), "", "None", "False"][:3]
    if cuda == "None":
        raise InstallError("flash-attn needs a PyTorch that was built with CUDA.")
    return {"flash-attn-wheel": flash_wheel(version, cuda, abi == "True", settings().flash_attn_wheels)}


def _missing(need: Need, live: Mapping[str, str]) -> list[str]:
    """The requirements that nothing here fulfils."""
    missing = []
    for requirement in map(Requirement, (*need.whole, *need.bare)):
        version = live.get(canonicalize_name(requirement.name))
        if version is None or not requirement.specifier.contains(version, prereleases=True):
            missing.append(f"{requirement.name}{requirement.specifier}" + (f" (here is {version})" if version else ""))
    return missing


def _resolve(component: Component, need: Need, live: Mapping[str, str], installer: Installer) -> Plan:
    """Everything here stays as it is where that can be; else all but the fixed packages may get a newer twin."""
    home().mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{component.name}-", dir=home()) as folder:
        constraints = Path(folder) / "constraints.txt"

        def attempt(names: Sequence[str]) -> list[Package]:
            pins = "\n".join(f"{name}=={live[name]}" for name in names if name != "f5-flows")
            constraints.write_text(pins, encoding="utf-8")
            found = installer.resolve(need.whole, constraints, alone=False) if need.whole else []
            return found + (installer.resolve(need.bare, constraints, alone=True) if need.bare else [])

        try:
            found = attempt(list(live))
        except InstallError as fault:
            if "cannot be reached" in str(fault):
                raise
            found = attempt([name for name in live if name in _ours() or _is_fixed(name)])
    # A folder that is already on the path has what it has: the installer sees only the interpreter's own.
    packages = tuple(package for package in found if live.get(package.name) != package.version)
    if touched := [one for one in packages if one.name in live and (_is_fixed(one.name) or one.name in _ours())]:
        raise InstallError(
            f"it would bring {', '.join(f'{one.name} {one.version}' for one in touched)}, "
            "which must stay as they are here."
        )
    moved = {one.name: (live[one.name], one.version) for one in packages if one.name in live}
    return Plan(component.name, packages, moved)


def _is_fixed(name: str) -> bool:
    return name in _FIXED or name.startswith(_FIXED_FAMILIES)


@cache
def _ours() -> frozenset[str]:
    """This project's own dependencies, all the way down: another version of one could break the process itself."""
    found: set[str] = set()
    queue = ["f5-flows"]
    while queue:
        try:
            wanted = requires(queue.pop()) or []
        except PackageNotFoundError:
            continue
        for requirement in map(Requirement, wanted):
            name = canonicalize_name(requirement.name)
            if name not in found and (requirement.marker is None or requirement.marker.evaluate({"extra": ""})):
                found.add(name)
                queue.append(name)
    return frozenset(found)


def _check_room(found: Plan, place: Path) -> None:
    free, wanted = shutil.disk_usage(place).free, found.size * _GROWTH
    if free < wanted:
        raise InstallError(f"it needs about {wanted / 1e6:.0f} MB at {place}, which has {free / 1e6:.0f} MB left.")


def _without_cuda(folder: Path) -> None:
    """Let torchaudio's wheel import beside a PyTorch for CPUs.

    Its compiled parts are linked against CUDA and are optional: without them it goes on in Python.
    """
    libraries = list((folder / "torchaudio" / "lib").glob("*.so"))
    if libraries and not any(name.startswith("nvidia-") for name in _live()) and "+cu" not in _live()["torch"]:
        for library in libraries:
            library.unlink()


def _import(modules: Sequence[str], folders: Sequence[Path]) -> str | None:
    """Import modules in a child process; what went wrong, or None."""
    paths = [str(folder) for folder in folders] + sys.path
    code = f"import sys; sys.path[:] = {paths!r}\n" + "".join(f"import {module}\n" for module in modules)
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        errors="replace",
        env=bare_environment(*_LIBRARIES, MPLBACKEND="Agg"),
    )
    if done.returncode == 0:
        return None
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    return lines[-1].strip()[:300] if lines else f"its import ended with {done.returncode}"


@contextmanager
def _lock(name: str, tell: Tell) -> Iterator[None]:
    from filelock import FileLock, Timeout

    try:
        home().mkdir(parents=True, exist_ok=True)
        lock = FileLock(home() / f"{name}.lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            tell(f"{name} is being installed by another process; waiting for it.")
            lock.acquire()
    except OSError as fault:
        raise InstallError(f"{name} cannot be installed: {fault.strerror or fault} ({home()}).") from None
    try:
        yield
    finally:
        lock.release()
