"""f5-flows doctor: what is installed, what is missing, and what to do about it."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from deployments.local import probe, server
from deployments.local.process_lock import abandoned
from speech.errors import NotFound, SpeechError
from speech.settings import bare_environment, settings

__all__ = ["Finding", "examine", "report"]


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check.

    Attributes:
        level: ok; degraded (runs do without it, or will fail; the message says which); off (missing, but
            not needed for what runs here).
        message: what was found and what to do.
    """

    name: str
    level: Literal["ok", "degraded", "off"]
    message: str


def examine() -> list[Finding]:
    """Check everything that a run needs; nothing changes, except that a folder store gets its inbox."""
    checks = (
        _engine,
        _model,
        _gpu,
        _whisperx,
        _google,
        _aligner,
        _storage,
        _ffmpeg,
        _disk_space,
        _temporary,
        _server,
        _history,
    )
    return [check() for check in checks]


def report() -> dict[str, dict[str, str]]:
    """Return the health report of the contract: a level and a sentence for each part."""
    return {finding.name: {"status": finding.level, "message": finding.message} for finding in examine()}


def _engine() -> Finding:
    from speech.engines import choose

    name = settings().engine
    try:
        engine, notes = choose(name)
    except SpeechError as fault:
        return Finding("engine", "degraded", str(fault))
    return Finding("engine", "ok", " ".join([f"{engine.name} (ENGINE={name}).", *notes]))


def _production() -> bool:
    """Check whether F5-TTS is meant to speak here."""
    from speech.request import SpeechRequest
    from speech.requirements import requirements_of

    return bool(requirements_of(SpeechRequest(text="probe"), "en"))


def _model() -> Finding:
    from speech.engines.f5 import F5, load_seconds

    if not _production():
        return Finding("model", "off", "F5-TTS is not enabled here; set ENGINE=f5-tts on a machine with a GPU.")
    if problem := F5().problem():
        return Finding("model", "degraded", problem)
    try:
        seconds = load_seconds()
    except SpeechError as fault:
        return Finding("model", "degraded", f"The model is on this machine but cannot be loaded: {fault}")
    return Finding("model", "ok", f"{settings().f5_model} was loaded in {seconds:.1f} s.")


def _gpu() -> Finding:
    if find_spec("torch") is None:
        return Finding("gpu", "off", "PyTorch is not installed; the demo voice and embedded aligner do not need it.")
    code = (
        "import torch; found = torch.cuda.is_available(); "
        "found and torch.zeros(1_000_000, device='cuda').sum().item(); "
        "print(torch.cuda.get_device_name(), *torch.cuda.mem_get_info(), sep='|') if found else print()"
    )
    completed = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, env=bare_environment("CUDA_*")
    )
    if completed.returncode:
        reason = completed.stderr.strip().splitlines()[-1:] or ["no reason given"]
        return Finding("gpu", "degraded", f"PyTorch cannot use the GPU: {reason[0][:200]} Check the driver: nvidia-smi")
    if not (output := completed.stdout.strip()):
        is_required = _production()
        message = "PyTorch sees no GPU; check nvidia-smi and CUDA_VISIBLE_DEVICES, or F5-TTS runs on the CPU."
        return Finding("gpu", "degraded" if is_required else "off", message)
    name, free, total = output.split("|")
    return Finding(
        "gpu", "ok", f"{name}: memory can be allocated; {int(free) / 1e9:.1f} of {int(total) / 1e9:.1f} GB are free."
    )


def _whisperx() -> Finding:
    from speech.runtime import check

    state = check("whisperx")
    if state.level != "ready":
        advice = "Run: f5-flows runtime install whisperx (2 GB of disk, 4 GB of GPU memory)"
        return Finding("whisperx", "degraded" if _production() else "off", f"{state.sentence} {advice}")
    from speech.models import choose, listing

    try:
        models_here = [name for name in listing(None, choose()) if name.startswith("align/")]
    except SpeechError as fault:
        return Finding("whisperx", "degraded", str(fault))
    none_yet = "No model is on this machine yet; run: f5-flows models sync align/en"
    models = f"Models on this machine: {', '.join(models_here)}." if models_here else none_yet
    return Finding("whisperx", "ok", f"{state.sentence} {models}")


def _aligner() -> Finding:
    if find_spec("espeakng_loader") is None:
        return Finding(
            "alignment",
            "degraded",
            "Without espeak-ng, word times are estimated from word lengths; run: pip install 'f5-flows[espeak]'",
        )
    return Finding("alignment", "ok", "The embedded aligner is installed, so subtitles are always written.")


