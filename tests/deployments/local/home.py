"""A home of its own, in which a person runs commands."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

from tests import PATIENCE
from tests.scripts import ALICE

PROGRAM = Path(sys.executable).with_name("f5-flows")
STEPS = ("Starting the local", "[")
# Half a minute of work for the machine, enough to be met at each step.
LONG = " ".join([ALICE] * 12)


class Home:
    """A home with a server, a store and a place for temporary files of its own."""

    def __init__(self, root):
        self.root, self.store, self.temporary = root / "home", root / "store", root / "tmp"
        self.temporary.mkdir()
        self.database = self.root / "prefect" / "prefect.db"

    def environment(self, **more):
        variables = {"F5_FLOWS_HOME": self.root, "STORAGE_DIR": self.store, "TMPDIR": self.temporary}
        return os.environ | {name: str(value) for name, value in variables.items()} | more

    def start(self, *words, **environment):
        return subprocess.Popen(
            [PROGRAM, *map(str, words)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.root.parent,
            env=self.environment(**environment),
            # A test that runs in the background may have been told to ignore Ctrl-C.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )

    def run(self, *words, **environment):
        process = self.start(*words, **environment)
        out, err = process.communicate(timeout=PATIENCE)
        return subprocess.CompletedProcess(words, process.returncode, out, err)

    def server(self):
        return json.loads((self.root / "server.json").read_text())["pid"]

    def query(self, text):
        with closing(sqlite3.connect(self.database, timeout=60)) as connection:
            return connection.execute(text).fetchall()

    def runs(self):
        return {
            run: (state, message)
            for run, state, message in self.query(
                "SELECT flow_run.id, flow_run.state_name, flow_run_state.message FROM flow_run "
                "LEFT JOIN flow_run_state ON flow_run.state_id = flow_run_state.id"
            )
        }

    def record(self, run):
        path = self.store / "jobs" / f"{run}.json"
        return json.loads(path.read_text()) if path.exists() else None

    def files(self, run):
        return [path for path in self.store.rglob(f"*{run}*") if path.parent.name != "jobs"]

    def left(self):
        return [*filter(is_ours, self.temporary.iterdir()), *(self.root / "running").glob("*")]


def is_ours(path):
    """Whether a temporary file is not the one that Python writes to see whether it may, which a kill can leave."""
    return path.is_dir() or path.read_bytes() not in (b"blat", b"")


def eventually(condition, otherwise=str):
    """Wait until a condition holds, or fail with what there is instead."""
    until = time.monotonic() + PATIENCE
    while not (found := condition()):
        assert time.monotonic() < until, f"it did not come about: {otherwise()}"
        time.sleep(0.2)
    return found


def cleared(home):
    """Wait until nothing is left of a process that has ended."""
    eventually(lambda: not home.left(), lambda: [[path, *path.glob("**/*")] for path in home.left()])


def reached(process, step):
    """Read what a process says until it is at a step."""
    said = []
    for line in process.stderr:
        said.append(line)
        if step in line:
            break
    return said
