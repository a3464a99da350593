"""What the tests of the endpoint share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.fakes.runpod import ControlPlane
from tests.stack import Container


@pytest.fixture
def start(plane: ControlPlane, prefect_server: str, tmp_path: Path) -> Iterator[Callable[..., Container]]:
    """Starts a container; it has done a first job then, unless it is wanted cold."""
    started: list[Container] = []

    def make(*, cold: bool = False, **variables: str) -> Container:
        started.append(Container(plane, tmp_path, prefect_server, **variables))
        assert cold or started[-1].ask(text="Hello there, my friend.")["status"] == "COMPLETED"
        return started[-1]

    yield make
    for container in started:
        container.stop()