def _google() -> Finding:
    from speech.alignment.google import ask, connect

    credentials = settings().google_credentials_json or settings().google_application_credentials
    try:
        ask(connect())
    except SpeechError as fault:
        return Finding("google", "degraded" if credentials else "off", f"Not used for timing: {fault}")
    return Finding("google", "ok", "Google accepted these credentials.")


def _storage() -> Finding:
    from blocks.storage import from_environment
    from speech import inbox

    block = settings().storage_block
    if block:
        return Finding("storage", "ok", f"The store is the block {block} (STORAGE_BLOCK), opened when a run starts.")
    probe = "jobs/doctor.probe"
    try:
        store = from_environment()
        store.write(probe, "probe", "text/plain")
        text = store.read(probe)
        store.delete(probe)
        next(iter(store.list("jobs/")), None)
        location = inbox.locate(store)
    except NotFound as fault:
        return Finding("storage", "degraded", f"A file that was written could not be read back: {fault}")
    except SpeechError as fault:
        return Finding("storage", "degraded", str(fault))
    if text != "probe":
        return Finding("storage", "degraded", f"{store} returned something other than what was written.")
    return Finding("storage", "ok", f"Wrote to, read from and listed {store}. The inbox is {location}")


def _ffmpeg() -> Finding:
    from speech.media import ffmpeg

    try:
        return Finding("ffmpeg", "ok", f"{ffmpeg()}.")
    except (RuntimeError, ImportError):
        return Finding("ffmpeg", "off", "Only WAV, FLAC, Ogg and MP3 can be read; install ffmpeg for the rest.")


def _disk_space() -> Finding:
    home = settings().f5_flows_home
    folder = next(parent for parent in (home, *home.parents) if parent.exists())
    free = shutil.disk_usage(folder).free / 1e9
    if free < 1:
        return Finding("disk", "degraded", f"Only {free:.1f} GB are free at {folder}; free some, or set F5_FLOWS_HOME.")
    return Finding("disk", "ok", f"{free:.0f} GB are free at {folder}.")


def _temporary() -> Finding:
    folder = Path(tempfile.gettempdir())
    try:
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(bytes(4096))
            probe.flush()
    except OSError as fault:
        advice = "free some space there, or set TMPDIR to a folder on another disk."
        return Finding("temporary", "degraded", f"{folder} cannot be written to: {fault.strerror}; {advice}")
    if (free := shutil.disk_usage(folder).free / 1e9) < 0.5:
        advice = "an hour of speech takes 0.5 GB while it is made; set TMPDIR to a folder on another disk."
        return Finding("temporary", "degraded", f"Only {free:.1f} GB are free at {folder}; {advice}")
    return Finding("temporary", "ok", f"{free:.0f} GB are free at {folder}.")


def _history() -> Finding:
    home, values = settings().f5_flows_home, settings()
    database, open_locks = home / "prefect" / "prefect.db", len(abandoned())
    if values.prefect_api_url or not database.exists():
        return Finding("history", "off", "There is no local history of runs yet, or PREFECT_API_URL names a server.")
    size = sum(part.stat().st_size for part in home.glob("prefect/prefect.db*")) / 1e6
    extent = f"{size:.0f} MB of runs are kept for {values.keep_days} days and up to {values.keep_mb} MB"
    if open_locks:
        advice = "the local server ends them; if it is not running: f5-flows server start"
        return Finding("history", "degraded", f"{extent}. {open_locks} processes died and left runs open; {advice}")
    if size > 2 * values.keep_mb:
        advice = "a running server shrinks it within minutes; restart it: f5-flows server stop; f5-flows server start"
        return Finding("history", "degraded", f"{extent}, and it exceeds that limit; {advice}")
    return Finding("history", "ok", f"{extent} (KEEP_DAYS, KEEP_MB).")


def _server() -> Finding:
    configured = settings().prefect_api_url
    if configured:
        try:
            probe.require(configured)
        except SpeechError as fault:
            return Finding("prefect", "degraded", str(fault))
        return Finding("prefect", "ok", f"{configured} answers.")
    running_server = server.find()
    if running_server is None:
        if problem := server.find_problem():
            return Finding("prefect", "degraded", f"The local server cannot start. {problem}")
        return Finding("prefect", "off", "The local server is not running; start it: f5-flows server start")
    if not running_server.answers():
        return Finding("prefect", "degraded", "The local server does not answer; replace it: f5-flows server start")
    return Finding("prefect", "ok", f"The local server answers at {running_server.url}.")
