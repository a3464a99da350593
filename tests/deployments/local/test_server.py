"""The local Prefect server: one for all, replaced when it is no good."""

import json
import os
import shutil
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import asdict, replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Event, Thread

import httpx
import psutil
import pytest
from filelock import FileLock

from deployments.local import database, probe, server
from deployments.local.home import restrict
from speech.errors import ServerError
from speech.settings import settings
from tests import PATIENCE, inherited
from tests.conftest import small_disk
from tests.stack import PROGRAM

pytestmark = pytest.mark.service

said: list[str] = []


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A home of this module's own, so that other tests keep their server."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(autouse=True)
def own_home(monkeypatch, home):
    monkeypatch.setenv("F5_FLOWS_HOME", str(home))
    said.clear()
    yield


@pytest.fixture(scope="module", autouse=True)
def stopped_at_the_end(home):
    yield
    os.environ["F5_FLOWS_HOME"], kept = str(home), os.environ["F5_FLOWS_HOME"]
    server.stop()
    os.environ["F5_FLOWS_HOME"] = kept


def program(*words, **environment):
    """Run `f5-flows server`."""
    given = inherited() | {"F5_FLOWS_HOME": str(settings().f5_flows_home)} | environment
    return subprocess.run([PROGRAM, "server", *words], env=given, capture_output=True, text=True, timeout=PATIENCE)


def servers(home):
    """The processes that serve a home."""
    return [process.pid for process in server._running() if process.cwd() == str(home)]


def test_the_first_start_says_what_it_waits_for_and_twenty_at_once_start_one(home):
    with ThreadPoolExecutor(20) as pool:
        told = list(pool.map(lambda _: program("start"), range(20)))
    assert [done.returncode for done in told] == [0] * 20, told
    assert len({done.stdout for done in told}) == 1
    assert sum("for the first time" in done.stderr for done in told) == 1
    found = server.find()
    assert found.answers()
    assert servers(home) == [found.pid]


@pytest.fixture
def running():
    found = server.ensure(said.append)
    said.clear()
    return found


def test_a_running_server_is_used_again(running):
    assert running == server.ensure(said.append) == server.ensure(said.append) == server.find()
    assert said == []


def test_its_database_takes_one_writer_at_a_time(running):
    """Many clients at once, none of them told that the server is busy."""
    client = httpx.Client(base_url=running.api, auth=own_auth(), trust_env=False, timeout=30)
    flow = client.post("/flows/", json={"name": "busy"}).json()["id"]

    def one(_):
        made = client.post("/flow_runs/", json={"flow_id": flow, "state": {"type": "PENDING"}})
        moved = client.post(f"/flow_runs/{made.json()['id']}/set_state", json={"state": {"type": "RUNNING"}})
        return made.status_code, moved.status_code

    with ThreadPoolExecutor(8) as pool:
        codes = [code for pair in pool.map(one, range(48)) for code in pair]
    assert set(codes) == {201}


def own_auth():
    name, _, word = server.password().partition(":")
    return name, word


