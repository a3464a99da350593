"""A client of RunPod's job API and its management API, version 2, as far as flow runs need them.

The SDK's own client classes retry nothing over https, lose the text of errors and cannot set a policy, so the calls
are made with httpx. All of them go through one helper, `_request`.
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

Call = Literal["submit", "status", "cancel", "workers", "create pod", "read pod", "list pods", "delete pod"]


@dataclass(frozen=True, slots=True)
class Job:
    """A job as RunPod reports it.

    Attributes:
        status: IN_QUEUE, IN_PROGRESS, COMPLETED, FAILED, CANCELLED or TIMED_OUT; RunPod may add others,
            which count as not final.
        started: whether a worker ever took it.
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
    """The number of an endpoint's workers in each state."""

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

    Every method raises a `RunPodError` if it fails: `Busy` only after `patience` seconds of retries.

    Args:
        patience: seconds for which a call is retried while RunPod does not answer, or asks to wait.
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
        self,
        endpoint: str,
        payload: dict[str, Any],
        *,
        execution_timeout: float,
        ttl: float,
        low_priority: bool = False,
    ) -> str:
        """Queue a job, and return its id.

        The call is retried although RunPod may have accepted the first try: the container that runs the job claims
        the flow run first, so a second job for the same run does nothing.

        Args:
            execution_timeout: seconds for which the job may run, at least 5.
            ttl: seconds from now until the job is dropped, waiting included, at least 10.
        """
        policy = {
            "executionTimeout": int(execution_timeout * 1000), "ttl": int(ttl * 1000), "lowPriority": low_priority
        }  # fmt: skip
        url = f"{self._job_url}/{endpoint}/run"
        return await self._call("submit", _name, "POST", url, {"input": payload, "policy": policy})

    async def job(self, endpoint: str, job: str) -> Job:
        """Return the state of a job; raise `Gone` if it expired or its result is no longer kept."""

        def read(data: dict[str, Any]) -> Job:
            started = bool(data.get("workerId") or data.get("executionTime"))
            return Job(job, _text(data, "status"), data.get("output"), data.get("error"), started)

        return await self._call("status", read, "GET", f"{self._job_url}/{endpoint}/status/{job}")

    async def cancel(self, endpoint: str, job: str) -> None:
        """Cancel a queued or running job; a job that is gone is no error."""
        try:
            await self._call("cancel", dict, "POST", f"{self._job_url}/{endpoint}/cancel/{job}")
        except Gone:
            return

    async def workers(self, endpoint: str) -> Workers:
        """Return the number of an endpoint's workers in each state."""

        def read(data: dict[str, Any]) -> Workers:
            summary = data.get("summary", {})
            return Workers(**{name: int(summary.get(name, 0)) for name in Workers.__dataclass_fields__})

        return await self._call("workers", read, "GET", f"{self._management_url}/serverless/{endpoint}/workers")

    async def create_pod(self, specification: dict[str, Any]) -> Pod:
        """Create a pod; raise `NoCapacity` if RunPod has no such machine now.

        A try whose answer was lost may have created the pod, so `name` must be unique, and a retry first looks for a
        pod of that name.
        """
        async for attempt in self._attempts():
            with attempt:
                if attempt.retry_state.attempt_number > 1:
                    existing = [pod for pod in await self._list_pods() if pod.name == specification["name"]]
                    if existing:
                        return existing[0]
                url = f"{self._management_url}/pods"
                return await self._request("create pod", _pod, "POST", url, specification)
        raise AssertionError("unreachable")

    async def pod(self, pod: str) -> Pod:
        """Return the state of a pod."""
        return await self._call("read pod", _pod, "GET", f"{self._management_url}/pods/{pod}")

    async def delete_pod(self, pod: str) -> None:
        """Terminate a pod; a pod that is gone is no error."""
        try:
            await self._call("delete pod", dict, "DELETE", f"{self._management_url}/pods/{pod}")
        except Gone:
            return

    async def pods(self, prefix: str) -> list[Pod]:
        """Return the pods whose name begins with a prefix."""
        pods = await self._call("list pods", _pods, "GET", f"{self._management_url}/pods")
        return [pod for pod in pods if pod.name.startswith(prefix)]

    async def _list_pods(self) -> list[Pod]:
        return await self._request("list pods", _pods, "GET", f"{self._management_url}/pods")

    async def _call(self, call: Call, read: Read[R], method: str, url: str, body: dict[str, Any] | None = None) -> R:
        async for attempt in self._attempts():
            with attempt:
                return await self._request(call, read, method, url, body)
        raise AssertionError("unreachable")

    def _attempts(self) -> AsyncRetrying:
        return AsyncRetrying(
            stop=stop_after_delay(self._patience), wait=_pause, retry=retry_if_exception_type(Busy), reraise=True
        )

    async def _request(self, call: Call, read: Read[R], method: str, url: str, body: dict[str, Any] | None = None) -> R:
        """Make a call once, without retries.

        Args:
            read: converts the answer; an answer that it cannot read raises `Busy`, since the next may be valid.
        """
        try:
            answer = await self._http.request(method, url, json=body)
        except httpx.RequestError as fault:
            raise Busy(f"RunPod does not answer ({call}): {type(fault).__name__}.") from None
        if not answer.is_success:
            raise _refusal(call, answer)
        data = _json(answer) if answer.content else {}
        try:
            if isinstance(data, dict):
                return read(data)
        except (LookupError, TypeError, ValueError, AttributeError):
            pass
        raise Busy(f"RunPod gave an answer that is not understood ({call}).")


