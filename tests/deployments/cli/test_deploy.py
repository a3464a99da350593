"""Setting up a server, and starting runs on it."""

import json
from pathlib import Path

import pytest

pytestmark = [pytest.mark.service, pytest.mark.usefixtures("prefect_server")]


def test_the_inbox_is_where_deploy_says_and_a_run_is_started_by_name(call, tmp_path):
    done = call("deploy")
    assert done.returncode == 0, done.stderr
    [line] = [line for line in done.stdout.splitlines() if line.startswith("Inbox: ")]
    assert line.startswith(f"Inbox: {tmp_path / 'store' / 'inbox'} ")
    assert (tmp_path / "store" / "inbox").is_dir()
    assert "f5-flows worker\n" in done.stdout
    started = call("run", "speak", "--param", "request.text=Hello there.", "--param", "request.speed=0.9")
    assert started.returncode == 0, started.stderr
    assert "is scheduled, job " in started.stdout
    assert "the run waits for a worker; start one: f5-flows worker --pool local" in started.stdout


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (
            ["run", "nowhere"],
            "DEPLOYMENT: there is no deployment 'nowhere'; there are: bind, ",
        ),
        (["run", "speak", "--param", "request.txt=x"], "'txt' does not match"),
        (["run", "speak", "--param", "text"], "--param: 'text' is not NAME=VALUE"),
        (["run", "speak", "--param", "a=1", "--param", "a.b=2"], "a already has a value, so its fields cannot be set"),
    ],
)
def test_a_run_that_cannot_be_is_refused(call, words, says):
    call("deploy")
    done = call(*words)
    assert (done.returncode, done.stdout) == (2, "")
    assert says in done.stderr


def test_doctor_tells_where_the_inbox_is_and_it_is_there(call, tmp_path):
    [storage] = [line for line in call("doctor").stdout.splitlines() if line[9:].startswith("storage")]
    place = storage.partition("The inbox is ")[2]
    assert Path(place) == tmp_path / "store" / "inbox"
    assert Path(place).is_dir()


def test_the_worker_serves_the_pool_that_deploy_sets_up(call):
    assert all("[default: local]" in call(name, "--help").stdout for name in ("deploy", "worker"))


def test_values_are_json_or_else_texts():
    from deployments.cli.run import _parameters

    given = _parameters(("keep_days=7", "dry_run=false", "request.text=Hello = there.", 'request.cues={"gap": 1}'))
    assert json.loads(json.dumps(given)) == {
        "keep_days": 7,
        "dry_run": False,
        "request": {"text": "Hello = there.", "cues": {"gap": 1}},
    }
