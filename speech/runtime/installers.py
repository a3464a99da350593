"""uv and pip: resolving missing packages, and fetching exactly those into a folder.

Neither ever changes the running environment; both only resolve against it.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote

from packaging.utils import canonicalize_name, parse_wheel_filename

from speech.errors import InstallError
from speech.settings import bare_environment, settings

__all__ = ["Installer", "Package", "choose"]


@dataclass(frozen=True, slots=True)
class Package:
    """A package to install.

    Attributes:
        name: the normalised name.
        version: the exact version.
        url: the URL of the package; None for the index.
        size: download size in bytes; None if the index does not give it.
    """

    name: str
    version: str
    url: str | None = None
    size: int | None = None

    def __str__(self) -> str:
        return f"{self.name} @ {self.url}" if self.url else f"{self.name}=={self.version}"


class Installer(Protocol):
    """An installer; both methods raise `InstallError` with the reason.

    `resolve` returns the packages that this interpreter lacks. `fetch` installs packages into a folder,
    without their dependencies.
    """

    name: str

    def resolve(self, requirements: Sequence[str], constraints: Path, *, alone: bool) -> list[Package]: ...

    def fetch(self, packages: Sequence[Package], folder: Path) -> None: ...


class Uv:
    """uv, which resolves in a second what takes pip a minute."""

    name = "uv"

    def __init__(self, program: str) -> None:
        self._program = [program, "pip"]

    def resolve(self, requirements: Sequence[str], constraints: Path, *, alone: bool) -> list[Package]:
        limits = ["--no-deps"] if alone else ["--constraint", str(constraints)]
        command = ["install", "--dry-run", "--break-system-packages", "--python", sys.executable, *limits]
        output = _run([*self._program, *command, *requirements], constraints.parent).stderr
        lines = [line[3:].strip() for line in output.splitlines() if line.startswith(" + ")]
        packages = [_parse_package(line) for line in lines]
        return self._with_sizes(packages, constraints.parent) if packages else []

    def fetch(self, packages: Sequence[Package], folder: Path) -> None:
        command = ["install", "--python", sys.executable, "--no-deps", "--compile-bytecode", "--target", str(folder)]
        _run([*self._program, *command, *map(str, packages)], folder.parent)

    def _with_sizes(self, packages: Sequence[Package], folder: Path) -> list[Package]:
        listing = folder / "packages.in"
        listing.write_text("\n".join(map(str, packages)), encoding="utf-8")
        command = ["compile", "--quiet", "--no-deps", "--python", sys.executable, "--format", "pylock.toml"]
        output = _run([*self._program, *command, str(listing)], folder).stdout
        sizes: dict[str, int | None] = {}
        for entry in tomllib.loads(output).get("packages", []):
            files = [*entry.get("wheels", []), entry.get("archive", {}), entry.get("sdist", {})]
            sizes[entry["name"]] = next((file["size"] for file in files if "size" in file), None)
        return [Package(each.name, each.version, each.url, sizes.get(each.name)) for each in packages]


class Pip:
    """pip, used if there is no uv; it does not report download sizes."""

    name = "pip"

    def resolve(self, requirements: Sequence[str], constraints: Path, *, alone: bool) -> list[Package]:
        limits = ["--no-deps"] if alone else ["--constraint", str(constraints)]
        report = constraints.with_name("report.json")
        command = ["install", "--dry-run", "--no-input", "--report", str(report), *limits]
        _run([sys.executable, "-m", "pip", *command, *requirements], constraints.parent)
        return [
            Package(
                canonicalize_name(entry["metadata"]["name"]),
                entry["metadata"]["version"],
                entry["download_info"]["url"] if entry["is_direct"] else None,
            )
            for entry in json.loads(report.read_text(encoding="utf-8"))["install"]
        ]

    def fetch(self, packages: Sequence[Package], folder: Path) -> None:
        command = ["install", "--quiet", "--no-input", "--no-deps", "--target", str(folder)]
        _run([sys.executable, "-m", "pip", *command, *map(str, packages)], folder.parent)


def choose(name: str | None = None) -> Installer:
    """Return the named installer; without a name, uv or else pip.

    Raises:
        InstallError: there is no such installer.
    """
    if name in (None, "uv"):
        if find_spec("uv"):
            from uv import find_uv_bin

            return Uv(find_uv_bin())
        if program := shutil.which(settings().uv or "uv"):
            return Uv(program)
    if name in (None, "pip") and find_spec("pip"):
        return Pip()
    raise InstallError(f"{name or 'Neither uv nor pip'} is not installed here; run: python -m ensurepip")


def _parse_package(line: str) -> Package:
    """Parse uv's output for a package: name==version, or name @ URL of a wheel."""
    name, _, url = line.partition(" @ ")
    if url:
        return Package(canonicalize_name(name), str(parse_wheel_filename(unquote(url.rsplit("/", 1)[1]))[1]), url)
    pin, _, source = line.partition(" (from ")
    name, _, version = pin.partition("==")
    return Package(canonicalize_name(name), version, source.rstrip(")") or None)


# Variables that configure an installer's index, proxies and certificates.
_INSTALLER_VARIABLES = (
    "PIP_*",
    "UV",
    "UV_*",
    "*_PROXY",
    "NETRC",
    "XDG_*",
    "VIRTUAL_ENV",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
)


def _run(command: Sequence[str], folder: Path) -> subprocess.CompletedProcess[str]:
    variables = bare_environment(
        *_INSTALLER_VARIABLES, UV_SYSTEM_CERTS="true", UV_NO_PROGRESS="1", PIP_DISABLE_PIP_VERSION_CHECK="1"
    )
    completed = subprocess.run(
        command, cwd=folder, env=variables, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace"
    )
    if completed.returncode:
        raise InstallError(_reason(completed.stderr + completed.stdout))
    return completed


# Phrases with which the reason begins in the output of uv or pip, the most specific first.
_REASON_STARTS = ("conflict is caused", "no solution", "because", "error")
_PASSWORD = re.compile(r"//[^/@\s]*@")
_OFFLINE = (
    "error sending request", "dns error", "failed to fetch", "connection error", "newconnectionerror",
    "max retries exceeded", "name resolution", "connection refused", "could not connect", "network is unreachable",
)  # fmt: skip


def _reason(text: str) -> str:
    """Extract the reason of a failure from an installer's output, without the password of an index."""
    low = text.lower()
    if "no space left" in low or "disk quota" in low:
        return "the disk is full."
    if any(sign in low for sign in _OFFLINE):
        return "the package index cannot be reached; check the network, or set UV_INDEX_URL or PIP_INDEX_URL."
    if "from versions: none" in low:
        return "the package index cannot be reached, or has no such package for this Python."
    lines = [line.strip(" ×│╰─▶├") for line in text.splitlines() if line.strip()]
    matches = (at for sign in _REASON_STARTS for at, line in enumerate(lines) if sign in line.lower())
    start = next(matches, 0)
    reason = " ".join(lines[start : start + 8]) or "the installer gave no reason"
    return _PASSWORD.sub("//", reason[:600]).rstrip(".") + "."
