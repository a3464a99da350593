"""Blocks created from the environment, under one name, so that no deployment has to contain a credential."""

from __future__ import annotations

from typing import Any

from prefect.blocks.core import Block
from prefect.blocks.webhook import Webhook
from pydantic import SecretStr

from blocks.google import GoogleSpeech
from blocks.runpod import RunPodCredentials, RunPodEndpoint
from blocks.storage import region
from speech.settings import settings

__all__ = ["NAME", "TYPES", "asave_all", "from_environment", "remark"]

NAME = "f5-flows"
FAILURES = "f5-flows-failures"
TYPES: tuple[type[Block], ...] = (GoogleSpeech, RunPodCredentials, RunPodEndpoint)


def from_environment() -> dict[str, Block]:
    """Return the blocks that the environment describes, by the names under which they are saved."""
    values, blocks = settings(), {}
    if values.s3_bucket:
        blocks[f"s3-bucket/{NAME}"] = _bucket()
    if key := values.google_credentials_json or _file(values.google_application_credentials):
        blocks[f"google-speech/{NAME}"] = GoogleSpeech(
            service_account=key, project=values.google_cloud_project, endpoint=values.google_speech_endpoint
        )
    if credentials := RunPodCredentials.from_environment():
        blocks[f"runpod-credentials/{NAME}"] = credentials
        if values.runpod_endpoint_id:
            blocks[f"runpod-endpoint/{NAME}"] = RunPodEndpoint(
                endpoint_id=values.runpod_endpoint_id, credentials=credentials
            )
    if values.notify_url:
        blocks[f"webhook/{FAILURES}"] = Webhook(url=values.notify_url)
    return blocks


def remark() -> str | None:
    """Return a note for the operator about credentials that are not saved, or None."""
    if settings().s3_bucket and settings().aws_session_token:
        return (
            f"The block s3-bucket/{NAME} contains no keys, since AWS_SESSION_TOKEN makes them short-lived; "
            "processes that use it need a role or their own AWS_* variables."
        )
    return None


async def asave_all() -> list[str]:
    """Register the block types and save the blocks that the environment describes; return their names."""
    for kind in TYPES:
        await kind.register_type_and_schema()
    blocks = from_environment()
    for name, block in blocks.items():
        await block.save(name.partition("/")[2], overwrite=True)
    return list(blocks)


def _bucket() -> Block:
    from prefect_aws import AwsCredentials, S3Bucket
    from prefect_aws.client_parameters import AwsClientParameters

    values = settings()
    parameters: dict[str, Any] = {"endpoint_url": values.aws_endpoint_url} if values.aws_endpoint_url else {}
    if values.aws_ca_bundle and values.aws_endpoint_url:
        parameters["verify_cert_path"] = values.aws_ca_bundle
    keys: dict[str, Any] = {}
    # Keys of a session are not saved: Prefect shows a session token in plain text, and it expires within an hour.
    if values.aws_access_key_id and not values.aws_session_token:
        keys["aws_access_key_id"] = values.aws_access_key_id.get_secret_value()
        keys["aws_secret_access_key"] = values.aws_secret_access_key
    return S3Bucket(
        bucket_name=values.s3_bucket,
        credentials=AwsCredentials(
            **keys, region_name=region(), aws_client_parameters=AwsClientParameters(**parameters)
        ),
    )


def _file(path: Any) -> SecretStr | None:
    return SecretStr(path.read_text()) if path and path.is_file() else None