class TestItIsItsUsersAlone:
    def test_nobody_else_can_read_what_it_keeps(self, home, running):
        assert home.stat().st_mode & 0o777 == 0o700
        # The store's folders, which doctor may have made, are as open as any other below this one: not at all.
        found = (path for path in home.rglob("*") if path.relative_to(home).parts[0] != "storage")
        kept = [path for path in found if not path.name.endswith(".lock")]
        assert {"prefect.db", "prefect.db-wal", "server.auth", "server.json", "server.log"} <= {
            one.name for one in kept
        }
        assert not [path for path in kept if path.stat().st_mode & 0o077]

    def test_it_listens_to_this_machine_alone(self, running):
        listening = [one for one in psutil.Process(running.pid).net_connections() if one.status == psutil.CONN_LISTEN]
        assert {one.laddr.ip for one in listening} == {"127.0.0.1"}

    @pytest.mark.parametrize("given", [{}, {"auth": ("f5-flows", "guess")}, {"headers": {"Authorization": "Bearer x"}}])
    def test_without_its_password_nothing_is_told(self, running, given):
        for method, path in (("POST", "block_documents/filter"), ("GET", "admin/settings"), ("POST", "work_pools/")):
            answer = httpx.request(method, f"{running.api}/{path}", json={"name": "x"}, trust_env=False, **given)
            assert answer.status_code == 401

    @pytest.mark.parametrize("host", ["evil.example", "127.0.0.1:1", "127.0.0.1.evil.example", "127.0.0.1", ""])
    def test_a_name_that_was_made_to_lead_here_is_refused(self, running, host):
        for path in ("/api/health", "/", "/f5-flows/sign-in"):
            answer = httpx.get(f"{running.url}{path}", headers={"Host": host}, auth=own_auth(), trust_env=False)
            assert answer.status_code == 400

    @pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1", "https://127.0.0.1"])
    def test_a_page_of_another_origin_is_refused_whatever_it_sends(self, running, origin):
        for method in ("GET", "POST", "OPTIONS"):
            headers = {"Origin": origin, "Access-Control-Request-Method": "POST"}
            answer = httpx.request(
                method, f"{running.api}/flows/filter", headers=headers, auth=own_auth(), trust_env=False
            )
            assert answer.status_code == 403
            assert not [name for name in answer.headers if name.startswith("access-control")]

    def test_its_own_names_are_served(self, running):
        for name in ("127.0.0.1", "localhost"):
            own = f"{name}:{running.port}"
            headers = {"Host": own, "Origin": f"http://{own}"}
            answer = httpx.get(f"{running.api}/admin/version", headers=headers, auth=own_auth(), trust_env=False)
            assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, f"http://{own}")

    @pytest.mark.parametrize("path", ["events/out", "logs/out"])
    async def test_streams_are_held_to_the_same(self, running, path):
        from websockets.asyncio.client import connect
        from websockets.exceptions import ConnectionClosed, InvalidStatus

        url = f"ws://127.0.0.1:{running.port}/api/{path}"
        with pytest.raises(InvalidStatus, match="403"):
            await connect(url, subprotocols=["prefect"], origin="https://evil.example")
        with pytest.raises(InvalidStatus, match="400"):
            await connect(url, subprotocols=["prefect"], additional_headers={"Host": "evil.example"})
        for token in ("guess", None):
            async with connect(url, subprotocols=["prefect"]) as stream:
                await stream.send(json.dumps({"type": "auth", "token": token}))
                with pytest.raises(ConnectionClosed):
                    await stream.recv()
        own = f"http://127.0.0.1:{running.port}"
        async with connect(url, subprotocols=["prefect"], origin=own) as stream:
            await stream.send(json.dumps({"type": "auth", "token": server.password()}))
            assert json.loads(await stream.recv()) == {"type": "auth_success"}

    def test_the_password_stands_on_no_command_line_and_in_no_log(self, home, running):
        words = server.password().partition(":")[2]
        assert words not in " ".join(psutil.Process(running.pid).cmdline())
        assert words not in (home / "server.log").read_text()
        assert words not in (home / "server.json").read_text()

    def test_what_we_start_is_given_it(self, home):
        """Whatever the environment holds: that is of another server."""
        given = inherited() | {"F5_FLOWS_HOME": str(home), "PREFECT_API_AUTH_STRING": "somebody:else"}
        for command in (["blocks", "register"], ["deploy"]):
            done = subprocess.run([PROGRAM, *command], env=given, capture_output=True, text=True, timeout=PATIENCE)
            assert done.returncode == 0, done.stderr
            assert server.password() not in done.stdout + done.stderr

    def test_what_an_earlier_version_left_is_closed_and_its_server_replaced_not_doubled(self, home, running):
        """It kept its files for all to read, and a server that asks for nothing and is no longer known."""
        old = {"pid": running.pid, "created": 1.0, "port": running.port, "prefect": running.prefect}
        (home / "server.json").write_text(json.dumps(old))
        for path in (home, home / "prefect"):
            path.chmod(0o755)
        for path in (home / "server.json", home / "server.log", *database.parts(home / "prefect" / "prefect.db")):
            path.chmod(0o644)
        new = server.ensure(said.append)
        assert new.pid != running.pid
        assert servers(home) == [new.pid]
        self.test_nobody_else_can_read_what_it_keeps(home, new)

    def test_a_folder_that_all_share_is_no_home_and_stays_open(self, monkeypatch, tmp_path):
        shared = tmp_path / "shared"
        shared.mkdir()
        shared.chmod(0o1777)
        (shared / "of somebody").touch()
        monkeypatch.setenv("F5_FLOWS_HOME", str(shared))
        with pytest.raises(ServerError, match="all users share"):
            server.ensure(said.append)
        assert stat.S_IMODE(shared.stat().st_mode) == 0o1777

    def test_a_folder_that_holds_other_things_keeps_its_mode(self, monkeypatch, tmp_path):
        (tmp_path / "diary.txt").touch(0o644)
        tmp_path.chmod(0o755)
        monkeypatch.setenv("F5_FLOWS_HOME", str(tmp_path))
        try:
            server.ensure(said.append)
            modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path, *tmp_path.iterdir())}
        finally:
            server.stop()
        assert modes[tmp_path.name] == 0o755
        assert modes["diary.txt"] == 0o644
        assert modes["prefect"] == 0o700
        assert {mode for name, mode in modes.items() if name.startswith("server.")} == {0o600}


