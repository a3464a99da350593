"""The warm process: it keeps Prefect and the models loaded, and carries out `speak` for the command line.

    python -m deployments.local.warm_process <digest of its identity>

Each connection is one command: what it asks for runs as in a process of its own (`deployments.local.run`), in a thread
here, and ends as cancelled when the connection closes. The process ends after WARM_MINUTES without work, when its home
or its Prefect server is gone, when a command needs another one, or when it can no longer be trusted with the GPU. While
it works, commands of another identity do their work themselves.
"""

from __future__ import annotations

import atexit
import gc
import logging
import os
import signal
import socket
import sys
import tempfile
import threading
import time
from contextlib import closing, suppress
from pathlib import Path
from types import FrameType
from typing import Any

from deployments.interrupts import Stopped, Unfinished
from deployments.local.home import is_same
from deployments.local.warm import address
from deployments.local.warm_work import Work
from deployments.local.wire import Wire, pack
from speech.errors import ServerError, SpeechError
from speech.settings import scrub_logs, settings

__all__ = ["Warm", "main"]

_LOOK_SECONDS = 1.0
_END_SECONDS = 20.0

log = logging.getLogger("f5_flows.warm")


class Warm:
    """The work of this process.

    Args:
        listener: a socket that listens.
        path: where it lies.
        identity: the digest that a command must ask for.
    """

    def __init__(self, listener: socket.socket, path: Path, identity: str) -> None:
        self._listener, self._path, self._identity = listener, path, identity
        self._socket = path.stat()
        self._lock = threading.Lock()
        self._works: set[Work] = set()
        self._runs, self._last = 0, time.monotonic()
        self._ending, self._damage = "", ""
        self._ready = threading.Event()
        self._fault: SpeechError | OSError | None = None
        self._remote = settings().prefect_api_url
        self._server: object = None
        self._notes: list[str] = []
        self._places = threading.BoundedSemaphore(settings().endpoint_concurrency)

    def serve(self) -> None:
        """Accept connections until this process has to end."""
        threading.Thread(target=self._prepare, daemon=True).start()
        self._listener.settimeout(_LOOK_SECONDS)
        while not self._is_over():
            with suppress(TimeoutError):
                connection, _ = self._listener.accept()
                connection.settimeout(None)
                threading.Thread(target=self._handle, args=(Wire(connection),), daemon=True).start()
        log.warning("It ends: %s.", self._ending)
        self._refuse_others()

    def end(self, reason: str) -> None:
        """Make this process end, and what it works on with it."""
        with self._lock:
            self._close(reason)
            for work in self._works:
                work.end_reason = reason
                work.stopped.set()

    def wait(self) -> None:
        """Wait until nothing is worked on."""
        deadline = time.monotonic() + _END_SECONDS
        while self._works and time.monotonic() < deadline:
            time.sleep(0.02)

    def _prepare(self) -> None:
        """Import what a run needs, and start the Prefect server if need be."""
        from deployments.cli.console import use_server_for_runs
        from deployments.local import server

        try:
            use_server_for_runs(self._notes.append)
            self._server = None if self._remote else server.find()
            from deployments.local import run  # noqa: F401
            from speech.language import detect

            # It has to be unpacked, which takes most of a second.
            with suppress(SpeechError):
                detect("Good morning.")
        except (SpeechError, OSError) as fault:
            self._fault = fault
        except BaseException:
            log.exception("It could not be prepared")
            self._fault = SpeechError(f"The warm process could not be prepared; {Path.cwd() / 'warm.log'} says why.")
        if self._fault:
            with self._lock:
                self._close(f"it could not be prepared: {self._fault}")
        self._ready.set()

    def _is_over(self) -> bool:
        with self._lock:
            if not self._works and not self._ending and (reason := self._reason()):
                self._close(reason)
            return bool(self._ending)

    def _reason(self) -> str:
        """Return why this process should take on no more work; empty if there is no reason."""
        values = settings()
        if self._damage:
            return self._damage
        if not self._works and time.monotonic() - self._last > values.warm_minutes * 60:
            return f"nobody used it for {values.warm_minutes:g} minutes"
        if self._runs >= values.child_runs:
            return f"it carried out {self._runs} runs"
        if not is_same(self._path, self._socket):
            return "its home is gone, or another process has taken its place"
        if not Path(tempfile.gettempdir()).is_dir():
            return "its folder for temporary files is gone"
        if self._ready.is_set() and self._has_lost_server():
            return "its Prefect server has ended"
        return ""

    def _has_lost_server(self) -> bool:
        from deployments.local import server

        return self._server is not None and server.find() != self._server

    def _close(self, reason: str) -> None:
        """Let no further command connect; the caller holds the lock."""
        if not self._ending:
            self._ending = reason
            if is_same(self._path, self._socket):
                with suppress(OSError):
                    self._path.unlink()

    def _refuse_others(self) -> None:
        """Tell commands that have connected, but were not accepted yet, that this process ends."""
        self._listener.setblocking(False)
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                wire = Wire(connection)
                wire.send("ended")
                wire.close()

    def _handle(self, wire: Wire) -> None:
        with closing(wire):
            match next(wire.messages(), None):
                case {"what": "status"}:
                    wire.send("status", **self._status())
                case {"what": "release"}:
                    self._release()
                    wire.send("released")
                case {"what": "end"}:
                    self.end("a command ended it")
                    # The connection closes when this process has ended.
                    threading.Event().wait()
                case {"what": "speak", "identity": str(identity), "parameters": dict(parameters)}:
                    self._speak(wire, identity, parameters)

    def _status(self) -> dict[str, Any]:
        import psutil

        with self._lock:
            left = settings().warm_minutes * 60 - (time.monotonic() - self._last)
            return {
                "pid": os.getpid(),
                "memory": psutil.Process().memory_info().rss,
                "models": len(_models()),
                "works": len(self._works),
                "seconds": None if self._works else max(left, 0.0),
            }

    def _release(self) -> None:
        """Drop the models, unless they are used."""
        with self._lock:
            if not self._works and _models():
                from speech.models import loaded

                loaded.clear()

    def _speak(self, wire: Wire, identity: str, parameters: dict[str, Any]) -> None:
        work = Work(wire)
        if refusal := self._admit(work, identity):
            wire.send(refusal)
            return
        wire.send("begun")
        threading.Thread(target=work.listen, daemon=True).start()
        damage = self._answer(work, parameters)
        with self._lock:
            self._works.discard(work)
            self._last = time.monotonic()
            self._damage = self._damage or damage

    def _answer(self, work: Work, parameters: dict[str, Any]) -> str:
        """Carry out the work and answer it; return why this process should do no more, or an empty string."""
        try:
            self._await_preparation(work)
            with work.place(self._places):
                work.wire.send("reply", reply=self._perform(work, parameters))
            return ""
        except Unfinished as fault:
            return f"{fault} was stopped, but does not end"
        except Stopped:
            if work.end_reason:
                text = f"The warm process was ended while it spoke ({work.end_reason}); run it again."
                work.wire.send("error", **pack(ServerError(text)))
            work.acknowledge()
        except (SpeechError, OSError) as fault:
            work.wire.send("error", **pack(fault))
        except Exception as fault:
            log.exception("A run could not be carried out")
            text = f"An unexpected fault ({type(fault).__name__}); {Path.cwd() / 'warm.log'} has the details."
            work.wire.send("error", **pack(SpeechError(text)))
        return self._find_damage()

    def _find_damage(self) -> str:
        """Return why this process should carry out nothing more after a failure; empty if there is no reason."""
        if self._fault or not self._ready.is_set():
            # Nothing has run, and Prefect must not be imported yet.
            return ""
        from speech.cuda import find_fault
        from tasks.step import calls

        deadline = time.monotonic() + settings().cancel_grace
        while steps := [call.step for call in calls() if call.given_up.is_set()]:
            if time.monotonic() > deadline:
                return f"the step {steps[0]!r} of a run that has ended did not stop"
            time.sleep(0.1)
        fault = find_fault()
        return f"CUDA can no longer be used: {fault}" if fault else ""

    def _admit(self, work: Work, identity: str) -> str:
        """Take on work, or return the message that refuses it."""
        with self._lock:
            reason = self._ending or self._reason() or ("" if identity == self._identity else "another one is needed")
            if not reason:
                self._works.add(work)
                self._runs += 1
            elif self._works and not self._ending:
                return "busy"
            else:
                self._close(reason)
                return "ended"
        return ""

    def _await_preparation(self, work: Work) -> None:
        seen = 0
        while not self._ready.wait(0.05):
            work.check()
            for note in self._notes[seen:]:
                work.wire.send("note", text=note)
                seen += 1
        if self._fault:
            raise self._fault

    def _perform(self, work: Work, parameters: dict[str, Any]) -> dict[str, Any]:
        from deployments.local import probe
        from deployments.local.run import perform
        from speech.request import SpeechRequest

        if self._remote:
            probe.require(self._remote)
        request = SpeechRequest.model_validate(parameters["request"])
        return perform(parameters | {"request": request}, work.report, remote=self._remote, waiter=work)


