"""Every call of a job is answered badly in turn, by Prefect, the store and RunPod: the job has a true end, never none.

The calls of one job are noted once. Then jobs run, one after the other, each with some of those calls answered by a
page, half of an answer, nothing, 500, 401, or late. One container lives through it all.
"""

import asyncio
import random
import time

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterIdempotencyKey
from prefect.settings import PREFECT_API_URL, temporary_settings

from speech.errors import SpeechError
from speech.records import load
from speech.stores.s3 import S3Store
from tests import PATIENCE
from tests.conftest import new_bucket
from tests.fakes.gateway import ACCESS_KEY, SECRET_KEY
from tests.fakes.tap import KINDS, Tap
from tests.stack import Container

pytestmark = pytest.mark.long

TEXT = "Hello there, my friend."
# Of what is asked again and again, beside the jobs, the first few times are enough.
OFTEN = 4


class Walk:
    """A container between three taps, and what becomes of its jobs."""

    def __init__(self, plane, api, gateway, home):
        self.api, self.plane = api, plane
        self.bucket = new_bucket(gateway, f"b{abs(hash(str(home))) % 10**12}")
        self.store = S3Store(self.bucket)
        self.prefect = Tap(api.removesuffix("/api"))
        self.s3 = Tap(gateway.url, signed=True)
        self.runpod = Tap(f"http://127.0.0.1:{plane.port}")
        self.taps = {"Prefect": self.prefect, "S3": self.s3, "RunPod": self.runpod}
        webhooks = {
            name: value.replace(f":{plane.port}/", f":{self.runpod.port}/")
            for name, value in plane.worker_environment("ep1", "pod1").items()
        }
        self.container = Container(
            plane, home, f"{self.prefect.url}/api", **webhooks, S3_BUCKET=self.bucket.name,
            AWS_ENDPOINT_URL=self.s3.url, AWS_ACCESS_KEY_ID=ACCESS_KEY, AWS_SECRET_ACCESS_KEY=SECRET_KEY,
            REQUEST_TIMEOUT="10", RUNPOD_RECONCILE_SECONDS="2", LEASE_SECONDS="15", PREFECT_PATIENCE="30",
        )  # fmt: skip

    def calls(self):
        """Every call of a job: of which tap, what, and which time."""
        assert self.job()["status"] == "COMPLETED"
        self.listen({})
        assert self.job()["status"] == "COMPLETED"
        time.sleep(1)
        return [
            (where, call, number + 1)
            for where, tap in self.taps.items()
            for call, times in sorted(tap.calls.items())
            for number in range(min(times, OFTEN))
        ]

    def listen(self, wanted):
        for where, tap in self.taps.items():
            tap.listen({(call, number): kind for (place, call, number), kind in wanted.items() if place == where})

    def job(self):
        # The container asks for the words too, so that every step has something to do.
        return self.container.ask(text=TEXT, return_word_timings=True)

    async def outcome(self, wanted):
        """What is wrong with the end of a job some of whose calls are answered badly; nothing, as it should be."""
        self.listen(wanted)
        answer = await asyncio.to_thread(self.job)
        broken = [one for tap in self.taps.values() for one in tap.broken]
        self.listen({})
        said = f"{broken}: {answer['status']} {answer.get('error')}"
        if answer["status"] not in ("COMPLETED", "FAILED") or (answer["status"] == "FAILED" and not answer["error"]):
            return f"no end: {said}"
        # The store's own name is its bucket and host.
        reason = str(answer.get("error")).replace(str(self.store), "")
        if any(place in reason for place in ("http://", "127.0.0.1", "Traceback", "Handler error")):
            return f"no reason for a person: {said}"
        deadline = time.monotonic() + PATIENCE / 2
        while wrong := await self.disagreement(answer):
            if time.monotonic() > deadline:
                return f"{wrong}: {said}"
            await asyncio.sleep(0.3)
        return None

    async def disagreement(self, answer):
        """How what Prefect and the store hold differs from what the client was told."""
        key = FlowRunFilterIdempotencyKey(any_=[f"runpod-job-{answer['id']}"])
        async with get_client() as client:
            runs = await client.read_flow_runs(flow_run_filter=FlowRunFilter(idempotency_key=key))
        if not runs:
            return None if answer["status"] == "FAILED" else "Completed without a run"
        [run] = runs
        if not run.state.is_final():
            return f"the run is {run.state.name}"
        try:
            record = load(self.store, str(run.id)).status
        except SpeechError as fault:
            return f"no record ({fault})"
        if run.state.is_completed() != (record == "COMPLETED"):
            return f"the run is {run.state.name}, the record {record}"
        if answer["status"] == "COMPLETED" and not run.state.is_completed():
            return f"the client was told COMPLETED, the run is {run.state.name}"
        return None

    def stop(self):
        self.container.stop()
        for tap in self.taps.values():
            tap.stop()


@pytest.fixture(scope="module")
def walk(plane, prefect_server, gateway, tmp_path_factory):
    made = Walk(plane, prefect_server, gateway, tmp_path_factory.mktemp("walk"))
    yield made
    made.stop()


@pytest.fixture(autouse=True)
def server(prefect_server):
    with temporary_settings({PREFECT_API_URL: prefect_server}):
        yield


async def follow(walk, each):
    wrong = []
    for wanted in each:
        if told := await walk.outcome(wanted):
            print(told, flush=True)
            wrong.append(told)
    # It lived through it all, and works.
    assert walk.container.process.poll() is None
    assert (await asyncio.to_thread(walk.job))["status"] == "COMPLETED"
    return wrong


@pytest.mark.timeout(PATIENCE)
async def test_a_job_has_a_true_end_whatever_some_of_its_calls_are_answered(walk):
    calls = await asyncio.to_thread(walk.calls)
    places = {where for where, _, _ in calls}
    assert places == {"Prefect", "S3", "RunPod"}
    # A few calls at once, so that all are answered badly in some way within a minute.
    some = [calls[first::8] for first in range(8)]
    each = [
        {call: KINDS[(number + turn) % len(KINDS)] for number, call in enumerate(group)}
        for turn, group in enumerate(some)
    ]
    assert await follow(walk, each) == []


@pytest.mark.slow
@pytest.mark.timeout(7200)
async def test_a_job_has_a_true_end_whatever_any_of_its_calls_is_answered(walk):
    calls = await asyncio.to_thread(walk.calls)
    each = [{call: kind} for call in calls for kind in KINDS]
    # One that is broken off has seen something of all.
    random.Random(7).shuffle(each)
    print(len(calls), "calls,", len(each), "jobs", flush=True)
    assert await follow(walk, each) == []


@pytest.mark.timeout(PATIENCE)
async def test_a_run_that_could_be_claimed_but_not_begun_is_given_an_end(walk):
    await asyncio.to_thread(walk.calls)
    assert await follow(walk, [{("Prefect", "PATCH /api/flow_runs/*", 1): "401"}]) == []


@pytest.mark.timeout(PATIENCE)
async def test_a_job_ends_as_it_should_where_every_call_to_prefect_is_late(walk):
    counted, late = walk.prefect.mode, []

    def delay(method, path):
        late.append(path)
        return "behind"

    walk.prefect.mode = delay
    try:
        answer = await asyncio.to_thread(walk.job)
    finally:
        walk.prefect.mode = counted
    assert answer["status"] == "COMPLETED", answer
    assert [path for path in late if path.endswith("/set_state")]
    assert await walk.disagreement(answer) is None
