"""The local Prefect server: one for all, replaced when it is no good."""

import json
import os
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace

import psutil
import pytest

from deployments import server
from speech.errors import ServerError
from speech.settings import settings

said: list[str] = []


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A home of this module's own, so that other tests keep their server."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(autouse=True)
def own_home(monkeypatch, home):
    monkeypatch.setenv("F5_FLOWS_HOME", str(home))
    settings.cache_clear()
    said.clear()
    yield
    settings.cache_clear()


@pytest.fixture(scope="module", autouse=True)
def stopped_at_the_end(home):
    yield
    os.environ["F5_FLOWS_HOME"], kept = str(home), os.environ["F5_FLOWS_HOME"]
    settings.cache_clear()
    server.stop()
    os.environ["F5_FLOWS_HOME"] = kept


def test_the_first_start_says_what_it_waits_for_and_two_at_once_start_one():
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda _: server.ensure(said.append), range(2))
    assert first == second
    assert first.answers()
    assert len(said) == 1
    assert "for the first time" in said[0]


@pytest.fixture
def running():
    found = server.ensure(said.append)
    said.clear()
    return found


def test_a_running_server_is_used_again(running):
    assert running == server.ensure(said.append) == server.ensure(said.append) == server.find()
    assert said == []


def test_its_database_takes_one_writer_at_a_time():
    """Many clients at once, none of them told that the server is busy."""
    import httpx

    api = server.ensure(said.append).api
    flow = httpx.post(f"{api}/flows/", json={"name": "busy"}, trust_env=False).json()["id"]

    def one(_):
        made = httpx.post(f"{api}/flow_runs/", json={"flow_id": flow, "state": {"type": "PENDING"}}, trust_env=False)
        run = made.json()["id"]
        state = {"state": {"type": "RUNNING"}}
        moved = httpx.post(f"{api}/flow_runs/{run}/set_state", json=state, trust_env=False, timeout=30)
        return made.status_code, moved.status_code

    with ThreadPoolExecutor(8) as pool:
        codes = [code for pair in pool.map(one, range(48)) for code in pair]
    assert set(codes) == {201}


def test_a_killed_server_is_replaced(running):
    old = running
    os.kill(old.pid, signal.SIGKILL)
    psutil.wait_procs([psutil.Process(old.pid)] if psutil.pid_exists(old.pid) else [], 10)
    new = server.ensure(said.append)
    assert new.pid != old.pid
    assert new.answers()


def test_a_server_that_hangs_is_replaced(monkeypatch, running):
    monkeypatch.setattr(server, "_ANSWER_SECONDS", 1)
    old = running
    os.kill(old.pid, signal.SIGSTOP)
    new = server.ensure(said.append)
    assert new.pid != old.pid
    assert "does not answer" in said[0]
    assert not psutil.pid_exists(old.pid) or psutil.Process(old.pid).status() == psutil.STATUS_ZOMBIE


def test_a_process_that_took_over_the_number_is_neither_trusted_nor_stopped(home):
    current = server.ensure(said.append)
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    kept = (home / "server.json").read_text()
    try:
        born = psutil.Process(stranger.pid).create_time()
        (home / "server.json").write_text(json.dumps(asdict(replace(current, pid=stranger.pid, created=born))))
        assert server.find() is None
        assert server.stop() is False
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()
        (home / "server.json").write_text(kept)


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"pid": 1}', '{"pid": "x", "created": 0, "port": 1, "prefect": ""}']
)
def test_a_broken_state_file_counts_as_no_server(home, running, content):
    kept = (home / "server.json").read_text()
    (home / "server.json").write_text(content)
    try:
        assert server.find() is None
    finally:
        (home / "server.json").write_text(kept)


def test_a_server_of_somebody_else_that_does_not_answer_is_named_and_not_hung_on():
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        with pytest.raises(ServerError, match=r"PREFECT_API_URL.*does not answer"):
            server.require(f"http://127.0.0.1:{silent.getsockname()[1]}/api")


def test_a_home_that_cannot_be_written_is_named(monkeypatch):
    monkeypatch.setenv("F5_FLOWS_HOME", "/proc/nowhere")
    settings.cache_clear()
    with pytest.raises(ServerError, match="F5_FLOWS_HOME"):
        server.ensure(said.append)
