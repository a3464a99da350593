"""An end is told once, and truly: Prefect, the record and the files agree, whoever brought it about."""

import pytest
from prefect.client.orchestration import get_client
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.states import Cancelled, Cancelling, Completed, Crashed, Failed, Running, Scheduled

from deployments.ends import Sweep, agree, end, sweep
from flows.speak import speak
from speech.outputs import key
from speech.records import Record, load, save
from speech.stores.folder import FolderStore

RESULT = {"job_id": "x", "text": "Hi", "seed": 7, "duration": 1.5, "sample_rate": 22050, "warnings": []}


@pytest.fixture(autouse=True)
def store(monkeypatch, prefect_server, tmp_path):
    monkeypatch.setenv("STORAGE_DIR", str(tmp_path / "store"))
    with temporary_settings({PREFECT_API_URL: prefect_server}):
        yield FolderStore(tmp_path / "store")


@pytest.fixture
async def client(prefect_server):
    async with get_client() as client:
        yield client


async def a_run(client, *states):
    run = await client.create_flow_run(speak, parameters={"request": {"text": "Hi"}}, state=Scheduled())
    for state in states:
        await client.set_flow_run_state(run.id, state, force=True)
    return await client.read_flow_run(run.id)


def recorded(store, run, status, **fields):
    save(store, Record(job_id=str(run.id), status=status, state=status.title(), **fields))


async def test_a_run_that_dies_has_a_record_that_says_why(client, store):
    run = await a_run(client, Running())
    recorded(store, run, "PROCESSING")
    await end(client, run.id, Crashed(message="The process died."))
    record = load(store, str(run.id))
    assert (record.status, record.state, record.error_message) == ("ERROR", "Crashed", "The process died.")
    assert record.request == {"text": "Hi"}


async def test_an_end_is_told_once_and_the_first_one_stands(client, store):
    run = await a_run(client, Running())
    await end(client, run.id, Crashed(message="First."))
    await end(client, run.id, Failed(message="Second."))
    assert [state.name for state in await client.read_flow_run_states(run.id)] == ["Scheduled", "Running", "Crashed"]
    assert load(store, str(run.id)).error_message == "First."


@pytest.mark.parametrize("begun", [True, False])
async def test_a_cancelled_run_has_a_record_and_no_files_whatever_its_end_was_to_be(client, store, begun):
    run = await a_run(client, *([Running()] if begun else []), Cancelling())
    for kind in ("wav", "srt", "html", "zip"):
        store.write(key(str(run.id), kind), "x", "text/plain")
    ended = await end(client, run.id, Crashed(message="The process died."))
    assert ended.state_name == "Cancelled"
    assert load(store, str(run.id)).status == "CANCELLED"
    assert [entry.key for folder in ("output", "timings", "previews") for entry in store.list(f"{folder}/")] == []


async def test_the_audio_of_a_run_that_failed_is_kept(client, store):
    run = await a_run(client, Running())
    store.write(key(str(run.id), "wav"), "x", "audio/wav")
    await end(client, run.id, Failed(message="No room."))
    assert store.read(key(str(run.id), "wav")) == "x"


async def test_the_result_of_a_run_that_said_no_more_is_the_one_it_kept(client, store):
    run = await a_run(client, Running(), Completed())
    recorded(store, run, "PROCESSING", result=RESULT)
    await agree(run)
    record = load(store, str(run.id))
    assert (record.status, record.result) == ("COMPLETED", RESULT)


async def test_a_machine_that_only_watches_makes_no_record_in_a_folder_of_its_own(client, store):
    run = await a_run(client, Running())
    await end(client, run.id, Crashed(message="Gone."), elsewhere=True)
    assert list(store.list("jobs/")) == []


@pytest.mark.parametrize(
    ("state", "status"),
    [(Crashed(message="No life."), "ERROR"), (Cancelled(), "CANCELLED"), (Failed(message="By hand."), "ERROR")],
)
async def test_a_sweep_mends_the_record_of_a_run_that_somebody_else_ended(client, store, state, status):
    run = await a_run(client, Running())
    recorded(store, run, "PROCESSING")
    sweep = Sweep(client)
    await client.set_flow_run_state(run.id, state, force=True)
    assert run.id not in await sweep()
    # Whoever ended it could have been writing.
    assert run.id in await sweep()
    assert load(store, str(run.id)).status == status
    assert run.id not in await sweep()


async def test_a_person_has_the_last_word(client, store):
    run = await a_run(client, Running(), Completed())
    recorded(store, run, "COMPLETED", result=RESULT)
    await client.set_flow_run_state(run.id, Failed(message="It sounds wrong."), force=True)
    assert run.id in await Sweep(client, at_once=True)()
    assert load(store, str(run.id)).error_message == "It sounds wrong."


async def test_a_sweep_makes_records_for_its_own_runs_only(client, store):
    mine, other = [await a_run(client, Running(), Crashed()) for _ in range(2)]
    mended = await Sweep(client, lambda run: run.id == mine.id, at_once=True)()
    assert mine.id in mended
    assert [entry.key for entry in store.list("jobs/")] == [f"jobs/{mine.id}.json"]
    recorded(store, other, "PROCESSING")
    assert await Sweep(client, lambda run: False, at_once=True)() == [other.id]


async def test_a_sweep_finds_nothing_to_mend_twice(client, store):
    run = await a_run(client, Running(), Crashed())
    # Other tests' runs, which end meanwhile, are on this server too.
    assert run.id in await Sweep(client, at_once=True)()
    assert run.id not in await Sweep(client, at_once=True)()


async def test_the_sweep_of_this_machine_makes_no_records_of_jobs_with_another_store(client, store):
    run = await a_run(client, Running(), Completed())
    assert run.id not in await sweep()
    assert list(store.list("jobs/")) == []