class TestTheLinkToItsPages:
    def exchange(self, running, link):
        page, _, token = link.partition("#")
        return httpx.post(page, content=token, trust_env=False)

    def test_it_works_once(self, running):
        link = running.sign_in()
        assert self.exchange(running, link).status_code == 200
        again = self.exchange(running, link)
        assert (again.status_code, "f5-flows server ui" in again.text) == (403, True)

    def test_only_who_has_the_password_gets_one(self, running):
        for given in ({}, {"auth": ("f5-flows", "guess")}, {"headers": {"Authorization": b"Basic \xff"}}):
            assert httpx.post(f"{running.url}{server.LINK}", trust_env=False, **given).status_code == 401

    def test_a_guess_opens_nothing(self, running):
        for token in ("", "x" * 43):
            assert self.exchange(running, f"{running.url}/f5-flows/sign-in#{token}").status_code == 403

    @pytest.mark.skipif(os.getuid() != 0 or not shutil.which("curl"), reason="needs two users, and curl")
    def test_another_user_who_read_it_off_a_command_line_is_refused(self, running):
        page, _, token = running.sign_in().partition("#")
        call = ["curl", "-s", "--noproxy", "*", "-d", token, page]
        done = subprocess.run(call, capture_output=True, text=True, user=65534, cwd="/")
        assert "another user" in done.stdout
        assert self.exchange(running, f"{page}#{token}").status_code == 200


def test_files_that_come_and_go_while_it_is_closed_to_others_are_passed_over(monkeypatch, tmp_path):
    monkeypatch.setenv("F5_FLOWS_HOME", str(tmp_path))
    folder, over = tmp_path / "prefect", Event()
    folder.mkdir()

    def come_and_go():
        while not over.is_set():
            for number in range(50):
                (folder / str(number)).touch()
            for number in range(50):
                (folder / str(number)).unlink()

    files = Thread(target=come_and_go)
    files.start()
    try:
        for _ in range(300):
            restrict(tmp_path)
    finally:
        over.set()
        files.join()


def test_a_killed_server_is_replaced(running):
    old = running
    os.kill(old.pid, signal.SIGKILL)
    psutil.wait_procs([psutil.Process(old.pid)] if psutil.pid_exists(old.pid) else [], 10)
    begun = []
    new = server.ensure(said.append, lambda starting: begun.append((starting, starting.answers())))
    assert new.pid != old.pid
    assert new.answers()
    # What takes time can be done before it answers, and is done once.
    assert server.ensure(said.append, begun.append) == new
    assert begun == [(new, False)]


