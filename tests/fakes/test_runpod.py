"""The control plane for tests keeps to what RunPod documents."""

import time

import httpx
import pytest

from tests.fakes.runpod import API_KEY, WORKER_KEY
from tests.stack import ENDPOINT


@pytest.fixture(autouse=True)
def as_it_was(plane):
    yield
    plane.faults.clear()
    plane.jobs.clear()
    plane.ping_timeout = 1e9
    plane._queues.clear()
    plane._calls.clear()


def client(plane, method, path, **more):
    headers = {"Authorization": f"Bearer {API_KEY}"}
    return httpx.request(method, f"{plane.url}/{ENDPOINT}/{path}", headers=headers, timeout=10, **more)


def worker(plane, method, path, **more):
    joint = "&" if "?" in path else "?"
    headers = {"Authorization": WORKER_KEY}
    return httpx.request(method, f"{plane.url}/{ENDPOINT}/{path}{joint}gpu=x", headers=headers, timeout=10, **more)


def submit(plane, **more):
    return client(plane, "POST", "run", json={"input": {"text": "x"}, **more}).json()["id"]


def status(plane, job):
    return client(plane, "GET", f"status/{job}").json()


def test_a_job_goes_from_the_queue_over_a_worker_to_its_output(plane):
    job = submit(plane)
    assert status(plane, job) == {"id": job, "status": "IN_QUEUE"}
    taken = worker(plane, "GET", "job-take/w1").json()
    assert taken == {"id": job, "input": {"text": "x"}}
    assert status(plane, job)["status"] == "IN_PROGRESS"
    worker(plane, "POST", f"job-done/w1/{job}", content='{"status": "IN_PROGRESS", "output": {"share": 0.5}}')
    assert status(plane, job)["output"] == {"share": 0.5}
    worker(plane, "POST", f"job-done/w1/{job}", content='{"output": {"a": 1}}')
    done = status(plane, job)
    assert (done["status"], done["output"], done["workerId"]) == ("COMPLETED", {"a": 1}, "w1")
    assert done["executionTime"] >= 0 and done["delayTime"] >= 0


def test_a_worker_takes_as_many_as_it_asks_for(plane):
    jobs = [submit(plane) for _ in range(3)]
    assert [job["id"] for job in worker(plane, "GET", "job-take-batch/w1?batch_size=2").json()] == jobs[:2]


def test_an_empty_poll_is_held_and_then_empty(plane):
    began = time.monotonic()
    assert worker(plane, "GET", "job-take/w1").status_code == 204
    assert time.monotonic() - began > 1


@pytest.mark.parametrize("key", ["", "Bearer wrong", WORKER_KEY])
def test_a_client_without_the_key_is_refused(plane, key):
    answer = httpx.get(f"{plane.url}/{ENDPOINT}/health", headers={"Authorization": key})
    assert answer.status_code == 401


def test_what_does_not_exist_is_not_found(plane):
    assert client(plane, "GET", "status/nothing").status_code == 404
    answer = httpx.post(f"{plane.url}/other/run", headers={"Authorization": f"Bearer {API_KEY}"}, json={"input": {}})
    assert answer.status_code == 404


@pytest.mark.parametrize("body", ["{}", "[]", "no json", '{"input": {}, "policy": {"ttl": 5}}'])
def test_a_body_that_is_not_a_request_is_refused(plane, body):
    assert client(plane, "POST", "run", content=body).status_code == 400


def test_a_body_over_ten_megabytes_is_refused(plane):
    assert client(plane, "POST", "run", json={"input": "x" * 11_000_000}).status_code == 400


def test_a_result_that_is_too_large_is_refused_and_the_job_completed_without_an_output(plane):
    job = submit(plane)
    worker(plane, "GET", "job-take/w1")
    answer = worker(plane, "POST", f"job-done/w1/{job}", content='{"output": "' + "x" * 11_000_000 + '"}')
    assert answer.status_code == 400
    assert status(plane, job)["status"] == "COMPLETED"
    assert "output" not in status(plane, job)