def _pause(state: RetryCallState) -> float:
    """Return the seconds that RunPod asked for, or else a growing pause."""
    fault = state.outcome.exception() if state.outcome else None
    seconds = fault.retry_after if isinstance(fault, Busy) else None
    return _WAIT(state) if seconds is None else seconds


def _refusal(call: Call, answer: httpx.Response) -> RunPodError:
    status, data = answer.status_code, _json(answer)
    details = data if isinstance(data, dict) else {}
    reason = str(details.get("detail") or details.get("title") or details.get("error") or "no reason given")[:300]
    if status in (408, 429) or status >= 500:
        after = answer.headers.get("Retry-After", "")
        is_number = after.isascii() and after.replace(".", "", 1).isdigit()
        seconds = min(float(after), _LONGEST_PAUSE) if is_number else None
        return Busy(f"RunPod cannot serve now ({call}: {status} {reason}).", seconds)
    if call == "create pod" and status == 400:
        return NoCapacity(f"RunPod made no pod: {reason}. Choose another GPU type or data centre, or try later.")
    messages: dict[int, tuple[type[RunPodError], str]] = {
        401: (
            KeyNotAccepted,
            "RunPod does not accept the API key; make a new one and save the block again.",
        ),
        402: (OutOfCredit, "The RunPod account has no balance; add credit."),
        403: (KeyNotAccepted, f"The RunPod API key may not do this ({call}); give it the permission."),
        404: (Gone, f"RunPod does not know this job, pod or endpoint ({call}: {reason})."),
    }
    kind, message = messages.get(status, (RunPodError, f"RunPod refused ({call}: {status} {reason})."))
    return kind(message)


def _json(answer: httpx.Response) -> Any:
    parse: Callable[[], Any] = answer.json
    try:
        return parse()
    except (ValueError, RecursionError):
        return None


def _text(data: dict[str, Any], field: str) -> str:
    """Return a text field that every such answer has.

    Raises:
        ValueError: the field is not a text, or it is empty.
    """
    value = data[field]
    if not isinstance(value, str) or not value:
        raise ValueError(field)
    return value


def _name(data: dict[str, Any]) -> str:
    return _text(data, "id")


def _pod(data: dict[str, Any]) -> Pod:
    return Pod(_name(data), str(data.get("status") or ""), str(data.get("name") or ""))


def _pods(data: dict[str, Any]) -> list[Pod]:
    return [_pod(pod) for pod in data["pods"]]