def test_a_server_with_another_password_is_replaced_at_once(home, running):
    began = time.monotonic()
    (home / "server.auth").write_text("somebody:else")
    new = server.ensure(said.append)
    assert new.pid != running.pid
    assert new.answers()
    assert not any("slow to answer" in sentence for sentence in said)
    assert time.monotonic() - began < server._PATIENCE_SECONDS


def test_a_server_that_hangs_is_replaced(monkeypatch, running):
    monkeypatch.setattr(server, "_ANSWER_SECONDS", 1)
    monkeypatch.setattr(server, "_PATIENCE_SECONDS", 2)
    old = running
    os.kill(old.pid, signal.SIGSTOP)
    new = server.ensure(said.append)
    assert new.pid != old.pid
    assert "slow to answer" in said[0]
    assert "does not answer" in said[1]
    assert not psutil.pid_exists(old.pid) or psutil.Process(old.pid).status() == psutil.STATUS_ZOMBIE


def test_a_server_that_is_busy_for_a_while_is_waited_for(monkeypatch, running):
    monkeypatch.setattr(server, "_ANSWER_SECONDS", 0.5)
    os.kill(running.pid, signal.SIGSTOP)
    with ThreadPoolExecutor(1) as pool:
        found = pool.submit(server.ensure, said.append)
        time.sleep(2)
        os.kill(running.pid, signal.SIGCONT)
        assert found.result() == running


def test_a_process_that_took_over_the_number_is_neither_trusted_nor_stopped(home, running):
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    try:
        (home / "server.json").write_text(json.dumps(asdict(replace(running, pid=stranger.pid))))
        assert server.find() is None
        new = server.ensure(said.append)
        assert stranger.poll() is None
        assert servers(home) == [new.pid]
    finally:
        stranger.kill()
        stranger.wait()


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"pid": 1}', '{"pid": "x", "created": 0, "port": 1, "prefect": ""}', "\udcff"]
)
def test_a_broken_state_file_counts_as_no_server(home, running, content):
    kept = (home / "server.json").read_text()
    (home / "server.json").write_text(content, errors="surrogateescape")
    try:
        assert server.find() is None
    finally:
        (home / "server.json").write_text(kept)


