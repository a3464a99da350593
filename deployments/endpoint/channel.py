"""The channel between the supervisor and its child: JSON objects over a socket, one per line.

Messages to the child are `run`, `cancel`, `call` and `drop`; messages from it are `ready`, `alive`, `progress`,
`done`, `answer` and `broken`. Standard output is left free for code that prints.
"""

from __future__ import annotations

import asyncio
import json
import logging
import socket
from collections.abc import AsyncIterator
from typing import Any

__all__ = ["Channel"]

# An uploaded voice passes through it in base64.
_LONGEST_LINE = 64 * 2**20

log = logging.getLogger("f5_flows.channel")


class Channel:
    """One end of a channel."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    async def over(cls, end: socket.socket) -> Channel:
        return cls(*await asyncio.open_connection(sock=end, limit=_LONGEST_LINE))

    def send(self, what: str, **fields: Any) -> None:
        """Queue a message; call this only from the event loop's own thread."""
        if not self._writer.is_closing():
            # ASCII, because a text may hold characters that UTF-8 cannot encode.
            self._writer.write(json.dumps({"what": what, **fields}, default=str).encode() + b"\n")

    async def messages(self) -> AsyncIterator[dict[str, Any]]:
        """Yield the messages of the other end until it closes; anything that is not a message is logged."""
        while True:
            try:
                line = await self._reader.readline()
            except (OSError, ValueError):
                return
            # An incomplete line means that the other end died while writing it.
            if not line.endswith(b"\n"):
                return
            try:
                message = json.loads(line)
                if not isinstance(message, dict):
                    raise ValueError(f"it is {type(message).__name__}, not an object")
            except (ValueError, RecursionError) as fault:
                log.error("A message from the other end could not be read: %s", fault)
                continue
            yield message

    def close(self) -> None:
        self._writer.close()
