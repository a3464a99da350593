"""What becomes of runs when parts of the way die: nothing lost, nothing done twice, a true end for each."""

import asyncio
import os
import signal
import time

import httpx
import pytest
from prefect.states import Failed

from tests import PATIENCE
from tests.stack import LONG

TEXT = "Hello there, my friend."


@pytest.fixture(scope="module", autouse=True)
def running(stack):
    stack.open()
    yield
    # Whatever was done to it, every run has an end.
    asyncio.run(stack.ends())


@pytest.fixture(autouse=True)
def clean(stack):
    stack.wipe()


async def states_of(stack, run):
    async with stack.client() as client:
        return [state.name for state in await client.read_flow_run_states(run)]


async def test_a_worker_that_dies_before_it_submits_is_made_up_for(stack):
    stack.runpod.fail("run", status=503, times=100)
    run = await stack.start(TEXT)
    await stack.until(run.id, names=("InfrastructurePending",))
    stack.kill("worker")
    stack.runpod.faults.clear()
    stack.worker()
    done = await stack.until(run.id)
    assert done.state_name == "Completed"
    assert stack.outputs() == {str(run.id)}


async def test_a_worker_that_dies_while_its_job_is_queued_is_made_up_for(stack):
    stack.kill("pod1")
    run = await stack.start(TEXT)
    while not [job for job in stack.runpod.jobs.values() if str(run.id) in str(job.body)]:
        await asyncio.sleep(0.1)
    stack.kill("worker")
    stack.endpoint("pod1")
    stack.worker()
    assert (await stack.until(run.id)).state_name == "Completed"
    assert stack.outputs() == {str(run.id)}


async def test_a_worker_that_dies_while_its_job_runs_is_made_up_for(stack):
    run = await stack.start(LONG)
    await stack.until(run.id, names=("Running",))
    stack.kill("worker")
    stack.worker()
    assert (await stack.until(run.id)).state_name == "Completed"
    assert (await states_of(stack, run.id)).count("Running") == 1


async def test_a_job_that_dies_while_no_worker_is_there_crashes_its_run_once(stack):
    stack.runpod.redeliveries = 0
    run = await stack.start(LONG)
    await stack.until(run.id, names=("Running",))
    stack.kill("worker")
    stack.kill("pod1")
    stack.runpod.lose("pod1")
    while not [job for job in stack.runpod.jobs.values() if str(run.id) in str(job.body) and job.status == "FAILED"]:
        await asyncio.sleep(0.2)
    stack.worker()
    done = await stack.until(run.id)
    stack.runpod.redeliveries = 3
    stack.endpoint("pod1")
    assert done.state_name == "Crashed"
    assert "worker stopped reporting" in done.state.message
    await stack.recorded(run.id, "ERROR", error_message=done.state.message)
    await asyncio.sleep(5)
    assert (await states_of(stack, run.id)).count("Crashed") == 1


async def test_an_endpoint_that_is_killed_in_the_middle_of_a_run_is_taken_over_from(stack):
    run = await stack.start(LONG)
    await stack.until(run.id, names=("Running",))
    await asyncio.sleep(1)
    stack.kill("pod1")
    stack.runpod.lose("pod1")
    stack.endpoint("pod2")
    done = await stack.until(run.id)
    assert done.state_name == "Completed"
    assert stack.outputs() == {str(run.id)}
    assert "Reclaimed" in await states_of(stack, run.id)
    stack.kill("pod2")
    stack.endpoint("pod1")


async def test_a_child_that_is_killed_crashes_its_run_and_is_replaced(stack):
    assert stack.job(text=TEXT)["status"] == "COMPLETED"
    job = stack.send(text=LONG)
    run = await running_run(stack, job)
    children = [line for line in (await ps()).splitlines() if "deployments.endpoint.child" in line]
    mine = [line.split()[0] for line in children if line.split()[1] == str(stack.processes["pod1"].pid)]
    signalled = [int(pid) for pid in mine]
    assert len(signalled) == 1
    os.kill(signalled[0], signal.SIGKILL)
    done = await stack.until(run.id)
    assert done.state_name == "Crashed"
    answer = stack.ask("GET", f"status/{job}")
    while answer["status"] == "IN_PROGRESS":
        await asyncio.sleep(0.2)
        answer = stack.ask("GET", f"status/{job}")
    assert answer["status"] == "FAILED"
    assert "died" in answer["error"]
    await stack.recorded(run.id, "ERROR")
    assert stack.job(text=TEXT)["status"] == "COMPLETED"


