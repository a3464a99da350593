"""Old outputs are found by whole jobs, and removed only when that is meant."""

import json
import os
import time
from uuid import uuid4

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from flows.outputs import prune_outputs
from speech.stores.folder import FolderStore

DAY = 86_400


@pytest.fixture(autouse=True)
def api(prefect_server):
    with temporary_settings({PREFECT_API_URL: prefect_server}):
        yield


@pytest.fixture
def store(monkeypatch, tmp_path):
    monkeypatch.setenv("STORAGE_DIR", str(tmp_path))
    return FolderStore(tmp_path)


def job(store, tmp_path, *ages):
    """A job whose files are so many days old."""
    name = str(uuid4())
    keys = [f"jobs/{name}.json", f"output/{name}.wav", f"timings/{name}.srt", f"previews/{name}.html"]
    for key, age in zip(keys, ages, strict=False):
        store.write(key, "x", "text/plain")
        os.utime(tmp_path / key, (time.time() - age * DAY,) * 2)
    return name


def left(tmp_path):
    return {path.name.partition(".")[0] for path in tmp_path.rglob("*") if path.is_file()}


async def test_a_dry_run_says_what_would_go_and_removes_nothing(store, tmp_path):
    old, young = job(store, tmp_path, 40, 40, 40, 40), job(store, tmp_path, 1, 1)
    told = await prune_outputs()
    assert told == {"jobs": 1, "takes": 0, "files": 4, "bytes": 4, "dry_run": True}
    assert left(tmp_path) == {old, young}


async def test_a_job_goes_as_a_whole_when_its_newest_file_is_old(store, tmp_path):
    job(store, tmp_path, 40, 40, 40, 40)
    mixed = job(store, tmp_path, 1, 40, 40)
    told = await prune_outputs(dry_run=False)
    assert told["jobs"] == 1
    assert left(tmp_path) == {mixed}


async def test_the_days_can_be_chosen(store, tmp_path):
    job(store, tmp_path, 3, 3)
    assert (await prune_outputs(keep_days=5, dry_run=False))["jobs"] == 0
    assert (await prune_outputs(keep_days=2, dry_run=False))["jobs"] == 1


async def test_what_is_no_jobs_file_stays(store, tmp_path):
    for key in ("voices/me.wav", "models/manifests/x.json", "inbox/done/a.wav", "output/README.txt"):
        store.write(key, "x", "text/plain")
        os.utime(tmp_path / key, (0, 0))
    assert (await prune_outputs(dry_run=False))["jobs"] == 0
    assert left(tmp_path) == {"me", "x", "a", "README"}


async def test_a_day_is_the_least_that_is_kept(store):
    with pytest.raises(Exception, match="greater than or equal to 1"):
        await prune_outputs(keep_days=0, dry_run=False)


async def test_lexicons_stay(store, tmp_path):
    name = str(uuid4())
    store.write(f"lexicons/{name}.csv", "word,say\nGIF,jiff\n", "text/csv")
    os.utime(tmp_path / f"lexicons/{name}.csv", (time.time() - 400 * DAY,) * 2)
    assert (await prune_outputs(dry_run=False))["jobs"] == 0
    assert left(tmp_path) == {name}


TAKE, TIMES, OTHER, GONE = ("a" * 40, "b" * 40, "c" * 40, "d" * 40)


def book(store, plan):
    store.write("books/sea/editions/0123.json", plan, "application/json")


def take(store, tmp_path, key, age=40):
    """A take and its word times, so many days old."""
    for name in (f"takes/{key[:2]}/{key}.flac", f"takes/{key[:2]}/{key}.json", f"words/{key[:2]}/{key}.json"):
        store.write(name, "x", "text/plain")
        os.utime(tmp_path / name, (time.time() - age * DAY,) * 2)


async def test_a_take_stays_while_a_book_refers_to_it(store, tmp_path):
    chapter = {"keys": [TAKE], "words": [TIMES], "others": [OTHER]}
    book(store, json.dumps({"chapters": [chapter]}))
    for key in (TAKE, TIMES, OTHER, GONE):
        take(store, tmp_path, key)
    told = await prune_outputs(dry_run=False)
    assert (told["takes"], told["files"]) == (1, 3)
    assert left(tmp_path) == {"0123", TAKE, TIMES, OTHER}


async def test_a_young_take_stays(store, tmp_path):
    take(store, tmp_path, GONE, 3)
    assert (await prune_outputs(dry_run=False))["takes"] == 0
    assert (await prune_outputs(keep_days=2, dry_run=False))["takes"] == 1


async def test_no_take_goes_while_a_plan_is_damaged_and_jobs_go_nevertheless(store, tmp_path):
    book(store, "{")
    take(store, tmp_path, GONE)
    job(store, tmp_path, 40, 40)
    told = await prune_outputs(dry_run=False)
    assert (told["jobs"], told["takes"]) == (1, 0)
    assert left(tmp_path) == {"0123", GONE}
