"""A models' process that speaks badly, dies oddly or does not start is replaced; nobody waits for it in vain."""

import asyncio
import json
import os
import stat
import sys
from pathlib import Path

import pytest

from deployments.endpoint.side_tasks import SideTasks
from deployments.endpoint.supervisor import Supervisor
from speech.errors import EngineError
from tests import PATIENCE
from tests.deployments.endpoint.parts import Parts
from tests.processes import descendants

PYTHON = sys.executable


@pytest.fixture
async def keep(tmp_path, monkeypatch):
    """Starts a supervisor whose children behave as told."""
    manner, program = tmp_path / "manner", tmp_path / "python"
    program.write_text(f'#!/bin/sh\nexec {PYTHON} {Path(__file__).parents[2]}/fakes/child.py "$@"\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("MANNER", str(manner))
    monkeypatch.setattr(sys, "executable", str(program))
    side_tasks = SideTasks(pause=0.01, longest=0.05, most=6)
    supervisor = Supervisor(side_tasks, restart_seconds=0.05)

    def start(*manners):
        manner.write_text("\n".join(manners))
        supervisor.start()
        return supervisor

    start.side_tasks, start.program, start.heard = side_tasks, program, manner.with_suffix(".heard")
    yield start
    await supervisor.stop()
    await side_tasks.stop()


async def until(true):
    async with asyncio.timeout(PATIENCE):
        while not true():
            await asyncio.sleep(0.02)


async def test_one_that_dies_after_half_a_line_is_replaced(keep):
    supervisor = keep("half", "works")
    with pytest.raises(EngineError, match="The process that ran it died"):
        await asyncio.wait_for(supervisor.run("r1", None), PATIENCE)
    assert (await asyncio.wait_for(supervisor.run("r2", None), PATIENCE)).type == "COMPLETED"
    assert len(supervisor.deaths) == 1


async def test_one_that_could_not_be_started_once_is_started_again(keep):
    keep.program.rename(keep.program.with_name("away"))
    supervisor = keep("works")
    await until(lambda: keep.side_tasks.recovered())
    assert not supervisor.ready
    keep.program.with_name("away").rename(keep.program)
    assert (await asyncio.wait_for(supervisor.run("r1", None), PATIENCE)).type == "COMPLETED"
    assert supervisor.problem is None
    assert keep.side_tasks.problems() == []


async def test_one_that_is_not_there_after_a_crash_is_started_again(keep):
    supervisor = keep("half", "works")
    await until(lambda: supervisor.ready)
    keep.program.rename(keep.program.with_name("away"))
    with pytest.raises(EngineError):
        await asyncio.wait_for(supervisor.run("r1", None), PATIENCE)
    await until(lambda: keep.side_tasks.recovered())
    keep.program.with_name("away").rename(keep.program)
    assert (await asyncio.wait_for(supervisor.run("r2", None), PATIENCE)).type == "COMPLETED"


async def test_where_none_starts_who_waits_is_told_why_and_the_container_is_given_up(keep):
    supervisor = keep("exit")
    with pytest.raises(EngineError, match=r"does not start; \d+ attempts failed, last: it ended with code 3"):
        await asyncio.wait_for(supervisor.run("r1", None), PATIENCE)
    with pytest.raises(EngineError, match="does not start"):
        await asyncio.wait_for(supervisor.call("health"), PATIENCE)
    reason = await asyncio.wait_for(keep.side_tasks.given_up, PATIENCE)
    assert reason.startswith("Keeping a process for the models failed 6 times in a row; last: It could not be started")


async def test_what_is_no_message_is_passed_over(keep):
    supervisor = keep("noise")
    assert (await asyncio.wait_for(supervisor.run("r1", None), PATIENCE)).type == "COMPLETED"
    assert supervisor.deaths == []


async def test_whoever_waits_is_told_when_the_supervisor_stops(keep):
    supervisor = keep("deaf")
    waiting = [asyncio.create_task(supervisor.run("r1", None)), asyncio.create_task(supervisor.call("health"))]
    await until(lambda: keep.heard.exists() and len(keep.heard.read_text().splitlines()) == 2)
    await asyncio.wait_for(supervisor.stop(), PATIENCE)
    for task in waiting:
        with pytest.raises(EngineError):
            await asyncio.wait_for(task, PATIENCE)
    with pytest.raises(EngineError, match="The container stops"):
        await asyncio.wait_for(supervisor.call("health"), PATIENCE)


async def test_a_run_that_is_cancelled_before_a_process_has_it_is_stopped_when_one_gets_it(keep):
    supervisor = keep("exit", "deaf")
    waiting = asyncio.create_task(supervisor.run("r1", None))
    await asyncio.sleep(0)
    supervisor.cancel("r1")
    await until(lambda: keep.heard.exists() and '"cancel"' in keep.heard.read_text())
    assert [json.loads(line)["what"] for line in keep.heard.read_text().splitlines()] == ["run", "cancel"]
    waiting.cancel()


async def test_a_text_that_is_no_unicode_passes_and_leaves_nothing_behind(keep):
    supervisor = keep("works")
    given = {"upload": {"reference_text": "\ud800"}}
    assert await asyncio.wait_for(supervisor.call("upload", **given), PATIENCE) == given
    [child] = supervisor._children
    assert not child.calls
    # One that is retired ends once it has nothing left.
    supervisor._retire(child, "of a test")
    await until(lambda: child not in supervisor._children)


@pytest.mark.service
async def test_an_upload_that_takes_too_long_is_dropped_and_those_behind_it_are_told(keep, monkeypatch):
    monkeypatch.setenv("PROCESSING_TIMEOUT", "2")
    contract = Parts(keep.side_tasks, keep("deaf")).contract
    given = {"endpoint": "upload", "voice_name": "x.wav", "voice_file": "UklGRg=="}
    answers = await asyncio.gather(*(contract({"id": f"j{number}", "input": given}) for number in range(6)))
    told = [answer["error"] for answer in answers]
    given_up = "The upload took longer than 2 s, and was given up."
    busy = [f"The container is busy: {n} uploads were before this one; try again." for n in range(6)]
    assert told[:2] == [given_up] * 2
    # One that gets its turn in the very moment in which its time is up has begun.
    assert all(one in (given_up, busy[n]) for n, one in enumerate(told[2:], 2))

    def heard(what):
        return [json.loads(line)["what"] for line in keep.heard.read_text().splitlines()].count(what)

    # The child may have started too late to hear of some.
    await until(lambda: keep.heard.exists() and heard("drop") == heard("call"))
    assert heard("call") <= told.count(given_up)


async def test_an_upload_that_runpod_stops_is_dropped(keep):
    contract = Parts(keep.side_tasks, keep("deaf")).contract
    given = {"endpoint": "upload", "voice_name": "x.wav", "voice_file": "UklGRg=="}
    working = asyncio.create_task(contract({"id": "j", "input": given}))
    await until(lambda: keep.heard.exists())
    working.cancel()
    await until(lambda: '"drop"' in keep.heard.read_text())
    assert working.cancelled()


async def test_a_call_that_nobody_waits_for_ends_its_programs(tmp_path):
    from deployments.endpoint import child_calls
    from speech.errors import SpeechError
    from speech.processes import Program

    def sleep():
        with Program(["sleep", "1000"], fault=SpeechError, seconds=1000, memory=100_000_000) as program:
            program.run()

    child_calls._CALLS["sleep"] = sleep
    try:
        working = asyncio.create_task(child_calls.do("sleep", {}))

        def asleep():
            return descendants(os.getpid(), "1000")

        await until(asleep)
        working.cancel()
        await until(lambda: not asleep())
    finally:
        del child_calls._CALLS["sleep"]
