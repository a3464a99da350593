"""From the API, a schedule and RunPod itself, over everything that is real, to files in the bucket."""

import asyncio
import json
from datetime import UTC, datetime, timedelta

import pytest
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterId,
    LogFilter,
    LogFilterFlowRunId,
)
from prefect.client.schemas.schedules import IntervalSchedule

from speech.records import load
from tests import PATIENCE
from tests.stack import ENDPOINT

TEXT = "Hello there, my friend. It is half past ten."


@pytest.fixture(scope="module", autouse=True)
def running(stack):
    stack.deploy()
    stack.endpoint("pod1")
    stack.worker()
    yield
    assert set(asyncio.run(stack.ends())) <= {"Completed"}


@pytest.fixture(autouse=True)
def clean(stack):
    stack.wipe()


async def test_a_run_that_is_started_by_the_api_is_executed_on_the_endpoint(stack):
    started = await stack.start(TEXT)
    run = await stack.until(started.id)
    assert run.state_name == "Completed"
    assert run.infrastructure_pid.startswith(f"{ENDPOINT}:")
    await stack.recorded(run.id, "COMPLETED")
    assert load(stack.store, str(run.id)).result["word_count"] == 9
    assert stack.outputs() == {str(run.id)}
    [submitted] = [json.loads(call["body"]) for call in stack.runpod.calls("run") if str(run.id) in call["body"]]
    assert TEXT not in json.dumps(submitted)
    assert set(submitted["input"]) == {"endpoint", "flow_run_id", "labels"}


async def test_its_states_and_logs_are_all_in_prefect(stack):
    run = await stack.until((await stack.start(TEXT)).id)
    async with stack.client() as client:
        states = [state.name for state in await client.read_flow_run_states(run.id)]
        mine = LogFilter(flow_run_id=LogFilterFlowRunId(any_=[run.id]))
        lines = [line.message for line in await client.read_logs(log_filter=mine)]
    assert states == ["Scheduled", "Pending", "Submitting", "InfrastructurePending", "Claimed", "Running", "Completed"]
    assert any("embedded timed 9 words" in line for line in lines)
    assert any("Finished in state Completed" in line for line in lines)


async def test_a_schedule_starts_runs_by_itself(stack):
    async with stack.client() as client:
        found = await client.read_deployment_by_name("speak/speak")
        soon = IntervalSchedule(interval=timedelta(seconds=20), anchor_date=datetime.now(UTC))
        parameters = {"request": {"text": TEXT}}
        changes = [{"schedule": soon.model_dump(mode="json"), "active": True, "parameters": parameters}]
        await client.request("POST", f"/deployments/{found.id}/schedules", json=changes)
        mine = DeploymentFilter(id=DeploymentFilterId(any_=[found.id]))
        first = None
        async with asyncio.timeout(PATIENCE):
            while first is None:
                await asyncio.sleep(0.2)
                runs = [run for run in await client.read_flow_runs(deployment_filter=mine) if run.auto_scheduled]
                first = next((run for run in runs if run.state.is_final()), None)
        for schedule in await client.read_deployment_schedules(found.id):
            await client.delete_deployment_schedule(found.id, schedule.id)
    assert first.state_name == "Completed"
    assert str(first.id) in stack.outputs()


async def test_a_job_of_a_client_becomes_a_run_of_the_deployment(stack):
    answer = stack.job(text=TEXT, return_word_timings=True, seed=3)
    assert answer["status"] == "COMPLETED"
    reply = answer["output"]
    assert (reply["seed"], reply["word_count"], reply["timing_method"]) == (3, 9, "embedded")
    run = await stack.read(reply["job_id"])
    async with stack.client() as client:
        assert run.deployment_id == (await client.read_deployment_by_name("speak/speak")).id
    assert run.state_name == "Completed"
    assert run.infrastructure_pid == f"{ENDPOINT}:{answer['id']}"


async def test_all_ways_reach_the_same_warm_process(stack):
    """The child says when it starts; one that served all of the tests above was started once."""
    stack.job(text=TEXT)
    assert stack.log("pod1").count("Warm after") == 1


async def test_a_job_that_nobody_waits_for_is_found_by_its_id(stack):
    first = stack.ask("POST", "runsync", json={"input": {"text": TEXT, "return_word_timings": True, "wait": False}})
    assert first["output"]["status"] == "QUEUED"
    job = first["output"]["job_id"]
    await stack.until(job)
    status = stack.job(endpoint="status", job_id=job)["output"]
    assert status == {"job_id": job, "status": "COMPLETED", "state": "Completed", "progress": 1.0}
    result = stack.job(endpoint="result", job_id=job)["output"]
    assert [word["word"] for word in result["word_timings"]] == TEXT.split()


async def test_no_secret_is_in_the_database_on_the_wire_or_in_a_log(stack):
    stack.job(text=TEXT, return_word_timings=True)
    await stack.until((await stack.start(TEXT)).id)
    wire = "\n".join(call["body"] for call in stack.runpod.seen)
    logs = "\n".join(path.read_text(errors="replace") for path in stack.home.glob("*.log"))
    dump = stack.database.dump()
    assert "runpod-credentials" in dump
    for secret in (stack.variables["RUNPOD_API_KEY"], stack.variables["AWS_SECRET_ACCESS_KEY"]):
        assert secret not in wire
        assert secret not in logs
        assert secret not in dump
