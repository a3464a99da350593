"""Run the tests, with everything that they can have on this machine.

    uv run --all-extras --group dev python -m tests [pytest's arguments]

PyTorch for CPUs and the runtime components are installed first, as an operator would; both stay for the
next time. Where they cannot be had, the tests that need them say so.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from tests import NODE, RUNTIME

ROOT = Path(__file__).parent.parent
TORCH = "torch==2.13.0+cpu"
VALIDATOR = "webvtt-parser@2.2.0"
QUIETLY = ("--silent", "--no-audit", "--no-fund")


def main() -> int:
    uv = os.environ.get("UV", "uv")
    if find_spec("torch") is None:
        links = os.environ.get("PIP_FIND_LINKS")
        source = ["--find-links", links] if links else ["--torch-backend", "cpu"]
        subprocess.run([uv, "pip", "install", "-q", "--python", sys.executable, *source, TORCH])
    components = {"RUNTIME_DIR": str(RUNTIME)}
    install = [Path(sys.executable).with_name("f5-flows"), "runtime", "install", "f5-tts", "whisperx"]
    subprocess.run(install, env=os.environ | components)
    if (npm := shutil.which("npm")) and not (NODE / "node_modules").is_dir():
        # Behind a company proxy node trusts what it is told to, not what the system does.
        trusted = {"NODE_EXTRA_CA_CERTS": found} if (found := os.environ.get("SSL_CERT_FILE")) else {}
        subprocess.run([npm, "install", *QUIETLY, "--prefix", NODE, VALIDATOR], env=trusted | os.environ)
    # Many tests wait for servers, so there is room for one more process than there are cores. Files are taken in
    # their order, which has those that wait longest first.
    many = ["-n", str((os.cpu_count() or 1) + 1), "--dist", "loadfile", "--no-loadscope-reorder"]
    return subprocess.run([sys.executable, "-m", "pytest", *many, *sys.argv[1:]], cwd=ROOT).returncode


if __name__ == "__main__":
    sys.exit(main())