async def running_run(stack, job):
    """The run of a job, once it runs; another's may run before it."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        async with stack.client() as client:
            for run in await client.read_flow_runs():
                if run.state.is_running() and job in str(run.infrastructure_pid):
                    return run
        await asyncio.sleep(0.1)
    raise AssertionError(f"{job} does not run")


async def ps():
    process = await asyncio.create_subprocess_exec("ps", "-eo", "pid,ppid,args", stdout=asyncio.subprocess.PIPE)
    return (await process.communicate())[0].decode()


async def test_a_job_that_is_delivered_twice_runs_once(stack):
    stack.endpoint("pod2")
    stack.runpod.duplicate = True
    jobs = [stack.send(text=f"{TEXT} Number {number}.") for number in range(6)]
    while any(stack.ask("GET", f"status/{job}")["status"] not in ("COMPLETED", "FAILED") for job in jobs):
        await asyncio.sleep(0.2)
    stack.runpod.duplicate = False
    answers = [stack.ask("GET", f"status/{job}") for job in jobs]
    assert [answer["status"] for answer in answers] == ["COMPLETED"] * 6
    ids = {answer["output"]["job_id"] for answer in answers}
    await asyncio.sleep(2)
    assert stack.outputs() == ids
    for run in ids:
        assert (await states_of(stack, run)).count("Running") == 1
    stack.kill("pod2")


async def test_a_run_that_is_cancelled_while_it_is_queued_never_begins(stack):
    stack.kill("pod1")
    run = await stack.start(TEXT)
    await stack.until(run.id, names=("InfrastructurePending",))
    await asyncio.sleep(1)
    await cancel(stack, run.id)
    done = await stack.until(run.id)
    stack.endpoint("pod1")
    assert done.state_name == "Cancelled"
    assert stack.job(text=TEXT)["status"] == "COMPLETED"
    assert str(run.id) not in stack.outputs()
    await stack.recorded(run.id, "CANCELLED")
    assert {job.status for job in stack.runpod.jobs.values() if str(run.id) in str(job.body)} == {"CANCELLED"}


@pytest.mark.parametrize("name", ["Cancelling", "Cancelled"])
async def test_a_run_that_is_cancelled_in_prefect_stops_at_the_next_chunk(stack, name):
    run = await stack.start(LONG)
    await stack.until(run.id, names=("Running",))
    await cancel(stack, run.id, name)
    assert (await stack.until(run.id)).state_name == "Cancelled"
    assert str(run.id) not in stack.outputs()
    assert "did not stop" not in stack.log("pod1")
    await stack.recorded(run.id, "CANCELLED")
    assert stack.job(text=TEXT)["status"] == "COMPLETED"
    assert "Failed" not in await states_of(stack, run.id)


async def test_a_job_that_is_cancelled_at_runpod_cancels_its_run(stack):
    job = stack.send(text=LONG)
    run = await running_run(stack, job)
    assert stack.ask("POST", f"cancel/{job}")["status"] == "CANCELLED"
    done = await stack.until(run.id)
    assert done.state_name == "Cancelled"
    await stack.recorded(run.id, "CANCELLED")
    assert str(run.id) not in stack.outputs()
    assert "Failed" not in await states_of(stack, run.id)


async def test_a_job_whose_time_is_up_at_runpod_ends_its_run_as_cancelled(stack):
    job = stack.send(text=LONG)
    run = await running_run(stack, job)
    stack.runpod.jobs[job].started -= 100_000
    assert (await stack.until(run.id)).state_name == "Cancelled"
    await stack.recorded(run.id, "CANCELLED")
    assert str(run.id) not in stack.outputs()


async def test_a_run_that_a_person_ends_in_the_ui_has_a_record_that_says_so(stack):
    stack.kill("pod1")
    run = await stack.start(TEXT)
    await stack.until(run.id, names=("InfrastructurePending",))
    async with stack.client() as client:
        await client.set_flow_run_state(run.id, Failed(message="By hand."), force=True)
    await stack.recorded(run.id, "ERROR", error_message="By hand.")
    stack.endpoint("pod1")
    assert stack.job(text=TEXT)["status"] == "COMPLETED"
    assert (await stack.read(run.id)).state_name == "Failed"


async def test_a_run_that_a_person_ends_while_it_is_at_work_stops_and_keeps_that_end(stack):
    run = await stack.start(LONG)
    await stack.until(run.id, names=("Running",))
    async with stack.client() as client:
        await client.set_flow_run_state(run.id, Failed(message="By hand."), force=True)
    [job] = [job for job in stack.runpod.jobs.values() if str(run.id) in str(job.body)]
    while job.ended is None:
        await asyncio.sleep(0.2)
    assert (await stack.read(run.id)).state.message == "By hand."
    assert {"Completed", "Cancelled"} & set(await states_of(stack, run.id)) == set()
    await stack.recorded(run.id, "ERROR", error_message="By hand.")
    assert str(run.id) not in stack.outputs()
    assert "did not stop" not in stack.log("pod1")
    assert stack.job(text=TEXT)["status"] == "COMPLETED"


async def test_a_client_cancels_a_job_by_its_id(stack):
    first = stack.ask("POST", "runsync", json={"input": {"text": LONG, "wait": False}})
    job = first["output"]["job_id"]
    await stack.until(job, names=("Running",))
    assert stack.job(endpoint="cancel", job_id=job)["output"] == {"job_id": job, "status": "CANCELLED"}
    assert (await stack.until(job)).state_name == "Cancelled"
    assert stack.job(endpoint="status", job_id=job)["output"]["status"] == "CANCELLED"


async def test_a_job_is_answered_for_by_another_container_after_its_own_is_gone(stack):
    first = stack.ask("POST", "runsync", json={"input": {"text": TEXT, "return_word_timings": True, "wait": False}})
    job = first["output"]["job_id"]
    await stack.until(job)
    stack.kill("pod1")
    stack.endpoint("pod2")
    assert stack.job(endpoint="status", job_id=job)["output"]["status"] == "COMPLETED"
    result = stack.job(endpoint="result", job_id=job)["output"]
    assert [word["word"] for word in result["word_timings"]] == TEXT.split()
    assert httpx.get(result["audio_url"]).content[:4] == b"RIFF"
    stack.kill("pod2")
    stack.endpoint("pod1")


async def test_a_container_that_is_told_to_stop_finishes_what_it_has(stack):
    job = stack.send(text=LONG)
    run = await running_run(stack, job)
    stack.processes["pod1"].send_signal(signal.SIGTERM)
    assert stack.processes["pod1"].wait(PATIENCE) == 0
    assert stack.ask("GET", f"status/{job}")["status"] == "COMPLETED"
    assert (await stack.read(run.id)).state_name == "Completed"
    stack.endpoint("pod1")


async def test_fifty_jobs_at_once_on_two_endpoints_are_all_done_once(stack):
    stack.endpoint("pod2")
    jobs = [stack.send(text=f"{TEXT} Number {number}.", seed=number + 1) for number in range(50)]
    while True:
        answers = [stack.ask("GET", f"status/{job}") for job in jobs]
        if all(answer["status"] not in ("IN_QUEUE", "IN_PROGRESS") for answer in answers):
            break
        await asyncio.sleep(1)
    assert [answer["status"] for answer in answers] == ["COMPLETED"] * 50
    assert sorted(answer["output"]["seed"] for answer in answers) == list(range(1, 51))
    ids = {answer["output"]["job_id"] for answer in answers}
    assert len(ids) == 50
    assert stack.outputs() == ids
    assert {answer["workerId"] for answer in answers} == {"pod1", "pod2"}
    done = [job for job in stack.runpod.jobs.values() if job.status == "COMPLETED"]
    assert not [job for job in done if job.progress_after_end]


async def cancel(stack, run, name="Cancelling"):
    """As the UI does it, or as somebody does who does not wait."""
    answer = httpx.post(
        f"{stack.prefect.api}/flow_runs/{run}/set_state",
        json={"state": {"type": name.upper(), "name": name}, "force": False}, trust_env=False,
    )  # fmt: skip
    assert answer.is_success, answer.text