class TestWhatKeepsItFromStarting:
    """Each is a sentence with its remedy, which `f5-flows doctor` tells as well."""

    @pytest.fixture
    def file(self, monkeypatch, home, running, tmp_path):
        """A database in a home of the test's own: with Prefect's tables, and nobody who uses it."""
        file = tmp_path / "prefect" / "prefect.db"
        file.parent.mkdir()
        with closing(sqlite3.connect(home / "prefect" / "prefect.db")) as used, closing(sqlite3.connect(file)) as copy:
            used.backup(copy)
            copy.execute("PRAGMA journal_mode = WAL")
        monkeypatch.setenv("F5_FLOWS_HOME", str(tmp_path))
        return file

    def refused(self, *words):
        with pytest.raises(ServerError) as refusal:
            server.ensure(said.append)
        given = inherited() | {"F5_FLOWS_HOME": str(settings().f5_flows_home)}
        done = subprocess.run([PROGRAM, "doctor"], env=given, capture_output=True, text=True, timeout=PATIENCE)
        assert done.returncode == 1, done.stdout
        for word in words:
            assert word in str(refusal.value)
            assert word in done.stdout

    def test_nothing_is_found_where_all_is_well(self, file):
        assert server.find_problem() is None

    def test_a_file_that_is_no_database(self, file):
        file.write_bytes(b"garbage" * 1000)
        self.refused("is damaged", "f5-flows server reset")

    def test_a_database_whose_pages_are_damaged(self, file):
        raw = bytearray(file.read_bytes())
        raw[4096 * 3 : 4096 * 40] = os.urandom(4096 * 37)
        file.write_bytes(raw)
        self.refused("is damaged", "f5-flows server reset")

    def test_a_database_of_a_later_prefect(self, file):
        with closing(sqlite3.connect(file)) as connection:
            connection.execute("UPDATE alembic_version SET version_num = 'fffffffffff0'")
            connection.commit()
        self.refused("a later Prefect", "fffffffffff0", "f5-flows server reset")

    def test_a_database_that_another_program_holds(self, monkeypatch, file):
        with closing(sqlite3.connect(file)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            self.refused("Another program holds", "end that program")

    def test_a_disk_that_is_full(self, monkeypatch, tmp_path):
        with small_disk(tmp_path, "2m"):
            monkeypatch.setenv("F5_FLOWS_HOME", str(tmp_path))
            self.refused("MB are free", "F5_FLOWS_HOME")

    def test_a_server_that_cannot_be_seen_from_here(self, file):
        """As one in a container that shares the folder: two never run on one file."""
        with FileLock(f"{file}.lock"), pytest.raises(ServerError, match="unknown server uses the database"):
            server.ensure(said.append)


def test_reset_keeps_the_old_database_and_starts_with_a_new_one(home, running):
    flow = httpx.post(f"{running.api}/flows/", json={"name": "kept"}, auth=own_auth(), trust_env=False).json()["id"]
    done = program("reset")
    assert done.returncode == 0, done.stderr
    [kept] = (home / "prefect").glob("prefect-*.db")
    assert f"The old database is kept as {kept}" in done.stderr
    with closing(sqlite3.connect(kept)) as connection:
        [[name]] = connection.execute("SELECT name FROM flow WHERE id = ?", [flow])
    assert name == "kept"
    new = server.find()
    assert new.pid != running.pid
    with httpx.Client(base_url=new.api, auth=own_auth(), trust_env=False) as client:
        assert client.get(f"/flows/{flow}").status_code == 404
        # Prefect's note of what the old one held has not misled it.
        assert client.get("/block_types/slug/secret").status_code == 200
    kept.unlink()


class TestAServerOfSomebodyElse:
    def test_that_does_not_answer_is_named_and_not_hung_on(self):
        with socket.socket() as silent:
            silent.bind(("127.0.0.1", 0))
            silent.listen()
            with pytest.raises(ServerError, match=r"PREFECT_API_URL.*does not answer"):
                probe.require(f"http://127.0.0.1:{silent.getsockname()[1]}/api")

    def test_whose_password_is_missing_or_wrong_says_so(self, monkeypatch, running):
        monkeypatch.delenv("PREFECT_API_AUTH_STRING")
        with pytest.raises(ServerError, match=r"refuses our calls \(401\): set PREFECT_API_AUTH_STRING"):
            probe.require(running.api)
        for name, value in (("PREFECT_API_KEY", "hunter2"), ("PREFECT_API_AUTH_STRING", "somebody:hunter2")):
            monkeypatch.setenv(name, value)
            with pytest.raises(ServerError, match=f"{name} was rejected") as refusal:
                probe.require(running.api)
            assert "hunter2" not in str(refusal.value)
        monkeypatch.setenv("PREFECT_API_AUTH_STRING", server.password())
        probe.require(running.api)

    def test_that_stands_behind_a_password_of_its_proxy_is_used(self, monkeypatch):
        """Even its health is not told to everybody."""

        class Proxy(BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200 if self.headers["Authorization"] == "Basic YTpi" else 401)
                self.end_headers()
                self.wfile.write(b"true")

            def log_message(self, *_):
                pass

        proxy = HTTPServer(("127.0.0.1", 0), Proxy)
        Thread(target=proxy.serve_forever, daemon=True).start()
        api = f"http://127.0.0.1:{proxy.server_port}/api"
        monkeypatch.setenv("PREFECT_API_AUTH_STRING", "a:b")
        probe.require(api)
        monkeypatch.setenv("PREFECT_API_AUTH_STRING", "a:c")
        with pytest.raises(ServerError, match="401"):
            probe.require(api)
        proxy.shutdown()


def test_a_home_that_cannot_be_written_is_named(monkeypatch):
    monkeypatch.setenv("F5_FLOWS_HOME", "/proc/nowhere")
    with pytest.raises(ServerError, match="F5_FLOWS_HOME"):
        server.ensure(said.append)
