"""Everything that a flow run goes through on RunPod, started for real: Prefect on PostgreSQL, the work pool and
its worker, RunPod's control plane, endpoints, an S3 server."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import psutil
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterState, FlowRunFilterStateType
from prefect.client.schemas.objects import FlowRun, StateType

from speech.errors import InvalidRequest
from speech.records import load
from speech.stores.s3 import Bucket, S3Store
from tests import PATIENCE, inherited
from tests.fakes.gateway import ACCESS_KEY, SECRET_KEY
from tests.fakes.runpod import API_KEY, ControlPlane
from tests.processes import descendants
from tests.services import Postgres, Prefect, stop_group

__all__ = ["ENDPOINT", "LONG", "PROGRAM", "Container", "Stack", "silence_schedules"]

ENDPOINT = "ep1"
PROGRAM = Path(sys.executable).with_name("f5-flows")

# Takes the embedded voice and aligner some seconds.
LONG = " ".join(f"This is sentence number {number} of a long story about the sea." for number in range(250))


class Container:
    """A container of the endpoint with a folder as its store.

    Args:
        api: of the Prefect server that it uses.
    """

    def __init__(self, plane: ControlPlane, home: Path, api: str, **variables: str) -> None:
        self.plane, self.home, self.store = plane, home, home / "store"
        self._log = home / "log"
        self.process = subprocess.Popen(
            [str(PROGRAM), "endpoint"],
            env={
                **inherited(), **plane.worker_environment(ENDPOINT, "pod1"), "HOME": str(home), "ENGINE": "espeak",
                "STORAGE_DIR": str(self.store), "F5_FLOWS_HOME": str(home), "PREFECT_HOME": str(home / "prefect"),
                "PREFECT_API_URL": api, **variables,
            },
            cwd=home, start_new_session=True, stdout=self._log.open("ab"), stderr=subprocess.STDOUT,
        )  # fmt: skip

    @property
    def log(self) -> str:
        return self._log.read_text(errors="replace")

    def ask(self, **given: Any) -> dict[str, Any]:
        """Send a job's input and wait for what the client of RunPod gets."""
        return ask(self.plane, "POST", f"runsync?wait={PATIENCE * 1000}", json={"input": given})

    def send(self, **given: Any) -> str:
        """Send a job's input; returns RunPod's id of the job."""
        return str(ask(self.plane, "POST", "run", json={"input": given})["id"])

    def answer(self, job: str) -> dict[str, Any]:
        """What became of a job that was sent."""
        deadline = time.monotonic() + PATIENCE
        while True:
            told = ask(self.plane, "GET", f"status/{job}")
            if told["status"] not in ("IN_QUEUE", "IN_PROGRESS"):
                return told
            assert time.monotonic() < deadline, self.log[-2000:]
            time.sleep(0.1)

    def children(self) -> list[psutil.Process]:
        """The processes that hold the models."""
        return descendants(self.process.pid, "deployments.endpoint.child")

    def stop(self) -> None:
        stop_group(self.process)


def ask(plane: ControlPlane, method: str, path: str, **more: Any) -> dict[str, Any]:
    """What a client of RunPod does; it is done again and again, and reading the certificates takes longest."""
    answer = httpx.request(
        method, f"{plane.url}/{ENDPOINT}/{path}", headers={"Authorization": f"Bearer {API_KEY}"}, timeout=PATIENCE,
        trust_env=False, verify=False, **more,
    )  # fmt: skip
    told: dict[str, Any] = answer.json()
    return told


def silence_schedules(api: str, auth: tuple[str, str] | None = None) -> None:
    """A run that the clock starts, every five minutes, would take the place of one that a test started."""
    with httpx.Client(base_url=api, auth=auth, trust_env=False) as client:
        for deployment in client.post("/deployments/filter", json={}).json():
            for schedule in deployment["schedules"]:
                url = f"/deployments/{deployment['id']}/schedules/{schedule['id']}"
                client.patch(url, json={"active": False}).raise_for_status()


