"""The endpoint's side of Prefect: one of many claimants has a run, and a run that ended is never run again."""

import asyncio
import logging
import sqlite3
import sys
import types
from contextlib import closing
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from prefect.client.orchestration import get_client
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.states import Cancelled, Cancelling, Completed, Running, Scheduled

from deployments.endpoint.runs import Runs
from deployments.endpoint.side_tasks import SideTasks
from deployments.endpoint.supervisor import Supervisor
from deployments.local.home import database_file
from flows.speak import speak
from speech.errors import InvalidRequest
from speech.request import SpeechRequest
from tasks.claims import Claim
from tests import PATIENCE


@pytest.fixture(autouse=True)
def quick(monkeypatch, prefect_server, tmp_path):
    monkeypatch.setenv("LEASE_SECONDS", "2")
    monkeypatch.setenv("STORAGE_DIR", str(tmp_path))
    with temporary_settings({PREFECT_API_URL: prefect_server}):
        yield


@pytest.fixture
async def client(prefect_server):
    async with get_client() as client:
        yield client


def some(client):
    return Runs(client)


async def new_run(client, state=None):
    return await client.create_flow_run(speak, parameters={"request": {"text": "Hi"}}, state=state or Scheduled())


@pytest.mark.parametrize("round", range(3))
async def test_one_of_four_claimants_has_a_run(client, round):
    run = await new_run(client)
    everybody = [some(client) for _ in range(4)]
    claims = await asyncio.gather(*(runs.claim(run, f"job{number}") for number, runs in enumerate(everybody)))
    assert sorted(claim.value for claim in claims) == ["elsewhere", "elsewhere", "elsewhere", "ours"]


async def test_a_job_that_comes_again_gets_the_same_run(client):
    runs, request, job = some(client), SpeechRequest(text="Hi"), str(uuid4())
    first, second = await runs.create(request, job), await runs.create(request, job)
    assert first.id == second.id
    assert await runs.claim(first, job) is Claim.OURS
    assert (await runs.read(first.id)).infrastructure_pid == f"local:{job}"


async def test_a_job_that_comes_again_waits_while_the_first_lives_and_takes_over_when_it_is_silent(client):
    holder, other, job = some(client), some(client), str(uuid4())
    run = await holder.create(SpeechRequest(text="Hi"), job)
    assert await holder.claim(run, job) is Claim.OURS
    await client.set_flow_run_state(run.id, Running())
    looking = asyncio.create_task(holder.maintain(print))
    claiming = asyncio.create_task(other.claim(await other.read(run.id), job))
    await asyncio.sleep(5)
    assert not claiming.done()
    looking.cancel()
    assert await asyncio.wait_for(claiming, PATIENCE) is Claim.OURS
    assert (await other.read(run.id)).state_name == "Reclaimed"


@pytest.mark.parametrize("hours", [-1, 1])
async def test_a_clock_that_jumps_takes_no_run_from_its_holder_and_spares_none_that_is_silent(
    monkeypatch, client, hours
):
    monkeypatch.setenv("LEASE_SECONDS", "15")
    holder, other, job = some(client), some(client), str(uuid4())
    run = await holder.create(SpeechRequest(text="Hi"), job)
    assert await holder.claim(run, job) is Claim.OURS
    await client.set_flow_run_state(run.id, Running())
    stamps = {set_the_clock(run.id, hours)}
    looking = asyncio.create_task(holder.maintain(print))
    claiming = asyncio.create_task(other.claim(await other.read(run.id), job))
    # Renewed four times, which is longer than a lease.
    async with asyncio.timeout(PATIENCE):
        while len(stamps) < 5:
            stamps.add((await other.read(run.id)).updated)
            await asyncio.sleep(0.1)
    assert not claiming.done()
    looking.cancel()
    set_the_clock(run.id, hours)
    assert await asyncio.wait_for(claiming, PATIENCE) is Claim.OURS


