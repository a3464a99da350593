"""The endpoint on a developer's own machine."""

import base64
import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests import PATIENCE

pytestmark = pytest.mark.service

PROGRAM = Path(sys.executable).with_name("f5-flows")


@pytest.fixture(scope="module")
def url(prefect_server, tmp_path_factory):
    """Where it answers; no variable of RunPod's is set."""
    folder = tmp_path_factory.mktemp("local")
    process = subprocess.Popen(
        [PROGRAM, "endpoint", "--local", "--port", "0"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=folder,
        env=os.environ | {"STORAGE_DIR": str(folder / "store"), "PREFECT_API_URL": prefect_server},
    )  # fmt: skip
    for line in process.stdout:
        if line.startswith("The endpoint answers at "):
            break
    else:
        pytest.fail("it did not start")
    yield line.removeprefix("The endpoint answers at ").split(". ")[0]
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=PATIENCE)
    assert process.returncode == 0


def sync(url, headers=None, **given):
    return httpx.post(f"{url}/runsync", json={"input": given}, headers=headers, timeout=PATIENCE, trust_env=False)


def test_a_job_is_run_and_answered(url):
    answer = sync(url, text="Hello there.").json()
    assert answer["status"] == "COMPLETED"
    assert base64.b64decode(answer["output"]["audio_base64"]).startswith(b"RIFF")


def test_bad_input_is_the_error_that_runpod_would_show(url):
    answer = sync(url, text="Hello.", speed=9).json()
    assert (answer["status"], answer["error"]) == (
        "FAILED",
        "speed: 9 is not accepted; expected a number from 0.5 to 2.0",
    )


def test_every_endpoint_of_the_contract_is_there(url):
    assert sync(url, endpoint="list_voices").json()["output"] == {"voices": [], "count": 0, "status": "success"}


@pytest.mark.parametrize("headers", [{"Origin": "http://evil.example"}, {"Host": "evil.example"}])
def test_pages_of_others_are_not_served(url, headers):
    assert sync(url, headers, text="Hello.").status_code in (400, 403)


def test_a_port_that_is_taken_is_named(url):
    port = url.rpartition(":")[2]
    done = subprocess.run([PROGRAM, "endpoint", "--local", "--port", port], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr == f"Error: --port: {port} cannot be used: Address already in use; name another.\n"
