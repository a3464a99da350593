"""Each service that is not ours goes away for a minute, in the middle of work."""

import asyncio
import time

import pytest

from tests import PATIENCE
from tests.fakes.faults import FaultyProxy
from tests.stack import LONG, Container

pytestmark = pytest.mark.long

TEXT = "Hello there, my friend."
MINUTE = 60


@pytest.fixture(scope="module", autouse=True)
def running(stack):
    stack.open()


async def ended(stack, runs):
    return [await stack.until(run.id) for run in runs]


async def test_without_runpod_for_a_minute_nothing_is_lost(stack):
    running = await stack.start(LONG)
    await stack.until(running.id, names=("Running",))
    lines = len(stack.log("pod1").splitlines())
    stack.runpod.pause()
    began = time.monotonic()
    waiting = await stack.start(TEXT)
    await asyncio.sleep(MINUTE - (time.monotonic() - began))
    written = len(stack.log("pod1").splitlines()) - lines
    stack.runpod.resume()
    runs = await ended(stack, [running, waiting])
    assert [run.state_name for run in runs] == ["Completed", "Completed"]
    assert {str(run.id) for run in runs} <= stack.outputs()
    # The SDK's own loop writes thousands of lines a second.
    assert written < 200
    assert stack.job(text=TEXT)["status"] == "COMPLETED"


async def test_a_result_that_runpod_could_not_take_is_delivered_when_it_can(stack):
    job = stack.send(text=LONG)
    while stack.ask("GET", f"status/{job}")["status"] != "IN_PROGRESS":
        await asyncio.sleep(0.05)
    stack.runpod.fail("done", status=503, times=6)
    answer = stack.ask("GET", f"status/{job}")
    while answer["status"] == "IN_PROGRESS":
        await asyncio.sleep(0.2)
        answer = stack.ask("GET", f"status/{job}")
    assert answer["status"] == "COMPLETED"
    assert answer["output"]["audio_url"]


async def test_without_prefect_for_a_minute_nothing_is_lost(stack):
    running = await stack.start(LONG)
    await stack.until(running.id, names=("Running",))
    waiting = await stack.start(TEXT)
    stack.prefect.kill()
    began = time.monotonic()
    job = stack.send(text=f"{TEXT} Again.")
    await asyncio.sleep(MINUTE - (time.monotonic() - began))
    stack.prefect.start()
    runs = await ended(stack, [running, waiting])
    assert [run.state_name for run in runs] == ["Completed", "Completed"]
    assert {str(run.id) for run in runs} <= stack.outputs()
    answer = stack.ask("GET", f"status/{job}")
    while answer["status"] in ("IN_QUEUE", "IN_PROGRESS"):
        await asyncio.sleep(0.5)
        answer = stack.ask("GET", f"status/{job}")
    assert answer["status"] == "COMPLETED", answer


async def test_without_the_store_for_a_minute_nothing_is_lost(stack, proxy):
    running = await stack.start(LONG)
    await stack.until(running.id, names=("Running",))
    proxy.mode = "die"
    began = time.monotonic()
    waiting = await stack.start(TEXT)
    await asyncio.sleep(MINUTE - (time.monotonic() - began))
    proxy.mode = "plain"
    runs = await ended(stack, [running, waiting])
    assert [run.state_name for run in runs] == ["Completed", "Completed"]
    assert {str(run.id) for run in runs} <= stack.outputs()
    for run in runs:
        await stack.recorded(run.id, "COMPLETED")


async def answered(stack, jobs):
    deadline = time.monotonic() + PATIENCE
    while True:
        answers = [stack.ask("GET", f"status/{job}") for job in jobs]
        if all(answer["status"] not in ("IN_QUEUE", "IN_PROGRESS") for answer in answers):
            return answers
        assert time.monotonic() < deadline, answers
        await asyncio.sleep(0.5)


@pytest.mark.parametrize("away", [3, MINUTE])
async def test_while_postgresql_is_away_nothing_is_lost(stack, away):
    running = await stack.start(LONG)
    await stack.until(running.id, names=("Running",))
    jobs = [stack.send(text=f"{TEXT} {away} before {number}.") for number in range(3)]
    stack.database.stop()
    # Prefect answers all that is asked of it with 500.
    jobs += [stack.send(text=f"{TEXT} {away} during {number}.") for number in range(3)]
    await asyncio.sleep(away)
    stack.database.start()
    answers = await answered(stack, jobs)
    assert [answer["status"] for answer in answers] == ["COMPLETED"] * 6, answers
    done = await stack.until(running.id)
    assert done.state_name == "Completed"
    ids = {str(running.id), *(answer["output"]["job_id"] for answer in answers)}
    assert ids <= stack.outputs()
    for job in ids:
        await stack.recorded(job, "COMPLETED")


async def test_a_child_whose_first_call_finds_no_server_loses_nothing(stack, tmp_path):
    gate = FaultyProxy(stack.prefect.url)
    stack.kill("pod1")
    away = []

    def leave_when_the_run_is_taken(method, path):
        if method == "PATCH" and "/flow_runs/" in path and not away:
            away.append(path)
            gate.close_soon()
        return "plain"

    container = Container(stack.runpod, tmp_path, f"{gate.url}/api")
    try:
        gate.mode = leave_when_the_run_is_taken
        job = container.send(text=TEXT)
        while not away:
            await asyncio.sleep(0.1)
        await asyncio.sleep(3)
        gate.open()
        answer = await asyncio.to_thread(container.answer, job)
        assert answer["status"] == "COMPLETED", answer
    finally:
        container.stop()
        gate.stop()
        stack.endpoint("pod1")
