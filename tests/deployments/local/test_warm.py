"""The warm process behind `f5-flows speak`: used, shared, stopped, killed and replaced at any moment."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from deployments.local.warm import identify
from deployments.local.wire import Wire, pack, unpack
from speech import errors
from speech.errors import InvalidRequest, Problem
from tests import PATIENCE
from tests.deployments.local.home import LONG, PROGRAM, STEPS, Home, cleared, eventually, reached
from tests.scripts import ALICE

pytestmark = pytest.mark.service

SHORT = ("speak", "Hello there.", "--no-timings", "--quiet")
TRACER = """
import sys
from deployments.cli.program import main
try:
    main()
finally:
    print([name for name in ("prefect", "numpy", "httpx") if name in sys.modules], file=sys.stderr)
"""


class WarmHome(Home):
    """A home whose commands share a warm process."""

    def environment(self, **more):
        return super().environment(**{"WARM_MINUTES": "10"} | more)

    def warm(self):
        """The warm processes of this home."""
        found = []
        for process in psutil.process_iter():
            try:
                if "deployments.local.warm_process" in process.cmdline() and Path(process.cwd()) == self.root:
                    found.append(process)
            except (psutil.Error, OSError):
                continue
        return found

    def one(self):
        [process] = self.warm()
        return process


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    home = WarmHome(tmp_path_factory.mktemp("warm"))
    yield home
    home.run("server", "stop")


@pytest.fixture
def warm(home):
    """The home's warm process, at hand."""
    assert home.run(*SHORT).returncode == 0
    return home.one()


def has_ended(process):
    return eventually(lambda: not process.is_running() or process.status() == psutil.STATUS_ZOMBIE)


def complaints(*texts):
    return [line for text in texts for line in text.splitlines() if not line.startswith(STEPS)]


