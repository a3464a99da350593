"""The worker of type runpod tells the truth about runs, whatever becomes of their jobs."""

import asyncio
import json
import subprocess
import time

import httpx
import pytest
from prefect.client.schemas.filters import LogFilter, LogFilterFlowRunId

from tests import PATIENCE
from tests.services import stop_group
from tests.stack import ENDPOINT, PROGRAM

TEXT = "Hello there, my friend."


@pytest.fixture(scope="module", autouse=True)
def running(stack):
    stack.deploy()
    stack.worker()


@pytest.fixture(autouse=True)
def as_it_was(stack):
    yield
    stack.runpod.faults.clear()
    stack.runpod.workers_summary = None


async def queued(stack, run):
    """RunPod's job of a run."""
    return (await submitted(stack, [run], 1))[0]


async def submitted(stack, runs, count):
    """RunPod's jobs of some runs, once there are so many."""
    async with asyncio.timeout(PATIENCE):
        while len(found := _jobs(stack, runs)) < count:
            await asyncio.sleep(0.1)
    return found


def _jobs(stack, runs):
    return [job for job in stack.runpod.jobs.values() if any(str(run.id) in str(job.body) for run in runs)]


async def logs(stack, run):
    async with stack.client() as client:
        mine = LogFilter(flow_run_id=LogFilterFlowRunId(any_=[run.id]))
        return "\n".join(line.message for line in await client.read_logs(log_filter=mine))


async def says(stack, run, text):
    deadline = time.monotonic() + PATIENCE
    while text not in (told := await logs(stack, run)):
        assert time.monotonic() < deadline, told
        await asyncio.sleep(0.2)
    return True


async def terminated(stack):
    """Wait until RunPod has no pod."""
    async with asyncio.timeout(PATIENCE):
        while stack.runpod.pods:
            await asyncio.sleep(0.1)


def post(stack, path, body):
    from tests.fakes.runpod import WORKER_KEY

    url = f"{stack.runpod.url}/{ENDPOINT}/{path}?gpu=x"
    httpx.request("POST", url, content=json.dumps(body), headers={"Authorization": WORKER_KEY}).raise_for_status()


def take(stack, job):
    """Take jobs until it is this one: what was submitted twice, as may happen, stands before it."""
    from tests.fakes.runpod import WORKER_KEY

    url = f"{stack.runpod.url}/{ENDPOINT}/job-take/w1?gpu=x"
    while httpx.get(url, headers={"Authorization": WORKER_KEY}).json()["id"] != job.id:
        pass


async def test_the_type_is_known_to_prefects_own_commands(stack):
    environment = stack.environment("cli")
    done = subprocess.run(
        [PROGRAM.with_name("prefect"), "work-pool", "create", "other", "--type", "runpod"],
        env=environment, capture_output=True, text=True, timeout=PATIENCE,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    async with stack.client() as client:
        assert (await client.read_work_pool("other")).type == "runpod"


async def test_a_run_whose_job_waits_is_pending_and_says_why(stack):
    stack.runpod.workers_summary = {"throttled": 3, "total": 3}
    run = await stack.start(TEXT)
    await queued(stack, run)
    assert (await stack.until(run.id, names=("InfrastructurePending",))).state.message.startswith("Handed to RunPod")
    assert await says(stack, run, "RunPod has no free machine for this endpoint (3 workers throttled)")
    (await queued(stack, run)).move("CANCELLED")
    assert (await stack.until(run.id)).state_name == "Crashed"


async def test_workers_that_crash_are_said_to_do_so(stack):
    stack.runpod.workers_summary = {"unhealthy": 2, "total": 2}
    run = await stack.start(TEXT)
    assert await says(stack, run, "workers crash when they start (2 unhealthy)")
    (await queued(stack, run)).move("CANCELLED")
    assert "cancelled at RunPod" in (await stack.until(run.id)).state.message


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"error": "CUDA out of memory"}, "ran out of memory"),
        ({"error": "handler: boom"}, "failed: handler: boom"),
        ({}, "completed without an output"),
        ({"output": {"flow_run_id": "x"}}, "never finished"),
    ],
)
async def test_a_job_that_ends_without_its_run_crashes_it_with_a_diagnosis(stack, body, message):
    run = await stack.start(TEXT)
    job = await queued(stack, run)
    take(stack, job)
    post(stack, f"job-done/w1/{job.id}", body)
    done = await stack.until(run.id)
    assert done.state_name == "Crashed"
    assert message in done.state.message


async def test_a_job_that_expires_crashes_its_run(stack):
    run = await stack.start(TEXT)
    job = await queued(stack, run)
    job.submitted -= 100_000
    message = (await stack.until(run.id)).state.message
    assert "expired" in message
    await stack.recorded(run.id, "ERROR", error_message=message)


