"""Jobs from both sides while everything that can go away does; by hand for longer, or with other seeds:

KILL_LOOP_SEEDS=1,2,3 KILL_LOOP_SECONDS=600 python -m tests -m slow tests/deployments/test_kill_loop.py -s
"""

import asyncio
import os

import pytest

from tests.killloop import KillLoop

SEEDS = [int(seed) for seed in os.environ.get("KILL_LOOP_SEEDS", "1").split(",")]
JOBS = int(os.environ.get("KILL_LOOP_JOBS", "100"))
SECONDS = float(os.environ.get("KILL_LOOP_SECONDS", "270"))


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", SEEDS)
async def test_whatever_goes_away_no_job_is_lost_or_done_twice(stack, proxy, seed):
    if not stack.processes:
        stack.open()
    loop = KillLoop(stack, proxy, seed, JOBS, SECONDS)
    report = await loop.run()
    await asyncio.to_thread(stack.end)
    loop.leftovers()
    print(f"\n{report.row()}\n{dict(report.faults)}\n{dict(report.answers)}\n{dict(report.reasons)}")
    assert report.well, [*report.lost, *report.doubled, *report.disagreements, *report.left]
