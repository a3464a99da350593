"""The inbox: one bad text is filed with the reason, and hurts no other."""

import asyncio
import json
import os
from uuid import uuid4

import boto3
import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import StateType
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.states import Cancelling

from flows.inbox import narrate_inbox
from speech.errors import InvalidRequest
from speech.inbox import Outcome, Text
from speech.stores.folder import FolderStore
from speech.stores.s3 import S3Store
from tasks.inbox import file_away
from tests import PATIENCE
from tests.fakes.documents import epub
from tests.fakes.gateway import ACCESS_KEY, SECRET_KEY
from tests.stack import LONG


@pytest.fixture(autouse=True)
def api(prefect_server, monkeypatch):
    monkeypatch.setenv("ENGINE", "espeak")
    monkeypatch.setenv("STEP_RETRIES", "0")
    with temporary_settings({PREFECT_API_URL: prefect_server}):
        yield


@pytest.fixture
def place(monkeypatch, tmp_path):
    """The folder of a folder store."""
    monkeypatch.setenv("STORAGE_DIR", str(tmp_path / "store"))
    FolderStore(tmp_path / "store").write("inbox/good.txt", f"Good day, {uuid4()}.", "text/plain")
    return tmp_path / "store"


def below(folder):
    return sorted(os.fsencode(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir())


async def visit(**more):
    return await narrate_inbox(return_word_timings=False, **more)


async def test_bad_texts_are_filed_with_the_reason_and_the_good_one_is_spoken(place, tmp_path):
    inbox = place / "inbox"
    secret = tmp_path / "secret.txt"
    secret.write_text("A secret of this machine.")
    long = "n" * 251
    (inbox / "a\\b.txt").write_text("Hello.")
    (inbox / "c\x07d.txt").write_text("Hello.")
    (inbox / os.fsdecode(b"n\xff.txt")).write_text("Hello.")
    (inbox / f"{long}.txt").write_text("...")
    (inbox / "binary.txt").write_bytes(b"sch\x01\x02\x03n")
    (inbox / "nul.txt").write_text("a\x00b")
    (inbox / "link.txt").symlink_to(secret)
    (inbox / "folder").symlink_to(tmp_path)
    os.mkfifo(inbox / "pipe.txt")
    with (inbox / "large.txt").open("wb") as file:
        file.truncate(600_000_000)
    (inbox / "folder.txt").mkdir()
    (inbox / "folder.txt" / "binary.txt").write_bytes(b"sch\x01\x02\x03n")
    (place / "inbox" / "failed" / "binary.txt").mkdir(parents=True)

    filed = await visit()

    assert filed["inbox/good.txt"] == "inbox/done/good.txt"
    assert below(inbox / "done") == [b"good.result.json", b"good.txt", b"good.wav"]
    left = [name for name in below(inbox) if not name.startswith((b"done/", b"failed/"))]
    assert left == []
    reasons = {
        path.name: path.read_text() for path in (inbox / "failed").rglob("*.reason.txt") if "-" not in path.name
    } | {path.name.split("-")[0]: path.read_text() for path in (inbox / "failed").rglob("*-????????.reason.txt")}
    assert set(reasons) == {
        "a_b", "c_d", "n_", "n" * 200, "binary", "binary.reason.txt", "nul.reason.txt", "link.reason.txt",
        "pipe.reason.txt", "large.reason.txt",
    }  # fmt: skip
    assert "600.0 MB; at most 100 MB" in reasons["large.reason.txt"]
    assert "U+0000" in reasons["nul.reason.txt"]
    assert "it is not text" in reasons["binary"]
    assert "link" in reasons["link.reason.txt"]
    assert (inbox / "failed" / "link.txt").is_symlink()
    assert not any(b"secret" in path.read_bytes() for path in inbox.rglob("*.reason.txt"))
    assert await visit() == {}


async def test_a_text_that_cannot_be_filed_stays_and_the_others_are_spoken(place):
    store = FolderStore(place)
    store.write("inbox/empty.txt", " ", "text/plain")
    os.utime(place / "inbox" / "empty.txt", (0, 0))
    # Neither name can be had: a file stands where the folder should be.
    (place / "inbox" / "failed").write_text("in the way")
    assert await visit() == {"inbox/good.txt": "inbox/done/good.txt"}
    assert (place / "inbox" / "empty.txt").exists()


async def test_a_text_that_may_not_be_read_is_filed_too(place):
    if os.geteuid():
        (place / "inbox" / "mine.txt").write_text("Hello.")
        (place / "inbox" / "mine.txt").chmod(0)
        assert (await visit())["inbox/mine.txt"] == "inbox/failed/mine.txt"
    else:
        pytest.skip("root may read everything")


async def test_two_visits_at_once_speak_a_text_once(place):
    visits = await asyncio.gather(visit(), visit())
    assert sorted(visits, key=len) == [{}, {"inbox/good.txt": "inbox/done/good.txt"}]
    assert len(list((place / "output").iterdir())) == 1


async def test_odd_keys_of_a_bucket_are_filed_as_well(bucket, monkeypatch):
    keys = {"aws_access_key_id": ACCESS_KEY, "aws_secret_access_key": SECRET_KEY, "region_name": "us-east-1"}
    client = boto3.client("s3", endpoint_url=bucket.endpoint, **keys)
    for key in ("inbox/a\\b.txt", "inbox/c//d.txt", "inbox/../e.txt", "inbox/f\x01.txt", "inbox/folder.txt/"):
        client.put_object(Bucket=bucket.name, Key=key, Body=b"Hello.")
    monkeypatch.setenv("S3_BUCKET", bucket.name)
    monkeypatch.setenv("AWS_ENDPOINT_URL", bucket.endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
    filed = await visit()
    assert set(filed) == {"inbox/a\\b.txt", "inbox/c//d.txt", "inbox/../e.txt", "inbox/f\x01.txt"}
    assert all(place.startswith("inbox/failed/") for place in filed.values())
    store = S3Store(bucket)
    assert [store.read(place) for place in filed.values()] == ["Hello."] * 4
    assert list(store.strays("inbox/")) == []
    assert await visit() == {}


async def test_a_text_that_is_changed_while_it_is_spoken_is_spoken_anew(place):
    text = Text("inbox/good.txt", "The first version.")
    assert await file_away(text, Outcome(reason="It was spoken."), FolderStore(place), place) == "inbox/good.txt"
    assert below(place / "inbox") == [b"good.txt"]


async def test_a_text_of_a_name_that_was_filed_before_takes_nothing_from_the_first(place):
    [first] = (await visit()).values()
    before = below(place / "inbox" / "done")
    (place / "inbox" / "good.txt").write_text(f"Another good day, {uuid4()}.")
    [second] = (await visit()).values()
    after = below(place / "inbox" / "done")
    assert first == "inbox/done/good.txt"
    assert second.startswith("inbox/done/good-")
    assert set(before) < set(after)
    assert len(after) == 2 * len(before)


async def test_a_run_that_somebody_cancels_keeps_no_other_text_waiting(place):
    mark = uuid4().hex
    store = FolderStore(place)
    store.write("inbox/good.txt", f"{mark}. {LONG}", "text/plain")
    store.write("inbox/later.txt", "Good night.", "text/plain")
    os.utime(place / "inbox" / "good.txt", (0, 0))
    visiting = asyncio.create_task(visit())
    running = FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.RUNNING])))
    async with get_client() as client, asyncio.timeout(PATIENCE):
        found = []
        while not found:
            await asyncio.sleep(0.02)
            runs = await client.read_flow_runs(flow_run_filter=running)
            found = [run for run in runs if mark in str(run.parameters.get("request"))]
        await client.set_flow_run_state(found[0].id, Cancelling(), force=True)
    assert await visiting == {"inbox/later.txt": "inbox/done/later.txt"}
    assert await visit() == {"inbox/good.txt": "inbox/done/good.txt"}


