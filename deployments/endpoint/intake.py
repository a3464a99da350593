"""What RunPod answers when it is asked for jobs, taken apart so that a job that cannot be read hurts no other."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json

__all__ = ["Offer", "read"]

# A string, whole or cut off, or a bracket: what tells where a value of JSON begins and ends.
_SIGN = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"?|[\[\]{}]', re.DOTALL)
_NAMED = re.compile(rb'\s*:\s*"([^"\\]+)"')

log = logging.getLogger("f5_flows.endpoint")


@dataclass(frozen=True, slots=True)
class Offer:
    """A job that is ours to answer.

    Attributes:
        job: what was sent; only its id, where it could not be read.
        fault: why it could not be read.
    """

    id: str
    job: dict[str, Any]
    fault: str | None = None


def read(answer: bytes) -> list[Offer]:
    """The jobs of an answer, each id once.

    Values may be 200 levels deep, numbers 4,300 digits long, and text must be Unicode; a job that keeps to
    none of this, or was cut off, is an offer with a fault.

    Raises:
        ValueError: there is no job in it.
    """
    try:
        told = from_json(answer)
        offers = [_offer(job) for job in (told if isinstance(told, list) else [told])]
    except ValueError:
        offers = [_piece(*piece) for piece in _objects(answer)]
    found = {offer.id: offer for offer in offers if offer}
    if len(found) < len(offers):
        log.error(
            "%d of the %d jobs that RunPod sent have no id, or one that is there twice",
            len(offers) - len(found),
            len(offers),
        )
    if not found:
        raise ValueError(f"no job in {answer[:80]!r}")
    return list(found.values())


def _offer(job: Any) -> Offer | None:
    name = job.get("id") if isinstance(job, dict) else None
    return Offer(name, job) if isinstance(name, str) and name else None


def _piece(text: bytes, name: str | None) -> Offer | None:
    try:
        return _offer(from_json(text))
    except ValueError as fault:
        return Offer(name, {"id": name}, f"The job could not be read: {fault}.") if name else None


def _objects(answer: bytes) -> Iterator[tuple[bytes, str | None]]:
    """The outermost objects with their ids, the last one perhaps cut off; found without reading what they hold."""
    outside = 1 if answer.lstrip()[:1] == b"[" else 0
    depth, start, name = 0, -1, None
    for sign in _SIGN.finditer(answer):
        match sign[0][:1]:
            case b"[" | b"{":
                if depth == outside and start < 0:
                    start, name = sign.start(), None
                depth += 1
            case b"]" | b"}":
                depth -= 1
                if depth == outside and start >= 0:
                    yield answer[start : sign.end()], name
                    start = -1
            case _:
                if depth == outside + 1 and sign[0] == b'"id"' and (told := _NAMED.match(answer, sign.end())):
                    name = told[1].decode(errors="replace")
    if start >= 0:
        yield answer[start:], name
