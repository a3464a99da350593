"""RunPod's job API and its management API, version 2, as far as flow runs need them.

The SDK's own client classes retry nothing over https, lose the text of errors and cannot set a policy,
so the calls are made with httpx. All of them go through one helper, `_call`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Literal, Self, TypeVar

import httpx
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, stop_after_delay, wait_random_exponential

from blocks.runpod import RunPodCredentials
from speech.errors import Busy, Gone, KeyNotAccepted, NoCapacity, OutOfCredit, RunPodError
from speech.settings import settings

__all__ = ["Job", "Pod", "RunPod", "Workers"]

_FINAL = ("COMPLETED", "FAILED", "CANCELLED", "TIMED_OUT")
_POD_ENDED = ("EXITED", "ERROR", "TERMINATED")
_LONGEST_PAUSE = 60.0
_WAIT = wait_random_exponential(multiplier=0.5, max=20)

R = TypeVar("R")
Read = Callable[[dict[str, Any]], R]

What = Literal["submit", "status", "cancel", "workers", "create pod", "read pod", "list pods", "delete pod"]


@dataclass(frozen=True, slots=True)
class Job:
    """A job as RunPod tells of it.

    Attributes:
        status: IN_QUEUE, IN_PROGRESS, COMPLETED, FAILED, CANCELLED or TIMED_OUT; RunPod may add others,
            which count as not final.
        started: whether a worker ever had it.
    """

    id: str
    status: str
    output: Any = None
    error: Any = None
    started: bool = False

    @property
    def final(self) -> bool:
        return self.status in _FINAL


@dataclass(frozen=True, slots=True)
class Workers:
    """How many workers of an endpoint are in which state."""

    running: int = 0
    idle: int = 0
    initializing: int = 0
    throttled: int = 0
    unhealthy: int = 0
    total: int = 0

    @property
    def serving(self) -> int:
        return self.running + self.idle


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod: `status` is PROVISIONING, STARTING, RUNNING, EXITED, ERROR or TERMINATED."""

    id: str
    status: str
    name: str = ""

    @property
    def ended(self) -> bool:
        return self.status in _POD_ENDED


