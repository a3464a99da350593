"""What is there, what is missing, and what to do about it."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Literal

from deployments import server
from speech.errors import NotFound, SpeechError
from speech.settings import settings

__all__ = ["Finding", "examine"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        level: ok; off (not there, and not needed for what runs here); broken.
        sentence: what was seen and what to do.
    """

    name: str
    level: Literal["ok", "off", "broken"]
    sentence: str


def examine() -> list[Finding]:
    """Look at everything a run needs; nothing is changed."""
    return [_engine(), _aligner(), _google(), _storage(), _ffmpeg(), _room(), _server()]


def _engine() -> Finding:
    from speech.engines import choose

    name = settings().engine
    try:
        engine, notes = choose(name)
    except SpeechError as fault:
        return Finding("engine", "broken", str(fault))
    return Finding("engine", "ok", " ".join([f"{engine.name} (ENGINE={name}).", *notes]))


def _aligner() -> Finding:
    from speech.alignment import ALIGNERS, CHAIN

    there = [name for name in CHAIN if name in ALIGNERS]
    missing = [name for name in CHAIN if name not in ALIGNERS]
    if find_spec("espeakng_loader") is None:
        return Finding(
            "alignment",
            "broken",
            "Without espeak-ng words are only placed by their letters; run: pip install 'f5-flows[espeak]'",
        )
    absent = f" Not part of this installation: {', '.join(missing)}." if missing else ""
    return Finding("alignment", "ok", f"{', '.join(there)}.{absent}")


def _google() -> Finding:
    from speech.alignment.google import connect

    try:
        connect()
    except SpeechError as fault:
        wanted = settings().google_credentials_json or settings().google_application_credentials
        return Finding("google", "broken" if wanted else "off", f"Not used for timing: {fault}")
    return Finding("google", "ok", "The credentials can be read; Google itself was not asked.")


def _storage() -> Finding:
    from blocks.storage import from_environment

    block = settings().storage_block
    if block:
        return Finding("storage", "ok", f"The block {block} (STORAGE_BLOCK); it is opened when a run starts.")
    probe = "jobs/doctor.probe"
    try:
        store = from_environment()
        store.write(probe, "probe", "text/plain")
        text = store.read(probe)
        store.delete(probe)
        next(iter(store.list("jobs/")), None)
    except NotFound as fault:
        return Finding("storage", "broken", f"What was written could not be read back: {fault}")
    except SpeechError as fault:
        return Finding("storage", "broken", str(fault))
    if text != "probe":
        return Finding("storage", "broken", f"{store} gave back something else than was written.")
    return Finding("storage", "ok", f"Wrote to, read from and listed {store}.")


def _ffmpeg() -> Finding:
    from speech.audio import ffmpeg

    try:
        return Finding("ffmpeg", "ok", f"{ffmpeg()}.")
    except (RuntimeError, ImportError):
        return Finding("ffmpeg", "off", "Only WAV, FLAC, Ogg and MP3 can be read; install ffmpeg for the rest.")


def _room() -> Finding:
    home = settings().f5_flows_home
    place = next(parent for parent in (home, *home.parents) if parent.exists())
    free = shutil.disk_usage(place).free / 1e9
    if free < 1:
        return Finding("disk", "broken", f"Only {free:.1f} GB are free at {place}; free some, or set F5_FLOWS_HOME.")
    return Finding("disk", "ok", f"{free:.0f} GB are free at {place}.")


def _server() -> Finding:
    configured = settings().prefect_api_url
    if configured:
        try:
            server.require(configured)
        except SpeechError as fault:
            return Finding("prefect", "broken", str(fault))
        return Finding("prefect", "ok", f"{configured} answers.")
    found = server.find()
    if found is None:
        return Finding("prefect", "off", "The local server is started by the first run, or: f5-flows server start")
    if not found.answers():
        return Finding("prefect", "broken", "The local server does not answer; replace it: f5-flows server start")
    return Finding("prefect", "ok", f"The local server answers at {found.url}.")
