"""What the supervisor and its child say to each other: JSON objects, a line each, over a socket.

To the child: `run`, `cancel`, `call`. From it: `ready`, `alive`, `progress`, `done`, `answer`, `health`,
`broken`. Standard output is left to whoever prints.
"""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from typing import Any

__all__ = ["Wire"]

# A voice comes in base64 through it.
_LONGEST_LINE = 64 * 2**20


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
            self._writer.write(json.dumps({"what": what, **fields}, ensure_ascii=False, default=str).encode() + b"\n")

    async def messages(self) -> AsyncIterator[dict[str, Any]]:
        """What the other end says, until it is gone."""
        while True:
            try:
                line = await self._reader.readline()
            except (ConnectionError, ValueError):
                return
            if not line:
                return
            yield json.loads(line)

    def close(self) -> None:
        self._writer.close()
