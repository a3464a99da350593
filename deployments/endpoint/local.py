"""The endpoint on a developer's own machine: the API that RunPod's SDK serves for tests, with the real contract behind.

`POST /runsync` runs a job and answers with its reply. The rest of that API differs from RunPod's: `POST /run` only
keeps a job, which `POST /status/{id}` runs. It is for trying out requests with curl, and for nothing else.
"""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from typing import Any

import uvicorn

from speech.errors import InvalidRequest, Problem
from speech.settings import export

__all__ = ["serve"]

_HOST = "127.0.0.1"
# How long jobs in progress may take to finish when the endpoint is stopped.
_GRACE_SECONDS = 3


def serve(port: int) -> None:
    """Serve jobs on loopback until stopped.

    Raises:
        InvalidRequest: the port is taken.
    """
    export(RUNPOD_LOG_LEVEL="WARN", PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL="CRITICAL")
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((_HOST, port))
        except OSError as fault:
            message = f"--port: {port} cannot be used: {fault.strerror}; name another."
            raise InvalidRequest([Problem("", port, "", message)]) from None
        asyncio.run(_serve(listener))


class _Server(uvicorn.Server):
    """A server that ends in good order at a signal, so that the child process is ended after it, not before."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        yield


async def _serve(listener: socket.socket) -> None:
    from runpod.serverless.modules.rp_fastapi import WorkerAPI

    from deployments.endpoint.logs import log_as_json
    from deployments.endpoint.service import Container
    from deployments.local.gate import Gate

    # Importing the SDK installs a log handler of its own.
    log_as_json()
    port = listener.getsockname()[1]
    async with AsyncExitStack() as stack:
        container = Container(stack, _report)
        container.start()
        stack.push_async_callback(container.stop)
        api = Gate(
            WorkerAPI({"handler": container.contract}).rp_app, [f"http://{_HOST}:{port}", f"http://localhost:{port}"]
        )
        config = uvicorn.Config(api, log_config=None, access_log=False, timeout_graceful_shutdown=_GRACE_SECONDS)
        # The socket is already listening, so early requests wait for uvicorn instead of being refused.
        listener.listen()
        print(f"The endpoint answers at http://{_HOST}:{port}. To try it:\n{_CALL.format(port=port)}", flush=True)
        await _Server(config).serve(sockets=[listener])


_CALL = (
    "curl -s http://127.0.0.1:{port}/runsync -H 'Content-Type: application/json' "
    """-d '{{"input": {{"text": "Hello there."}}}}'"""
)


async def _report(job: dict[str, Any], progress: dict[str, Any]) -> None:
    """Discard a job's progress: the local API has nowhere to report it."""
