"""What a container shows of itself is true: it lives only while its loop goes round and nothing vital fails."""

import asyncio
import os
import time

import pytest
from click.testing import CliRunner

from deployments.cli.runpod import healthcheck
from deployments.endpoint import health
from deployments.endpoint.health import alive_file
from deployments.endpoint.side_tasks import SideTasks
from tests import PATIENCE
from tests.conftest import small_disk
from tests.deployments.endpoint.parts import Parts


@pytest.fixture
async def parts(tmp_path, monkeypatch):
    monkeypatch.setenv("F5_FLOWS_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(health, "_HEARTBEAT_SECONDS", 0.0)
    side_tasks = SideTasks(pause=0.001, longest=0.01)
    yield Parts(side_tasks)
    await side_tasks.stop()


def checked():
    done = CliRunner().invoke(healthcheck)
    return done.exit_code, done.output


async def test_a_container_whose_loop_goes_round_is_healthy_and_one_whose_loop_stands_still_is_not(parts):
    assert checked() == (1, "Error: The endpoint does not run here.\n")
    parts.health.write_heartbeat()
    assert checked() == (0, "")
    # As it is when the loop has stood still for longer than a minute.
    os.utime(alive_file(), (time.time() - 100, time.time() - 100))
    code, said = checked()
    assert code == 1
    assert "silent" in said
    parts.health.write_heartbeat()
    assert checked() == (0, "")


async def test_what_goes_on_failing_is_told_by_health_and_the_check_until_it_is_mended(parts):
    mended = asyncio.Event()

    async def work(succeeded):
        if mended.is_set():
            succeeded()
            await asyncio.Event().wait()
        raise ValueError("odd")

    async def told():
        return (await parts.contract({"id": "j", "input": {"endpoint": "status"}}))["health"]["container"]

    assert await told() == {"status": "ok", "message": "All background tasks work."}
    parts.side_tasks.start("Counting sheep", work)
    async with asyncio.timeout(PATIENCE):
        while not parts.health.problems():
            await asyncio.sleep(0.01)
    parts.health.write_heartbeat()
    code, said = checked()
    assert code == 1
    assert "Counting sheep failed" in said
    assert (await told())["status"] == "degraded"
    mended.set()
    async with asyncio.timeout(PATIENCE):
        while parts.health.problems():
            await asyncio.sleep(0.01)
    parts.health.write_heartbeat()
    assert checked() == (0, "")
    assert (await told())["status"] == "ok"
    assert "Counting sheep was restarted" in (await told())["message"]


async def test_a_home_that_is_full_ends_nothing_and_is_told(parts, tmp_path):
    (tmp_path / "home").mkdir()
    with small_disk(tmp_path / "home", "64k"):
        parts.health.write_heartbeat()
        assert checked() == (0, "")
        (tmp_path / "home" / "filler").write_bytes(bytes(4096))
        with pytest.raises(OSError), (tmp_path / "home" / "filler").open("ab") as file:
            while True:
                file.write(bytes(4096))
                file.flush()
        parts.health.write_heartbeat()
        [problem] = parts.health.problems()
        assert "heartbeat cannot be written" in problem
        (tmp_path / "home" / "filler").unlink()
        parts.health.write_heartbeat()
        assert parts.health.problems() == []
        assert checked() == (0, "")


async def test_a_sign_that_is_no_sign_is_told(parts):
    alive_file().parent.mkdir()
    for nonsense in ("", "{}", "[]", "null", "half a li"):
        alive_file().write_text(nonsense)
        code, said = checked()
        assert code == 1
        assert "cannot be read" in said
