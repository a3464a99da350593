"""A models' process that speaks badly, dies oddly or does not start is replaced; nobody waits for it in vain."""

import asyncio
import json
import os
import stat
import sys
from pathlib import Path

import pytest

from deployments.endpoint.jobs import Jobs
from deployments.endpoint.keeper import Keeper
from deployments.endpoint.supervisor import Supervisor
from speech.errors import EngineError
from tests.processes import descendants

PYTHON = sys.executable


@pytest.fixture
async def keep(tmp_path, monkeypatch):
    """Starts a keeper whose children behave as told."""
    manner, program = tmp_path / "manner", tmp_path / "python"
    program.write_text(f'#!/bin/sh\nexec {PYTHON} {Path(__file__).parents[2]}/fakes/child.py "$@"\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("MANNER", str(manner))
    monkeypatch.setattr(sys, "executable", str(program))
    supervisor = Supervisor(pause=0.01, longest=0.05, most=6)
    keeper = Keeper(supervisor)

    def start(*manners):
        manner.write_text("\n".join(manners))
        keeper.start()
        return keeper

    start.supervisor, start.program, start.heard = supervisor, program, manner.with_suffix(".heard")
    yield start
    await keeper.stop()
    await supervisor.stop()


async def until(true):
    async with asyncio.timeout(60):
        while not true():
            await asyncio.sleep(0.02)


async def test_one_that_dies_after_half_a_line_is_replaced(keep):
    keeper = keep("half", "works")
    with pytest.raises(EngineError, match="The process that ran it died"):
        await asyncio.wait_for(keeper.run("r1", None), 60)
    assert (await asyncio.wait_for(keeper.run("r2", None), 60)).type == "COMPLETED"
    assert len(keeper.deaths) == 1


async def test_one_that_could_not_be_started_once_is_started_again(keep):
    keep.program.rename(keep.program.with_name("away"))
    keeper = keep("works")
    await until(lambda: keep.supervisor.mended())
    assert not keeper.ready
    keep.program.with_name("away").rename(keep.program)
    assert (await asyncio.wait_for(keeper.run("r1", None), 60)).type == "COMPLETED"
    assert keeper.trouble is None
    assert keep.supervisor.problems() == []


async def test_one_that_is_not_there_after_a_crash_is_started_again(keep):
    keeper = keep("half", "works")
    await until(lambda: keeper.ready)
    keep.program.rename(keep.program.with_name("away"))
    with pytest.raises(EngineError):
        await asyncio.wait_for(keeper.run("r1", None), 60)
    await until(lambda: keep.supervisor.mended())
    keep.program.with_name("away").rename(keep.program)
    assert (await asyncio.wait_for(keeper.run("r2", None), 60)).type == "COMPLETED"


async def test_where_none_starts_who_waits_is_told_why_and_the_container_is_given_up(keep):
    keeper = keep("exit")
    with pytest.raises(EngineError, match="does not start; it was tried 3 times, last: it ended with code 3"):
        await asyncio.wait_for(keeper.run("r1", None), 60)
    with pytest.raises(EngineError, match="does not start"):
        await asyncio.wait_for(keeper.call("health"), 60)
    reason = await asyncio.wait_for(keep.supervisor.given_up, 60)
    assert reason.startswith("Keeping a process for the models failed 6 times in a row; last: It could not be started")


async def test_what_is_no_message_is_passed_over(keep):
    keeper = keep("noise")
    assert (await asyncio.wait_for(keeper.run("r1", None), 60)).type == "COMPLETED"
    assert keeper.deaths == []


async def test_whoever_waits_is_told_when_the_keeper_stops(keep):
    keeper = keep("deaf")
    waiting = [asyncio.create_task(keeper.run("r1", None)), asyncio.create_task(keeper.call("health"))]
    await until(lambda: keep.heard.exists() and len(keep.heard.read_text().splitlines()) == 2)
    await asyncio.wait_for(keeper.stop(), 60)
    for task in waiting:
        with pytest.raises(EngineError):
            await asyncio.wait_for(task, 60)
    with pytest.raises(EngineError, match="The container stops"):
        await asyncio.wait_for(keeper.call("health"), 60)


async def test_a_text_that_is_no_unicode_passes_and_leaves_nothing_behind(keep):
    keeper = keep("works")
    given = {"upload": {"reference_text": "\ud800"}}
    assert await asyncio.wait_for(keeper.call("upload", **given), 60) == given
    [child] = keeper._all
    assert not child.calls
    # One that is retired ends once it has nothing left.
    keeper._retire(child, "of a test")
    await until(lambda: child not in keeper._all)


async def test_an_upload_that_takes_too_long_is_dropped_and_those_behind_it_are_told(keep, monkeypatch):
    monkeypatch.setenv("PROCESSING_TIMEOUT", "1")
    jobs = Jobs(keep("deaf"), None)
    given = {"endpoint": "upload", "voice_name": "x.wav", "voice_file": "UklGRg=="}
    answers = await asyncio.gather(*(jobs({"id": f"j{number}", "input": given}) for number in range(6)))
    told = [answer["error"] for answer in answers]
    given_up = "The upload took longer than 1 s, and was given up."
    busy = [f"The container is busy: {n} uploads were before this one; try again." for n in range(6)]
    assert told[:2] == [given_up] * 2
    # One that gets its turn in the very moment in which its time is up has begun.
    assert all(one in (given_up, busy[n]) for n, one in enumerate(told[2:], 2))
    begun = told.count(given_up)
    await until(lambda: [json.loads(line)["what"] for line in keep.heard.read_text().splitlines()].count("drop") >= 2)
    calls = [json.loads(line) for line in keep.heard.read_text().splitlines()]
    assert 2 <= [call["what"] for call in calls].count("call") <= begun


async def test_an_upload_that_runpod_stops_is_dropped(keep):
    jobs = Jobs(keep("deaf"), None)
    given = {"endpoint": "upload", "voice_name": "x.wav", "voice_file": "UklGRg=="}
    working = asyncio.create_task(jobs({"id": "j", "input": given}))
    await until(lambda: keep.heard.exists())
    working.cancel()
    await until(lambda: '"drop"' in keep.heard.read_text())
    assert working.cancelled()


async def test_a_chore_that_nobody_waits_for_ends_its_programs(tmp_path):
    from deployments.endpoint import chores
    from speech.errors import SpeechError
    from speech.processes import Program

    def sleep():
        with Program(["sleep", "1000"], fault=SpeechError, seconds=1000, memory=100_000_000) as program:
            program.run()

    chores._CHORES["sleep"] = sleep
    try:
        working = asyncio.create_task(chores.do("sleep", {}))

        def asleep():
            return descendants(os.getpid(), "1000")

        await until(asleep)
        working.cancel()
        await until(lambda: not asleep())
    finally:
        del chores._CHORES["sleep"]
