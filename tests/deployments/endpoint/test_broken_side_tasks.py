"""Each thing that goes on beside the jobs of a container is broken once; log and health say so, and jobs are done."""

import time
from contextlib import suppress

import psutil
import pytest

from tests import PATIENCE
from tests.stack import Container

TEXT = "Hello there, my friend."


def kill_pinger(container):
    models = {child.pid for child in container.children()}
    for child in psutil.Process(container.process.pid).children():
        if child.pid not in models:
            child.kill()


def refuse_stops(container):
    container.plane.fail("stop", status=500)


def kill_children_that_start(container):
    """None of three takes work, nor answers what the start-up checks ask."""
    killed = set()
    deadline = time.monotonic() + PATIENCE
    while len(killed) < 3:
        assert time.monotonic() < deadline
        for child in container.children():
            with suppress(psutil.NoSuchProcess):
                child.kill()
                killed.add(child.pid)
        time.sleep(0.01)


def told(container):
    """What the container says of itself."""
    return container.ask(endpoint="status")["output"]["health"]["container"]["message"]


class TestOfOneContainer:
    """Each is told by its own name, and mended before the next one is broken."""

    @pytest.fixture(scope="class")
    @classmethod
    def container(cls, plane, prefect_server, tmp_path_factory):
        container = Container(plane, tmp_path_factory.mktemp("container"), prefect_server)
        assert container.ask(text=TEXT)["status"] == "COMPLETED"
        yield container
        container.stop()

    @pytest.mark.parametrize(
        ("name", "destroy"),
        [
            ("Pinging RunPod", kill_pinger),
            ("Watching for jobs to stop", refuse_stops),
            ("Keeping a process for the models", kill_children_that_start),
        ],
    )
    def test_what_fails_beside_the_jobs_is_logged_told_and_mended(self, container, name, destroy):
        destroy(container)
        deadline = time.monotonic() + PATIENCE
        while f"{name} was restarted" not in told(container):
            assert time.monotonic() < deadline, container.log[-3000:]
            time.sleep(0.2)
        assert f"{name} failed, 1 in a row" in container.log
        assert container.ask(text=TEXT)["status"] == "COMPLETED"


def test_checks_that_could_not_be_made_are_logged_and_made_again(start):
    # Nothing is loaded within a millisecond.
    container = start(cold=True, SETUP_TIMEOUT="0.001")
    deadline = time.monotonic() + PATIENCE
    while "Checking the container failed" not in container.log:
        assert time.monotonic() < deadline, container.log[-3000:]
        time.sleep(0.2)
    assert "Checking the container" in told(container)
