"""Marked secrets in every setting and block, work that goes well and work that does not, all of it logged at DEBUG.

Then everything that is left, and every process that ran, is searched for them.
"""

import base64
import json
import os
import subprocess
import threading
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import psutil
import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect_aws import AwsCredentials, S3Bucket

from speech.settings import SECRETS
from tests import marks
from tests.stack import ENDPOINT, PROGRAM

pytestmark = [pytest.mark.timeout(900), pytest.mark.long]

TEXT = "Hello there, my friend. It is half past ten."
# What a client sends as the address of a voice, and what is signed in it.
SIGNED = "mark-signature-s3cr3t"
VOICE = f"https://voices.invalid/ann.wav?X-Amz-Expires=60&X-Amz-Signature={SIGNED}"
# The same of a voice in a cast, over the API and at the command line.
PLAY = "[bob] Hello there, my friend."
CAST = {"bob": VOICE.replace("ann.wav", "bob.wav")}
PRINTED_CAST = f'bob = "{VOICE.replace("ann.wav", "bob-of-the-command-line.wav")}"'
OTHERS = {
    "PREFECT_API_AUTH_STRING": "admin:mark-auth-string-s3cr3t", "HF_TOKEN": "mark-hf-token-s3cr3t", "SIGNED": SIGNED,
    "WRONG_KEY": "mark-wrong-key-s3cr3t/+=",
}  # fmt: skip
# Programs that work for us and need no secret; by a word of their command line.
CHILDREN = ("espeak_worker", "ffmpeg")


class Watch(threading.Thread):
    """Looks again and again at every process that began after it, and at what they were started with.

    Attributes:
        lines: all command lines.
        environments: of each kind of child, the variables of those that were seen.
    """

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.lines: set[str] = set()
        self.environments: dict[str, list[dict[str, str]]] = {name: [] for name in CHILDREN}
        self._ended = threading.Event()
        self._mine = psutil.Process()

    def run(self) -> None:
        while not self._ended.wait(0.05):
            for process in self._mine.children(recursive=True):
                with suppress(psutil.Error, OSError):
                    line = " ".join(process.cmdline())
                    self.lines.add(line)
                    for name in CHILDREN:
                        if name in line.split("/")[-1] or f"/{name}" in line:
                            self.environments[name].append(process.environ())

    def stop(self) -> None:
        self._ended.set()
        self.join()


@pytest.fixture(scope="module")
def secrets(stack):
    """Every secret that is anywhere in this test, by name."""
    values = marks.variables() | OTHERS
    # Those that work are known to the services that tests start.
    known = stack.variables | stack.runpod.worker_environment(ENDPOINT, "pod1")
    values |= {name: known[name] for name in values if name in known}
    google = json.loads(values.pop("GOOGLE_CREDENTIALS_JSON"))
    values |= {"google key": google["private_key"].splitlines()[1], "google id": google["private_key_id"]}
    return {name: value for name, value in values.items() if name not in marks.NO_SECRET}


@pytest.fixture(scope="module")
def watch(stack, secrets):
    """Everything that happens, watched from the start of the first process."""
    watching = Watch()
    watching.start()
    given = {name: value for name, value in (marks.variables() | OTHERS).items() if name != "AWS_SESSION_TOKEN"}
    stack.variables = given | stack.variables | {
        "PREFECT_LOGGING_LEVEL": "DEBUG", "PREFECT_LOGGING_ROOT_LEVEL": "DEBUG",
        "RUNPOD_DEBUG_LEVEL": "DEBUG", "GOOGLE_SPEECH_ENDPOINT": "http://127.0.0.1:9",
    }  # fmt: skip
    stack.deploy(AWS_SESSION_TOKEN=secrets["AWS_SESSION_TOKEN"])
    stack.endpoint("pod1")
    stack.worker()
    yield watching
    watching.stop()


