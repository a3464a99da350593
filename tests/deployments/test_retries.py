"""Prefect's clients, under the one policy of retries."""

import asyncio
import subprocess
import threading
import time
from uuid import uuid4

import httpx
import pytest
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.concurrency._leases import amaintain_concurrency_lease
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.states import Running

from deployments import retries
from speech.errors import ServerError
from tests import PATIENCE, inherited
from tests.fakes.faults import FaultyProxy
from tests.stack import PROGRAM


@flow
def nothing():
    pass


@pytest.fixture(scope="module", autouse=True)
def policy():
    retries.install()


@pytest.fixture
def proxy(prefect_server):
    """Before the server; a new one for each test, so that no client has reached it before."""
    proxy = FaultyProxy(prefect_server.removesuffix("/api"), signed=False)
    yield proxy
    proxy.stop()


@pytest.fixture
def api(proxy):
    """Where all clients of a test go."""
    with temporary_settings({PREFECT_API_URL: f"{proxy.url}/api"}):
        yield f"{proxy.url}/api"


def times(mode, number):
    """That mode for so many calls."""
    left = iter([mode] * number)
    return lambda method, path: next(left, "plain")


async def test_the_first_call_of_a_client_waits_for_a_server_that_is_away(proxy, api):
    proxy.close()
    threading.Timer(2, proxy.open).start()
    async with get_client() as client:
        assert await client.read_flow_runs(limit=1) is not None


def test_so_does_a_client_that_is_not_async(proxy, api):
    proxy.close()
    threading.Timer(2, proxy.open).start()
    with get_client(sync_client=True) as client:
        assert client.read_flow_runs(limit=1) is not None


@pytest.mark.parametrize("mode", ["fault", "refuse", "page", "empty", "cut", "die", "lost"])
async def test_what_cannot_be_an_answer_is_asked_for_again(proxy, api, mode):
    proxy.mode = times(mode, 2)
    async with get_client() as client:
        run = await client.create_flow_run(nothing)
        assert (await client.read_flow_run(run.id)).id == run.id


def test_a_run_whose_calls_fall_silent_makes_them_again_and_completes(proxy, tmp_path):
    """As on connections that are half open: they are accepted, and not answered in time."""
    silent = []

    def mode(method, path):
        if path.endswith("/set_state") and len(silent) < 2:
            silent.append(path)
            return "hang"
        return "plain"

    proxy.mode = mode
    variables = {
        "PREFECT_API_URL": f"{proxy.url}/api", "PREFECT_API_REQUEST_TIMEOUT": "3",
        "ENGINE": "espeak", "STORAGE_DIR": str(tmp_path / "store"),
    }  # fmt: skip
    words = [PROGRAM, "speak", "Hello there.", "--out", str(tmp_path / "hello.wav")]
    done = subprocess.run(words, env=inherited() | variables, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "hello.wav").exists()
    # Two that were given up, and the two that a run needs: to Running, and to Completed.
    assert len([path for _, path in proxy.seen if path == silent[0]]) >= 4


async def test_a_state_whose_answer_was_lost_is_set_once(proxy, api):
    async with get_client() as client:
        run = await client.create_flow_run(nothing)
        proxy.mode = times("lost", 2)
        await client.set_flow_run_state(run.id, Running())
        assert [state.name for state in await client.read_flow_run_states(run.id)] == ["Pending", "Running"]
    assert len([path for _, path in proxy.seen if path.endswith("set_state")]) == 3


@pytest.mark.parametrize(("mode", "status"), [("denied", 403), ("plain", 404)])
async def test_a_refusal_is_not_repeated(proxy, api, mode, status):
    proxy.mode = mode
    async with get_client() as client:
        with pytest.raises(httpx.HTTPStatusError) as caught:
            await client.request("GET", "/flow_runs/{id}", path_params={"id": uuid4()})
    assert caught.value.response.status_code == status
    assert len(proxy.seen) == 1


async def test_a_server_that_stays_away_is_given_up_and_its_address_is_not_told(proxy, api, monkeypatch):
    monkeypatch.setenv("PREFECT_PATIENCE", "1")
    proxy.mode = "page"
    async with get_client() as client:
        with pytest.raises(httpx.HTTPError) as caught:
            await client.read_flow_runs()
    told = retries.explained(caught.value)
    assert isinstance(told, ServerError)
    assert "does not answer" in str(told)
    assert "http" not in str(told)


async def test_a_run_goes_on_when_its_place_within_the_limit_is_lost(prefect_server):
    lost = []
    with temporary_settings({PREFECT_API_URL: prefect_server}):
        async with amaintain_concurrency_lease(uuid4(), 300, raise_on_lease_renewal_failure=True):
            [renewal] = [thread for thread in threading.enumerate() if thread.name.startswith("concurrency-lease")]
            while renewal.is_alive():
                await asyncio.sleep(0.1)
            lost.append(time.monotonic())
    assert lost


async def test_a_call_that_would_hold_up_a_whole_event_loop_is_given_up_soon(proxy, api):
    proxy.mode = "fault"
    began = time.monotonic()
    with get_client(sync_client=True) as client, pytest.raises(httpx.HTTPError):
        client.read_flow_runs(limit=1)
    assert time.monotonic() - began < 60
