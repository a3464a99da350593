"""Prefect's entry point to this project: its block types and its worker type."""

from blocks.google import GoogleSpeech
from blocks.runpod import RunPodCredentials, RunPodEndpoint
from deployments import retries
from deployments.runpod.worker import RunPodWorker
from speech.settings import scrub_logs

# Every Prefect process that loads this module runs our flows or our worker, and needs our retry policy.
retries.install()

__all__ = ["GoogleSpeech", "RunPodCredentials", "RunPodEndpoint", "RunPodWorker"]

# A worker imports no flow, but its logs are just as public.
scrub_logs()
