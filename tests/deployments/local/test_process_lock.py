"""The locks of processes on this machine."""

import json
import os
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from deployments.local.process_lock import abandoned, hold, take

pytestmark = pytest.mark.service


@pytest.fixture(autouse=True)
def home(monkeypatch, tmp_path):
    monkeypatch.setenv("F5_FLOWS_HOME", str(tmp_path))
    return tmp_path


def left(home, **fields):
    """The lock of a process that died."""
    told = {"name": "process:x", "pid": 1, "api": None, "scratch": "/tmp/x"} | fields
    (home / "running").mkdir()
    (home / "running" / "x.lease").write_text(json.dumps(told))


def test_a_living_process_is_not_swept(tmp_path):
    with hold(None, str(tmp_path)):
        assert abandoned() == []


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_clock_that_jumps_sweeps_no_living_process_and_spares_no_dead_one(home, tmp_path, hours):
    left(home)
    dead = home / "running" / "x.lease"
    with hold(None, str(tmp_path)):
        both = list((home / "running").iterdir())
        assert len(both) == 2
        for path in both:
            os.utime(path, (time.time() + hours * 3600,) * 2)
        assert abandoned() == [dead]


def test_a_lock_can_be_read_at_any_moment_of_being_stopped(home, tmp_path):
    with hold(None, str(tmp_path)) as lock:
        [path] = (home / "running").iterdir()
        found = set()
        with ThreadPoolExecutor(1) as pool:
            stopping = pool.submit(lambda: [lock.stop() for _ in range(2000)])
            while not stopping.done():
                found.add(json.loads(path.read_text())["stopped"])
            stopping.result()
        assert found <= {False, True}
        assert json.loads(path.read_text())["stopped"]


@pytest.mark.parametrize("wrong", [{"environment": None}, {"scratch": 5}, {"environment": {"A": 1}}])
def test_a_lock_that_makes_no_sense_is_thrown_away(home, wrong):
    left(home, **wrong)
    [path] = abandoned()
    with take(path) as lock:
        assert lock is None
    assert abandoned() == []


def test_who_sweeps_writes_where_the_dead_one_did_and_then_where_it_did_before(home, monkeypatch):
    monkeypatch.setenv("STORAGE_DIR", "/mine")
    monkeypatch.delenv("S3_BUCKET", raising=False)
    left(home, environment={"STORAGE_DIR": "/theirs", "S3_BUCKET": "theirs"})
    [path] = abandoned()
    with take(path) as lock:
        with lock.adopted():
            assert (os.environ["STORAGE_DIR"], os.environ["S3_BUCKET"]) == ("/theirs", "theirs")
        assert os.environ["STORAGE_DIR"] == "/mine"
        assert "S3_BUCKET" not in os.environ
