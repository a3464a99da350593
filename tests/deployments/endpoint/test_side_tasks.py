"""What goes on beside the jobs is begun again when it fails, is counted, and ends the container when past mending."""

import asyncio
import logging

import pytest

from deployments.endpoint.side_tasks import SideTasks
from speech.errors import ServerError
from tests import PATIENCE


@pytest.fixture
async def side_tasks():
    made = SideTasks(pause=0.001, longest=0.01, most=5)
    yield made
    await made.stop()


async def forever(succeeded):
    await asyncio.Event().wait()


async def until(true):
    async with asyncio.timeout(PATIENCE):
        while not true():
            await asyncio.sleep(0.005)


@pytest.mark.parametrize(
    "fault",
    [
        ValueError("odd"),
        ServerError("away"),
        KeyError("x"),
        asyncio.CancelledError(),
        None,
        ExceptionGroup("of two", [ExceptionGroup("of one", [ValueError("odd")]), KeyError("x")]),
    ],
)
async def test_a_work_that_fails_is_begun_again_and_counted(side_tasks, caplog, fault):
    begun = []

    async def work(succeeded):
        begun.append(1)
        if len(begun) < 4:
            if fault:
                raise fault
            return
        await forever(succeeded)

    with caplog.at_level(logging.ERROR):
        side_tasks.start("Counting sheep", work)
        await until(lambda: len(begun) == 4)
    assert [record.message.partition(":")[0] for record in caplog.records] == [
        f"Counting sheep failed, {number} in a row" for number in (1, 2, 3)
    ]
    [mended] = side_tasks.recovered()
    assert mended.startswith("Counting sheep was restarted 3 times; last: ")
    if isinstance(fault, ExceptionGroup):
        assert mended.endswith("last: ValueError: odd")
    [problem] = side_tasks.problems()
    assert "3 times in a row" in problem
    assert not side_tasks.given_up.done()


async def test_a_work_that_is_well_again_is_no_problem_any_more(side_tasks):
    begun = []

    async def work(succeeded):
        begun.append(1)
        if len(begun) > 3:
            succeeded()
            await forever(succeeded)
        raise ValueError

    side_tasks.start("Counting sheep", work)
    await until(lambda: len(begun) == 4)
    assert side_tasks.problems() == []
    assert len(side_tasks.recovered()) == 1


async def test_a_vital_work_that_is_past_mending_gives_the_container_up(side_tasks):
    async def work(succeeded):
        raise ServerError("The roof is gone.")

    side_tasks.start("Holding the roof", work)
    assert await asyncio.wait_for(side_tasks.given_up, PATIENCE) == (
        "Holding the roof failed 5 times in a row; last: The roof is gone."
    )


async def test_a_work_that_is_not_vital_never_does(side_tasks):
    begun = []

    async def work(succeeded):
        begun.append(1)
        raise ValueError

    side_tasks.start("Counting sheep", work, vital=False)
    await until(lambda: len(begun) > 8)
    assert not side_tasks.given_up.done()


async def test_failures_far_apart_do_not_add_up(side_tasks):
    begun = []

    async def work(succeeded):
        begun.append(1)
        await asyncio.sleep(0.02)
        raise ValueError

    side_tasks.start("Counting sheep", work, steady=0.01)
    await until(lambda: len(begun) > 8)
    assert not side_tasks.given_up.done()
    assert side_tasks.problems() == []


async def test_what_is_done_once_tells_of_its_failure(side_tasks, caplog):
    async def work():
        raise ValueError("odd")

    side_tasks.run_once("Counting a sheep", work())
    await until(lambda: "Counting a sheep failed" in caplog.text)
