"""The command line, run as a person would."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import PATIENCE

PROGRAM = Path(sys.executable).with_name("f5-flows")


@pytest.fixture
def call(tmp_path):
    """Run `f5-flows` in a folder of its own."""
    (tmp_path / "work").mkdir()

    def run(*words, stdin=None, **environment):
        return subprocess.run(
            [PROGRAM, *map(str, words)],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            cwd=tmp_path / "work",
            env=dict(os.environ) | {"STORAGE_DIR": str(tmp_path / "store")} | environment,
        )

    return run
