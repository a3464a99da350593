"""What the child does besides flow runs: it has the models, and the time."""

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
    """Store a voice, made ready."""
    from speech.voices.library import Upload, add

    return add(Upload.parse(upload), _store())


def warm_up() -> dict[str, Any]:
    """Install, fetch and load what the first request would wait for; returns the seconds it took, or why it failed."""
    from speech.engines import SynthesisOptions, choose
    from speech.request import SpeechRequest
    from speech.requirements import fetch_models, install_components, requirements_of
    from speech.settings import settings

    began = time.monotonic()
    try:
        required = requirements_of(SpeechRequest(text="Ready.", language="en", return_word_timings=True))
        if required:
            for note in [*install_components(required, log.info), *fetch_models(required, _store(), log.info)]:
                log.warning("%s", note)
        engine, _ = choose(settings().engine)
        engine.synthesize(["Ready."], SynthesisOptions())
    except SpeechError as fault:
        log.warning("Not warmed up: %s", fault)
        return {"problem": str(fault)}
    seconds = round(time.monotonic() - began, 2)
    log.info("Warm after %.1f s", seconds)
    return {"seconds": seconds}


def health() -> dict[str, dict[str, str]]:
    """The health report of the contract."""
    from deployments.cli.doctor import report

    return report()


_CHORES: dict[str, Callable[..., dict[str, Any]]] = {"upload": upload, "warm up": warm_up, "health": health}


async def do(name: str, given: dict[str, Any]) -> dict[str, Any]:
    """Do one of them in a thread; where it is cancelled, the programs that the thread waits for are ended.

    Raises:
        SpeechError: it failed.
    """
    over = threading.Event()

    def check() -> None:
        if over.is_set():
            raise SpeechError(f"Nobody waits for the {name} any more.")

    def work() -> dict[str, Any]:
        with interrupted_by(check):
            return _CHORES[name](**given)

    try:
        return await asyncio.to_thread(work)
    finally:
        over.set()


def _store() -> Store:
    return asyncio.run(aopen_store())
