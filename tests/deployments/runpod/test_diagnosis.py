"""What RunPod tells becomes a sentence with what to do."""

import json

import pytest

from deployments.runpod.client import Job, Pod, Workers
from deployments.runpod.diagnosis import of_job, of_pod, of_queue

PACKED = json.dumps({"error_type": "RuntimeError", "error_message": "CUDA out of memory. Tried to allocate 2 GiB"})


@pytest.mark.parametrize(
    ("job", "says", "do"),
    [
        (None, "expired", "ttl"),
        (Job("j", "TIMED_OUT"), "no worker took it", "ttl"),
        (Job("j", "TIMED_OUT", started=True), "ran out of time", "execution_timeout"),
        (Job("j", "FAILED", error=PACKED, started=True), "out of memory", "larger GPU"),
        (Job("j", "FAILED", error="worker exited with exit code 137"), "out of memory", "larger GPU"),
        (Job("j", "FAILED", error="no kernel image"), "no kernel image", "log"),
        (Job("j", "FAILED"), "no reason given", "log"),
        (Job("j", "CANCELLED"), "cancelled at RunPod", "again"),
        (Job("j", "COMPLETED"), "without an output", "again"),
        (Job("j", "COMPLETED", output={"a": 1}), "never finished", "PREFECT_API_URL"),
    ],
)
def test_a_job_that_ended_without_its_run_is_explained(job, says, do):
    found = of_job(job)
    assert says in found.summary
    assert do in found.resolution


@pytest.mark.parametrize(
    ("seconds", "workers", "says"),
    [
        (5, Workers(), None),
        (5, Workers(initializing=1, total=1), None),
        (500, Workers(running=1, total=1), None),
        (90, Workers(), "started no worker"),
        (5, Workers(throttled=3, total=3), "no free machine"),
        (5, Workers(throttled=2, initializing=1, total=3), None),
        (5, Workers(unhealthy=2, total=2), "crash when they start"),
        (5, Workers(unhealthy=1, running=1, total=2), None),
        (500, Workers(initializing=1, total=1), "have been starting"),
    ],
)
def test_a_job_that_waits_is_explained_where_that_is_unusual(seconds, workers, says):
    found = of_queue(seconds, workers)
    assert (found is None) if says is None else (says in found.summary)


def test_a_pod_that_ended_without_its_run_is_explained():
    assert "ended (EXITED)" in of_pod(Pod("p", "EXITED")).summary
    assert "gone" in of_pod(None).summary
