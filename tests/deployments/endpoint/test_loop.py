"""RunPod's own loop with patience: nothing is asked for in a rush, and no result is thrown away."""

import json
import subprocess
import sys
import time

import httpx
import pytest

from tests.fakes.runpod import API_KEY
from tests.services import stop_group
from tests.stack import ENDPOINT

PROGRAM = """
import asyncio
from deployments.endpoint.loop import Loop, report, serve

async def handler(job):
    given = job["input"]
    for number in range(given.get("reports", 0)):
        await report(job, {"number": number})
    await asyncio.sleep(given.get("seconds", 0))
    return {"size": "x" * given.get("size", 1)}

async def nothing():
    await asyncio.sleep(1e9)

async def done():
    pass

serve(lambda: Loop(handler, 3, nothing, done))
"""


@pytest.fixture(scope="module")
def log(plane, tmp_path_factory):
    from tests import inherited

    path = tmp_path_factory.mktemp("loop") / "log"
    process = subprocess.Popen(
        [sys.executable, "-u", "-c", PROGRAM],
        env=inherited() | plane.worker_environment(ENDPOINT, "pod1"),
        stdout=path.open("wb"),
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    yield path
    stop_group(process)


@pytest.fixture
def ask(plane, log):
    def send(**given):
        headers = {"Authorization": f"Bearer {API_KEY}"}
        return httpx.post(f"{plane.url}/{ENDPOINT}/runsync", json={"input": given}, headers=headers, timeout=100).json()

    return send


def test_a_job_is_done(ask):
    assert ask()["output"] == {"size": "x"}


def test_a_result_that_runpod_refuses_is_a_failure_that_says_so(ask, plane):
    plane.fail("done", status=413)
    told = ask()
    assert told["status"] == "FAILED"
    assert "RunPod refused the result (413)" in told["error"]


def test_a_result_is_delivered_when_runpod_is_back(ask, plane):
    plane.fail("done", status=503, times=4)
    assert ask()["status"] == "COMPLETED"


def test_a_report_never_comes_after_the_result(ask, plane):
    jobs = [ask(reports=3)["id"] for _ in range(10)]
    assert not [job for job in jobs if plane.jobs[job].progress_after_end]
    assert len([call for call in plane.calls("done") if '"number": 2' in call["body"]]) == 10


def test_it_asks_for_jobs_without_a_rush_when_it_is_refused(ask, plane, log):
    plane.fail("take", status=401, times=10_000)
    before, lines = len(plane.calls("take")), len(log.read_text().splitlines())
    time.sleep(6)
    plane.faults.clear()
    assert len(plane.calls("take")) - before < 10
    assert len(log.read_text().splitlines()) - lines < 20
    assert ask()["status"] == "COMPLETED"


def test_a_job_that_is_cancelled_is_stopped_and_the_next_one_done(ask, plane):
    headers = {"Authorization": f"Bearer {API_KEY}"}
    base = f"{plane.url}/{ENDPOINT}"
    job = httpx.post(f"{base}/run", json={"input": {"seconds": 60}}, headers=headers).json()["id"]
    while plane.jobs[job].status != "IN_PROGRESS":
        time.sleep(0.05)
    httpx.post(f"{base}/cancel/{job}", headers=headers)
    assert ask()["status"] == "COMPLETED"
    assert not [call for call in plane.calls("done") if job in call["path"]]
    assert json.loads(json.dumps(plane.jobs[job].view()))["status"] == "CANCELLED"
