"""RunPod's own loop with patience: nothing is asked for in a rush, and no result is thrown away."""

import json
import os
import signal
import subprocess
import sys
import time
from uuid import uuid4

import httpx
import psutil
import pytest

from tests import PATIENCE
from tests.fakes.runpod import API_KEY
from tests.services import stop_group
from tests.stack import ENDPOINT

PROGRAM = """
import asyncio, os
from deployments.endpoint.delivery import report
from deployments.endpoint.loop import Loop, leave, serve
from deployments.endpoint.side_tasks import SideTasks

held = set()

async def handler(job):
    given = job["input"]
    for number in range(given.get("reports", 0)):
        await report(job, {"number": number})
    if "held" in given:
        held.add(job["id"])
        asyncio.get_running_loop().call_later(given["held"], held.discard, job["id"])
    await asyncio.sleep(given.get("seconds", 0))
    return {"size": "x" * given.get("size", 1), "by": os.environ["RUNPOD_POD_ID"], "held": len(held)}

async def breaks(succeeded):
    await asyncio.sleep(0.5)
    raise ValueError("odd")

async def main(pings):
    side_tasks = SideTasks(pause=0.1, most=3)
    silence = {"silence": float(os.environ["SILENCE"])} if "SILENCE" in os.environ else {}
    loop = Loop(handler, 3, held=lambda: len(held), **silence)
    side_tasks.start("pings", pings.keep)
    side_tasks.start("stops", loop.watch_stops, vital=False)
    if os.environ.get("BREAKS"):
        side_tasks.start("breaking", breaks)
    working = asyncio.create_task(loop.run())
    await asyncio.wait({working, side_tasks.given_up}, return_when=asyncio.FIRST_COMPLETED)
    if side_tasks.given_up.done():
        leave(pings)

serve(main)
"""


def started(plane, path, pod="pod1", **variables):
    from tests import inherited

    return subprocess.Popen(
        [sys.executable, "-u", "-c", PROGRAM],
        env=inherited() | plane.worker_environment(ENDPOINT, pod) | variables,
        stdout=path.open("ab"),
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


@pytest.fixture(scope="module")
def log(plane, tmp_path_factory):
    path = tmp_path_factory.mktemp("loop") / "log"
    process = started(plane, path)
    yield path
    stop_group(process)


@pytest.fixture
def ask(plane, log):
    def send(**given):
        headers = {"Authorization": f"Bearer {API_KEY}"}
        return httpx.post(f"{plane.url}/{ENDPOINT}/runsync", json={"input": given}, headers=headers, timeout=100).json()

    return send


def test_a_job_is_done(ask):
    assert ask(size=3)["output"]["size"] == "xxx"


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


@pytest.fixture
def worker(plane, tmp_path):
    """Starts workers of an endpoint that no other test has; the last one is waited for until it asks for jobs."""
    plane.endpoints.add("own")
    processes = []

    def start(**variables):
        pod = f"pod-{uuid4().hex[:8]}"
        environment = plane.worker_environment("own", pod)
        processes.append(started(plane, tmp_path / f"{pod}.log", pod, **environment, **variables))
        until(lambda: any(f"/own/job-take-batch/{pod}" in call["path"] for call in plane.calls("take")), processes[-1])
        processes[-1].pod = pod
        return processes[-1]

    yield start
    plane.faults.clear()
    plane.ping_timeout, plane.hold = 1e9, 1.5
    for process in processes:
        stop_group(process)


def until(true, process=None, seconds=120):
    deadline = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < deadline
        assert process is None or process.poll() is None
        time.sleep(0.02)
    return found


def queue(plane, *given, endpoint="own"):
    return plane.queue(endpoint, *(json.dumps({"id": "$ID", "input": one}) for one in given))


def ended(plane, jobs):
    until(lambda: all(plane.jobs[job].status in ("COMPLETED", "FAILED") for job in jobs))
    return [plane.jobs[job] for job in jobs]


@pytest.mark.parametrize("round", range(3))
def test_jobs_that_arrive_on_the_open_poll_when_it_is_told_to_stop_are_done(plane, worker, round):
    plane.hold = 10
    process = worker()
    process.send_signal(signal.SIGTERM)
    # Before, between and after the container has noticed.
    time.sleep(round * 0.1)
    jobs = queue(plane, *[{"seconds": 0.5}] * 3)
    assert process.wait(PATIENCE) == 0
    assert [plane.jobs[job].status for job in jobs] == ["COMPLETED"] * 3


def test_a_worker_that_is_told_to_stop_while_nothing_comes_ends(plane, worker):
    plane.hold = 0.5
    process = worker()
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE) == 0


def test_polls_that_are_never_answered_are_given_up_and_the_next_one_brings_its_job(plane, worker):
    """As on connections that are half open: RunPod takes the requests and says nothing."""
    plane.hold = 0.5
    # Longer than any answer takes on a busy machine, or a job would go to a poll that was given up.
    worker(SILENCE="10")
    for route in ("take", "stop"):
        plane.fail(route, status=503, hang=PATIENCE, times=2)
    until(lambda: not plane.faults["take"] and not plane.faults["stop"])
    [first] = queue(plane, {"seconds": 60})
    until(lambda: plane.jobs[first].status == "IN_PROGRESS")
    headers = {"Authorization": f"Bearer {API_KEY}"}
    httpx.post(f"{plane.url}/own/cancel/{first}", headers=headers)
    until(lambda: plane.jobs[first].told_to_stop)
    [second] = ended(plane, queue(plane, {}))
    assert second.status == "COMPLETED"


