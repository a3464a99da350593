"""Explanations of why a job, pod or queue on RunPod fails to finish a flow run, with what to do about it.

All functions are pure: RunPod's data goes in, sentences come out.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from deployments.runpod.client import Job, Pod, Workers

__all__ = ["Diagnosis", "of_job", "of_pod", "of_queue"]


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What happened, and what to do about it; each a sentence."""

    summary: str
    resolution: str

    def __str__(self) -> str:
        return f"{self.summary} {self.resolution}"


def of_job(job: Job | None) -> Diagnosis:
    """Explain why a job ended before its flow run did; None stands for a job that RunPod no longer knows."""
    if job is None:
        return Diagnosis(
            "The RunPod job expired: RunPod no longer knows it.",
            "Raise ttl in the work pool if jobs wait for long, or allow the endpoint more workers.",
        )
    error = _text(job.error)
    if _out_of_memory(error):
        return Diagnosis(
            f"The RunPod worker ran out of memory: {error[:200]}",
            "Choose a larger GPU for the endpoint, or send shorter scripts.",
        )
    if job.status == "TIMED_OUT" and not job.started:
        return Diagnosis(
            "The RunPod job expired in the queue; no worker took it.",
            "Raise ttl in the work pool, allow the endpoint more workers, or choose GPU types that are free.",
        )
    if job.status == "TIMED_OUT":
        return Diagnosis(
            "The RunPod job ran out of time, or its worker stopped reporting.",
            "Raise execution_timeout in the work pool; see the worker's log in RunPod's console if it died.",
        )
    if job.status == "CANCELLED":
        return Diagnosis("The RunPod job was cancelled at RunPod.", "Run it again if that was not meant.")
    if job.status == "COMPLETED" and job.output is None:
        return Diagnosis(
            "The RunPod job completed without an output; its result was lost on the way.",
            "Run it again; files that were made are in the store under the run's id.",
        )
    if job.status == "COMPLETED":
        return Diagnosis(
            "The RunPod job completed, but the flow run was never finished.",
            "Check that the endpoint's PREFECT_API_URL names this server, then run it again.",
        )
    return Diagnosis(
        f"The RunPod job failed: {error[:300] or 'no reason given'}.".replace("..", "."),
        "See the worker's log in RunPod's console, by the job's id.",
    )


def of_pod(pod: Pod | None) -> Diagnosis:
    """Explain why a pod ended before its flow run did; None stands for a pod that RunPod no longer knows."""
    if pod is None:
        return Diagnosis("The RunPod pod is gone.", "It was terminated by somebody, or the account has no balance.")
    return Diagnosis(
        f"The RunPod pod ended ({pod.status}) before the flow run did.",
        "See the pod's log in RunPod's console: the image must be this project's, and PREFECT_API_URL reachable.",
    )


def of_queue(seconds: float, workers: Workers) -> Diagnosis | None:
    """Explain why a job still waits; return None while that is nothing unusual.

    Args:
        seconds: how long ago it was submitted.
    """
    if workers.unhealthy and not workers.serving:
        return Diagnosis(
            f"The endpoint's workers crash when they start ({workers.unhealthy} unhealthy).",
            "See their log in RunPod's console: image name, registry access, CUDA version, disk size.",
        )
    if workers.throttled and not workers.serving and not workers.initializing:
        return Diagnosis(
            f"RunPod has no free machine for this endpoint ({workers.throttled} workers throttled).",
            "Add GPU types or data centres to the endpoint, or wait.",
        )
    if not workers.total and seconds > 60:
        return Diagnosis(
            "The endpoint has started no worker.",
            "Check that its maximum of workers is above 0; RunPod lowers it after days without requests.",
        )
    if workers.initializing and seconds > 420:
        return Diagnosis(
            f"Workers have been starting for {seconds / 60:.0f} minutes.",
            "Set RUNPOD_INIT_TIMEOUT, or see their log in RunPod's console.",
        )
    return None


def _text(error: Any) -> str:
    """Return the message of an error; RunPod's SDK packs an exception into a JSON text."""
    if isinstance(error, str):
        try:
            error = json.loads(error)
        except ValueError:
            return str(error)
    if isinstance(error, dict):
        return str(error.get("error_message") or error.get("message") or error)
    return "" if error is None else str(error)


def _out_of_memory(error: str) -> bool:
    low = error.lower()
    return any(sign in low for sign in ("out of memory", "outofmemory", "oom-kill", "exit code 137", "exit code: 137"))
