"""The tests. They mirror the packages; `fakes` holds what stands for the world outside."""

import os
from pathlib import Path

from platformdirs import user_cache_path

# Components take half a minute to install, so they stay from one run of the tests to the next.
RUNTIME = Path(os.environ.get("F5_FLOWS_TEST_RUNTIME") or user_cache_path("f5-flows-tests") / "runtime")
# Databases with Prefect's tables, which take seconds to make.
CACHE = RUNTIME.parent / "cache"
# The W3C's WebVTT validator, which npm installs.
NODE = RUNTIME.parent / "node"
# Triton, which runs the GPU's kernels step by step where there is none.
TRITON = RUNTIME.parent / "triton"

# Seconds after which a test gives up waiting. On a busy machine everything takes longer: only what is stuck gets here.
PATIENCE = 600

# Variables of whoever runs the tests that no program of ours may see in them.
FOREIGN = ("AWS_", "S3_", "STORAGE_", "PREFECT_", "GOOGLE_", "RUNPOD_")


def inherited() -> dict[str, str]:
    """The environment without those, but with the password of the tests' own server."""
    own = "PREFECT_API_AUTH_STRING"
    return {name: value for name, value in os.environ.items() if name == own or not name.startswith(FOREIGN)}
