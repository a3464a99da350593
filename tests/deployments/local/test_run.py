"""Runs on one's own machine: many at once, stopped and killed at any moment, on disks that are full."""

import json
import os
import random
import signal
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from tests import PATIENCE
from tests.conftest import small_disk
from tests.deployments.local.home import LONG, STEPS, Home, cleared, eventually, reached
from tests.scripts import ALICE

pytestmark = pytest.mark.service


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    home = Home(tmp_path_factory.mktemp("local"))
    yield home
    home.run("server", "stop")


class TestManyAtOnce:
    def test_on_a_fresh_home_one_server_serves_all_and_those_that_are_killed_are_ended(self, home):
        chance = random.Random(10)
        running = [home.start("speak", ALICE, "--out", "together") for _ in range(7)]
        killed, spared = running[:3], running[3:]
        for process in killed[:1]:
            process.kill()
        for process, step in zip(killed[1:], ("synthesize", "align"), strict=True):
            reached(process, step)
            time.sleep(chance.random() / 4)
            process.kill()
        for process in spared:
            out, err = process.communicate(timeout=PATIENCE)
            assert process.returncode == 0, err
            assert "Done:" in out
        for process in killed:
            process.communicate()
        assert len([run for run, _ in home.query("SELECT id, name FROM flow_run")]) >= 5
        cleared(home)
        ends = home.runs()
        assert sorted(state for state, _ in ends.values()).count("Completed") >= 4
        crashed = {run: message for run, (state, message) in ends.items() if state == "Crashed"}
        assert len(crashed) in (1, 2)
        for run, message in crashed.items():
            assert "is gone" in message
            record = home.record(run)
            assert (record["status"], record["error_message"]) == ("ERROR", message)
        assert {state for state, _ in ends.values()} == {"Completed", "Crashed"}


class TestStopped:
    @pytest.mark.parametrize(
        ("step", "sign", "code"),
        [
            ("prepare", signal.SIGINT, 130),
            ("synthesize", signal.SIGINT, 130),
            ("align", signal.SIGINT, 130),
            ("persist", signal.SIGINT, 130),
            ("synthesize", signal.SIGTERM, 143),
        ],
    )
    def test_a_run_says_one_line_and_leaves_a_cancelled_job_without_files(self, home, step, sign, code):
        folder = f"stopped at {step} by {sign.name}"
        home.run("server", "start")
        before = home.runs()
        process = home.start("speak", LONG, "--out", folder)
        said = reached(process, step)
        time.sleep(random.Random(f"{step}{sign}").random() / 10)
        process.send_signal(sign)
        out, err = process.communicate(timeout=PATIENCE)
        lines = [line for line in (*said, *err.splitlines()) if not line.startswith(STEPS)]
        run = (set(home.runs()) - set(before)).pop()
        if home.runs()[run][0] == "Completed":
            assert step == "persist"
            return
        assert (process.returncode, out, lines) == (code, "", ["Stopped."])
        eventually(lambda: home.runs()[run][0] == "Cancelled")
        cleared(home)
        assert home.record(run)["status"] == "CANCELLED"
        assert not home.files(run)
        assert not (home.root.parent / folder).exists()

    def test_before_there_is_a_server_too(self, tmp_path):
        fresh = Home(tmp_path)
        process = fresh.start("speak", ALICE)
        said = reached(process, "Starting the local")
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=PATIENCE)
        assert (process.returncode, err.splitlines()) == (130, ["Stopped."]), said
        assert not fresh.left()
        fresh.run("server", "stop")

    def test_the_second_ctrl_c_ends_it_at_once_and_the_server_does_the_rest(self, home):
        home.run("server", "start")
        before = home.runs()
        process = home.start("speak", LONG, "--out", "stopped")
        reached(process, "synthesize")
        os.kill(home.server(), signal.SIGSTOP)
        try:
            process.send_signal(signal.SIGINT)
            eventually(lambda: any('"stopped": true' in path.read_text() for path in (home.root / "running").iterdir()))
            process.send_signal(signal.SIGINT)
            assert process.wait(PATIENCE) == 130
        finally:
            os.kill(home.server(), signal.SIGCONT)
        process.communicate()
        run = eventually(lambda: set(home.runs()) - set(before)).pop()
        eventually(lambda: home.runs()[run][0] == "Cancelled" and home.record(run)["status"] == "CANCELLED")
        cleared(home)

    @pytest.mark.parametrize("words", [["align", "talk.wav", "--text", "talk.txt"], ["doctor"], ["models", "list"]])
    def test_any_other_command_too(self, home, words):
        process = home.start(*words)
        # Once its handlers are there a command may be met anywhere.
        eventually(lambda: process.poll() is not None or _hears(process.pid))
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=PATIENCE)
        if process.returncode == 130:
            assert [line for line in err.splitlines() if not line.startswith(STEPS)] == ["Stopped."]
        assert "Traceback" not in err
        assert not home.left()

    def test_a_reader_that_goes_away_is_no_fault_of_ours(self, home):
        process = home.start("--help")
        process.stdout.close()
        process.wait(PATIENCE)
        assert process.stderr.read() == ""