def test_a_job_that_cannot_be_read_fails_alone(ask, plane):
    deep = '{"id": "$ID", "input": {"text": ' + "[" * 1500 + "]" * 1500 + "}}"
    good = '{"id": "$ID", "input": {}}'
    # The worker has three places, so all come in one answer.
    first, bad, last = ended(plane, plane.queue(ENDPOINT, good, deep, good))
    assert (first.status, last.status) == ("COMPLETED", "COMPLETED")
    assert bad.status == "FAILED"
    assert bad.error.startswith("The job could not be read: recursion limit exceeded")
    assert ask()["status"] == "COMPLETED"


def test_a_job_without_an_id_ends_nothing(ask, plane):
    nameless = plane.queue(ENDPOINT, '{"input": {}}', "7", '{"id": {"a": 1}, "input": {}}')
    assert ask()["status"] == "COMPLETED"
    for job in nameless:
        plane.jobs[job].status = "CANCELLED"


def test_a_job_on_an_answer_that_breaks_off_fails_with_the_reason(ask, plane):
    assert ask()["status"] == "COMPLETED"
    plane.fail("take", cut=True)
    until(lambda: not plane.faults["take"])
    [job] = ended(plane, queue(plane, {"text": "x" * 100}, endpoint=ENDPOINT))
    assert job.error.startswith("The job could not be read: EOF")


def test_a_job_that_comes_twice_is_done_once(ask, plane):
    plane.duplicate = True
    answer = ask(seconds=1)
    plane.duplicate = False
    assert answer["status"] == "COMPLETED"
    assert len([call for call in plane.calls("done") if answer["id"] in call["path"]]) == 1


def test_what_goes_on_behind_its_reply_holds_a_place(plane, worker):
    worker()
    jobs = ended(plane, queue(plane, *[{"held": 1.0}] * 9))
    assert max(job.output["held"] for job in jobs) <= 3
    # Three places, nine jobs that hold one for a second: they came in three waves.
    assert max(job.started for job in jobs) - min(job.started for job in jobs) >= 1.9


@pytest.mark.parametrize("status", [400, 401, 413])
def test_a_result_that_is_refused_twice_ends_as_a_failure_that_says_so(ask, plane, status):
    plane.fail("done", status=status, times=5)
    answer = ask()
    assert answer["status"] == "FAILED"
    assert f"RunPod refused the result ({status})" in answer["error"]


def test_a_result_that_meets_a_page_is_delivered_again(ask, plane):
    plane.fail("done", status=200, page=True)
    assert ask()["output"]["size"] == "x"


def test_jobs_come_after_pages_and_answers_that_are_none(ask, plane):
    for fault in ({"status": 200, "page": True}, {"status": 401}, {"status": 0}, {"status": 500, "page": True}):
        plane.fail("take", **fault)
    assert ask()["status"] == "COMPLETED"


def test_a_worker_past_mending_ends_with_a_fault_and_its_jobs_are_done_by_another(plane, worker):
    plane.ping_timeout = 4
    process = worker(BREAKS="yes")
    [job] = queue(plane, {"seconds": 8})
    assert process.wait(PATIENCE) == 1
    assert plane.jobs[job].status == "IN_PROGRESS"
    other = worker()
    [done] = ended(plane, [job])
    assert (done.status, done.output["by"]) == ("COMPLETED", other.pod)


def test_pings_go_on_after_their_process_is_killed(plane, worker):
    process = worker()

    def pings():
        return [call for call in plane.calls("ping") if f"/own/ping/{process.pod}" in call["path"]]

    def pinging():
        return [one for one in psutil.Process(process.pid).children() if one.is_running()]

    until(pings, process)
    [pinger] = pinging()
    pinger.kill()
    until(lambda: any(one.pid != pinger.pid for one in pinging()), process)
    before = len(pings())
    until(lambda: len(pings()) > before, process)
    # One whose worker is gone pings no more, so that its jobs are given to another.
    process.kill()
    process.wait()
    [pinger] = [one for one in psutil.process_iter() if one.pid != process.pid and _of(one, process.pid)]
    pinger.wait(PATIENCE)


def _of(one, session):
    try:
        return os.getsid(one.pid) == session and one.status() != psutil.STATUS_ZOMBIE
    except OSError:
        return False


def test_jobs_are_done_when_nobody_reads_what_is_printed(plane):
    plane.endpoints.add("own")
    from tests import inherited

    process = subprocess.Popen(
        [sys.executable, "-u", "-c", PROGRAM],
        env=inherited() | plane.worker_environment("own", "pod4"),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    process.stdout.close()
    try:
        plane.fail("done", status=500)
        [job] = ended(plane, queue(plane, {}))
        assert job.status == "COMPLETED"
    finally:
        stop_group(process)