@pytest.fixture(scope="module")
def left(stack, secrets, watch, tmp_path_factory):
    """What is left of it all, by where it lies."""
    cast = tmp_path_factory.mktemp("cast") / "cast.toml"
    cast.write_text(PRINTED_CAST)
    replies = [
        stack.job(text=TEXT, return_word_timings=True, timing_method="google"),
        stack.job(text=TEXT, local_voice=VOICE, audio_format="mp3"),
        stack.job(text=PLAY, cast=CAST),
        stack.job(text=TEXT, local_voice=VOICE + "&pad=" + "x" * 2048),
        stack.job(text=TEXT, local_voice=VOICE.replace("https://", f"https://ann:{SIGNED}@")),
        stack.job(text=PLAY, cast={"bob": CAST["bob"] + "&pad=" + "x" * 2048}),
        stack.job(text=TEXT, local_voice="nobody.wav", speed="fast"),
        stack.job(endpoint="upload", voice_name="ann.wav", voice_file_url=VOICE),
        stack.job(endpoint="status"),
    ]
    with temporary_settings({PREFECT_API_URL: stack.prefect.api}):
        wrong = AwsCredentials(
            aws_access_key_id="nobody",
            aws_secret_access_key=secrets["WRONG_KEY"],
            region_name="us-east-1",
            aws_client_parameters={"endpoint_url": stack.variables["AWS_ENDPOINT_URL"]},
        )
        S3Bucket(bucket_name=stack.bucket.name, credentials=wrong).save("wrong", overwrite=True, _sync=True)
    commands = [
        ["speak", TEXT, "--voice", VOICE, "--out", str(stack.home / "spoken")],
        ["speak", PLAY, "--cast", str(cast), "--out", str(stack.home / "played")],
        ["speak", TEXT, "--storage", "s3-bucket/wrong", "--out", str(stack.home / "nothing")],
        ["blocks", "save"],
        ["doctor"],
    ]
    started = [
        subprocess.Popen(
            [PROGRAM, *words], env=stack.environment("cli"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            cwd=stack.home / "cli",
        )
        for words in commands
    ]  # fmt: skip
    said = [process.communicate(timeout=250) for process in started]
    return replies, [(process.returncode, out, told) for process, (out, told) in zip(started, said, strict=True)]


def found(text, secrets):
    """The names of the secrets that a text shows, plain or encoded."""
    forms = {
        name: {value, quote(value, safe=""), json.dumps(value)[1:-1], base64.b64encode(value.encode()).decode()}
        for name, value in secrets.items()
    }
    return {name for name, shown in forms.items() if any(form in text for form in shown)}


def files(folder):
    for place, _, names in os.walk(folder):
        for name in names:
            path = f"{place}/{name}"
            if "/data/" not in path:
                with suppress(OSError), Path(path).open("rb") as file:
                    yield path, file.read(50_000_000).decode("latin-1")


def test_the_work_went_as_it_was_meant_to(left):
    replies, (spoken, played, refused, saved, doctor) = left
    assert [reply["status"] for reply in replies] == ["COMPLETED"] * 3 + ["FAILED"] * 5 + ["COMPLETED"]
    assert [spoken[0], played[0], refused[0], saved[0]] == [0, 0, 1, 0], (spoken, played, refused, saved)
    assert "s3-bucket/f5-flows" in saved[1] and doctor[1]


def test_what_clients_and_people_are_told_holds_no_secret(left, secrets):
    replies, said = left
    errors = [json.dumps(reply.get("error") or reply["output"].get("warnings") or "") for reply in replies]
    assert not found("\n".join(errors), secrets)
    for _, out, told in said:
        assert not found(out + told, secrets)


def test_the_database_holds_no_secret_and_no_signed_url(left, stack, secrets):
    dump = stack.database.dump()
    assert "runpod-credentials" in dump
    for voice in ("ann", "bob", "bob-of-the-command-line"):
        assert f"voices.invalid/{voice}.wav" in dump
    # Of the person at the command line the parameters are kept too.
    assert not found(dump, secrets)
    assert "X-Amz-Signature" not in dump


def test_no_log_and_no_file_holds_a_secret(left, stack, secrets):
    names = set()
    for path, text in files(stack.home):
        names.add(path.rpartition("/")[2])
        assert not found(text, secrets), path
    assert {"pod1.log", "worker.log", "server.log"} <= names


def test_the_store_holds_no_secret(left, stack, secrets):
    entries: list[str] = []
    for prefix in ("jobs/", "timings/", "previews/", "voices/"):
        entries += [entry.key for entry in stack.store.list(prefix)]
    assert any(key.startswith("jobs/") for key in entries)
    for key in entries:
        text = stack.store.read(key)
        assert not found(text, secrets), key
        assert "X-Amz-Signature" not in text, key


def test_what_is_sent_to_runpod_holds_no_secret(left, stack, secrets):
    sent = [call["body"] for call in stack.runpod.seen if "voices.invalid" not in call["body"]]
    assert sent and not found("\n".join(sent), secrets)


def test_no_process_was_started_with_a_secret_in_its_command_line(left, watch, secrets):
    ours = {line for line in watch.lines if VOICE not in line}
    assert any("deployments.endpoint.child" in line for line in ours)
    assert not found("\n".join(ours), secrets)


@pytest.mark.parametrize("child", CHILDREN)
def test_a_child_that_needs_no_secret_has_none(left, watch, secrets, child):
    assert watch.environments[child]
    for environment in watch.environments[child]:
        assert not set(environment) & {*SECRETS, *OTHERS}
        assert not found("\n".join(environment.values()), secrets)
