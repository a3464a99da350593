"""How long the local server lives: it ends when its home is gone, or when nobody has used it for long enough."""

import os
import random
import shutil
import subprocess
import sys
import time

import httpx
import psutil
import pytest

from deployments.local import clients, server
from tests import PATIENCE, inherited
from tests.stack import PROGRAM

pytestmark = pytest.mark.service

# A second and a half.
SHORT = "0.0004"
# What a client does that dawdles: it finds a server, waits for longer than a server stays idle, and makes a run.
DAWDLER = """
import random, sys, time
import httpx
from deployments.local import server
found = server.ensure(print)
time.sleep(float(sys.argv[1]))
auth = tuple(server.password().split(":", 1))
with httpx.Client(base_url=found.api, auth=auth, trust_env=False, timeout=60) as client:
    flow = client.post("/flows/", json={"name": "dawdled"}).raise_for_status().json()["id"]
    state = {"type": sys.argv[2]}
    run = client.post("/flow_runs/", json={"flow_id": flow, "state": state}).raise_for_status().json()["id"]
print(run, found.pid)
"""


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home of the test's own, which this process, unlike those it starts, does not hold."""
    home = tmp_path / "home"
    monkeypatch.setenv("F5_FLOWS_HOME", str(home))
    yield home
    for process in servers(home):
        process.kill()


def servers(home):
    """The processes that serve a home, whether or not it is still there."""
    found = []
    for process in psutil.process_iter():
        try:
            if server._PROGRAM in process.cmdline() and process.cwd().startswith(str(home)):
                found.append(process)
        except psutil.Error:
            continue
    return found


def program(*words, hours=SHORT):
    given = inherited() | {"F5_FLOWS_HOME": os.environ["F5_FLOWS_HOME"], "SERVER_IDLE_HOURS": hours}
    done = subprocess.run([PROGRAM, "server", *words], env=given, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    return done.stdout


def dawdle(seconds=0.0, state="COMPLETED", hours=SHORT):
    """Start a client that dawdles."""
    given = inherited() | {"F5_FLOWS_HOME": os.environ["F5_FLOWS_HOME"], "SERVER_IDLE_HOURS": hours}
    return subprocess.Popen(
        [sys.executable, "-c", DAWDLER, str(seconds), state], env=given, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip


def made_by(client):
    """The run that a client has made, and the server that it made it on."""
    out, err = client.communicate(timeout=PATIENCE)
    assert client.returncode == 0, err
    run, pid = out.split()[-2:]
    return run, int(pid)


def ended(pid):
    """Wait for the end of a server."""
    psutil.wait_procs([psutil.Process(pid)] if psutil.pid_exists(pid) else [], PATIENCE)
    return ended_by_now(pid)


def ended_by_now(pid):
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def api(found):
    name, _, word = server.password().partition(":")
    return httpx.Client(base_url=found.api, auth=(name, word), trust_env=False, timeout=60)


def test_it_ends_when_its_home_is_gone_though_it_would_stay_for_ever(home):
    program("start", hours="0")
    found = server.find()
    assert found.outlook() == (None, [])
    assert "stays until f5-flows server stop" in program("status")
    shutil.rmtree(home)
    # Another may have taken its place, in which nothing is written.
    home.mkdir()
    assert ended(found.pid)
    assert not list(home.iterdir())


@pytest.mark.parametrize("given", [{}, {"auth": ("f5-flows", "guess")}])
def test_who_has_no_password_does_not_keep_it(home, given):
    program("start")
    found = server.find()
    until = time.monotonic() + PATIENCE
    with httpx.Client(base_url=found.url, trust_env=False, timeout=PATIENCE, **given) as stranger:
        while not ended_by_now(found.pid):
            assert time.monotonic() < until
            try:
                for path in ("/api/flow_runs/filter", "/", "/f5-flows/sign-in"):
                    stranger.get(path)
            except httpx.HTTPError:
                continue
            # Far more often than it looks whether anybody uses it.
            time.sleep(0.05)


def test_it_stays_for_a_client_that_dawdles_and_for_a_run_that_is_queued_and_then_ends(home):
    run, pid = made_by(dawdle(seconds=5, state="PENDING"))
    # Longer than it stays idle.
    time.sleep(4)
    found = server.find()
    assert found.pid == pid
    assert "a run is queued or running" in program("status")
    with api(found) as client:
        client.post(f"/flow_runs/{run}/set_state", json={"state": {"type": "COMPLETED"}, "force": True})
    assert ended(pid)
    assert server.find() is None
    assert "nobody has used it" in (home / "server.log").read_text()


class TestItSaysWhenItEnds:
    @pytest.fixture
    def found(self, prefect_server):
        return server.find()

    def test_to_those_who_have_its_password(self, found):
        assert found.outlook()[0] > 0
        assert httpx.get(f"{found.url}{server.LIFE}", trust_env=False).status_code == 401

    def test_and_a_look_makes_it_stay_no_longer(self, home):
        program("start", hours="8")
        found = server.find()
        assert "It ends at " in program("status")
        first, _ = found.outlook()
        time.sleep(0.5)
        assert found.answers()
        second, kept_by = found.outlook()
        assert second < first - 0.4
        assert kept_by == []

    def test_and_that_it_stays_for_a_schedule_unless_that_is_off(self, found):
        def kept_by():
            return any("inquiry" in why for why in found.outlook()[1])

        with api(found) as client:
            flow = client.post("/flows/", json={"name": "inquiry"}).json()["id"]
            schedule = {"schedule": {"cron": "0 3 * * *"}, "active": True}
            wanted = {"flow_id": flow, "name": "inquiry", "schedules": [schedule]}
            made = client.post("/deployments/", json=wanted).json()
            assert kept_by()
            url = f"/deployments/{made['id']}/schedules/{made['schedules'][0]['id']}"
            client.patch(url, json={"active": False}).raise_for_status()
            assert not kept_by()
            # Other tests list the deployments of this server.
            client.delete(f"/flows/{flow}").raise_for_status()


def test_a_client_that_comes_while_it_ends_starts_another(home):
    """Clients of all kinds of pace, on servers that stay idle for no time at all: each has its run."""
    pids = set()
    for _ in range(4):
        time.sleep(random.uniform(0, 1.5))
        for client in [dawdle(random.uniform(0, 1), hours="0.0001") for _ in range(2)]:
            pids.add(made_by(client)[1])
    assert len(pids) > 1


def test_a_client_waits_for_a_server_that_is_ending_and_takes_no_longer_than_asked(tmp_path):
    held = clients.claim(tmp_path)
    assert not clients.announce(tmp_path, 0.05)
    os.close(held)
    assert clients.announce(tmp_path, 0)
    assert clients.claim(tmp_path) is None
