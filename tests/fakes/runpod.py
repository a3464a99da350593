"""RunPod's control plane on loopback: the client's job API, the worker's protocol, and management API v2 for pods.

It keeps to what RunPod documents and what its SDK expects: jobs that expire, time out, are cancelled,
delivered again when their worker falls silent, or lose a result that is too large; and it can be told
to refuse, to limit, to hang, or to be away. `pause` closes its port, `resume` opens the same one again.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import threading
import time
import uuid
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

API_KEY, WORKER_KEY = "rpa_client_key_of_the_tests", "worker_key_of_the_tests"
FINAL = ("COMPLETED", "FAILED", "CANCELLED", "TIMED_OUT")

# Documented limits: bytes of a request or a result, seconds that results stay, calls per ten seconds.
RUN_BYTES, RUNSYNC_BYTES = 10 * 2**20, 20 * 2**20
RUN_KEPT, RUNSYNC_KEPT = 1800.0, 60.0
LIMITS = {"run": 1000, "runsync": 2000, "status": 2000, "stream": 2000, "cancel": 100, "purge": 2, "health": 1000}


@dataclass
class Job:
    """One job, as the control plane knows it."""

    id: str
    endpoint: str
    body: dict[str, Any]
    sync: bool
    submitted: float = field(default_factory=time.time)
    status: str = "IN_QUEUE"
    worker: str | None = None
    started: float | None = None
    ended: float | None = None
    told_to_stop: float | None = None
    output: Any = None
    error: Any = None
    has_output: bool = False
    retries: int = 0
    raw: str | None = None
    stream: list[Any] = field(default_factory=list)
    history: list[str] = field(default_factory=lambda: ["IN_QUEUE"])
    progress_after_end: int = 0
    final: asyncio.Event = field(default_factory=asyncio.Event)

    def move(self, status: str) -> None:
        self.status = status
        self.history.append(status)
        if status in FINAL:
            self.ended = time.time()
            self.final.set()

    def view(self) -> dict[str, Any]:
        """What a client sees."""
        shown: dict[str, Any] = {"id": self.id, "status": self.status}
        if self.worker:
            shown["workerId"] = self.worker
        if self.started:
            shown["delayTime"] = int((self.started - self.submitted) * 1000)
            if self.ended:
                shown["executionTime"] = int((self.ended - self.started) * 1000)
        if self.has_output:
            shown["output"] = self.output
        if self.error is not None:
            shown["error"] = self.error
        return shown


@dataclass
class Fault:
    """What a route does instead of its work.

    Attributes:
        status: the HTTP status it answers; 0 drops the connection; None answers as usual, but late.
        times: for how many calls.
        retry_after: seconds told in the header.
        after: whether the work is done first, so that only the answer is lost.
        hang: seconds before anything happens.
        page: answers an HTML page instead, as a gateway before it does.
        cut: does its work, and the answer breaks off half-way.
        body: what it answers instead of an error.
    """

    status: int | None = 500
    times: int = 1
    retry_after: float | None = None
    after: bool = False
    hang: float = 0.0
    page: bool = False
    cut: bool = False
    body: str | None = None


class ControlPlane:
    """Serves on a loopback port of its own until `stop`.

    Attributes:
        endpoints: ids of the endpoints that exist.
        faults: for each route's name, what it does wrong next.
        limits: calls per ten seconds for each route.
        ping_timeout: seconds without a ping after which a worker's jobs are delivered again.
        redeliveries: how often, before the job fails.
        duplicate: deliver each job twice.
        hold: seconds that an empty poll is held.
        workers_summary: what the management API tells of an endpoint's workers; None: as they are.
        launch: starts a pod's container; given the pod.
        seen: every request: time, route, method, path, the Authorization header, the body.
    """

    def __init__(self, *endpoints: str) -> None:
        self.endpoints = set(endpoints)
        self.jobs: dict[str, Job] = {}
        self.faults: dict[str, list[Fault]] = defaultdict(list)
        self.limits = dict(LIMITS)
        self.ping_timeout = 1e9
        self.redeliveries = 3
        self.duplicate = False
        self.hold = 1.5
        self.workers_summary: dict[str, int] | None = None
        self.launch: Callable[[dict[str, Any]], subprocess.Popen[bytes]] | None = None
        self.pods: dict[str, dict[str, Any]] = {}
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.seen: list[dict[str, Any]] = []
        self.port = 0
        self._queues: dict[str, deque[str]] = defaultdict(deque)
        self._stops: dict[str, deque[str]] = defaultdict(deque)
        self._pings: dict[str, float] = {}
        self._calls: dict[str, deque[float]] = defaultdict(deque)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        self.resume()

    # For tests

    @property
    def url(self) -> str:
        """Of the job API, less the endpoint."""
        return f"http://127.0.0.1:{self.port}/v2"

    @property
    def management_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/management/v2"

    def worker_environment(self, endpoint: str, pod: str) -> dict[str, str]:
        """What RunPod sets in a worker's container."""
        base = f"http://127.0.0.1:{self.port}/v2/{endpoint}"
        return {
            "RUNPOD_WEBHOOK_GET_JOB": f"{base}/job-take/$ID?gpu=none",
            "RUNPOD_WEBHOOK_POST_OUTPUT": f"{base}/job-done/$RUNPOD_POD_ID/$ID?gpu=none",
            "RUNPOD_WEBHOOK_POST_STREAM": f"{base}/job-stream/$RUNPOD_POD_ID/$ID?gpu=none",
            "RUNPOD_WEBHOOK_PING": f"{base}/ping/$RUNPOD_POD_ID",
            "RUNPOD_PING_INTERVAL": "1000",
            "RUNPOD_AI_API_KEY": WORKER_KEY,
            "RUNPOD_POD_ID": pod,
            "RUNPOD_ENDPOINT_ID": endpoint,
            "RUNPOD_SKIP_AUTO_SYSTEM_CHECKS": "true",
            "RUNPOD_SKIP_GPU_CHECK": "true",
            "RUNPOD_LOG_LEVEL": "INFO",
        }

    def fail(self, route: str, **fault: Any) -> None:
        """Make the next calls of a route fail."""
        self.faults[route].append(Fault(**fault))

    def lose(self, worker: str) -> None:
        """Find out now that a worker is gone: what it had is delivered again."""

        async def deliver() -> None:
            for job in list(self.jobs.values()):
                if job.status == "IN_PROGRESS" and job.worker == worker:
                    self._deliver_again(job)

        asyncio.run_coroutine_threadsafe(deliver(), self._loop).result(10)

    def queue(self, endpoint: str, *raw: str) -> list[str]:
        """Queue jobs at once, whose text is passed on as it is where it is not None; returns their ids.

        In a text `$ID` stands for the id.
        """
        made = [Job(f"{uuid.uuid4()}-u1", endpoint, {"input": {}}, False) for _ in raw]
        for job, text in zip(made, raw, strict=True):
            job.raw = text.replace("$ID", job.id)
            self.jobs[job.id] = job
        self._loop.call_soon_threadsafe(self._queues[endpoint].extend, [job.id for job in made])
        return [job.id for job in made]

    def pause(self) -> None:
        """Be away: the port is closed, what is known is kept."""
        asyncio.run_coroutine_threadsafe(self._runner.cleanup(), self._loop).result(10)

    def resume(self) -> None:
        asyncio.run_coroutine_threadsafe(self._open(), self._loop).result(10)

    def stop(self) -> None:
        self.pause()
        for process in self.processes.values():
            process.kill()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)

    def calls(self, route: str) -> list[dict[str, Any]]:
        return [call for call in self.seen if call["route"] == route]

    # The server

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.create_task(self._watch())
        self._loop.run_forever()

    async def _open(self) -> None:
        app = web.Application(client_max_size=64 * 2**20, middlewares=[self._middle])
        job, pod = "/v2/{endpoint}", "/management/v2"
        for method, path, name, handler in (
            ("POST", f"{job}/run", "run", self._run),
            ("POST", f"{job}/runsync", "runsync", self._run),
            ("GET", f"{job}/status/{{id}}", "status", self._status),
            ("GET", f"{job}/stream/{{id}}", "stream", self._stream),
            ("POST", f"{job}/cancel/{{id}}", "cancel", self._cancel),
            ("POST", f"{job}/retry/{{id}}", "retry", self._retry),
            ("POST", f"{job}/purge-queue", "purge", self._purge),
            ("GET", f"{job}/health", "health", self._health),
            ("GET", f"{job}/job-take/{{worker}}", "take", self._take),
            ("GET", f"{job}/job-take-batch/{{worker}}", "take.batch", self._take),
            ("GET", f"{job}/job-stop/{{worker}}", "stop", self._stop),
            ("POST", f"{job}/job-done/{{worker}}/{{id}}", "done", self._done),
            ("POST", f"{job}/job-stream/{{worker}}/{{id}}", "chunk", self._chunk),
            ("GET", f"{job}/ping/{{worker}}", "ping", self._ping),
            ("GET", f"{pod}/serverless/{{endpoint}}/workers", "workers", self._workers),
            ("POST", f"{pod}/pods", "create-pod", self._create_pod),
            ("GET", f"{pod}/pods", "list-pods", self._list_pods),
            ("GET", f"{pod}/pods/{{id}}", "read-pod", self._read_pod),
            ("DELETE", f"{pod}/pods/{{id}}", "delete-pod", self._delete_pod),
        ):
            app.router.add_route(method, path, handler, name=name)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True)
        await site.start()
        self.port = site._server.sockets[0].getsockname()[1]

    @web.middleware
    async def _middle(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        resource = request.match_info.route.resource
        if resource is None or not (request.match_info.route.name):
            return problem(404, "no such route")
        route = request.match_info.route.name.partition(".")[0]
        body = (await request.read()).decode()
        self.seen.append(
            {
                "time": time.time(), "route": route, "method": request.method, "path": request.path_qs,
                "authorization": request.headers.get("Authorization"), "body": body,
            }
        )  # fmt: skip
        worker_side = route in ("take", "stop", "done", "chunk", "ping")
        if request.headers.get("Authorization") != (WORKER_KEY if worker_side else f"Bearer {API_KEY}"):
            return problem(401, "unauthorized")
        endpoint = request.match_info.get("endpoint")
        if endpoint is not None and endpoint not in self.endpoints:
            return problem(404, "endpoint not found")
        if over := self._over_limit(route):
            return web.json_response({"error": "rate limit"}, status=429, headers={"Retry-After": str(over)})
        fault = next(iter(self.faults[route]), None)
        if fault is None:
            return await handler(request)
        fault.times -= 1
        if fault.times <= 0:
            self.faults[route].remove(fault)
        await asyncio.sleep(fault.hang)
        if fault.cut:
            return await _broken_off(request, await handler(request))
        answer = await handler(request) if fault.after or fault.status is None else None
        if fault.page:
            return web.Response(
                status=fault.status or 200, text="<html>One moment, please.</html>", content_type="text/html"
            )
        if fault.status is None and answer is not None:
            return answer
        if not fault.status:
            request.transport.abort()
            return web.Response()
        headers = {} if fault.retry_after is None else {"Retry-After": str(fault.retry_after)}
        if fault.body is not None:
            return web.Response(text=fault.body, status=fault.status, headers=headers)
        return web.json_response({"error": "as told"}, status=fault.status, headers=headers)

    def _over_limit(self, route: str) -> int:
        """Seconds to wait, where a route was called too often."""
        if route not in self.limits:
            return 0
        calls, now = self._calls[route], time.time()
        while calls and calls[0] < now - 10:
            calls.popleft()
        if len(calls) >= self.limits[route]:
            return max(1, int(calls[0] + 10 - now))
        calls.append(now)
        return 0

    async def _watch(self) -> None:
        """Jobs that expire, run for too long, are too old, or whose worker fell silent."""
        while True:
            await asyncio.sleep(0.1)
            now = time.time()
            for job in list(self.jobs.values()):
                policy = job.body.get("policy") or {}
                kept = RUNSYNC_KEPT if job.sync else RUN_KEPT
                if now > job.submitted + policy.get("ttl", 86_400_000) / 1000:
                    self._tell_to_stop(job)
                    self.jobs.pop(job.id)
                    job.move("TIMED_OUT")
                elif job.ended and now > job.ended + kept:
                    self.jobs.pop(job.id)
                elif job.status == "IN_PROGRESS" and job.started and job.worker:
                    if now > job.started + policy.get("executionTimeout", 600_000) / 1000:
                        self._tell_to_stop(job)
                        job.move("TIMED_OUT")
                    elif now > max(self._pings.get(job.worker, 0), job.started) + self.ping_timeout:
                        self._deliver_again(job)

    def _deliver_again(self, job: Job) -> None:
        job.retries += 1
        if job.retries > self.redeliveries:
            job.error = "worker stopped reporting"
            job.move("FAILED")
        else:
            job.move("IN_QUEUE")
            self._queues[job.endpoint].append(job.id)

    def _tell_to_stop(self, job: Job) -> None:
        if job.status == "IN_PROGRESS" and job.worker:
            self._stops[job.worker].append(job.id)

    # The client's side

    async def _run(self, request: web.Request) -> web.Response:
        sync = request.path.endswith("runsync")
        raw = await request.text()
        try:
            body = json.loads(raw)
        except ValueError:
            return problem(400, "the body is not JSON")
        if not isinstance(body, dict) or "input" not in body:
            return problem(400, "input is required")
        if len(raw) > (RUNSYNC_BYTES if sync else RUN_BYTES):
            return problem(400, "the body is too large")
        policy = body.get("policy") or {}
        if not 5_000 <= policy.get("executionTimeout", 600_000) <= 604_800_000:
            return problem(400, "executionTimeout is out of range")
        if not 10_000 <= policy.get("ttl", 86_400_000) <= 604_800_000:
            return problem(400, "ttl is out of range")
        endpoint = request.match_info["endpoint"]
        job = Job(f"{'sync-' if sync else ''}{uuid.uuid4()}-u1", endpoint, body, sync)
        self.jobs[job.id] = job
        self._queues[endpoint].append(job.id)
        if sync:
            with suppress(TimeoutError):
                await asyncio.wait_for(job.final.wait(), float(request.query.get("wait", 90_000)) / 1000)
        return web.json_response(job.view())

    async def _status(self, request: web.Request) -> web.Response:
        job = self._job(request)
        return web.json_response(job.view()) if job else problem(404, "job not found")

    async def _stream(self, request: web.Request) -> web.Response:
        job = self._job(request)
        if job is None:
            return problem(404, "job not found")
        chunks, job.stream = job.stream, []
        return web.json_response({"status": job.status, "stream": chunks})

    async def _cancel(self, request: web.Request) -> web.Response:
        job = self._job(request)
        if job is None:
            return problem(404, "job not found")
        if job.status not in FINAL:
            self._tell_to_stop(job)
            job.move("CANCELLED")
        return web.json_response({"id": job.id, "status": job.status})

    async def _retry(self, request: web.Request) -> web.Response:
        job = self._job(request)
        if job is None:
            return problem(404, "job not found")
        if job.status not in ("FAILED", "TIMED_OUT"):
            return problem(400, "only failed jobs can be retried")
        job.error, job.ended = None, None
        job.final.clear()
        job.move("IN_QUEUE")
        self._queues[job.endpoint].append(job.id)
        return web.json_response({"id": job.id, "status": "IN_QUEUE"})

    async def _purge(self, request: web.Request) -> web.Response:
        queue = self._queues[request.match_info["endpoint"]]
        removed = len(queue)
        for job_id in queue:
            self.jobs[job_id].move("CANCELLED")
        queue.clear()
        return web.json_response({"removed": removed, "status": "completed"})

    async def _health(self, request: web.Request) -> web.Response:
        endpoint = request.match_info["endpoint"]
        jobs = [job for job in self.jobs.values() if job.endpoint == endpoint]
        count = {status: sum(job.status == status for job in jobs) for status in ("IN_QUEUE", "IN_PROGRESS", *FINAL)}
        return web.json_response(
            {
                "jobs": {
                    "completed": count["COMPLETED"],
                    "failed": count["FAILED"] + count["TIMED_OUT"],
                    "inProgress": count["IN_PROGRESS"],
                    "inQueue": count["IN_QUEUE"],
                    "retried": sum(job.retries for job in jobs),
                },
                "workers": self._summary(endpoint),
            }
        )

    def _job(self, request: web.Request) -> Job | None:
        job = self.jobs.get(request.match_info["id"])
        return job if job and job.endpoint == request.match_info["endpoint"] else None

    # The worker's side

    async def _take(self, request: web.Request) -> web.Response:
        queue, worker = self._queues[request.match_info["endpoint"]], request.match_info["worker"]
        deadline = time.time() + self.hold
        while not queue and time.time() < deadline:
            await asyncio.sleep(0.01)
            if request.transport is None or request.transport.is_closing():
                return web.Response(status=204)
        taken: list[str] = []
        while queue and len(taken) < int(request.query.get("batch_size", 1)):
            job = self.jobs.get(queue.popleft())
            if job is None or job.status not in ("IN_QUEUE", "IN_PROGRESS"):
                continue
            again = job.status == "IN_PROGRESS"
            if not again:
                job.worker, job.started = worker, time.time()
                job.move("IN_PROGRESS")
                if self.duplicate:
                    queue.append(job.id)
            passed_on = {name: job.body[name] for name in ("webhook", "policy", "s3Config") if name in job.body}
            taken.append(job.raw or json.dumps({"id": job.id, "input": job.body["input"], **passed_on}))
        if not taken:
            return web.Response(status=204)
        text = f"[{','.join(taken)}]" if "batch" in request.path else taken[0]
        return web.Response(text=text, content_type="application/json")

    async def _stop(self, request: web.Request) -> web.Response:
        stops, deadline = self._stops[request.match_info["worker"]], time.time() + self.hold
        while not stops and time.time() < deadline:
            await asyncio.sleep(0.02)
            if request.transport is None or request.transport.is_closing():
                return web.Response(status=204)
        if not stops:
            return web.Response(status=204)
        told = list(stops)
        stops.clear()
        for job_id in told:
            if job := self.jobs.get(job_id):
                job.told_to_stop = time.time()
        return web.json_response({"jobsToStop": told})

    async def _done(self, request: web.Request) -> web.Response:
        job = self._job(request)
        if job is None:
            return problem(404, "job not found")
        raw = await request.text()
        body = json.loads(raw)
        if body.get("status") == "IN_PROGRESS":
            if job.status in FINAL:
                job.progress_after_end += 1
            elif len(raw) <= RUN_BYTES:
                job.output, job.has_output = body.get("output"), True
            return web.json_response({})
        if job.status in FINAL:
            return web.json_response({})
        job.output, job.has_output = None, False
        if len(raw) > (RUNSYNC_BYTES if job.sync else RUN_BYTES):
            # RunPod refuses the result, and the job counts as done all the same.
            job.move("COMPLETED")
            return problem(400, "the result is too large")
        job.output, job.has_output = body.get("output"), "output" in body
        if body.get("error"):
            job.error = body["error"]
            job.move("FAILED")
        else:
            job.move("COMPLETED")
        return web.json_response({})

    async def _chunk(self, request: web.Request) -> web.Response:
        job = self._job(request)
        if job is None:
            return problem(404, "job not found")
        job.stream.append(json.loads(await request.text()))
        return web.json_response({})

    async def _ping(self, request: web.Request) -> web.Response:
        self._pings[request.match_info["worker"]] = time.time()
        return web.json_response({})

    # Management

    def _summary(self, endpoint: str) -> dict[str, int]:
        if self.workers_summary is not None:
            return self.workers_summary
        now = time.time()
        alive = {worker for worker, last in self._pings.items() if last > now - 5}
        busy = {
            job.worker for job in self.jobs.values() if job.status == "IN_PROGRESS" and job.endpoint == endpoint
        } & alive
        return {
            "idle": len(alive - busy), "running": len(busy), "initializing": 0, "throttled": 0, "unhealthy": 0,
            "total": len(alive),
        }  # fmt: skip

    async def _workers(self, request: web.Request) -> web.Response:
        return web.json_response({"workers": [], "summary": self._summary(request.match_info["endpoint"])})

    async def _create_pod(self, request: web.Request) -> web.Response:
        body = json.loads(await request.text())
        missing = [name for name in ("name", "image") if not body.get(name)]
        if missing or ("gpu" in body) == ("cpu" in body):
            return problem(422, f"name, image and one of gpu and cpu are required ({missing})")
        pod = {"id": f"pod{uuid.uuid4().hex[:10]}", "status": "PROVISIONING", **body}
        self.pods[pod["id"]] = pod
        if self.launch:
            self.processes[pod["id"]] = await asyncio.to_thread(self.launch, pod)
            pod["status"] = "RUNNING"
        return web.json_response(pod, status=201)

    async def _list_pods(self, request: web.Request) -> web.Response:
        return web.json_response({"pods": [self._refreshed(pod) for pod in self.pods.values()]})

    async def _read_pod(self, request: web.Request) -> web.Response:
        pod = self.pods.get(request.match_info["id"])
        return web.json_response(self._refreshed(pod)) if pod else problem(404, "pod not found")

    async def _delete_pod(self, request: web.Request) -> web.Response:
        pod = self.pods.pop(request.match_info["id"], None)
        if pod is None:
            return problem(404, "pod not found")
        if process := self.processes.get(pod["id"]):
            process.kill()
        return web.Response(status=204)

    def _refreshed(self, pod: dict[str, Any]) -> dict[str, Any]:
        process = self.processes.get(pod["id"])
        if process and process.poll() is not None:
            pod["status"] = "EXITED"
        return pod


async def _broken_off(request: web.Request, answer: web.StreamResponse) -> web.StreamResponse:
    body = answer.body if isinstance(answer, web.Response) and isinstance(answer.body, bytes) else b""
    broken = web.StreamResponse(status=answer.status, headers={"Content-Type": answer.content_type})
    broken.content_length = len(body) + 2
    await broken.prepare(request)
    await broken.write(body[: (len(body) + 1) // 2])
    if request.transport:
        request.transport.close()
    return broken


def problem(status: int, title: str) -> web.Response:
    """An error as both APIs tell it."""
    return web.json_response({"error": title, "title": title, "status": status}, status=status)
