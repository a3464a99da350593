"""A child that hangs, dies or grows is replaced, its run marked, and the endpoint answers on."""

import asyncio
import signal
import time
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterIdempotencyKey
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.states import Cancelling

from tests import PATIENCE
from tests.stack import LONG, Container, ask

TEXT = "Hello there, my friend."


def until(true):
    deadline = time.monotonic() + PATIENCE
    while not (found := true()):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return found


def test_a_child_that_hangs_is_replaced_and_its_run_marked(start):
    container = start(CHILD_SILENCE="15")
    [child] = container.children()
    job = container.send(text=LONG)
    time.sleep(1.5)
    child.send_signal(signal.SIGSTOP)
    # The supervisor answers while nothing else does.
    assert container.ask(endpoint="list_voices")["status"] == "COMPLETED"
    answer = container.answer(job)
    assert answer["status"] == "FAILED"
    assert "The process that ran it died: it was killed because it hung" in answer["error"]
    status = container.ask(endpoint="status", job_id=answer["output"]["job_id"])["output"]
    assert (status["status"], status["state"]) == ("ERROR", "Crashed")
    assert container.ask(text=TEXT)["status"] == "COMPLETED"
    assert "replaced 1 times" in container.ask(endpoint="status")["output"]["health"]["worker"]["message"]


def test_a_run_that_stood_beside_the_one_that_killed_the_child_is_run_again(start):
    container = start(MAX_TEXT_CHARS="200000")
    [child] = container.children()
    guilty = container.send(text=" ".join([LONG] * 8))
    until(lambda: says(container, guilty, "synthesize"))
    bystanders = [container.send(text=f"{TEXT} Number {number}.") for number in range(2)]
    until(lambda: all(says(container, job, "wait for the GPU") for job in bystanders))
    child.kill()
    assert container.answer(guilty)["status"] == "FAILED"
    assert [container.answer(job)["status"] for job in bystanders] == ["COMPLETED", "COMPLETED"]


def test_jobs_that_nobody_waits_for_take_the_containers_slots_too(start, prefect_server):
    container = start(ENDPOINT_CONCURRENCY="2")
    sent = [container.send(text=f"{TEXT} Number {number}.", wait=False) for number in range(8)]
    names = [container.answer(job)["output"]["job_id"] for job in sent]
    until(
        lambda: all(container.ask(endpoint="status", job_id=name)["output"]["status"] == "COMPLETED" for name in names)
    )
    runs = asyncio.run(read(prefect_server, names))
    # How many had begun and not ended when each began.
    together = [sum(one.start_time <= run.start_time < one.end_time for one in runs) for run in runs]
    assert max(together) <= 2


async def read(api, names):
    """The flow runs of jobs."""
    with temporary_settings({PREFECT_API_URL: api}):
        async with get_client() as client:
            return [await client.read_flow_run(UUID(name)) for name in names]


def test_a_run_beside_one_that_does_not_stop_when_cancelled_is_run_again(start):
    container = start(MAX_TEXT_CHARS="200000", CANCEL_GRACE="1")
    stubborn = container.send(text=" ".join([LONG] * 8), return_word_timings=True)
    until(lambda: says(container, stubborn, "align"))
    bystander = container.send(text=LONG, return_word_timings=True)
    until(lambda: says(container, bystander, "synthesize"))
    assert ask(container.plane, "POST", f"cancel/{stubborn}")["status"] == "CANCELLED"
    assert container.answer(bystander)["status"] == "COMPLETED"
    report = container.ask(endpoint="status")["output"]["health"]["worker"]["message"]
    assert "replaced 1 times" in report
    assert "did not stop when it was cancelled" in report


def test_a_run_that_is_cancelled_in_prefect_and_does_not_stop_answers_its_job(start, prefect_server):
    container = start(MAX_TEXT_CHARS="200000", CANCEL_GRACE="1")
    stubborn = container.send(text=" ".join([LONG] * 8), return_word_timings=True)
    until(lambda: says(container, stubborn, "align"))
    mine = FlowRunFilter(idempotency_key=FlowRunFilterIdempotencyKey(any_=[f"runpod-job-{stubborn}"]))
    with temporary_settings({PREFECT_API_URL: prefect_server}), get_client(sync_client=True) as client:
        [run] = client.read_flow_runs(flow_run_filter=mine)
        client.set_flow_run_state(run.id, Cancelling())
    answer = container.answer(stubborn)
    assert (answer["status"], answer["error"]) == ("FAILED", "The job was cancelled.")


def says(container, job, step):
    """Whether a job has told that it is at that step."""
    told = [call["body"] for call in container.plane.calls("done") if job in call["path"]]
    return any(f'"step": "{step}"' in body for body in told)


def test_a_child_is_renewed_after_so_many_runs_and_nobody_notices(start):
    container = start(CHILD_RUNS="2")
    first = container.children()
    jobs = [container.send(text=f"{TEXT} Number {number}.") for number in range(6)]
    assert [container.answer(job)["status"] for job in jobs] == ["COMPLETED"] * 6
    until(lambda: len(container.children()) == 1)
    assert container.children() != first
    assert "it has done 2 runs" in container.log


def test_a_child_that_takes_too_much_memory_is_renewed(start):
    container = start(CHILD_MEMORY_MB="50")
    until(lambda: "it takes" in container.log)
    assert container.ask(text=TEXT)["status"] == "COMPLETED"


def test_a_child_that_cannot_start_does_not_bring_the_endpoint_down(plane, prefect_server, tmp_path):
    container = Container(plane, tmp_path, prefect_server, STORAGE_BLOCK="s3-bucket/nobody")
    answer = container.ask(text=TEXT)
    assert "s3-bucket/nobody" in answer["error"]
    assert container.ask(endpoint="status")["status"] == "COMPLETED"
    container.stop()


def test_without_a_prefect_server_the_endpoint_answers_and_says_so(plane, tmp_path):
    container = Container(plane, tmp_path, "http://127.0.0.1:9/api", PROCESSING_TIMEOUT="3")

    def told():
        return container.ask(endpoint="status")["output"]["health"]["prefect"]

    until(lambda: "PREFECT_API_URL" in told()["message"])
    assert told()["status"] == "degraded"
    assert "does not answer" in container.ask(text=TEXT)["error"]
    container.stop()
