"""What the supervisor and its child say to each other: JSON objects, a line each, over a socket.

To the child: `run`, `cancel`, `call`, `drop`. From it: `ready`, `alive`, `progress`, `done`, `answer`,
`broken`. Standard output is left to whoever prints.
"""

from __future__ import annotations

import asyncio
import json
import logging
import socket
from collections.abc import AsyncIterator
from typing import Any

__all__ = ["Wire"]

# A voice comes in base64 through it.
_LONGEST_LINE = 64 * 2**20

log = logging.getLogger("f5_flows.wire")


class Wire:
    """One end."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    async def over(cls, end: socket.socket) -> Wire:
        return cls(*await asyncio.open_connection(sock=end, limit=_LONGEST_LINE))

    def send(self, what: str, **fields: Any) -> None:
        """Queue a message; called from the loop's own thread."""
        if not self._writer.is_closing():
            # ASCII, for a text may hold what UTF-8 cannot.
            self._writer.write(json.dumps({"what": what, **fields}, default=str).encode() + b"\n")

    async def messages(self) -> AsyncIterator[dict[str, Any]]:
        """What the other end says, until it is gone; of what is not a message the log tells."""
        while True:
            try:
                line = await self._reader.readline()
            except (OSError, ValueError):
                return
            # An end that died while it spoke has said half of it.
            if not line.endswith(b"\n"):
                return
            try:
                message = json.loads(line)
                if not isinstance(message, dict):
                    raise ValueError(f"it is {type(message).__name__}, not an object")
            except (ValueError, RecursionError) as fault:
                log.error("What the other end said could not be read: %s", fault)
                continue
            yield message

    def close(self) -> None:
        self._writer.close()
