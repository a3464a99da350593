"""Each service that is not ours goes away for a minute, in the middle of work."""

import asyncio
import time

import pytest

from speech.records import load
from tests.stack import LONG

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
        assert load(stack.store, str(run.id)).status == "COMPLETED"