def _hears(pid):
    """Whether a process has a handler of its own for Ctrl-C and SIGTERM."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return False
    caught = int(next(line.split()[1] for line in lines if line.startswith("SigCgt")), 16)
    return bool(caught & 1 << signal.SIGTERM - 1)


class TestLostServer:
    def test_a_server_that_is_killed_in_a_run_is_one_sentence_and_the_next_one_ends_the_run(self, home):
        home.run("server", "start")
        before = home.runs()
        process = home.start("speak", LONG)
        said = reached(process, "synthesize")
        os.kill(home.server(), signal.SIGKILL)
        _, err = process.communicate(timeout=PATIENCE)
        lines = [line for line in (*said, *err.splitlines()) if not line.startswith(STEPS)]
        assert process.returncode == 1
        assert len(lines) == 1
        assert "The Prefect server stopped answering in the middle of job" in lines[0]
        home.run("server", "start")
        run = (set(home.runs()) - set(before)).pop()
        assert run in lines[0]
        eventually(lambda: home.runs()[run][0] == "Crashed" and home.record(run)["status"] == "ERROR")
        cleared(home)


class TestNoRoom:
    def test_full_temporary_files_are_named(self, home):
        home.run("server", "start")
        with small_disk(home.temporary, "64k"):
            done = home.run("speak", ALICE)
        assert done.returncode == 1
        last = done.stderr.splitlines()[-1]
        assert last.startswith("Error: ")
        assert str(home.temporary) in last
        assert "TMPDIR" in last
        assert "Traceback" not in done.stderr

    def test_a_full_folder_for_the_files_is_named_and_the_job_is_kept(self, home, tmp_path):
        home.run("server", "start")
        with small_disk(tmp_path, "64k"):
            done = home.run("speak", ALICE, "--out", tmp_path / "here")
        assert done.returncode == 1
        last = done.stderr.splitlines()[-1]
        assert f"--out: {tmp_path / 'here'} cannot be written to" in last
        job = last.split("f5-flows result ")[1]
        assert json.loads(home.run("result", job).stdout)["job_id"] == job


class TestHistory:
    def test_what_nobody_looks_up_is_not_kept(self, home):
        assert home.run("speak", "Hello there.").returncode == 0
        eventually(lambda: home.query("SELECT 1 FROM events WHERE event = 'prefect.flow-run.Completed'"))
        kinds = {kind for (kind,) in home.query("SELECT DISTINCT event FROM events")}
        assert not [kind for kind in kinds if "task-run" in kind or "artifact" in kind or "heartbeat" in kind]
        assert home.query("SELECT 1 FROM task_run WHERE state_name = 'Completed'")

    def test_old_runs_go_and_a_database_that_grew_becomes_small(self, home):
        for _ in range(2):
            assert home.run("speak", "Hello there.").returncode == 0
        home.run("server", "stop")
        old, young = [run for run, (state, _) in home.runs().items() if state == "Completed"][:2]
        with closing(sqlite3.connect(home.database)) as connection, connection:
            connection.execute("UPDATE flow_run SET end_time = datetime('now', '-31 days') WHERE id = ?", (old,))
            connection.execute("DELETE FROM log WHERE flow_run_id = ?", (young,))
            connection.executemany(
                "INSERT INTO log (name, level, flow_run_id, message, timestamp) "
                "VALUES ('x', 20, ?, ?, datetime('now'))",
                [(young, "A line of the log. " * 20)] * 20_000,
            )
        assert home.database.stat().st_size > 10e6
        assert home.run("server", "start", KEEP_DAYS="30", KEEP_MB="5").returncode == 0
        eventually(lambda: home.database.stat().st_size < 7e6 and old not in home.runs())
        assert young in home.runs()
        home.run("server", "stop")

    def test_a_log_of_the_server_that_grew_keeps_its_end_and_is_written_on(self, home):
        # At its end a server says so there.
        given = {"PREFECT_LOGGING_LOGGERS_UVICORN_LEVEL": "INFO"}
        home.run("server", "stop")
        assert home.run("server", "start", **given).returncode == 0
        log = home.root / "server.log"
        with log.open("a") as file:
            file.writelines(f"This is line {number} of a long log.\n" for number in range(200_000))
        assert log.stat().st_size > 6e6
        eventually(lambda: log.stat().st_size < 1e6)
        home.run("server", "stop")
        kept = log.read_text()
        assert "line 199999 of" in kept and "line 180000 of" not in kept
        assert "Finished server process" in kept.rpartition("line 199999 of")[2] and "\0" not in kept