def set_the_clock(run_id, hours):
    """Change a run's time of change to what it would be by a clock that goes wrong by so many hours."""
    stamp = datetime.now(UTC) + timedelta(hours=hours)
    with closing(sqlite3.connect(database_file(), timeout=PATIENCE)) as connection, connection:
        told = (stamp.strftime("%Y-%m-%d %H:%M:%S.%f"), str(run_id))
        assert connection.execute("UPDATE flow_run SET updated = ? WHERE id = ?", told).rowcount == 1
    return stamp


@pytest.mark.parametrize("state", [Completed(), Cancelled()])
async def test_a_run_that_has_ended_is_not_run_again(client, state):
    run = await new_run(client)
    await client.set_flow_run_state(run.id, state, force=True)
    assert await some(client).claim(await client.read_flow_run(run.id), "job") is Claim.ENDED


async def test_a_run_that_is_cancelled_before_it_began_ends_cancelled(client):
    run = await new_run(client)
    await client.set_flow_run_state(run.id, Cancelling(), force=True)
    assert await some(client).claim(await client.read_flow_run(run.id), "job") is Claim.ENDED
    assert (await client.read_flow_run(run.id)).state_name == "Cancelled"


async def test_a_holder_hears_of_a_run_that_is_cancelled(client):
    heard, job = [], str(uuid4())
    runs = Runs(client)
    run = await runs.create(SpeechRequest(text="Hi"), job)
    await runs.claim(run, job)
    looking = asyncio.create_task(runs.maintain(heard.append))
    await some(client).cancel(run.id)
    async with asyncio.timeout(PATIENCE):
        while not heard:
            await asyncio.sleep(0.1)
    looking.cancel()
    assert set(heard) == {str(run.id)}


async def test_a_crash_is_marked_once_and_never_over_an_end(client):
    runs, run = some(client), await new_run(client)
    await client.set_flow_run_state(run.id, Running(), force=True)
    await runs.crash(run.id, "The process died.")
    await runs.crash(run.id, "Again.")
    seen = await runs.read(run.id)
    assert (seen.state_name, seen.state.message) == ("Crashed", "The process died.")
    done = await new_run(client)
    await client.set_flow_run_state(done.id, Completed(), force=True)
    await runs.crash(done.id, "Too late.")
    assert (await runs.read(done.id)).state_name == "Completed"


async def test_a_run_that_is_not_there_is_an_invalid_job(client):
    with pytest.raises(InvalidRequest, match=r"Invalid job_id\."):
        await some(client).read(UUID(int=7))


def test_what_is_logged_holds_no_secret(monkeypatch, capsys):
    import json

    from deployments.endpoint.logs import _Line

    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "very-secret-key")
    record = logging.LogRecord("x", logging.WARNING, "", 0, "the key is %s", ("very-secret-key",), None)
    line = json.loads(_Line().format(record))
    assert "very-secret-key" not in line["message"]
    assert line["level"] == "WARN"


def test_a_lost_cuda_context_is_noticed(monkeypatch):
    from speech.cuda import find_fault

    monkeypatch.setitem(sys.modules, "torch", None)
    assert find_fault() is None

    def synchronize():
        raise RuntimeError("CUDA error: an illegal memory access was encountered\nmore")

    cuda = types.SimpleNamespace(is_initialized=lambda: True, synchronize=synchronize)
    monkeypatch.setitem(sys.modules, "torch", types.SimpleNamespace(cuda=cuda))
    assert find_fault() == "CUDA error: an illegal memory access was encountered"


async def test_a_run_that_had_ended_when_its_process_died_beside_another_is_not_run_again(
    client, prefect_server, monkeypatch, tmp_path
):
    monkeypatch.setenv("PREFECT_API_URL", prefect_server)
    monkeypatch.setenv("F5_FLOWS_HOME", str(tmp_path / "home"))
    run = await new_run(client)
    await client.set_flow_run_state(run.id, Completed(), force=True)
    side_tasks = SideTasks()
    supervisor = Supervisor(side_tasks)
    supervisor.start()
    try:
        outcome = await asyncio.wait_for(supervisor.run(str(run.id), "job"), PATIENCE)
    finally:
        await supervisor.stop()
        await side_tasks.stop()
    assert outcome.type == "COMPLETED"
    states = await client.read_flow_run_states(run.id)
    assert [state.name for state in states] == ["Scheduled", "Completed"]
