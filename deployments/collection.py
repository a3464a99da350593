"""What Prefect finds when it looks for this project: its block types and its worker type (entry point)."""

from blocks.google import GoogleSpeech
from blocks.runpod import RunPodCredentials, RunPodEndpoint
from deployments.runpod.worker import RunPodWorker
from speech.settings import scrub_logs

__all__ = ["GoogleSpeech", "RunPodCredentials", "RunPodEndpoint", "RunPodWorker"]

# Where no flow is imported, as in a worker, logs are just as public.
scrub_logs()
