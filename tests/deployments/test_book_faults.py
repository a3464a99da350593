"""Books while processes are killed, services are away, or something fails for good: nothing is lost or spoken twice."""

import json
import os
import re
import subprocess
import time

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterTags
from prefect.settings import PREFECT_API_URL, temporary_settings

from speech.media import ffmpeg
from speech.stores.s3 import S3Store
from tests import PATIENCE
from tests.deployments.cli.conftest import PROGRAM
from tests.fakes.faults import FaultyProxy
from tests.fakes.gateway import ACCESS_KEY, SECRET_KEY
from tests.processes import descendants

pytestmark = pytest.mark.long

# How long a service is away: what matters is that calls fail meanwhile, and are tried again.
AWAY = 4.0


def chapter(title, words):
    """More than half of a part, so that each chapter is a part of its own."""
    lines = [f"This is line number {number} of what is told about {words} in this book." for number in range(76)]
    return f"# {title}\n\n" + "\n\n".join(" ".join(lines[first : first + 4]) for first in range(0, 76, 4))


BOOK = "\n\n".join([chapter("One", "winter"), chapter("Two", "spring"), chapter("Three", "summer")])
TAKES = 3 * 22


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


async def test_killed_while_binding(book):
    process = book.start(master="podcast")
    wait_for(lambda: descendants(process.pid, ffmpeg()) and list(book.store.rglob("progress.json")), process)
    kill(process)
    before = book.kept("takes"), book.kept("words")
    assert not list(book.store.rglob("result.json"))
    assert book.call(master="podcast")[0] == 0
    assert (book.kept("takes"), book.kept("words")) == before
    assert (book.folder / book.name / f"{book.name}.m4b").stat().st_size > 100_000
    assert (await book.runs("part"), await book.runs("bind")) == (3, 1)
    assert not list(book.store.rglob("progress.json"))


def test_while_prefect_is_away_nothing_is_lost(book):
    proxy = FaultyProxy(book.api.removesuffix("/api"), signed=False)
    try:
        book.environment["PREFECT_API_URL"] = f"{proxy.url}/api"
        process = book.start()
        wait_for(lambda: len(book.kept("takes")) > 8, process)
        proxy.close()
        time.sleep(AWAY)
        proxy.open()
        code, _, said = book.end(process)
        before = book.kept("takes")
        if code:
            # It may give up, but it says so, and the same command goes on.
            assert "The Prefect server stopped answering" in said, said
            assert book.call()[0] == 0
        after = book.kept("takes")
        assert {key: after[key] for key in before} == before
        assert set(after) == {key for own in book.takes() for key in own}
    finally:
        proxy.stop()


def test_while_the_store_is_away_nothing_is_lost(book, bucket, gateway):
    proxy = FaultyProxy(gateway.url)
    store = S3Store(bucket)
    del book.environment["STORAGE_DIR"]
    book.environment |= {
        "S3_BUCKET": bucket.name, "AWS_ENDPOINT_URL": proxy.url, "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY, "REQUEST_TIMEOUT": "5", "STEP_RETRIES": "5",
    }  # fmt: skip

    def stored():
        return {entry.key: entry.modified for entry in store.list("takes/") if entry.key.endswith(".json")}

    try:
        process = book.start()
        wait_for(lambda: len(stored()) > 8, process)
        proxy.mode = "die"
        before = stored()
        time.sleep(AWAY)
        proxy.mode = "plain"
        code, _, said = book.end(process)
        assert code == 0, said
        after = stored()
        assert {key: after[key] for key in before} == before
        assert len(after) == TAKES
    finally:
        proxy.stop()


def test_what_always_fails_costs_its_own_chapter_only(book):
    book.environment["STEP_RETRIES"] = "0"
    process = book.start()
    wait_for(book.plan, process)
    kill(process)
    # A store that cannot take one of the takes.
    key = book.takes()[1][-1]
    place = book.store / "takes" / key[:2] / f"{key}.flac"
    place.mkdir(parents=True, exist_ok=True)
    code, out, said = book.call()
    assert code == 1
    assert "only 2 of its 3 chapters" in out
    assert re.search(r"Two: \d+ of 22 chunks are missing", said) and "Part 2 failed" in said
    folder = book.folder / book.name
    assert sorted(path.name for path in (folder / "chapters").glob("*.mp3")) == ["001.mp3", "002.mp3"]
    assert "summer" in (folder / "chapters" / "002.srt").read_text()
    code, out, _ = book.call(command="status")
    assert (code, "2 of 3 chapters are bound" in out, "part 2 failed" in out) == (1, True, True)
    before = book.kept("takes")
    assert len(before) == TAKES - 1
    place.rmdir()
    assert book.call()[0] == 0
    after = book.kept("takes")
    assert ({key: after[key] for key in before}, len(after)) == (before, TAKES)
    assert book.call(command="status")[0] == 0
    assert (folder / "chapters" / "003.mp3").is_file()