class Stack:
    """The parts, and what tests do with them.

    Args:
        s3_url: where the S3 server is reached; a proxy, where it is to be away.
    """

    def __init__(self, home: Path, database: Postgres, bucket: Bucket, s3_url: str) -> None:
        self.home, self.database, self.bucket = home, database, bucket
        self.prefect = Prefect(database, home / "prefect")
        self.runpod = ControlPlane(ENDPOINT)
        self.runpod.ping_timeout = 60
        self.store = S3Store(bucket)
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.temporary = home / "tmp"
        self.temporary.mkdir()
        self.variables = {
            "PREFECT_API_URL": self.prefect.api,
            "S3_BUCKET": bucket.name,
            "AWS_ENDPOINT_URL": s3_url,
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "REQUEST_TIMEOUT": "10",
            "ENGINE": "espeak",
            "RUNPOD_API_KEY": API_KEY,
            "RUNPOD_ENDPOINT_ID": ENDPOINT,
            "RUNPOD_JOB_URL": self.runpod.url,
            "RUNPOD_MANAGEMENT_URL": self.runpod.management_url,
            "RUNPOD_RECONCILE_SECONDS": "2",
            "RUNPOD_SUBMIT_GRACE": "20",
            "PREFECT_WORKER_QUERY_SECONDS": "1",
            "PREFECT_WORKER_PREFETCH_SECONDS": "1",
            "LEASE_SECONDS": "15",
            "CANCEL_GRACE": "15",
            "PYTHONUNBUFFERED": "1",
            "TMPDIR": str(self.temporary),
        }

    def environment(self, name: str, **more: str) -> dict[str, str]:
        home = self.home / name
        home.mkdir(exist_ok=True)
        own = {"F5_FLOWS_HOME": str(home), "PREFECT_HOME": str(home / "prefect"), "HOME": str(home)}
        return {**inherited(), **self.variables, **own, **more}

    def spawn(self, name: str, *command: str, **variables: str) -> subprocess.Popen[bytes]:
        self.processes[name] = subprocess.Popen(
            [str(PROGRAM), *command],
            env=self.environment(name, **variables), start_new_session=True, cwd=self.home / name,
            stdout=(self.home / f"{name}.log").open("ab"), stderr=subprocess.STDOUT,
        )  # fmt: skip
        return self.processes[name]

    def deploy(self, pool: str = "gpu", **variables: str) -> str:
        done = subprocess.run(
            [PROGRAM, "deploy", "--pool", pool], env=self.environment("deploy", **variables), capture_output=True,
            text=True, timeout=PATIENCE, cwd=self.home,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        self._quicken(pool)
        silence_schedules(self.prefect.api)
        return done.stdout

    def open(self) -> None:
        """Start all of it, and see that it works."""
        self.deploy()
        self.endpoint("pod1")
        self.worker()
        assert self.job(text="Hello.")["status"] == "COMPLETED"

    def endpoint(self, pod: str = "pod1", **variables: str) -> subprocess.Popen[bytes]:
        """A container of the endpoint, as RunPod would start one."""
        return self.spawn(pod, "endpoint", **self.runpod.worker_environment(ENDPOINT, pod), **variables)

    def worker(self, name: str = "worker", pool: str = "gpu") -> subprocess.Popen[bytes]:
        return self.spawn(name, "worker", "--pool", pool, "--name", name)

    def kill(self, name: str, sign: signal.Signals = signal.SIGKILL) -> None:
        stop_group(self.processes[name], sign)

    def log(self, name: str) -> str:
        return (self.home / f"{name}.log").read_text(errors="replace")

    def client(self) -> PrefectClient:
        return PrefectClient(self.prefect.api)

    def job(self, wait: float = PATIENCE, **given: Any) -> dict[str, Any]:
        """What a client of RunPod does: send a job and wait for it."""
        return ask(self.runpod, "POST", f"runsync?wait={wait * 1000:.0f}", json={"input": given})

    def send(self, **given: Any) -> str:
        """Send a job and do not wait; returns RunPod's id of it."""
        answer = self.ask("POST", "run", json={"input": given})
        return str(answer["id"])

    def ask(self, method: str, path: str, **more: Any) -> dict[str, Any]:
        return ask(self.runpod, method, path, **more)

    async def start(self, text: str, *, deployment: str = "speak/speak", timings: bool = True) -> FlowRun:
        """What somebody at the UI does."""
        async with self.client() as client:
            found = await client.read_deployment_by_name(deployment)
            request = {"text": text, "return_word_timings": timings, "seed": 7}
            return await client.create_flow_run_from_deployment(found.id, parameters={"request": request})

    async def read(self, run: UUID | str) -> FlowRun:
        async with self.client() as client:
            return await client.read_flow_run(UUID(str(run)))

    async def until(self, run: UUID | str, *, names: tuple[str, ...] = ()) -> FlowRun:
        """Wait for the end of a run, or for a state by name."""
        deadline = time.monotonic() + PATIENCE
        async with self.client() as client:
            while True:
                found = await client.read_flow_run(UUID(str(run)))
                if found.state and (found.state.name in names if names else found.state.is_final()):
                    return found
                if time.monotonic() > deadline:
                    state = found.state
                    raise AssertionError(f"{run} is {state and state.name}: {state and state.message}")
                await asyncio.sleep(0.2)

    async def recorded(self, job: UUID | str, status: str, **fields: Any) -> None:
        """Wait until the record of a job says so: it is written after Prefect is told, or by a sweep that comes by."""
        deadline = time.monotonic() + PATIENCE
        record = None
        while time.monotonic() < deadline:
            with suppress(InvalidRequest):
                record = load(self.store, str(job))
            if record and record.model_dump().items() >= {"status": status, **fields}.items():
                return
            await asyncio.sleep(0.2)
        raise AssertionError(record)

    async def ends(self) -> list[str]:
        """The names of the states in which all runs so far have ended; the inbox is looked into now and then."""
        deadline = time.monotonic() + PATIENCE
        begun = FlowRunFilterStateType(any_=[kind for kind in StateType if kind is not StateType.SCHEDULED])
        mine = FlowRunFilter(state=FlowRunFilterState(type=begun))
        async with self.client() as client:
            while True:
                runs = await client.read_flow_runs(flow_run_filter=mine)
                open_ = [run for run in runs if run.state and not run.state.is_final()]
                if not open_:
                    return [str(run.state_name) for run in runs]
                assert time.monotonic() < deadline, [(run.name, run.state_name) for run in open_]
                await asyncio.sleep(0.5)

    def outputs(self) -> set[str]:
        """The jobs that have a recording."""
        return {entry.key.split("/")[1].removesuffix(".wav") for entry in self.store.list("output/")}

    def wipe(self) -> None:
        for prefix in ("output/", "timings/", "jobs/", "inbox/"):
            for entry in list(self.store.list(prefix)):
                self.store.delete(entry.key)

    def end(self) -> None:
        """Tell all processes of ours to stop, and wait until they have."""
        for process in self.processes.values():
            stop_group(process, signal.SIGTERM)
        for process in self.processes.values():
            process.wait(PATIENCE)
        self.processes.clear()

    def stop(self) -> None:
        for process in self.processes.values():
            stop_group(process)
        self.runpod.stop()
        self.prefect.kill()
        self.database.stop()

    def _quicken(self, pool: str) -> None:
        """Tests do not wait as long as operators may."""
        if pool != "gpu":
            return
        url = f"{self.prefect.api}/work_pools/{pool}"
        template = httpx.get(url, trust_env=False).json()["base_job_template"]
        for name, value in {"poll_interval": 0.5, "settle": 12, "cancel_grace": 15}.items():
            template["variables"]["properties"][name]["default"] = value
        httpx.patch(url, json={"base_job_template": template}, trust_env=False).raise_for_status()
