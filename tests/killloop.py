"""A kill loop: jobs from both sides, while everything that can go away does, and then every account is compared.

Jobs arrive from RunPod's clients and from Prefect's deployments. Meanwhile a seeded choice of faults strikes:
processes are killed, stopped and told to end, PostgreSQL, Prefect, the store and RunPod go away, answers are lost
or refused, clients cancel. When the faults are over, everything must settle: each job has an end, nobody did one
twice, and RunPod, Prefect, the records and the store say the same of it.
"""

from __future__ import annotations

import asyncio
import random
import signal
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import psutil
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterName
from prefect.client.schemas.objects import FlowRun
from prefect.states import Cancelling

from flows.hooks import STATUSES
from speech.errors import SpeechError
from speech.records import load
from speech.settings import settings
from tests import PATIENCE
from tests.fakes.faults import FaultyProxy
from tests.processes import descendants
from tests.stack import Stack

__all__ = ["KillLoop", "Report"]

PODS = ("pod1", "pod2")
# Sentences of different lengths: some jobs are over at once, some are at work when a fault comes.
TEXT = "This is job number {number}, which tells a story of the sea. "
_PREFIXES = ("output/", "timings/", "previews/")

# Of the calls to Prefect, while its answers are lost or mangled.
_BAD_ANSWERS = 0.2

Fault = Callable[[], Awaitable[None]]


@dataclass(slots=True)
class Report:
    """What was done, and what became of it.

    Attributes:
        faults: how often each was made.
        outcomes: how many runs ended in each state.
        answers: how many jobs of RunPod's clients ended in each status.
        settled: seconds from the last fault until everything had an end and all accounts agreed.
        lost: jobs without a run, without an end, or completed without their files.
        doubled: texts that were spoken under two ids, and runs that were completed twice.
        disagreements: a sentence for each run of which two accounts differ.
        left: temporary folders that nobody removed.
    """

    seed: int
    jobs: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    answers: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    settled: float = 0.0
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    disagreements: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)

    @property
    def well(self) -> bool:
        return not (self.lost or self.doubled or self.disagreements or self.left)

    def row(self) -> str:
        """A row of the table in benchmarks/RESULTS.md."""
        outcomes = ", ".join(f"{count} {name}" for name, count in sorted(self.outcomes.items()))
        return (
            f"| {self.seed} | {self.jobs} | {self.faults.total()} | {self.settled:.0f} s | {outcomes} | "
            f"{len(self.lost)} | {len(self.doubled)} | {len(self.disagreements)} | {len(self.left)} |"
        )


