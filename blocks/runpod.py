"""The blocks of the RunPod account and of the endpoint that flow runs are sent to."""

from __future__ import annotations

from prefect.blocks.core import Block
from pydantic import Field, SecretStr

from speech.settings import settings

__all__ = ["RunPodCredentials", "RunPodEndpoint"]


class RunPodCredentials(Block):
    """A RunPod API key and the URLs of RunPod's two APIs.

    The key needs permission to use the endpoints and, for pod mode, to create pods.

    Example:
        ```python
        from blocks.runpod import RunPodCredentials

        credentials = RunPodCredentials.load("BLOCK_NAME")
        ```
    """

    _block_type_name = "RunPod Credentials"
    _block_type_slug = "runpod-credentials"
    _logo_url = "https://avatars.githubusercontent.com/u/95939477?s=200"  # type: ignore[assignment]
    _documentation_url = "https://docs.runpod.io/get-started/api-keys"  # type: ignore[assignment]
    _description = "A RunPod API key and the URLs of RunPod's two APIs."

    api_key: SecretStr = Field(description="The API key, which starts with rpa_.")
    job_url: str = Field(default="https://api.runpod.ai/v2", description="Base URL of the job API.")
    management_url: str = Field(default="https://api.runpod.io/v2", description="Base URL of management API v2.")

    @classmethod
    def from_environment(cls) -> RunPodCredentials | None:
        """Create the block from RUNPOD_API_KEY and the RUNPOD_*_URL variables; return None if there is no key."""
        values = settings()
        if values.runpod_api_key is None:
            return None
        return cls(
            api_key=values.runpod_api_key, job_url=values.runpod_job_url, management_url=values.runpod_management_url
        )


class RunPodEndpoint(Block):
    """A RunPod serverless endpoint that runs this project's image.

    Example:
        ```python
        from blocks.runpod import RunPodEndpoint

        endpoint = RunPodEndpoint.load("BLOCK_NAME")
        ```
    """

    _block_type_name = "RunPod Endpoint"
    _block_type_slug = "runpod-endpoint"
    _logo_url = "https://avatars.githubusercontent.com/u/95939477?s=200"  # type: ignore[assignment]
    _documentation_url = "https://docs.runpod.io/serverless/endpoints/overview"  # type: ignore[assignment]
    _description = "A RunPod serverless endpoint that runs this project's image."

    endpoint_id: str = Field(description="The id of the endpoint, as the console shows it.")
    credentials: RunPodCredentials = Field(description="The account that may use the endpoint.")
