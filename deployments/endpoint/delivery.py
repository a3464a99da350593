"""Delivering to RunPod: the result of a job until RunPod has it, and progress on the way."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from contextlib import suppress
from typing import Any

from aiohttp import (
    ClientError,
    ClientResponse,
    ClientResponseError,
    ClientTimeout,
)
from runpod.http_client import AsyncClientSession, ClientSession
from runpod.serverless.modules import rp_http

__all__ = ["describe", "hand_in", "report"]

_POST = ClientTimeout(total=600, sock_connect=30, sock_read=60)
# RunPod keeps a job for this long while its worker still pings.
_DELIVERY_SECONDS = 900
# A result that is refused this often will never be accepted. A page is not an answer of RunPod itself, but after this
# many it counts as one.
_REFUSALS, _PAGES = 4, 3
_LONGEST_PAUSE = 15.0

log = logging.getLogger("f5_flows.endpoint")


async def hand_in(session: ClientSession, result: dict[str, Any], job: str) -> None:
    """Post a result until RunPod accepts it; if it refuses the result, post the reason instead.

    Raises:
        ClientError, TimeoutError, OSError: RunPod accepted neither for as long as it keeps a job.
    """
    deadline = time.monotonic() + _DELIVERY_SECONDS
    refusals, pages, pause = 0, 0, 0.5
    while True:
        try:
            if await _post(session, result, job) or (pages := pages + 1) >= _PAGES:
                return
            raise ClientError("RunPod answered with a page")
        except (ClientError, TimeoutError, OSError) as fault:
            status = fault.status if isinstance(fault, ClientResponseError) else 0
            if status in (404, 410):
                log.error("RunPod no longer knows job %s (%d)", job, status)
                return
            if 400 <= status < 500 and status not in (408, 429):
                refusals += 1
                if refusals >= _REFUSALS or status in (400, 413):
                    # RunPod would mark the job as completed without an output; a failure that says why is better.
                    result = {"error": f"RunPod refused the result ({status}); fetch it with endpoint: result."}
            if time.monotonic() > deadline:
                raise
            log.warning("RunPod did not accept a result (%s); retrying in %.1f s", describe(fault), pause)
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)


async def _post(session: ClientSession, message: dict[str, Any], job: str) -> bool:
    """Send RunPod a job's result or progress; return False if a page came back, which is not RunPod's answer."""
    headers = {"charset": "utf-8", "Content-Type": "application/x-www-form-urlencoded", "X-Request-ID": job}
    url = rp_http.JOB_DONE_URL.replace("$ID", job) + "&isStream=false"
    text = json.dumps(message, ensure_ascii=False).encode(errors="replace")
    async with session.post(url, data=text, headers=headers, timeout=_POST, raise_for_status=True) as answer:
        await _drain(answer)
        return bool(answer.content_type != "text/html")


def describe(fault: BaseException) -> str:
    if isinstance(fault, ClientResponseError):
        return f"status {fault.status}"
    return (str(fault) or type(fault).__name__)[:200]


async def _drain(answer: ClientResponse) -> None:
    """Read the rest of an answer; its status alone shows that RunPod has received the message."""
    with suppress(ClientError, TimeoutError, OSError):
        await answer.read()


async def report(job: dict[str, Any], progress: dict[str, Any]) -> None:
    """Report a job's progress to RunPod; the call is awaited, so that it never arrives after the result."""
    async with AsyncClientSession() as session:
        try:
            await _post(session, {"status": "IN_PROGRESS", "output": progress}, job["id"])
        except (ClientError, TimeoutError, OSError) as fault:
            log.info("A job's progress could not be reported to RunPod: %s", type(fault).__name__)