class KillLoop:
    """One round of it, on a stack that is open.

    Args:
        proxy: before the store.
        front: before Prefect, for all but the one who compares.
        jobs: from both sides together, half from each.
        seconds: for which jobs arrive and faults strike.
    """

    def __init__(
        self, stack: Stack, proxy: FaultyProxy, front: FaultyProxy, seed: int, jobs: int, seconds: float
    ) -> None:
        self._stack, self._proxy, self._front = stack, proxy, front
        self._jobs, self._seconds = jobs, seconds
        self._random = random.Random(seed)
        self._report = Report(seed)
        self._runs: set[UUID] = set()

    async def run(self) -> Report:
        for pod in PODS:
            if pod not in self._stack.processes:
                self._stack.endpoint(pod)
        pauses = sorted(self._random.uniform(0, self._seconds * 0.8) for _ in range(self._jobs))
        began = time.monotonic()
        async with asyncio.TaskGroup() as group:
            striking = group.create_task(self._strike(began + self._seconds))
            for number, at in enumerate(pauses):
                await asyncio.sleep(max(0.0, began + at - time.monotonic()))
                text = TEXT.format(number=number) * self._random.choice((1, 1, 2, 12))
                group.create_task(self._send(text) if number % 2 else self._start(text, number))
            await striking
        calm = time.monotonic()
        await self._settle()
        self._report.settled = time.monotonic() - calm
        return self._report

    # Jobs

    async def _send(self, text: str) -> None:
        """As a client of RunPod, who tries again when RunPod does not answer."""
        given = {"text": text, "return_word_timings": True, "seed": 7, "wait": self._random.random() < 0.7}
        await self._insist(lambda: asyncio.to_thread(self._stack.send, **given))
        self._report.jobs += 1

    async def _start(self, text: str, number: int) -> None:
        """As somebody at Prefect's API."""

        async def start() -> None:
            async with self._stack.client() as client:
                found = await client.read_deployment_by_name("speak/speak")
                run = await client.create_flow_run_from_deployment(
                    found.id,
                    parameters={"request": {"text": text, "return_word_timings": True, "seed": 7}},
                    idempotency_key=f"kill-loop-{self._report.seed}-{number}",
                )
                self._runs.add(run.id)

        await self._insist(start)
        self._report.jobs += 1

    async def _insist(self, call: Callable[[], Awaitable[Any]]) -> None:
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                await call()
                return
            except Exception:
                if time.monotonic() > deadline:
                    raise
                await asyncio.sleep(1)

    # Faults

    async def _strike(self, until: float) -> None:
        faults: dict[str, Fault] = {
            "endpoint killed": self._kill_endpoint,
            "endpoint told to stop": self._stop_endpoint,
            "child killed": self._kill_child,
            "child stopped for a while": self._freeze_child,
            "worker killed": self._kill_worker,
            "PostgreSQL restarted": self._restart_postgres,
            "Prefect killed": self._kill_prefect,
            "Prefect's answers lost or mangled": self._disturb_prefect,
            "store away": lambda: self._disturb_store("die"),
            "store refuses": lambda: self._disturb_store("refuse"),
            "RunPod away": self._pause_runpod,
            "RunPod refuses, loses or mangles answers": self._disturb_runpod,
            "cancelled": self._cancel,
        }
        names = list(faults)
        self._random.shuffle(names)
        while time.monotonic() < until:
            # All kinds come once before any comes again.
            name = names.pop(0)
            names.append(name)
            await asyncio.sleep(self._random.uniform(2, 8))
            self._report.faults[name] += 1
            await faults[name]()

    def _pause(self, least: float = 3, most: float = 12) -> float:
        return self._random.uniform(least, most)

    async def _kill_endpoint(self) -> None:
        pod = self._random.choice(PODS)
        self._stack.kill(pod)
        await asyncio.sleep(self._pause(0, 3))
        self._stack.runpod.lose(pod)
        self._stack.endpoint(pod)

    async def _stop_endpoint(self) -> None:
        pod = self._random.choice(PODS)
        process = self._stack.processes[pod]
        process.send_signal(signal.SIGTERM)
        code = await asyncio.to_thread(process.wait, PATIENCE)
        # One that was still loading had no job, and ends as any program does.
        if code not in (0, 128 + signal.SIGTERM):
            self._report.disagreements.append(f"{pod} ended with {code} when it was told to stop")
        self._stack.runpod.lose(pod)
        self._stack.endpoint(pod)

    async def _kill_child(self) -> None:
        _signal(self._children(), signal.SIGKILL)

    async def _freeze_child(self) -> None:
        children = self._children()
        _signal(children, signal.SIGSTOP)
        await asyncio.sleep(self._pause(3, 8))
        _signal(children, signal.SIGCONT)

    def _children(self) -> list[psutil.Process]:
        pod = self._stack.processes[self._random.choice(PODS)]
        return descendants(pod.pid, "deployments.endpoint.child")

    async def _kill_worker(self) -> None:
        self._stack.kill("worker")
        await asyncio.sleep(self._pause())
        self._stack.worker()

    async def _restart_postgres(self) -> None:
        await asyncio.to_thread(self._stack.database.restart, 3)

    async def _kill_prefect(self) -> None:
        self._stack.prefect.kill()
        await asyncio.sleep(self._pause())
        await asyncio.to_thread(self._stack.prefect.start)

    async def _disturb_prefect(self) -> None:
        chance = random.Random(self._random.random())

        def mode(method: str, path: str) -> str:
            if chance.random() > _BAD_ANSWERS:
                return "plain"
            return chance.choice(("page", "fault", "empty", "refuse", "die", *(("lost",) if method != "GET" else ())))

        self._front.mode = mode
        await asyncio.sleep(self._pause(6, 12))
        self._front.mode = "plain"

    async def _disturb_store(self, how: str) -> None:
        self._proxy.mode = how
        await asyncio.sleep(self._pause())
        self._proxy.mode = "plain"

    async def _pause_runpod(self) -> None:
        await asyncio.to_thread(self._stack.runpod.pause)
        await asyncio.sleep(self._pause())
        await asyncio.to_thread(self._stack.runpod.resume)

    async def _disturb_runpod(self) -> None:
        for route in self._random.sample(["run", "status", "take", "done", "ping", "cancel", "workers"], 3):
            status = self._random.choice((0, 429, 500, 503))
            lost = route not in ("run", "take") and self._random.random() < 0.5
            self._stack.runpod.fail(route, status=status, times=self._random.randint(1, 4), after=lost)

    async def _cancel(self) -> None:
        """A client at RunPod or a person at Prefect's UI no longer wants a job."""
        with suppress(Exception):
            if self._random.random() < 0.5:
                live = [job for job in self._stack.runpod.jobs.values() if job.status in ("IN_QUEUE", "IN_PROGRESS")]
                if live:
                    job = self._random.choice(live)
                    await asyncio.to_thread(self._stack.ask, "POST", f"cancel/{job.id}")
            elif self._runs:
                run = self._random.choice(sorted(self._runs))
                async with self._stack.client() as client:
                    await client.set_flow_run_state(run, Cancelling())

    # Accounts

    async def _settle(self) -> None:
        """Wait until everything has an end and all accounts agree, or for as long as patience lasts."""
        deadline = time.monotonic() + PATIENCE
        while True:
            runs = await self._all_runs()
            waiting = [run for run in runs if run.state is None or not run.state.is_final()]
            jobs = list(self._stack.runpod.jobs.values())
            unanswered = [job for job in jobs if job.ended is None]
            if not waiting and not unanswered:
                await self._compare(runs)
                if self._report.well:
                    return
            if time.monotonic() > deadline:
                if waiting or unanswered:
                    await self._compare(runs)
                self._report.lost += [f"{run.id} is still {run.state_name}" for run in waiting]
                self._report.lost += [f"RunPod's job {job.id} is still {job.status}" for job in unanswered]
                return
            await asyncio.sleep(2)

    async def _all_runs(self) -> list[FlowRun]:
        wanted = DeploymentFilter(name=DeploymentFilterName(any_=["speak"]))
        found: list[FlowRun] = []
        async with self._stack.client() as client:
            while page := await client.read_flow_runs(deployment_filter=wanted, limit=200, offset=len(found)):
                found += page
        return found

    async def _compare(self, runs: list[FlowRun]) -> None:
        report = self._report
        report.lost, report.doubled, report.disagreements = [], [], [*self._exits()]
        report.outcomes = Counter(str(run.state_name) for run in runs)
        messages = (run.state.message or "" for run in runs if run.state and not run.state.is_completed())
        report.reasons = Counter(message[:120] for message in messages)
        jobs = {job.id: job for job in self._stack.runpod.jobs.values()}
        report.answers = Counter(job.status for job in jobs.values() if "text" in job.body["input"])
        files = {prefix: {entry.key for entry in self._stack.store.list(prefix)} for prefix in _PREFIXES}
        spoken: dict[str, list[str]] = {}
        by_key = {str(run.idempotency_key): run for run in runs}
        for run in runs:
            self._compare_run(run, files)
            text = str((run.parameters.get("request") or {}).get("text"))
            if f"output/{run.id}.wav" in files["output/"]:
                spoken.setdefault(text, []).append(str(run.id))
        report.doubled += [f"{ids} are the same text" for ids in spoken.values() if len(ids) > 1]
        for job in jobs.values():
            if "text" in job.body["input"]:
                self._compare_job(job, by_key.get(f"runpod-job-{job.id}"))
        known = {run.id for run in runs}
        report.lost += [f"flow run {run} is gone" for run in self._runs - known]
        await self._find_doubles(runs)

    def _compare_run(self, run: FlowRun, files: dict[str, set[str]]) -> None:
        report, state = self._report, run.state
        if state is None or not state.is_final():
            return
        mine = {key for keys in files.values() for key in keys if key.partition("/")[2].startswith(str(run.id))}
        try:
            record = load(self._stack.store, str(run.id))
        except SpeechError as fault:
            report.disagreements.append(f"{run.id} is {state.name}, and has no record: {fault}")
            return
        if record.status != STATUSES[state.type]:
            report.disagreements.append(f"{run.id} is {state.name}, and its record says {record.status}")
        if state.is_completed() and f"output/{run.id}.wav" not in mine:
            report.lost.append(f"{run.id} is completed, and has no recording")
        timed = (run.parameters.get("request") or {}).get("return_word_timings")
        if state.is_completed() and timed and not {key for key in mine if key.endswith(".srt")}:
            report.lost.append(f"{run.id} is completed, and has no subtitles")
        if state.is_cancelled() and mine:
            report.disagreements.append(f"{run.id} is cancelled, and has left {sorted(mine)}")

    def _compare_job(self, job: Any, run: FlowRun | None) -> None:
        """What RunPod's client was told of a speak job, beside what Prefect says."""
        report = self._report
        waited = job.body["input"].get("wait", True)
        if run is None or run.state is None:
            if job.status == "COMPLETED":
                report.lost.append(f"RunPod's job {job.id} is completed, and has no run")
            return
        told = {"COMPLETED": "completed", "FAILED": "failed", "TIMED_OUT": "failed", "CANCELLED": "cancelled"}
        if not waited or (job.status == "CANCELLED" and _came_too_late(job, run)):
            return
        is_so = {"completed": run.state.is_completed(), "cancelled": run.state.is_cancelled()}
        is_so["failed"] = run.state.is_failed() or run.state.is_crashed() or run.state.is_cancelled()
        if not is_so[told[job.status]]:
            error = str(job.error)[:200]
            report.disagreements.append(f"RunPod's job {job.id} is {job.status} ({error}), its run {run.state_name}")

    async def _find_doubles(self, runs: list[FlowRun]) -> None:
        async with self._stack.client() as client:
            for run in runs:
                names = [state.name for state in await client.read_flow_run_states(run.id)]
                if names.count("Completed") > 1:
                    self._report.doubled.append(f"{run.id} was completed twice")

    def _exits(self) -> list[str]:
        return [sentence for sentence in self._report.disagreements if "told to stop" in sentence]

    def leftovers(self) -> None:
        """Look for temporary folders, once all processes are gone."""
        folder = self._stack.temporary
        self._report.left = sorted(path.name for path in folder.glob("f5-flows-*") if path.is_dir())


def _came_too_late(job: Any, run: FlowRun) -> bool:
    """Whether a job's run had ended, but for the time it may take to stop, before RunPod told its worker to stop it.

    RunPod tells nobody while a job waits to be delivered again, as one does whose worker it believes to be lost.
    """
    if job.told_to_stop is None:
        return True
    return bool(run.end_time and run.end_time.timestamp() < job.told_to_stop + settings().cancel_grace)


def _signal(processes: list[psutil.Process], sign: signal.Signals) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(sign)
