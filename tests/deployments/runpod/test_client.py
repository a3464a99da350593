"""RunPod's APIs through the client: what passes is tried again, what does not is a sentence."""

import ast
import time
from pathlib import Path

import pytest
from pydantic import SecretStr

from blocks.runpod import RunPodCredentials
from deployments.runpod import client as module
from deployments.runpod.client import RunPod
from speech.errors import Busy, Gone, KeyNotAccepted, NoCapacity, OutOfCredit, RunPodError
from tests.fakes.runpod import API_KEY
from tests.stack import ENDPOINT


@pytest.fixture(autouse=True)
def as_it_was(plane):
    yield
    plane.faults.clear()
    plane.jobs.clear()
    plane.pods.clear()


def connection(plane, key=API_KEY, patience=10.0):
    credentials = RunPodCredentials(
        api_key=SecretStr(key), job_url=plane.url, management_url=plane.management_url
    )  # fmt: skip
    return RunPod(credentials, patience)


async def submit(runpod):
    return await runpod.submit(ENDPOINT, {"a": 1}, execution_timeout=60, ttl=600)


async def test_a_job_is_submitted_with_its_policy_looked_at_and_cancelled(plane):
    async with connection(plane) as runpod:
        job = await submit(runpod)
        assert plane.jobs[job].body == {
            "input": {"a": 1},
            "policy": {"executionTimeout": 60_000, "ttl": 600_000, "lowPriority": False},
        }
        assert (await runpod.job(ENDPOINT, job)).status == "IN_QUEUE"
        await runpod.cancel(ENDPOINT, job)
        assert (await runpod.job(ENDPOINT, job)).final
        await runpod.cancel(ENDPOINT, "not-there")
        with pytest.raises(Gone):
            await runpod.job(ENDPOINT, "not-there")


@pytest.mark.parametrize("status", [429, 500, 502, 503, 0])
async def test_what_may_pass_is_tried_again(plane, status):
    plane.fail("run", status=status, times=2)
    async with connection(plane) as runpod:
        assert await submit(runpod)


MALFORMED = ["", "{}", "[]", "null", '{"id": 7}', '{"id": "', "<html>", "[" * 5000, '{"id": null, "status": {}}']


@pytest.mark.parametrize("body", MALFORMED)
@pytest.mark.parametrize("route", ["run", "status", "create-pod", "read-pod", "list-pods"])
async def test_an_answer_that_is_not_understood_is_asked_for_again(plane, route, body):
    async with connection(plane) as runpod:
        job = await submit(runpod)
        pod = await runpod.create_pod({"name": "f5-flows-1", "image": "i", "gpu": {"id": "g", "count": 1}})
        plane.fail(route, status=200, body=body)
        assert await submit(runpod)
        assert (await runpod.job(ENDPOINT, job)).status == "IN_QUEUE"
        assert (await runpod.pod(pod.id)).name == "f5-flows-1"
        assert await runpod.create_pod({"name": "f5-flows-2", "image": "i", "gpu": {"id": "g", "count": 1}})
        assert pod in await runpod.pods("f5-flows-")


async def test_an_answer_that_is_never_understood_is_a_sentence(plane):
    plane.fail("run", status=200, body="{}", times=1000)
    async with connection(plane, patience=0.5) as runpod:
        with pytest.raises(Busy, match=r"an answer that is not understood \(submit\)"):
            await submit(runpod)


@pytest.mark.parametrize("asked", ["²", "soon", "-1", "1e999"])
async def test_a_pause_that_makes_no_sense_is_not_made(plane, asked):
    plane.fail("run", status=429, retry_after=asked)
    async with connection(plane) as runpod:
        assert await submit(runpod)


async def test_it_waits_for_as_long_as_runpod_asks(plane):
    plane.fail("run", status=429, retry_after=1.5)
    began = time.monotonic()
    async with connection(plane) as runpod:
        await submit(runpod)
    assert time.monotonic() - began >= 1.5


async def test_what_does_not_pass_is_given_up_after_a_while(plane):
    plane.fail("status", status=503, times=1000)
    async with connection(plane, patience=1) as runpod:
        with pytest.raises(Busy, match=r"cannot serve now \(status: 503 as told\)"):
            await runpod.job(ENDPOINT, "x")


async def test_a_host_that_no_name_server_knows_is_told_after_a_while():
    credentials = RunPodCredentials(
        api_key=SecretStr(API_KEY), job_url="http://runpod.invalid/v2", management_url="http://runpod.invalid/v2"
    )
    async with RunPod(credentials, 1) as runpod:
        with pytest.raises(Busy, match=r"^RunPod does not answer \(submit\): ConnectError\.$"):
            await submit(runpod)
        with pytest.raises(Busy, match=r"^RunPod does not answer \(list pods\): ConnectError\.$"):
            await runpod.pods("f5-flows-")


@pytest.mark.parametrize(
    ("status", "error", "says"),
    [
        (401, KeyNotAccepted, "does not accept the API key"),
        (402, OutOfCredit, "no balance"),
        (403, KeyNotAccepted, "may not do this"),
        (404, Gone, "does not know this job"),
        (400, RunPodError, "refused"),
        (422, RunPodError, "refused"),
    ],
)
async def test_what_cannot_pass_is_said_at_once(plane, status, error, says):
    plane.fail("run", status=status, times=1)
    async with connection(plane) as runpod:
        with pytest.raises(error, match=says) as caught:
            await submit(runpod)
    assert type(caught.value) is error
    assert len(plane.faults["run"]) == 0


async def test_a_wrong_key_is_told_without_being_shown(plane):
    async with connection(plane, key="rpa_secret_that_is_wrong") as runpod:
        with pytest.raises(KeyNotAccepted) as caught:
            await submit(runpod)
    assert "rpa_secret" not in str(caught.value)


async def test_the_workers_of_an_endpoint_are_counted(plane):
    plane.workers_summary = {"running": 1, "idle": 2, "throttled": 3, "total": 6, "new_thing": 9}
    async with connection(plane) as runpod:
        workers = await runpod.workers(ENDPOINT)
    plane.workers_summary = None
    assert (workers.serving, workers.throttled, workers.unhealthy) == (3, 3, 0)


async def test_a_pod_whose_making_was_not_confirmed_is_made_once(plane):
    plane.fail("create-pod", status=0, after=True)
    async with connection(plane) as runpod:
        pod = await runpod.create_pod({"name": "f5-flows-1", "image": "i", "gpu": {"id": "g", "count": 1}})
        assert list(plane.pods) == [pod.id]
        await runpod.delete_pod(pod.id)
        await runpod.delete_pod(pod.id)


async def test_a_pod_that_no_machine_is_free_for_is_said_to_be_so(plane):
    plane.fail("create-pod", status=400)
    async with connection(plane) as runpod:
        with pytest.raises(NoCapacity, match="another GPU type"):
            await runpod.create_pod({"name": "a", "image": "i", "gpu": {"id": "g", "count": 1}})


def test_every_call_goes_through_the_one_helper():
    """`_request` alone talks HTTP, and only the retrying helpers call it."""
    tree = ast.parse(Path(module.__file__).read_text())
    users: dict[str, set[str]] = {"request": set(), "_request": set()}
    for function in [node for node in ast.walk(tree) if isinstance(node, ast.AsyncFunctionDef)]:
        for node in ast.walk(function):
            if isinstance(node, ast.Attribute) and node.attr in users:
                users[node.attr].add(function.name)
    assert users == {"request": {"_request"}, "_request": {"_call", "create_pod", "_list_pods"}}
