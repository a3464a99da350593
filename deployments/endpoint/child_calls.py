"""The calls that the child handles besides flow runs, because they need the models or take long."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from blocks.storage import aopen_store
from speech.errors import SpeechError
from speech.processes import interrupted_by
from speech.stores import Store

__all__ = ["do"]

log = logging.getLogger("f5_flows.child")


def upload(upload: dict[str, Any]) -> dict[str, Any]:
    """Prepare a voice and store it."""
    from speech.voices.library import Upload, add

    return add(Upload.parse(upload), _store())


def warm_up() -> dict[str, Any]:
    """Install, fetch and load what the first request would wait for; return the seconds taken, or why it failed."""
    from speech.engines import SynthesisOptions, choose
    from speech.request import SpeechRequest
    from speech.requirements import fetch_models, install_components, requirements_of
    from speech.settings import settings

    began = time.monotonic()
    try:
        required = requirements_of(SpeechRequest(text="Ready.", return_word_timings=True), "en")
        if required:
            for note in [*install_components(required, log.info), *fetch_models(required, _store(), log.info)]:
                log.warning("%s", note)
        engine, _ = choose(settings().engine)
        engine.synthesize(["Ready."], SynthesisOptions())
    except SpeechError as fault:
        log.warning("The warm-up failed: %s", fault)
        return {"problem": str(fault)}
    seconds = round(time.monotonic() - began, 2)
    log.info("Warm after %.1f s", seconds)
    return {"seconds": seconds}


def health() -> dict[str, dict[str, str]]:
    """Return the health report of the contract."""
    from deployments.cli.doctor import report

    return report()


_CALLS: dict[str, Callable[..., dict[str, Any]]] = {"upload": upload, "warm up": warm_up, "health": health}


async def do(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Run a call in a thread; if it is cancelled, the programs that the thread waits for are ended.

    Raises:
        SpeechError: the call failed.
    """
    finished = threading.Event()

    def check() -> None:
        if finished.is_set():
            raise SpeechError(f"The {name} was cancelled because its client stopped waiting.")

    def work() -> dict[str, Any]:
        with interrupted_by(check):
            return _CALLS[name](**arguments)

    try:
        return await asyncio.to_thread(work)
    finally:
        finished.set()


def _store() -> Store:
    return asyncio.run(aopen_store())