class TestUsed:
    def test_the_next_speak_finds_it_and_says_the_same_as_a_process_of_its_own(self, home, warm):
        files = ("--seed", "3", "--format", "srt", "--quiet")
        told = [home.run("speak", ALICE, *files, "--out", name).stdout.split() for name in ("first/", "next/")]
        alone = home.run("speak", ALICE, *files, "--cold", "--out", "cold/").stdout.split()
        assert home.one() == warm
        for one, other in zip(told[0], told[1], strict=True):
            for path in (one, alone[told[0].index(one)]) if not one.endswith(".html") else ():
                folder = home.root.parent
                assert (folder / path).read_bytes() == (folder / other).read_bytes()
        assert {state for state, _ in home.runs().values()} == {"Completed"}

    def test_the_command_imports_neither_prefect_nor_numpy(self, home, warm):
        done = subprocess.run(
            [sys.executable, "-c", TRACER, *SHORT], env=home.environment(), cwd=home.root.parent, capture_output=True,
            text=True, timeout=PATIENCE,
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (0, "[]\n")
        assert home.one() == warm

    def test_server_status_tells_of_it(self, home, warm):
        said = home.run("server", "status").stdout
        assert f"A warm process ({warm.pid}, " in said
        assert "it ends in 10 min unless it is used before." in said

    def test_an_error_of_the_run_is_told_as_by_a_process_of_its_own(self, home, warm):
        words = (*SHORT, "--google", "google-speech/none", "--format", "srt")
        words = tuple(word for word in words if word != "--no-timings")
        here, there = home.run(*words), home.run(*words, "--cold")
        assert here.returncode == there.returncode == 1
        assert here.stderr == there.stderr != ""

    def test_a_progress_that_nobody_can_read_does_not_stop_it(self, home, warm):
        command = ["sh", "-c", '"$0" "$@" 2>/dev/full', str(PROGRAM), *SHORT[:-1]]
        done = subprocess.run(
            command, env=home.environment(), cwd=home.root.parent, stdout=subprocess.PIPE, text=True, timeout=PATIENCE
        )
        assert (done.returncode, done.stdout[:5]) == (0, "Done:")

    def test_a_remote_server_that_is_gone_is_told_as_by_a_process_of_its_own(self, tmp_path):
        (tmp_path / "served").mkdir()
        served, home = WarmHome(tmp_path / "served"), WarmHome(tmp_path)
        served.run("server", "start")
        port = json.loads((served.root / "server.json").read_text())["port"]
        remote = {
            "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
            "PREFECT_API_AUTH_STRING": (served.root / "server.auth").read_text(),
        }
        assert home.run(*SHORT, **remote).returncode == 0
        served.run("server", "stop")
        gone, cold = home.run(*SHORT, **remote), home.run(*SHORT, "--cold", **remote)
        assert (gone.returncode, gone.stderr) == (cold.returncode, cold.stderr)
        assert "does not answer" in gone.stderr
        assert "the warm process is stopped" in home.run("server", "stop").stdout

    def test_only_its_user_can_reach_it(self, home, warm):
        assert home.root.stat().st_mode & 0o077 == 0
        assert (home.root / "warm.sock").stat().st_mode & 0o077 == 0
        assert (home.root / "warm.log").stat().st_mode & 0o077 == 0

    @pytest.mark.skipif(os.getuid() != 0, reason="it takes root to be another user too")
    def test_a_socket_that_another_user_has_put_there_is_not_used(self, tmp_path):
        home = WarmHome(tmp_path)
        home.root.mkdir(mode=0o777)
        home.root.chmod(0o777)
        code = (
            "import os, socket, sys; s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); os.setuid(65534); "
            "s.listen(); print(flush=True); print(s.accept()[0].recv(100), flush=True)"
        )
        impostor = subprocess.Popen(
            [sys.executable, "-c", code, str(home.root / "warm.sock")], stdout=subprocess.PIPE, text=True
        )
        assert impostor.stdout.readline() == "\n"
        assert home.run(*SHORT).returncode == 0
        assert impostor.stdout.readline() == "b''\n"
        impostor.wait()
        home.run("server", "stop")


class TestModels:
    def test_they_stay_for_the_next_speak_and_go_when_another_process_needs_the_memory(self, home, networks):
        given = {
            "MODELS_DIR": str(networks),
            "ENGINE": "f5-tts",
            "F5_MODEL": "tiny",
            "NFE_STEP": "5",
            "MAX_RETAKES": "0",
        }
        files = [home.run(*SHORT, "--seed", "1", **given).stdout.strip() for _ in range(2)]
        first, second = ((home.root.parent / file).read_bytes() for file in files)
        assert first == second
        assert ", 1 model) makes the next" in home.run("server", "status").stdout
        process = home.one()
        cold = home.run(*SHORT, "--seed", "1", "--cold", **given).stdout.strip()
        assert (home.root.parent / cold).read_bytes() == first
        assert ", 0 models) makes the next" in home.run("server", "status").stdout
        assert home.run(*SHORT, **given).returncode == 0
        assert home.one() == process


class TestShared:
    def test_twenty_at_once_on_a_fresh_home_are_all_done_by_one(self, tmp_path):
        home = WarmHome(tmp_path)
        running = [home.start(*SHORT, "--out", "together/") for _ in range(20)]
        for process in running:
            _, err = process.communicate(timeout=PATIENCE)
            assert process.returncode == 0, err
        assert len(list((tmp_path / "together").glob("*.wav"))) == 20
        assert len(home.runs()) == 20
        assert len(home.warm()) == 1
        home.run("server", "stop")
        eventually(lambda: not home.warm())


class TestStopped:
    @pytest.mark.parametrize(("sign", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
    def test_a_command_says_one_line_and_leaves_a_cancelled_job_without_files(self, home, warm, sign, code):
        before = home.runs()
        process = home.start("speak", LONG, "--out", f"stopped-{code}")
        said = reached(process, "synthesize")
        process.send_signal(sign)
        out, err = process.communicate(timeout=PATIENCE)
        run = (set(home.runs()) - set(before)).pop()
        assert (process.returncode, out, complaints(*said, err)) == (code, "", ["Stopped."])
        assert home.runs()[run][0] == "Cancelled"
        eventually(lambda: (home.record(run) or {}).get("status") == "CANCELLED" and not home.files(run))
        assert home.run(*SHORT).returncode == 0
        assert home.one() == warm

    def test_a_command_that_is_killed_leaves_the_same(self, home, warm):
        before = home.runs()
        process = home.start("speak", LONG)
        reached(process, "synthesize")
        process.kill()
        process.communicate()
        run = (set(home.runs()) - set(before)).pop()
        eventually(lambda: home.runs()[run][0] == "Cancelled" and home.record(run)["status"] == "CANCELLED")
        eventually(lambda: not home.files(run) and not list((home.root / "running").iterdir()))
        assert home.run(*SHORT).returncode == 0
        assert home.one() == warm


class TestKilled:
    def test_in_a_run_it_is_one_sentence_and_the_next_call_starts_another(self, home, warm):
        before = home.runs()
        process = home.start("speak", LONG)
        said = reached(process, "synthesize")
        warm.kill()
        _, err = process.communicate(timeout=PATIENCE)
        [line] = complaints(*said, err)
        assert process.returncode == 1
        assert line.startswith("Error: The warm process died while it spoke; ")
        assert home.run(*SHORT).returncode == 0
        assert home.one() != warm
        [run] = [run for run, (state, _) in home.runs().items() if run not in before and state != "Completed"]
        eventually(lambda: home.runs()[run][0] == "Crashed" and home.record(run)["status"] == "ERROR")

    def test_one_that_hangs_is_killed_and_another_does_the_work(self, home):
        given = {"CHILD_SILENCE": "10"}
        assert home.run(*SHORT, **given).returncode == 0
        hung = home.one()
        hung.suspend()
        assert home.run(*SHORT, **given).returncode == 0
        assert has_ended(hung)
        hung = home.one()
        hung.suspend()
        assert home.run("server", "stop", **given).returncode == 0
        assert has_ended(hung)

    def test_one_that_hangs_in_a_run_is_one_sentence(self, home):
        given = {"CHILD_SILENCE": "10"}
        process = home.start("speak", LONG, **given)
        said = reached(process, "synthesize")
        hung = home.one()
        hung.suspend()
        _, err = process.communicate(timeout=PATIENCE)
        [line] = complaints(*said, err)
        assert line.startswith("Error: The warm process did not answer for 10 s. Run it again, or with --cold")
        assert has_ended(hung)

    def test_one_that_a_command_ends_says_so(self, home, warm):
        process = home.start("speak", LONG)
        said = reached(process, "synthesize")
        assert home.run("server", "stop").returncode == 0
        _, err = process.communicate(timeout=PATIENCE)
        assert complaints(*said, err) == [
            "Error: The warm process was ended while it spoke (a command ended it); run it again."
        ]

    def test_one_whose_temporary_files_are_gone_is_replaced(self, home, warm):
        for folder in home.temporary.iterdir():
            shutil.rmtree(folder)
        assert home.run(*SHORT).returncode == 0
        assert home.one() != warm

    def test_without_a_server_it_says_why_and_ends(self, tmp_path):
        home = WarmHome(tmp_path)
        home.database.parent.mkdir(parents=True)
        home.database.write_bytes(b"This is no database. " * 1000)
        done, cold = home.run(*SHORT), home.run(*SHORT, "--cold")
        assert (done.returncode, done.stderr) == (cold.returncode, cold.stderr)
        assert "database" in done.stderr
        eventually(lambda: not home.warm())


class TestReplaced:
    def test_another_environment_gets_another_one(self, home, warm):
        assert home.run(*SHORT, PROCESSING_TIMEOUT="250").returncode == 0
        eventually(lambda: len(home.warm()) == 1)
        assert home.one() != warm

    def test_while_it_works_a_command_of_another_environment_does_its_work_itself(self, home, warm):
        busy = home.start("speak", LONG, "--quiet")
        eventually(lambda: "it carries out a run." in home.run("server", "status").stdout)
        done = home.run(*SHORT, PROCESSING_TIMEOUT="250")
        assert (done.returncode, done.stderr) == (0, "")
        assert home.one() == warm
        busy.send_signal(signal.SIGINT)
        busy.communicate(timeout=PATIENCE)

    def test_relative_paths_of_another_folder_are_another_environment(self, home):
        for folder in ("one", "two"):
            (home.root.parent / folder).mkdir()
            process = subprocess.run(
                [PROGRAM, *SHORT],
                env=os.environ | {"F5_FLOWS_HOME": str(home.root), "STORAGE_DIR": "kept", "WARM_MINUTES": "10"},
                cwd=home.root.parent / folder, capture_output=True, text=True, timeout=PATIENCE,
            )  # fmt: skip
            assert process.returncode == 0, process.stderr
            assert list((home.root.parent / folder / "kept").rglob("*.wav"))

    def test_a_server_that_was_stopped_takes_it_along(self, home, warm):
        assert home.run("server", "stop").returncode == 0
        assert not home.warm()
        assert home.run(*SHORT).returncode == 0
        assert home.one() != warm

    def test_it_ends_with_a_server_that_was_killed(self, home, warm):
        os.kill(home.server(), signal.SIGKILL)
        eventually(lambda: not home.warm())


class TestEnds:
    def test_when_nobody_uses_it(self, home):
        began = time.monotonic()
        assert home.run(*SHORT, WARM_MINUTES="0.02").returncode == 0
        eventually(lambda: not home.warm())
        assert time.monotonic() - began > 1.2
        assert not (home.root / "warm.sock").exists()
        assert "nobody used it for 0.02 minutes" in (home.root / "warm.log").read_text()

    def test_when_its_home_is_gone(self, tmp_path):
        home = WarmHome(tmp_path)
        assert home.run(*SHORT).returncode == 0
        home.root.rename(tmp_path / "elsewhere")
        eventually(lambda: not [process for process in psutil.process_iter(["cmdline"])
                                if "deployments.local.warm_process" in (process.info["cmdline"] or ())
                                and str(tmp_path) in process.cwd()])  # fmt: skip

    def test_its_temporary_files_go_with_it(self, home, warm):
        assert home.run("server", "stop").returncode == 0
        cleared(home)


def test_relative_paths_hold_in_its_folder(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    for name, value in {"TMPDIR": "t", "PYTHONPATH": f"a{os.pathsep}/b", "HF_HOME": "~/hf", "LANG": "C"}.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "C").mkdir()
    variables = identify().variables
    found = {name: variables[name] for name in ("TMPDIR", "PYTHONPATH", "HF_HOME", "LANG")}
    paths = f"{tmp_path}/a{os.pathsep}/b"
    assert found == {"TMPDIR": f"{tmp_path}/t", "PYTHONPATH": paths, "HF_HOME": "~/hf", "LANG": "C"}


@pytest.mark.parametrize("line", [b"rubbish\n", b"[1]\n", b"{}\n", b'{"what": "half', b"\xff\n", b"[" * 10_000 + b"\n"])
def test_what_is_no_message_ends_a_connection(line):
    ours, theirs = socket.socketpair()
    theirs.sendall(line)
    theirs.close()
    assert list(Wire(ours).messages()) == []


def test_errors_cross_the_wire():
    kinds = [kind for name in errors.__all__ if isinstance(kind := getattr(errors, name), type)]
    for kind in kinds:
        if not issubclass(kind, errors.SpeechError) or kind is InvalidRequest:
            continue
        fault = unpack(json.loads(json.dumps(pack(kind("It did not work.")))))
        assert (type(fault), str(fault)) == (kind, "It did not work.")
    refused = unpack(json.loads(json.dumps(pack(InvalidRequest([Problem("speed", 9, "at most 2")])))))
    assert isinstance(refused, InvalidRequest)
    assert str(refused) == "speed: 9 is not accepted; expected at most 2"
    full = unpack(json.loads(json.dumps(pack(OSError(28, "No space left on device", "/tmp/x")))))
    assert (full.errno, full.strerror, full.filename) == (28, "No space left on device", "/tmp/x")
    assert str(unpack(pack(OSError("It did not work.")))) == "It did not work."