class RunPod:
    """A connection to both APIs; an async context manager.

    Every method raises a `RunPodError`: `Busy` only after `patience` seconds of tries.

    Args:
        patience: seconds for which a call is tried again while RunPod does not answer, or asks to wait.
    """

    def __init__(self, credentials: RunPodCredentials, patience: float | None = None) -> None:
        values = settings()
        self._job_url = credentials.job_url.rstrip("/")
        self._management_url = credentials.management_url.rstrip("/")
        self._patience = patience or values.runpod_patience
        self._http = httpx.AsyncClient(
            headers={"Authorization": f"Bearer {credentials.api_key.get_secret_value()}"},
            timeout=values.request_timeout,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def submit(
        self, endpoint: str, given: dict[str, Any], *, execution_timeout: float, ttl: float, low_priority: bool = False
    ) -> str:
        """Queue a job; returns its id.

        It is tried again although RunPod may have taken the first try: whoever runs it claims the flow
        run first, so a second job of the same run does nothing.

        Args:
            execution_timeout: seconds for which it may run, from 5.
            ttl: seconds from now until it is dropped, waiting included, from 10.
        """
        policy = {
            "executionTimeout": int(execution_timeout * 1000), "ttl": int(ttl * 1000), "lowPriority": low_priority
        }  # fmt: skip
        url = f"{self._job_url}/{endpoint}/run"
        return await self._call("submit", _name, "POST", url, {"input": given, "policy": policy})

    async def job(self, endpoint: str, job: str) -> Job:
        """How a job stands; `Gone` when it expired or its result was kept long enough."""

        def read(told: dict[str, Any]) -> Job:
            started = bool(told.get("workerId") or told.get("executionTime"))
            return Job(job, _text(told, "status"), told.get("output"), told.get("error"), started)

        return await self._call("status", read, "GET", f"{self._job_url}/{endpoint}/status/{job}")

    async def cancel(self, endpoint: str, job: str) -> None:
        """Cancel a job, queued or running; one that is gone is no error."""
        try:
            await self._call("cancel", dict, "POST", f"{self._job_url}/{endpoint}/cancel/{job}")
        except Gone:
            return

    async def workers(self, endpoint: str) -> Workers:
        """The workers of an endpoint."""

        def read(told: dict[str, Any]) -> Workers:
            summary = told.get("summary", {})
            return Workers(**{name: int(summary.get(name, 0)) for name in Workers.__dataclass_fields__})

        return await self._call("workers", read, "GET", f"{self._management_url}/serverless/{endpoint}/workers")

    async def create_pod(self, specification: dict[str, Any]) -> Pod:
        """Make a pod; `NoCapacity` where RunPod has no such machine now.

        A try whose answer was lost may have made one: `name` must be unique, and is looked for first.
        """
        async for attempt in self._attempts():
            with attempt:
                if attempt.retry_state.attempt_number > 1:
                    made = [pod for pod in await self._list_pods() if pod.name == specification["name"]]
                    if made:
                        return made[0]
                url = f"{self._management_url}/pods"
                return await self._once("create pod", _pod, "POST", url, specification)
        raise AssertionError("unreachable")

    async def pod(self, pod: str) -> Pod:
        """How a pod stands."""
        return await self._call("read pod", _pod, "GET", f"{self._management_url}/pods/{pod}")

    async def delete_pod(self, pod: str) -> None:
        """Terminate a pod; one that is gone is no error."""
        try:
            await self._call("delete pod", dict, "DELETE", f"{self._management_url}/pods/{pod}")
        except Gone:
            return

    async def pods(self, prefix: str) -> list[Pod]:
        """The pods whose name begins so."""
        found = await self._call("list pods", _pods, "GET", f"{self._management_url}/pods")
        return [pod for pod in found if pod.name.startswith(prefix)]

    async def _list_pods(self) -> list[Pod]:
        return await self._once("list pods", _pods, "GET", f"{self._management_url}/pods")

    async def _call(self, what: What, read: Read[R], method: str, url: str, body: dict[str, Any] | None = None) -> R:
        async for attempt in self._attempts():
            with attempt:
                return await self._once(what, read, method, url, body)
        raise AssertionError("unreachable")

    def _attempts(self) -> AsyncRetrying:
        return AsyncRetrying(
            stop=stop_after_delay(self._patience), wait=_pause, retry=retry_if_exception_type(Busy), reraise=True
        )

    async def _once(self, what: What, read: Read[R], method: str, url: str, body: dict[str, Any] | None = None) -> R:
        """One try.

        Args:
            read: takes what is meant out of an answer; an answer that it cannot read may be right the next time.
        """
        try:
            answer = await self._http.request(method, url, json=body)
        except httpx.RequestError as fault:
            raise Busy(f"RunPod does not answer ({what}): {type(fault).__name__}.") from None
        if not answer.is_success:
            raise _refusal(what, answer)
        told = _json(answer) if answer.content else {}
        try:
            if isinstance(told, dict):
                return read(told)
        except (LookupError, TypeError, ValueError, AttributeError):
            pass
        raise Busy(f"RunPod gave an answer that is not understood ({what}).")


def _pause(state: RetryCallState) -> float:
    """As long as RunPod asked for, else a growing while."""
    fault = state.outcome.exception() if state.outcome else None
    asked = fault.retry_after if isinstance(fault, Busy) else None
    return _WAIT(state) if asked is None else asked


def _refusal(what: What, answer: httpx.Response) -> RunPodError:
    status, told = answer.status_code, _json(answer)
    details = told if isinstance(told, dict) else {}
    reason = str(details.get("detail") or details.get("title") or details.get("error") or "no reason given")[:300]
    if status in (408, 429) or status >= 500:
        after = answer.headers.get("Retry-After", "")
        asked = after.isascii() and after.replace(".", "", 1).isdigit()
        seconds = min(float(after), _LONGEST_PAUSE) if asked else None
        return Busy(f"RunPod cannot serve now ({what}: {status} {reason}).", seconds)
    if what == "create pod" and status == 400:
        return NoCapacity(f"RunPod made no pod: {reason}. Choose another GPU type or data centre, or try later.")
    sentences: dict[int, tuple[type[RunPodError], str]] = {
        401: (
            KeyNotAccepted,
            "RunPod does not accept the API key; make a new one and save the block again.",
        ),
        402: (OutOfCredit, "The RunPod account has no balance; add credit."),
        403: (KeyNotAccepted, f"The RunPod API key may not do this ({what}); give it the permission."),
        404: (Gone, f"RunPod knows no such thing ({what}: {reason})."),
    }
    kind, sentence = sentences.get(status, (RunPodError, f"RunPod refused ({what}: {status} {reason})."))
    return kind(sentence)


def _json(answer: httpx.Response) -> Any:
    parse: Callable[[], Any] = answer.json
    try:
        return parse()
    except (ValueError, RecursionError):
        return None


def _text(told: dict[str, Any], field: str) -> str:
    """A field that every such answer has.

    Raises:
        ValueError: it is something else than a text.
    """
    value = told[field]
    if not isinstance(value, str) or not value:
        raise ValueError(field)
    return value


def _name(told: dict[str, Any]) -> str:
    return _text(told, "id")


def _pod(told: dict[str, Any]) -> Pod:
    return Pod(_name(told), str(told.get("status") or ""), str(told.get("name") or ""))


def _pods(told: dict[str, Any]) -> list[Pod]:
    return [_pod(pod) for pod in told["pods"]]
