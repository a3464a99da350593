"""Runs that are to exist once."""

from uuid import uuid4

import pytest
from prefect.client.orchestration import get_client
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.states import Cancelled, Completed, Failed, Running

from tasks.ensure_runs import MAX_TRIES, ensure, is_final


@pytest.fixture
async def client(prefect_server):
    with temporary_settings({PREFECT_API_URL: prefect_server}):
        async with get_client() as client:
            yield client


@pytest.fixture
def again(client):
    key = str(uuid4())
    return lambda **options: ensure(client, f"part-{key}", "sea part 1", key, {"book": "sea"}, **options)


async def move(client, run, *states):
    for state in states:
        await client.set_flow_run_state(run.id, state, force=True)


async def test_a_run_is_the_same_whoever_asks_for_it(client, again):
    first = await again()
    assert (first.name, first.parameters, first.state_name) == ("sea part 1", {"book": "sea"}, "Scheduled")
    await move(client, first, Running())
    assert [(each.id, each.state_name) for each in [await again(), await again()]] == [(first.id, "Running")] * 2


@pytest.mark.parametrize("end", [Failed, Completed])
async def test_a_run_that_made_nothing_is_tried_three_times_and_then_when_a_person_asks(client, again, end):
    for _ in range(MAX_TRIES):
        run = await again()
        assert (run.state_name, is_final(run)) == ("Scheduled", False)
        await move(client, run, Running(), end())
    run = await again()
    assert (run.state_name, is_final(run)) == (end().name, True)
    assert (await again(again=True)).state_name == "Scheduled"


async def test_a_run_that_was_cancelled_stays_so_until_a_person_asks(client, again):
    run = await again()
    await move(client, run, Cancelled())
    assert is_final(await again())
    assert (await again(again=True)).state_name == "Scheduled"