async def test_a_refused_key_crashes_the_run_with_what_to_do(stack):
    stack.runpod.fail("run", status=401)
    run = await stack.until((await stack.start(TEXT)).id)
    assert run.state_name == "Crashed"
    assert "does not accept the API key" in run.state.message


async def test_an_account_without_credit_crashes_the_run_with_what_to_do(stack):
    stack.runpod.fail("run", status=402)
    run = await stack.until((await stack.start(TEXT)).id)
    assert "add credit" in run.state.message


async def test_a_submission_that_is_limited_is_made_later(stack):
    stack.runpod.fail("run", status=429, times=2, retry_after=1)
    run = await stack.start(TEXT)
    job = await queued(stack, run)
    assert len([call for call in stack.runpod.calls("run") if str(run.id) in call["body"]]) == 3
    job.move("CANCELLED")
    await stack.until(run.id)


async def test_the_policy_of_the_pool_travels_with_the_job(stack):
    run = await stack.start(TEXT)
    job = await queued(stack, run)
    assert job.body["policy"] == {"executionTimeout": 3_600_000, "ttl": 86_400_000, "lowPriority": False}
    job.move("CANCELLED")
    await stack.until(run.id)


async def test_no_more_runs_are_submitted_than_the_pool_allows(stack):
    url = f"{stack.prefect.api}/work_pools/gpu"
    httpx.patch(url, json={"concurrency_limit": 2}).raise_for_status()
    runs = [await stack.start(TEXT) for _ in range(4)]
    try:
        await submitted(stack, runs, 2)
        # The worker looks for runs every second or two.
        await asyncio.sleep(5)
        assert len(await submitted(stack, runs, 2)) == 2
    finally:
        httpx.patch(url, json={"concurrency_limit": None}).raise_for_status()
    for run in runs:
        (await queued(stack, run)).move("CANCELLED")
    for run in runs:
        assert (await stack.until(run.id)).state_name == "Crashed"


async def test_a_pod_runs_one_flow_run_and_is_terminated(stack):
    pool(stack, mode="pod", image="f5-flows:test", pod_env={"STEP_RETRIES": "3"}, pod_secrets={"AWS_KEY": "aws"})

    def launch(pod):
        given = {name: value for name, value in pod["env"].items() if "{{" not in value}
        environment = stack.environment("pod", RUNPOD_POD_ID=pod["id"], **given)
        return subprocess.Popen([PROGRAM, *pod["args"].split()], env=environment, start_new_session=True)

    stack.runpod.launch = launch
    stack.runpod.fail("create-pod", status=400)
    run = await stack.start(TEXT)
    done = await stack.until(run.id)
    assert done.state_name == "Completed"
    assert str(run.id) in stack.outputs()
    made = [json.loads(call["body"]) for call in stack.runpod.calls("create-pod")]
    # The first kind of GPU was not to be had.
    assert [body["gpu"]["id"] for body in made] == ["NVIDIA GeForce RTX 4090", "NVIDIA L4"]
    assert made[0]["env"] == {"STEP_RETRIES": "3", "AWS_KEY": "{{ RUNPOD_SECRET_aws }}"}
    await terminated(stack)
    assert len(stack.runpod.calls("delete-pod")) >= 1


async def test_a_worker_that_a_shell_runs_in_the_background_stops_when_it_is_told_to(stack, tmp_path):
    # Shells start background jobs with SIGINT ignored.
    program = [PROGRAM, "worker", "--pool", "gpu", "--name", "background"]
    worker = subprocess.Popen(
        ["sh", "-c", 'trap "" INT; exec "$@"', "sh", *program], env=stack.environment("background"), cwd=tmp_path,
        stdout=(tmp_path / "log").open("wb"), stderr=subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip
    try:
        async with asyncio.timeout(PATIENCE):
            while "Worker 'background' started" not in (tmp_path / "log").read_text():
                await asyncio.sleep(0.1)
        worker.terminate()
        await asyncio.to_thread(worker.wait, PATIENCE)
    finally:
        stop_group(worker)
    assert "Worker 'background' stopped" in (tmp_path / "log").read_text()


async def test_a_pod_whose_run_ended_while_no_worker_was_there_is_terminated(stack):
    stack.runpod.launch = None
    run = await stack.start(TEXT)
    await stack.until(run.id, names=("InfrastructurePending",))
    async with asyncio.timeout(PATIENCE):
        while not stack.runpod.pods:
            await asyncio.sleep(0.1)
    stack.kill("worker")
    answer = httpx.post(
        f"{stack.prefect.api}/flow_runs/{run.id}/set_state", json={"state": {"type": "FAILED"}, "force": True}
    )
    assert answer.is_success
    stack.worker()
    await terminated(stack)


def pool(stack, **values):
    url = f"{stack.prefect.api}/work_pools/gpu"
    template = httpx.get(url).json()["base_job_template"]
    for name, value in values.items():
        template["variables"]["properties"][name]["default"] = value
    httpx.patch(url, json={"base_job_template": template}).raise_for_status()
