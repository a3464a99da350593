"""The image: it is built on a stand-in for its base, started, and a job sent to it comes back as speech and subtitles.

There is no container engine here: buildah builds and starts it in a chroot. The stand-in is a bare Debian
with Python, so the voice is the embedded one.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path

import httpx
import pytest

from tests import RUNTIME
from tests.conftest import needed
from tests.fakes.gateway import ACCESS_KEY, SECRET_KEY
from tests.fakes.runpod import API_KEY
from tests.services import stop_group
from tests.stack import ENDPOINT

pytestmark = [pytest.mark.service, pytest.mark.long]

ROOT = Path(__file__).parent.parent
TOOLS = ("buildah", "debootstrap")


@pytest.fixture(scope="module")
def buildah(tmp_path_factory):
    if os.getuid() or not all(map(shutil.which, TOOLS)):
        needed(f"root and {', '.join(TOOLS)} are needed: apt-get install {' '.join(TOOLS)}")
    home = tmp_path_factory.mktemp("images")
    environment = {**os.environ, "BUILDAH_ISOLATION": "chroot", "BUILDAH_FORMAT": "docker"}
    place = ["--root", str(home / "root"), "--runroot", str(home / "run"), "--storage-driver", "vfs"]

    def run(*words, **options):
        command = ["buildah", *place, *words]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=900, **options)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        return done.stdout.strip()

    run.command = ["buildah", *place]
    run.environment = environment
    yield run
    run("rm", "--all")
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="module")
def base(buildah):
    """A bare Debian with Python, kept from one run of the tests to the next."""
    archive = RUNTIME.parent / "standin-bookworm.tar"
    if not archive.exists():
        tree = RUNTIME.parent / "standin"
        shutil.rmtree(tree, ignore_errors=True)
        packages = "python3,python3-venv,python3-pip,ca-certificates"
        subprocess.run(
            ["debootstrap", "--variant=minbase", f"--include={packages}", "bookworm", tree],
            check=True, capture_output=True, timeout=600,
        )  # fmt: skip
        subprocess.run(["tar", "-C", tree, "-cf", f"{archive}.part", "."], check=True)
        Path(f"{archive}.part").rename(archive)
        shutil.rmtree(tree)
    container = buildah("from", "scratch")
    buildah("add", "-q", container, archive, "/")
    buildah("commit", "-q", container, "localhost/standin")
    buildah("rm", container)
    return "localhost/standin"


@pytest.fixture(scope="module")
def image(buildah, base):
    # A machine behind a proxy knows certificates, and perhaps an index, that a bare Debian does not.
    known = [path for path in ("/etc/ssl/certs", "/etc/pip.conf") if Path(path).exists()]
    mounts = [word for path in known for word in ("--volume", f"{path}:{path}:ro")]
    buildah("bud", "-q", *mounts, "--build-arg", f"BASE={base}", "-t", "localhost/f5-flows", str(ROOT))
    return "localhost/f5-flows"


@pytest.fixture(scope="module")
def container(buildah, image):
    return buildah("from", image)


def inspected(buildah, image):
    return json.loads(buildah("inspect", "--type", "image", image))["Docker"]["config"]


@pytest.mark.timeout(1200)
def test_it_runs_one_python_program_as_another_user_than_root(buildah, image):
    config = inspected(buildah, image)
    assert (config["Entrypoint"], config["Cmd"], config["User"]) == (["f5-flows"], ["endpoint"], "f5flows")
    assert config["Healthcheck"]["Test"] == ["CMD", "f5-flows", "healthcheck"]
    assert config["Labels"]["org.opencontainers.image.title"] == "f5-flows"
    assert not [name for name in config["Env"] if "KEY" in name or "SECRET" in name]


@pytest.mark.timeout(600)
def test_it_knows_its_commands_and_holds_nothing_that_it_does_not_need(buildah, container):
    shown = buildah("run", container, "--", "f5-flows", "--help")
    assert all(name in shown for name in ("endpoint", "worker", "execute", "doctor"))
    there = buildah("run", container, "--", "ls", "/opt/f5-flows")
    assert "tests" not in there.split()
    assert ".git" not in there.split()
    assert buildah("run", container, "--", "id", "-un") == "f5flows"


@pytest.mark.timeout(600)
def test_a_job_that_is_sent_to_it_comes_back_as_speech_and_subtitles(
    buildah, container, plane, gateway, bucket, tmp_path
):
    variables = {
        **plane.worker_environment(ENDPOINT, "pod1"),
        "ENGINE": "espeak", "S3_BUCKET": bucket.name, "AWS_ENDPOINT_URL": gateway.url,
        "AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
    }  # fmt: skip
    given = [word for name, value in variables.items() for word in ("--env", f"{name}={value}")]
    process = subprocess.Popen(
        [*buildah.command, "run", *given, container, "--", "f5-flows", "endpoint"],
        env=buildah.environment, stdout=(tmp_path / "log").open("wb"), stderr=subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip
    try:
        answer = httpx.post(
            f"{plane.url}/{ENDPOINT}/runsync?wait=200000", timeout=210, headers={"Authorization": f"Bearer {API_KEY}"},
            json={"input": {"text": "Hello there, my friend.", "return_word_timings": True}},
        ).json()  # fmt: skip
        assert answer["status"] == "COMPLETED", answer
        reply = answer["output"]
        assert httpx.get(reply["audio_url"]).content[:4] == b"RIFF"
        assert "Hello there" in httpx.get(reply["timing_files"]["srt"]).text
        assert buildah("run", container, "--", "f5-flows", "healthcheck") == ""
    finally:
        stop_group(process)
        subprocess.run(["pkill", "-9", "-f", "/opt/f5-flows/venv/bin"], capture_output=True)
