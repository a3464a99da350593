"""Messages between the command line and the warm process: JSON objects over a socket, one per line."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from speech import errors
from speech.errors import InvalidRequest, Problem, SpeechError

__all__ = ["Wire", "pack", "unpack"]


class Wire:
    """One end of a connection."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket, self._lines = connection, connection.makefile("rb")
        self._sending = threading.Lock()

    def send(self, what: str, **fields: Any) -> None:
        """Send a message; one that the other end no longer reads is lost."""
        line = json.dumps({"what": what, **fields}).encode() + b"\n"
        with self._sending, suppress(OSError):
            self._socket.sendall(line)

    def messages(self) -> Iterator[dict[str, Any]]:
        """Yield the messages of the other end until it closes, or sends something else.

        Raises:
            TimeoutError: nothing came within the socket's timeout.
        """
        while True:
            try:
                line = self._lines.readline()
            except TimeoutError:
                raise
            except OSError:
                return
            # An incomplete line means that the other end died while writing it.
            if not line.endswith(b"\n"):
                return
            try:
                message = json.loads(line)
            except (ValueError, RecursionError):
                return
            if not isinstance(message, dict) or "what" not in message:
                return
            yield message

    def peer(self) -> tuple[int | None, int | None]:
        """Return the ids of the process that listens at the other end and of its user, if the system tells."""
        if not hasattr(socket, "SO_PEERCRED"):
            return None, None
        pid, user, _ = struct.unpack("3i", self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        return pid, user

    def limit(self, seconds: float) -> None:
        """Let no message be waited for any longer."""
        self._socket.settimeout(seconds)

    def close(self) -> None:
        # This also ends a `messages` that waits in another thread.
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._lines.close()
        self._socket.close()


def pack(fault: SpeechError | OSError) -> dict[str, Any]:
    """Return an error as the fields of a message."""
    if isinstance(fault, InvalidRequest):
        return {"kind": "InvalidRequest", "problems": [[problem.field, str(problem)] for problem in fault.problems]}
    if isinstance(fault, SpeechError):
        return {"kind": type(fault).__name__, "text": str(fault)}
    return {"kind": "OSError", "errno": fault.errno, "text": fault.strerror or str(fault), "file": fault.filename}


def unpack(message: dict[str, Any]) -> SpeechError | OSError:
    """Return the error that `pack` was given."""
    kind = message["kind"]
    if kind == "InvalidRequest":
        return InvalidRequest([Problem(field, None, "", text) for field, text in message["problems"]])
    if kind == "OSError":
        errno, text, file = (message[name] for name in ("errno", "text", "file"))
        return OSError(text) if errno is None else OSError(errno, text, file)
    fault: SpeechError = getattr(errors, kind, SpeechError)(message["text"])
    return fault
