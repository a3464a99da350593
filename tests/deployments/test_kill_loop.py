"""Jobs from both sides while everything that can go away does; by hand for longer, or with another seed:

KILL_LOOP_SEED=2 KILL_LOOP_SECONDS=600 python -m tests -m slow tests/deployments/test_kill_loop.py -rP
"""

import asyncio
import os

import pytest

from tests.fakes.faults import FaultyProxy
from tests.killloop import KillLoop

SEED = int(os.environ.get("KILL_LOOP_SEED", "1"))
JOBS = int(os.environ.get("KILL_LOOP_JOBS", "100"))
SECONDS = float(os.environ.get("KILL_LOOP_SECONDS", "270"))


@pytest.fixture
def front(stack):
    """Before Prefect, for all processes that are started from now on."""
    faulty = FaultyProxy(stack.prefect.url)
    stack.variables["PREFECT_API_URL"] = f"{faulty.url}/api"
    yield faulty
    faulty.stop()


@pytest.mark.slow
@pytest.mark.timeout(3600)
async def test_whatever_goes_away_no_job_is_lost_or_done_twice(stack, proxy, front):
    stack.open()
    loop = KillLoop(stack, proxy, front, SEED, JOBS, SECONDS)
    report = await loop.run()
    await asyncio.to_thread(stack.end)
    loop.leftovers()
    print(f"\n{report.row()}\n{dict(report.faults)}\n{dict(report.answers)}\n{dict(report.reasons)}")
    assert report.well, [*report.lost, *report.doubled, *report.disagreements, *report.left]
