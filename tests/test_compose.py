"""The developer's machine of compose.yaml: each service by its own command, and each deployment run once on it."""

import asyncio
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
import yaml
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import FlowRun

from blocks.saved import NAME
from speech.stores.s3 import Bucket, S3Store
from tests import PATIENCE, inherited
from tests.conftest import needed
from tests.fakes.gateway import free_port
from tests.services import Postgres, postgres_programs, stop_group
from tests.stack import PROGRAM, silence_schedules

pytestmark = pytest.mark.service

ROOT = Path(__file__).parent.parent
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
PASSWORD = "developer:secret"
# A run that waits for its place looks again after half a minute otherwise.
_QUICK = {"PREFECT_SERVER_DEPLOYMENTS_CONCURRENCY_SLOT_WAIT_SECONDS": "2"}


class Machine:
    """The services, on ports that are free here."""

    def __init__(self, home):
        self.home = home
        self.processes = {}
        self.ports = {"redis": free_port(), "server": free_port(), "s3": free_port()}
        self.database = Postgres(home / "postgres")
        self.places = {
            "postgresql+asyncpg://prefect:prefect@postgres:5432/prefect": self.database.url,
            "redis://redis:6379": f"redis://127.0.0.1:{self.ports['redis']}",
            "http://server:4200": f"http://127.0.0.1:{self.ports['server']}",
            "http://localhost:4200": f"http://127.0.0.1:{self.ports['server']}",
            "http://s3:5000": f"http://127.0.0.1:{self.ports['s3']}",
            "/data": str(home / "prefect"),
            COMPOSE["server"]["environment"]["PREFECT_SERVER_API_AUTH_STRING"]: PASSWORD,
        }

    @property
    def api(self):
        return f"http://127.0.0.1:{self.ports['server']}/api"

    def here(self, value):
        for there, place in self.places.items():
            value = value.replace(there, place)
        return value

    def environment(self, name):
        here = {key: self.here(value) for key, value in COMPOSE[name]["environment"].items()}
        given = {key: value for key, value in here.items() if "${" not in value}
        if "PREFECT_REDIS_MESSAGING_HOST" in given:
            given |= {
                "PREFECT_REDIS_MESSAGING_HOST": "127.0.0.1",
                "PREFECT_REDIS_MESSAGING_PORT": str(self.ports["redis"]),
            }
        own = {"HOME": str(self.home), "F5_FLOWS_HOME": str(self.home / "f5")}
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        return {**inherited(), **own, "PATH": path, "PREFECT_WORKER_QUERY_SECONDS": "1", **_QUICK, **given}

    def start(self, name, *command):
        self.processes[name] = subprocess.Popen(
            command, env=self.environment(name) if "environment" in COMPOSE[name] else None, cwd=self.home,
            stdout=(self.home / f"{name}.log").open("wb"), stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip

    def once(self, name, *command):
        done = subprocess.run(
            command, env=self.environment(name), capture_output=True, text=True, timeout=PATIENCE, cwd=self.home
        )
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
        return done.stdout

    def stop(self):
        for process in self.processes.values():
            stop_group(process)
        self.database.stop()


def answers(url):
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            return httpx.get(url, timeout=2, trust_env=False, verify=False)
        except httpx.HTTPError:
            time.sleep(0.2)
    raise AssertionError(url)


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    if not shutil.which("redis-server") or postgres_programs() is None:
        needed("PostgreSQL and Redis are needed: apt-get install postgresql redis-server")
    assert COMPOSE["postgres"]["command"][0] == "postgres"
    machine = Machine(tmp_path_factory.mktemp("compose"))
    try:
        port = {name: str(value) for name, value in machine.ports.items()}
        machine.start("redis", *COMPOSE["redis"]["command"], "--port", port["redis"], "--bind", "127.0.0.1")
        machine.once("migrate", *COMPOSE["migrate"]["command"])
        machine.start("server", *(port["server"] if word == "4200" else word for word in COMPOSE["server"]["command"]))
        machine.start("services", *COMPOSE["services"]["command"])
        machine.start(
            "s3", "moto_server", *(port["s3"] if word == "5000" else word for word in COMPOSE["s3"]["command"])
        )
        answers(f"{machine.api}/health")
        answers(f"http://127.0.0.1:{port['s3']}")
        machine.once("bucket", *COMPOSE["bucket"]["entrypoint"])
        machine.told = machine.once("setup", str(PROGRAM), *COMPOSE["setup"]["command"])
        silence_schedules(machine.api, tuple(PASSWORD.split(":")))
        machine.start("worker", str(PROGRAM), *COMPOSE["worker"]["command"])
        yield machine
    finally:
        machine.stop()


@pytest.fixture
def store(machine):
    from pydantic import SecretStr

    place = machine.here("http://s3:5000")
    key = SecretStr("developer")
    return S3Store(Bucket("f5-flows", endpoint=place, access_key=key, secret_key=key, timeout=10))


async def run(machine, deployment, **parameters) -> FlowRun:
    async with PrefectClient(machine.api, auth_string=PASSWORD) as client:
        found = await client.read_deployment_by_name(deployment)
        started = await client.create_flow_run_from_deployment(found.id, parameters=parameters)
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            seen = await client.read_flow_run(started.id)
            if seen.state.is_final():
                return seen
            await asyncio.sleep(0.2)
    raise AssertionError(f"{deployment} is {seen.state_name}")


async def test_everything_is_set_up_by_one_command(machine):
    for name in (
        "speak",
        "narrate-inbox",
        "narrate",
        "speak-part",
        "bind",
        "narrate-books",
        "sync-models",
        "prune-outputs",
    ):
        assert f"Deployment: {name}" in machine.told
    assert f"Blocks: s3-bucket/{NAME}" in machine.told
    assert machine.told.count("Automation:") == 1


def test_the_server_asks_for_the_password_that_only_the_developer_has(machine):
    for auth, status in ((None, 401), (("developer", "guess"), 401), (tuple(PASSWORD.split(":")), 200)):
        assert httpx.get(f"{machine.api}/admin/version", auth=auth, trust_env=False).status_code == status
    assert PASSWORD not in (ROOT / "compose.yaml").read_text()


def test_pages_of_other_origins_are_not_let_in(machine):
    for origin, let_in in (("https://evil.example", False), (machine.here("http://localhost:4200"), True)):
        headers = {"Origin": origin, "Access-Control-Request-Method": "POST"}
        for url in (f"{machine.api}/flow_runs/filter", machine.here("http://s3:5000/f5-flows")):
            answer = httpx.options(url, headers=headers, trust_env=False)
            allowed = answer.headers.get("access-control-allow-origin")
            assert allowed == (origin if let_in and "/api/" in url else None)


def test_no_port_is_open_to_the_network():
    ports = [port for service in COMPOSE.values() for port in service.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


async def test_setting_up_again_changes_nothing(machine):
    async with PrefectClient(machine.api, auth_string=PASSWORD) as client:
        before = [(found.id, found.name) for found in await client.read_deployments()]
        automations = [found.id for found in await client.read_automations()]
        machine.once("setup", str(PROGRAM), *COMPOSE["setup"]["command"])
        assert sorted(before) == sorted((found.id, found.name) for found in await client.read_deployments())
        assert automations == [found.id for found in await client.read_automations()]


async def test_speak_runs(machine, store):
    done = await run(machine, "speak/speak", request={"text": "Hello there.", "return_word_timings": True})
    assert done.state_name == "Completed", done.state.message
    assert store.head(f"output/{done.id}.wav").size > 1000


async def test_speak_runs_with_the_block_that_was_saved(machine, store):
    done = await run(machine, "speak/speak", request={"text": "Hello there."}, storage=f"s3-bucket/{NAME}")
    assert done.state_name == "Completed", done.state.message
    assert store.head(f"output/{done.id}.wav").size > 1000


async def test_the_inbox_is_narrated_once(machine, store, tmp_path):
    store.write("inbox/letter.txt", "Dear friend. How are you?", "text/plain")
    store.write("inbox/deep/note.txt", "A second text.", "text/plain")
    store.write("inbox/empty.txt", "  ", "text/plain")
    (tmp_path / "latin.txt").write_bytes("schön".encode("latin-1"))
    store.put("inbox/latin.txt", tmp_path / "latin.txt", "text/plain")
    store.write("inbox/picture.png", "not a text", "image/png")
    done = await run(machine, "narrate-inbox/narrate-inbox")
    assert done.state_name == "Completed", done.state.message
    keys = {entry.key for entry in store.list("inbox/")}
    filed = ("txt", "wav", "result.json", "srt", "vtt", "csv", "json", "ass", "html")
    assert keys == {
        "inbox/picture.png",
        *(f"inbox/done/{name}.{end}" for name in ("letter", "deep/note", "latin") for end in filed),
        "inbox/failed/empty.txt", "inbox/failed/empty.reason.txt",
    }  # fmt: skip
    assert store.read("inbox/failed/empty.reason.txt") == "It cannot be read: it holds no words to speak.\n"
    assert store.read("inbox/done/letter.txt") == "Dear friend. How are you?"
    spoken = {entry.key for entry in store.list("output/")}
    done = await run(machine, "narrate-inbox/narrate-inbox")
    assert done.state_name == "Completed"
    assert {entry.key for entry in store.list("output/")} == spoken


async def test_what_is_started_while_another_run_has_the_place_is_done_after_it(machine, store):
    """As when a person starts a visit while the clock's is at work."""
    store.write("inbox/busy.txt", "This keeps the first visit busy. " * 20, "text/plain")
    both = await asyncio.gather(*(run(machine, "narrate-inbox/narrate-inbox") for _ in range(2)))
    assert [done.state_name for done in both] == ["Completed", "Completed"]
    assert store.read("inbox/done/busy.txt")


async def test_a_text_that_was_spoken_but_not_filed_is_only_filed(machine, store):
    """As after a process that died in between: the same text under the same key is the same run."""
    store.write("inbox/twice.txt", "This is said once.", "text/plain")
    assert (await run(machine, "narrate-inbox/narrate-inbox")).state_name == "Completed"
    spoken = {entry.key for entry in store.list("output/")}
    store.write("inbox/twice.txt", "This is said once.", "text/plain")
    assert (await run(machine, "narrate-inbox/narrate-inbox")).state_name == "Completed"
    assert {entry.key for entry in store.list("output/")} == spoken
    assert not [entry for entry in store.list("inbox/") if entry.key == "inbox/twice.txt"]


async def test_models_are_synced(machine):
    assert (await run(machine, "sync-models/sync-models")).state_name == "Completed"


async def test_old_outputs_are_pruned_only_when_that_is_meant(machine, store):
    before = {entry.key for entry in store.list("output/")}
    assert before
    done = await run(machine, "prune-outputs/prune-outputs")
    assert done.state_name == "Completed"
    done = await run(machine, "prune-outputs/prune-outputs", dry_run=False)
    assert done.state_name == "Completed"
    assert {entry.key for entry in store.list("output/")} == before
    refused = await run(machine, "prune-outputs/prune-outputs", dry_run=False, keep_days=1.5)
    assert refused.state_name == "Completed"
