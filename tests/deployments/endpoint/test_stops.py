"""Whatever becomes of a job while its run is being created, the run has an end."""

import asyncio
from uuid import uuid4

import pytest
from prefect.client.orchestration import get_client
from prefect.settings import PREFECT_API_URL, temporary_settings

from deployments.endpoint.jobs import Jobs
from deployments.endpoint.keeper import Keeper
from deployments.endpoint.runs import Runs
from deployments.endpoint.supervisor import Supervisor
from speech.request import SpeechRequest
from tests import PATIENCE


async def unreported(job, told):
    pass


@pytest.fixture
async def jobs(prefect_server, monkeypatch, tmp_path):
    """The handler of jobs on a real Prefect server; the child never starts."""
    monkeypatch.setenv("STORAGE_DIR", str(tmp_path))
    monkeypatch.setenv("CANCEL_GRACE", "0.1")
    with temporary_settings({PREFECT_API_URL: prefect_server}):
        async with get_client() as client:
            made = Jobs(Keeper(Supervisor()), unreported)
            made.runs = Runs(client, lambda run: None)
            made.connected.set()
            # What the first job would wait for.
            await made.runs._speak_deployment()
            made.client = client
            yield made


async def runs_of(jobs, mark):
    found = await jobs.client.read_flow_runs(limit=200)
    return [run for run in found if mark in str(run.parameters)]


async def test_a_job_that_is_stopped_at_any_moment_leaves_no_open_run(jobs):
    mark = uuid4().hex
    for number in range(20):
        given = {"text": f"Stop me, {mark} {number}."}
        working = asyncio.create_task(jobs({"id": f"{mark}-{number}", "input": given}))
        await asyncio.sleep(0.004 * number)
        working.cancel()
        await asyncio.wait({working})
    async with asyncio.timeout(PATIENCE):
        while {run.state.type.value for run in await runs_of(jobs, mark)} != {"CANCELLED"}:
            await asyncio.sleep(0.2)


async def test_a_job_that_nobody_waits_for_is_queued_though_its_record_cannot_be_written(jobs, tmp_path):
    (tmp_path / "jobs").touch()
    answer = await jobs({"id": uuid4().hex, "input": {"text": "Hello.", "wait": False}})
    assert answer.keys() == {"job_id", "status"}
    assert answer["status"] == "QUEUED"


async def test_a_run_that_nobody_has_begun_is_cancelled_at_once(jobs):
    mark = uuid4().hex
    run = await jobs.runs.create(SpeechRequest(text=mark), mark)
    answer = await jobs({"id": uuid4().hex, "input": {"endpoint": "cancel", "job_id": str(run.id)}})
    assert answer["status"] == "CANCELLED"
    assert (await jobs.runs.read(run.id)).state.name == "Cancelled"
