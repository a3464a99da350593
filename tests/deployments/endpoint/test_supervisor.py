"""What goes on beside the jobs is begun again when it fails, is counted, and ends the container when past mending."""

import asyncio
import logging

import pytest

from deployments.endpoint.supervisor import Supervisor
from speech.errors import ServerError


@pytest.fixture
async def supervisor():
    made = Supervisor(pause=0.001, longest=0.01, most=5)
    yield made
    await made.stop()


async def forever(well):
    await asyncio.Event().wait()


async def until(true):
    async with asyncio.timeout(30):
        while not true():
            await asyncio.sleep(0.005)


@pytest.mark.parametrize(
    "fault", [ValueError("odd"), ServerError("away"), KeyError("x"), asyncio.CancelledError(), None]
)
async def test_a_work_that_fails_is_begun_again_and_counted(supervisor, caplog, fault):
    begun = []

    async def work(well):
        begun.append(1)
        if len(begun) < 4:
            if fault:
                raise fault
            return
        await forever(well)

    with caplog.at_level(logging.ERROR):
        supervisor.start("Counting sheep", work)
        await until(lambda: len(begun) == 4)
    assert [record.message.partition(":")[0] for record in caplog.records] == [
        f"Counting sheep failed, {number} in a row" for number in (1, 2, 3)
    ]
    [mended] = supervisor.mended()
    assert mended.startswith("Counting sheep was begun again 3 times; last: ")
    [problem] = supervisor.problems()
    assert "3 times in a row" in problem
    assert not supervisor.given_up.done()


async def test_a_work_that_is_well_again_is_no_problem_any_more(supervisor):
    begun = []

    async def work(well):
        begun.append(1)
        if len(begun) > 3:
            well()
            await forever(well)
        raise ValueError

    supervisor.start("Counting sheep", work)
    await until(lambda: len(begun) == 4)
    assert supervisor.problems() == []
    assert len(supervisor.mended()) == 1


async def test_a_vital_work_that_is_past_mending_gives_the_container_up(supervisor):
    async def work(well):
        raise ServerError("The roof is gone.")

    supervisor.start("Holding the roof", work)
    assert await asyncio.wait_for(supervisor.given_up, 30) == (
        "Holding the roof failed 5 times in a row; last: The roof is gone."
    )


async def test_a_work_that_is_not_vital_never_does(supervisor):
    begun = []

    async def work(well):
        begun.append(1)
        raise ValueError

    supervisor.start("Counting sheep", work, vital=False)
    await until(lambda: len(begun) > 8)
    assert not supervisor.given_up.done()


async def test_failures_far_apart_do_not_add_up(supervisor):
    begun = []

    async def work(well):
        begun.append(1)
        await asyncio.sleep(0.02)
        raise ValueError

    supervisor.start("Counting sheep", work, steady=0.01)
    await until(lambda: len(begun) > 8)
    assert not supervisor.given_up.done()
    assert supervisor.problems() == []


async def test_what_is_done_once_tells_of_its_failure(supervisor, caplog):
    async def work():
        raise ValueError("odd")

    supervisor.once("Counting a sheep", work())
    await until(lambda: "Counting a sheep failed" in caplog.text)