def _models() -> list[int]:
    """Return the sizes of the models that are loaded, without importing anything for that."""
    loaded = sys.modules.get("speech.models.loaded")
    return loaded.held() if loaded else []


def _listen(home: Path) -> socket.socket:
    """Return a socket that listens in the home, in place of one that a dead process left."""
    (home / "warm.sock").unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX)
    before = os.umask(0o177)
    with address(home) as path:
        listener.bind(path)
    os.umask(before)
    listener.listen(128)
    return listener


def main() -> None:
    scrub_logs()
    # Prefect configures the handlers of other loggers.
    log.addHandler(logging.StreamHandler())
    log.propagate = False
    home = settings().f5_flows_home
    warm = Warm(_listen(home), home / "warm.sock", sys.argv[1])

    def end(number: int, frame: FrameType | None) -> None:
        # The thread that is interrupted may hold the lock.
        threading.Thread(target=warm.end, args=(f"signal {number}",), daemon=True).start()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    from deployments.cli.console import temporary_files

    with temporary_files():
        warm.serve()
        warm.wait()
    # Prefect sends the last lines of its log; threads that do not stop must not keep this process.
    last = threading.Timer(_END_SECONDS, os._exit, [os.EX_OK])
    last.daemon = True
    last.start()
    atexit.register(gc.freeze)


if __name__ == "__main__":
    main()
