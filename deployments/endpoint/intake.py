"""Parsing of RunPod's answers to a request for jobs, so that an unreadable job does not affect the others."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json

__all__ = ["Offer", "read"]

# A string, complete or truncated, or a bracket: enough to find where a JSON value begins and ends.
_STRING_OR_BRACKET = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"?|[\[\]{}]', re.DOTALL)
_ID_VALUE = re.compile(rb'\s*:\s*"([^"\\]+)"')

log = logging.getLogger("f5_flows.endpoint")


@dataclass(frozen=True, slots=True)
class Offer:
    """A job for this worker to answer.

    Attributes:
        job: the job as it was sent; only its id if it could not be read.
        problem: why it could not be read.
    """

    id: str
    job: dict[str, Any]
    problem: str | None = None


def read(answer: bytes) -> list[Offer]:
    """Return the jobs of an answer, each id once.

    Values may be up to 200 levels deep, numbers up to 4,300 digits long, and text must be Unicode; a job that
    breaks these rules, or is truncated, becomes an offer with a problem.

    Raises:
        ValueError: the answer holds no job.
    """
    try:
        value = from_json(answer)
        offers = [_offer(job) for job in (value if isinstance(value, list) else [value])]
    except ValueError:
        offers = [_piece(*piece) for piece in _objects(answer)]
    valid = {offer.id: offer for offer in offers if offer}
    if len(valid) < len(offers):
        log.error(
            "%d of the %d jobs that RunPod sent have no id or a duplicate one",
            len(offers) - len(valid),
            len(offers),
        )
    if not valid:
        raise ValueError(f"no job in {answer[:80]!r}")
    return list(valid.values())


def _offer(job: Any) -> Offer | None:
    name = job.get("id") if isinstance(job, dict) else None
    return Offer(name, job) if isinstance(name, str) and name else None


def _piece(text: bytes, name: str | None) -> Offer | None:
    try:
        return _offer(from_json(text))
    except ValueError as fault:
        return Offer(name, {"id": name}, f"The job could not be read: {fault}.") if name else None


def _objects(answer: bytes) -> Iterator[tuple[bytes, str | None]]:
    """Yield the outermost objects with their ids, without parsing them; the last one may be truncated."""
    outside = 1 if answer.lstrip()[:1] == b"[" else 0
    depth, start, name = 0, -1, None
    for match in _STRING_OR_BRACKET.finditer(answer):
        match match[0][:1]:
            case b"[" | b"{":
                if depth == outside and start < 0:
                    start, name = match.start(), None
                depth += 1
            case b"]" | b"}":
                depth -= 1
                if depth == outside and start >= 0:
                    yield answer[start : match.end()], name
                    start = -1
            case _:
                if depth == outside + 1 and match[0] == b'"id"' and (value := _ID_VALUE.match(answer, match.end())):
                    name = value[1].decode(errors="replace")
    if start >= 0:
        yield answer[start:], name
