"""What all steps have in common."""

import asyncio
import sys
import threading
import time
from contextlib import suppress

import psutil
import pytest
from prefect import flow
from prefect.exceptions import CancelledRun
from prefect.settings import PREFECT_API_URL, temporary_settings

from speech.errors import AudioError
from speech.processes import Program
from tasks.progress import listener
from tasks.step import allow_for, calls, step
from tests import PATIENCE


@pytest.fixture(autouse=True)
def api(prefect_server):
    with temporary_settings({PREFECT_API_URL: prefect_server}):
        yield


async def test_runs_take_turns_at_the_gpu_and_waiting_is_not_part_of_the_time():
    at_work, most = [], []

    @step("work", timeout=6, gpu=True)
    def work(number):
        at_work.append(number)
        most.append(len(at_work))
        time.sleep(2)
        at_work.remove(number)
        return number

    @flow
    async def several():
        return await asyncio.gather(*(work(number) for number in range(4)))

    assert sorted(await several()) == [0, 1, 2, 3]
    assert max(most) == 1


async def test_a_step_that_takes_too_long_fails_and_is_known_to_go_on():
    go_on = threading.Event()

    @step("stuck", timeout=0.3)
    def stuck():
        go_on.wait(PATIENCE)

    @flow
    async def one():
        await stuck()

    with pytest.raises(TimeoutError, match=r"stuck took longer than 0\.3 s, and was given up"):
        await one()
    assert [call.step for call in calls()] == ["stuck"]
    go_on.set()
    while calls():
        await asyncio.sleep(0.05)


@pytest.mark.parametrize(("characters", "seconds"), [(5, "0.3"), (20, "0.6")])
async def test_a_step_has_as_many_times_longer_as_the_text_is_longer_than_usual(monkeypatch, characters, seconds):
    monkeypatch.setenv("PROCESSING_TIMEOUT", "0.3")
    monkeypatch.setenv("MAX_TEXT_CHARS", "10")
    go_on = threading.Event()

    @step("stuck", timeout="processing_timeout")
    def stuck():
        go_on.wait(PATIENCE)

    @flow
    async def one():
        allow_for(characters)
        await stuck()

    with pytest.raises(TimeoutError, match=rf"longer than {seconds} s, and was given up; raise PROCESSING_TIMEOUT"):
        await one()
    go_on.set()


async def test_what_a_step_waits_for_ends_when_the_step_is_given_up():
    pids = []

    @step("convert", timeout=2)
    def convert():
        code = "import os, time; print(os.getpid(), flush=True); time.sleep(600)"
        with Program([sys.executable, "-c", code], fault=AudioError, seconds=600, memory=500_000_000) as program:
            pids.extend(int(data) for data in program.output())

    @flow
    async def one():
        await convert()

    with pytest.raises(TimeoutError, match="was given up"):
        await one()
    for pid in pids:
        with suppress(psutil.NoSuchProcess):
            await asyncio.to_thread(psutil.Process(pid).wait, 60)
    while calls():
        await asyncio.sleep(0.05)


async def test_a_run_that_is_cancelled_while_it_waits_leaves_the_queue():
    go_on = threading.Event()

    @step("work", timeout=PATIENCE, gpu=True)
    def work():
        go_on.wait(PATIENCE)

    @flow
    async def two():
        first = asyncio.create_task(work())
        while not calls():
            await asyncio.sleep(0.05)

        def stop(step, share):
            raise CancelledRun

        listener.set(stop)
        with pytest.raises(CancelledRun):
            await work()
        waited = not first.done()
        go_on.set()
        await first
        return waited

    assert await two()