def test_a_cancelled_job_is_told_to_its_worker(plane):
    job = submit(plane)
    worker(plane, "GET", "job-take/w1")
    assert client(plane, "POST", f"cancel/{job}").json() == {"id": job, "status": "CANCELLED"}
    assert worker(plane, "GET", "job-stop/w1").json() == {"jobsToStop": [job]}


def test_a_job_that_runs_for_too_long_is_timed_out(plane):
    job = submit(plane, policy={"executionTimeout": 5000})
    worker(plane, "GET", "job-take/w1")
    plane.jobs[job].started -= 6
    time.sleep(0.3)
    assert status(plane, job)["status"] == "TIMED_OUT"
    assert worker(plane, "GET", "job-stop/w1").json() == {"jobsToStop": [job]}


def test_a_job_whose_time_to_live_is_over_is_gone(plane):
    job = submit(plane, policy={"ttl": 10_000})
    plane.jobs[job].submitted -= 11
    time.sleep(0.3)
    assert client(plane, "GET", f"status/{job}").status_code == 404


def test_a_job_of_a_worker_that_fell_silent_is_delivered_again_under_the_same_id(plane):
    job = submit(plane)
    worker(plane, "GET", "job-take/w1")
    worker(plane, "GET", "ping/w1")
    plane.ping_timeout = 0.5
    assert worker(plane, "GET", "job-take/w2").json()["id"] == job
    assert plane.jobs[job].retries == 1


def test_a_failed_job_can_be_tried_again_and_a_queue_emptied(plane):
    job = submit(plane)
    worker(plane, "GET", "job-take/w1")
    worker(plane, "POST", f"job-done/w1/{job}", content='{"error": "no"}')
    assert status(plane, job)["error"] == "no"
    assert client(plane, "POST", f"retry/{job}").json() == {"id": job, "status": "IN_QUEUE"}
    assert client(plane, "POST", "purge-queue").json() == {"removed": 1, "status": "completed"}
    assert status(plane, job)["status"] == "CANCELLED"


def test_too_many_calls_are_asked_to_wait(plane):
    for _ in range(2):
        client(plane, "POST", "purge-queue")
    refused = client(plane, "POST", "purge-queue")
    assert refused.status_code == 429
    assert int(refused.headers["Retry-After"]) >= 1


def test_its_jobs_and_workers_are_counted(plane):
    submit(plane)
    health = client(plane, "GET", "health").json()
    assert health["jobs"] == {"completed": 0, "failed": 0, "inProgress": 0, "inQueue": 1, "retried": 0}
    assert set(health["workers"]) >= {"idle", "running", "throttled", "initializing"}


def test_it_can_be_away_and_come_back_with_what_it_knew(plane):
    job = submit(plane)
    plane.pause()
    with pytest.raises(httpx.ConnectError):
        status(plane, job)
    plane.resume()
    assert status(plane, job)["status"] == "IN_QUEUE"


def test_a_pod_is_made_read_listed_and_terminated(plane):
    base, headers = plane.management_url, {"Authorization": f"Bearer {API_KEY}"}
    wanted = {"name": "a", "image": "b", "gpu": {"id": "NVIDIA L4", "count": 1}}
    made = httpx.post(f"{base}/pods", json=wanted, headers=headers)
    assert (made.status_code, made.json()["status"]) == (201, "PROVISIONING")
    pod = made.json()["id"]
    assert httpx.get(f"{base}/pods/{pod}", headers=headers).json()["name"] == "a"
    assert [one["id"] for one in httpx.get(f"{base}/pods", headers=headers).json()["pods"]] == [pod]
    assert httpx.delete(f"{base}/pods/{pod}", headers=headers).status_code == 204
    assert httpx.get(f"{base}/pods/{pod}", headers=headers).status_code == 404
    assert httpx.post(f"{base}/pods", json={"name": "a"}, headers=headers).status_code == 422
