"""Books whose processes are killed: nothing is lost or spoken twice."""

import json
import os
import subprocess
import time

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterTags
from prefect.settings import PREFECT_API_URL, temporary_settings

from tests import PATIENCE
from tests.deployments.cli.conftest import PROGRAM


def chapter(title, words):
    """More than half of a part, so that each chapter is a part of its own."""
    lines = [f"This is line number {number} of what is told about {words} in this book." for number in range(76)]
    return f"# {title}\n\n" + "\n\n".join(" ".join(lines[first : first + 4]) for first in range(0, 76, 4))


BOOK = "\n\n".join([chapter("One", "winter"), chapter("Two", "spring"), chapter("Three", "summer")])


class Book:
    """A book that is narrated by processes of its own."""

    def __init__(self, folder, name, api, **environment):
        self.folder, self.name, self.api, self.store = folder, name, api, folder / "store"
        self.environment = os.environ | {"STORAGE_DIR": str(self.store)} | environment
        (folder / "sea.md").write_text(BOOK)

    def start(self, master="none", command="narrate"):
        words = {"narrate": ["narrate", "sea.md", "--name", self.name, "--master", master]}
        return subprocess.Popen(
            [PROGRAM, *words.get(command, ["book", command, self.name])], cwd=self.folder, env=self.environment,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def call(self, **options):
        return self.end(self.start(**options))

    def end(self, process):
        out, err = process.communicate(timeout=PATIENCE)
        return process.returncode, out, err

    def kept(self, folder):
        """When each take or each word's times were stored."""
        return {path.stem: path.stat().st_mtime_ns for path in (self.store / folder).rglob("*.json")}

    def plan(self):
        return next((self.store / "books" / self.name / "editions").glob("*.json"), None)

    def takes(self):
        """The keys of the takes of each chapter."""
        return [chapter["keys"] for chapter in json.loads(self.plan().read_text())["chapters"]]

    async def runs(self, what):
        """How many of its runs are of a kind."""
        tagged = FlowRunFilter(tags=FlowRunFilterTags(all_=[f"book:{self.name}"]))
        with temporary_settings({PREFECT_API_URL: self.api}):
            async with get_client() as client:
                found = await client.read_flow_runs(flow_run_filter=tagged, limit=200)
        return sum(run.name.startswith(f"{self.name} {what}") for run in found)


@pytest.fixture
def book(tmp_path, prefect_server, request):
    return Book(tmp_path, request.node.name.replace("_", "-")[:40].strip("-"), prefect_server)


def wait_for(condition, process):
    """Wait until a condition holds in the work of a process."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)


def kill(process):
    process.kill()
    process.communicate()


async def test_killed_between_plan_and_parts(book):
    process = book.start()
    wait_for(book.plan, process)
    kill(process)
    before = book.kept("takes")
    assert book.call()[0] == 0
    after = book.kept("takes")
    assert {key: after[key] for key in before} == before
    assert set(after) == {key for own in book.takes() for key in own}
    assert (await book.runs("part"), await book.runs("bind")) == (3, 1)
