"""What Prefect finds when it looks for this project: its block types and its worker type (entry point)."""

from blocks.google import GoogleSpeech
from blocks.runpod import RunPodCredentials, RunPodEndpoint
from deployments import retries
from deployments.runpod.worker import RunPodWorker
from speech.settings import scrub_logs

# Whatever process of Prefect's loads this has our flows or our worker in it.
retries.install()

__all__ = ["GoogleSpeech", "RunPodCredentials", "RunPodEndpoint", "RunPodWorker"]

# Where no flow is imported, as in a worker, logs are just as public.
scrub_logs()
