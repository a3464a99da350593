"""Whatever becomes of a job while its run is being created, the run has an end."""

import asyncio
from uuid import uuid4

import pytest
from prefect.client.orchestration import get_client
from prefect.settings import PREFECT_API_URL, temporary_settings

from deployments.endpoint.runs import Runs
from deployments.endpoint.side_tasks import SideTasks
from speech.request import SpeechRequest
from tests import PATIENCE
from tests.deployments.endpoint.parts import Parts


@pytest.fixture
async def parts(prefect_server, monkeypatch, tmp_path):
    """The handler of jobs on a real Prefect server; the child never starts."""
    monkeypatch.setenv("STORAGE_DIR", str(tmp_path))
    monkeypatch.setenv("CANCEL_GRACE", "0.1")
    with temporary_settings({PREFECT_API_URL: prefect_server}):
        async with get_client() as client:
            runs = Runs(client)
            # What the first job would wait for.
            await runs._speak_deployment()
            yield Parts(SideTasks(), runs=runs)


async def runs_of(parts, mark):
    found = await parts.connection.current._client.read_flow_runs(limit=200)
    return [run for run in found if mark in str(run.parameters)]


async def test_a_job_that_is_stopped_at_any_moment_leaves_no_open_run(parts):
    mark = uuid4().hex
    for number in range(20):
        given = {"text": f"Stop me, {mark} {number}."}
        working = asyncio.create_task(parts.contract({"id": f"{mark}-{number}", "input": given}))
        await asyncio.sleep(0.004 * number)
        working.cancel()
        await asyncio.wait({working})
    async with asyncio.timeout(PATIENCE):
        while {run.state.type.value for run in await runs_of(parts, mark)} != {"CANCELLED"}:
            await asyncio.sleep(0.2)


async def test_a_job_that_nobody_waits_for_is_queued_though_its_record_cannot_be_written(parts, tmp_path):
    (tmp_path / "jobs").touch()
    answer = await parts.contract({"id": uuid4().hex, "input": {"text": "Hello.", "wait": False}})
    assert answer.keys() == {"job_id", "status"}
    assert answer["status"] == "QUEUED"


async def test_a_run_that_nobody_has_begun_is_cancelled_at_once(parts):
    mark = uuid4().hex
    run = await parts.connection.current.create(SpeechRequest(text=mark), mark)
    answer = await parts.contract({"id": uuid4().hex, "input": {"endpoint": "cancel", "job_id": str(run.id)}})
    assert answer["status"] == "CANCELLED"
    assert (await parts.connection.current.read(run.id)).state.name == "Cancelled"
