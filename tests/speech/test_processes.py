"""Programs that work for us."""

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import threading

import psutil
import pytest

from speech.errors import AudioError
from speech.processes import Program, interrupted_by
from tests import PATIENCE

pytestmark = pytest.mark.service

MEMORY = 500_000_000
LONG = "import os, time; print(os.getpid(), flush=True); time.sleep(600)"


def program(code, seconds=60, memory=MEMORY, feed=None):
    command = [sys.executable, "-c", textwrap.dedent(code)]
    return Program(command, fault=AudioError, seconds=seconds, memory=memory, feed=feed)


def gone(pid):
    try:
        psutil.Process(pid).wait(PATIENCE)
    except psutil.NoSuchProcess:
        return True
    return True


def test_what_a_program_writes_and_says_and_how_it_ended_is_known():
    with program("import sys; print('x' * 1_000_000); print('first\\n\\nlast', file=sys.stderr); sys.exit(3)") as run:
        assert run.run() == b"x" * 1_000_000 + b"\n"
    assert (run.code, run.complaint) == (3, "last")


def test_a_program_reads_what_it_is_fed_while_its_output_is_read():
    pieces = [bytes([number]) * 300_000 for number in range(10)]
    echo = "import shutil, sys; shutil.copyfileobj(sys.stdin.buffer, sys.stdout.buffer)"
    with program(echo, feed=[b"", *pieces]) as run:
        assert run.run() == b"".join(pieces)
    assert run.code == 0


def test_no_more_is_made_than_a_program_reads():
    made = []
    feed = (made.append(1) or bytes(100_000) for _ in range(10_000))
    with program("import sys; sys.stdin.buffer.read(10); print('enough')", feed=feed) as run:
        assert run.run() == b"enough\n"
    assert run.code == 0 and len(made) < 1_000


def test_a_fault_of_what_feeds_a_program_ends_it():
    def feed():
        yield b"some"
        raise AudioError("The rest is missing.")

    with pytest.raises(AudioError, match="The rest is missing"), program(LONG, feed=feed()) as run:
        run.run()
    assert gone(run._process.pid)


def test_a_program_that_takes_too_long_is_ended():
    with pytest.raises(AudioError, match=r"took longer than 0\.5 s and was stopped"), program(LONG, 0.5) as run:
        output = run.output()
        pid = int(next(output))
        list(output)
    assert gone(pid)


def test_time_in_which_we_do_not_wait_for_it_does_not_count():
    with program("print('a' * 500_000, flush=True); print('b' * 500_000)", seconds=20) as run:
        first = next(output := run.output())
        run._waited = 0.0
        assert len(first) + sum(map(len, output)) == 1_000_002
        assert run._waited < 20


def test_a_program_that_wants_too_much_memory_does_not_get_it():
    with program("held = bytearray(900_000_000)") as run:
        run.run()
    assert run.code == 1
    assert run.complaint == "MemoryError"


def test_what_it_started_ends_with_it():
    code = """
        import subprocess, sys, time
        print(subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]).pid, flush=True)
        time.sleep(600)
    """
    with program(code) as run:
        grandchild = int(next(run.output()))
    assert gone(grandchild)


def test_what_it_says_takes_no_room():
    with program("import sys; sys.stderr.write('begins ' + 'noise ' * 2_000_000 + 'ends')") as run:
        run.run()
    assert len(run.stderr) < 200_000
    assert run.stderr.startswith("begins ")
    assert run.stderr.endswith(" ends")


def test_whoever_waits_in_a_thread_is_heard_when_the_work_is_cancelled():
    stop, pids = threading.Event(), []

    class Cancelled(Exception):
        pass

    def check():
        if stop.is_set():
            raise Cancelled

    def work():
        with program(LONG) as run:
            output = run.output()
            pids.append(int(next(output)))
            stop.set()
            list(output)

    async def main():
        with interrupted_by(lambda: None), interrupted_by(check):
            await asyncio.to_thread(work)

    with pytest.raises(Cancelled):
        asyncio.run(main())
    assert gone(pids[0])


def test_no_secret_is_handed_on(monkeypatch):
    monkeypatch.setenv("RUNPOD_API_KEY", "marked-secret")
    with program("import os; print(dict(os.environ))") as run:
        told = run.run().decode()
    assert "marked-secret" not in told
    assert "PATH" in told


def test_what_cannot_be_started_is_named():
    lacking = Program(["/nowhere/player"], fault=AudioError, seconds=1, memory=MEMORY)
    with pytest.raises(AudioError, match="player"), lacking:
        assert lacking.run() == b""
        if lacking.code:
            raise AudioError(lacking.complaint)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux ends a program with its parent")
def test_it_ends_with_a_parent_that_is_killed():
    parent = f"""
        import sys
        from speech.errors import AudioError
        from speech.processes import Program

        command = [sys.executable, "-c", {LONG!r}]
        with Program(command, fault=AudioError, seconds=600, memory={MEMORY}) as run:
            for data in run.output():
                print(data.decode(), flush=True)
    """
    command = [sys.executable, "-c", textwrap.dedent(parent)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ) as process:
        pid = int(process.stdout.readline())
        assert psutil.pid_exists(pid)
        process.send_signal(signal.SIGKILL)
        assert gone(pid)