async def test_what_opens_a_voice_is_not_kept_by_prefect(place):
    mark = uuid4().hex
    await visit(local_voice=f"https://voices.example/{mark}.wav?X-Amz-Signature=hunter2")
    async with get_client() as client:
        runs = await client.read_flow_runs(flow_filter=FlowFilter(name=FlowFilterName(any_=["speak"])), limit=200)
        [run] = [run for run in runs if mark in str(run.parameters)]
    assert "hunter2" not in str(run.parameters)


async def test_documents_are_spoken_and_filed_beside_their_outputs(place):
    inbox = place / "inbox"
    (inbox / "book.epub").write_bytes(epub({"one.xhtml": f"<h1>One</h1><p>First, {uuid4()}.</p>"}))
    (inbox / "Page.HTML").write_text(f"<p>Hello, {uuid4()}.</p>")
    (inbox / "talk.srt").write_text(f"1\n00:00:01,000 --> 00:00:02,000\nHello, {uuid4()}.\n")
    (inbox / "old.txt").write_bytes(f"Schön, {uuid4()}.".encode("latin-1"))
    (inbox / "locked.docx").write_bytes(b"PK\x03\x04 nothing more")
    (inbox / "cover.png").write_bytes(b"\x89PNG")
    (inbox / ".DS_Store").write_bytes(b"\x00")
    filed = await narrate_inbox()
    assert {name: target.partition("/")[2] for name, target in filed.items()} == {
        "inbox/good.txt": "done/good.txt",
        "inbox/book.epub": "done/book.epub",
        "inbox/Page.HTML": "done/Page.script.HTML",
        "inbox/talk.srt": "done/talk.script.srt",
        "inbox/old.txt": "done/old.txt",
        "inbox/locked.docx": "failed/locked.docx",
    }
    assert "damaged ZIP archive" in (inbox / "failed" / "locked.reason.txt").read_text()
    assert (inbox / "done" / "talk.srt").read_text() != (inbox / "done" / "talk.script.srt").read_text()
    assert "First" in (inbox / "done" / "book.srt").read_text() and (inbox / "done" / "book.wav").exists()
    assert {path.name for path in inbox.iterdir() if path.is_file()} == {"cover.png", ".DS_Store"}


async def test_two_texts_of_one_name_are_filed_apart(place):
    (place / "inbox" / "good.md").write_text(f"# Another\n\nGood day, {uuid4()}.")
    filed = await visit()
    assert len({target.rpartition(".")[0] for target in filed.values()}) == 2


async def test_what_is_ignored_is_said(place, caplog):
    (place / "inbox" / "cover.png").write_bytes(b"\x89PNG")
    await visit()
    assert "'inbox/cover.png' is ignored; texts and documents end in .txt, .md" in caplog.text


async def test_the_inbox_is_spoken_with_a_stored_lexicon(place):
    with pytest.raises(InvalidRequest, match="there is no lexicon 'names'"):
        await visit(lexicon="names")
    assert (place / "inbox" / "good.txt").exists()
    FolderStore(place).write("lexicons/names.csv", "word,say\nGood,one two three four five six seven\n", "text/csv")
    await visit(lexicon="names")
    record = json.loads((place / "inbox" / "done" / "good.result.json").read_text())
    stored = json.loads((place / "jobs" / f"{record['job_id']}.json").read_text())
    assert stored["request"]["lexicon"] == "names"
