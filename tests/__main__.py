"""Run the checks: lint, format, wheel and tests one after the other, types beside them.

    python -m tests              all of them
    python -m tests --fast       lint, format, types, and the tests that start no service: a minute
    python -m tests ARGUMENTS    the tests alone, with pytest's arguments, such as a path

In a fresh clone: uv run --all-extras --group dev python -m tests

Before all tests, PyTorch for CPUs, Triton and the runtime components are installed, as an operator would; they stay for
the next time. Where they cannot be had, the tests that need them say so.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

from tests import NODE, RUNTIME, TRITON

ROOT = Path(__file__).parent.parent
TORCH = "torch==2.13.0+cpu"
KERNELS = "triton>=3.3,<3.4; sys_platform == 'linux'"
VALIDATOR = "webvtt-parser@2.2.0"
QUIETLY = ("--silent", "--no-audit", "--no-fund")
PYTEST = (sys.executable, "-m", "pytest")


def main(arguments: list[str]) -> int:
    fast = "--fast" in arguments
    more = [word for word in arguments if word != "--fast"]
    # Many tests wait for servers, so there is room for more processes than there are cores. Files are taken in
    # their order, which has those that wait longest first.
    cores = os.cpu_count() or 1
    many = ["-n", str(cores if fast else cores + 2), "--dist", "loadfile", "--no-loadscope-reorder"]
    steps: dict[str, list[str]] = {}
    beside: dict[str, list[str]] = {}
    if fast or not more:
        steps["lint"] = [sys.executable, "-m", "ruff", "check", "--quiet", "."]
        steps["format"] = [sys.executable, "-m", "ruff", "format", "--quiet", "--check", "."]
        # Without its cache it takes a quarter of a minute, in which tests wait for each other anyhow.
        beside["types"] = [sys.executable, "-m", "mypy"]
    # Hundreds of processes are started, and each would compile the project's modules anew.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    if not fast:
        install()
    if not fast and not more:
        steps["wheel"] = [*PYTEST, "-m", "wheel", "tests/test_wheel.py"]
    quick = ["-m", "not service and not slow and not wheel", "--hypothesis-profile", "fast"] if fast else []
    steps["tests"] = [*PYTEST, *many, *quick, *more]
    started = {name: start(command) for name, command in beside.items()}
    failed = [name for name, command in steps.items() if not passes(name, command)]
    failed += [name for name, process in started.items() if not passed(name, process)]
    if failed and failed != ["tests"]:
        print(f"Failed: {', '.join(failed)}", flush=True)
    return len(failed)


def install() -> None:
    """Install what the tests of the whole need beside the project."""
    uv = os.environ.get("UV", "uv")
    if find_spec("torch") is None:
        links = os.environ.get("PIP_FIND_LINKS")
        source = ["--find-links", links] if links else ["--torch-backend", "cpu"]
        subprocess.run([uv, "pip", "install", "-q", "--python", sys.executable, *source, TORCH])
    if not TRITON.is_dir():
        subprocess.run([uv, "pip", "install", "-q", "--python", sys.executable, "--target", TRITON, KERNELS])
    components = {"RUNTIME_DIR": str(RUNTIME)}
    command = [Path(sys.executable).with_name("f5-flows"), "runtime", "install", "f5-tts", "whisperx"]
    subprocess.run(command, env=os.environ | components)
    if (npm := shutil.which("npm")) and not (NODE / "node_modules").is_dir():
        # Behind a company proxy node trusts what it is told to, not what the system does.
        trusted = {"NODE_EXTRA_CA_CERTS": found} if (found := os.environ.get("SSL_CERT_FILE")) else {}
        subprocess.run([npm, "install", *QUIETLY, "--prefix", NODE, VALIDATOR], env=trusted | os.environ)


def passes(name: str, command: list[str]) -> bool:
    """Run a step, with its name before it and its time behind it."""
    print(f"── {name}", flush=True)
    began = time.monotonic()
    code = subprocess.run(command, cwd=ROOT).returncode
    if name != "tests":
        print(f"{'failed' if code else 'passed'} in {time.monotonic() - began:.1f} s", flush=True)
    return code == 0


def start(command: list[str]) -> subprocess.Popen[str]:
    """Start a step that runs beside the others; what it says is shown at the end."""
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def passed(name: str, process: subprocess.Popen[str]) -> bool:
    """Wait for such a step, and show what it said."""
    said, _ = process.communicate()
    print(f"── {name}\n{said}{'failed' if process.returncode else 'passed'}", flush=True)
    return process.returncode == 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
