"""Setting up a server, and starting runs on it."""

import json
from pathlib import Path
from uuid import UUID

import pytest
from prefect.client.orchestration import get_client
from prefect.settings import PREFECT_API_URL, temporary_settings

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


def parameters_of(run, server):
    with temporary_settings({PREFECT_API_URL: server}), get_client(sync_client=True) as client:
        return client.read_flow_run(UUID(run)).parameters


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


BOOK = "# Night\n\nIt was dark, and nothing at all moved in the whole house.\n"


def test_a_book_is_left_to_workers_only_where_a_deployment_can_make_it(call, tmp_path):
    (tmp_path / "work" / "sea.md").write_text(BOOK)
    home = str(tmp_path / "home")
    refused = call("narrate", "sea.md", "--detach", F5_FLOWS_HOME=home)
    call("server", "stop", F5_FLOWS_HOME=home)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert (
        "--detach: there is no deployment 'narrate'; there are: none. To make them: f5-flows deploy" in refused.stderr
    )
    assert not (tmp_path / "store" / "books").exists()


def test_a_book_that_is_left_to_workers_waits_for_one(call, tmp_path, prefect_server):
    (tmp_path / "work" / "sea.md").write_text(BOOK)
    call("deploy")
    left = call("narrate", "sea.md", "--name", "sea", "--detach")
    assert left.returncode == 0, left.stderr
    assert "is scheduled, job " in left.stdout
    assert "sea is being spoken; to see its progress: f5-flows book status sea" in left.stdout
    assert call("book", "status", "sea").returncode == 0
    bound = call("book", "bind", "sea", "--detach", "--json")
    assert bound.returncode == 0, bound.stderr
    answer = json.loads(bound.stdout)
    assert answer["book"] == "sea"
    assert parameters_of(answer["job"], prefect_server).items() >= {"book": "sea", "again": True, "binds": True}.items()


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
