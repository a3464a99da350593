"""The store of a run, from a named Prefect block or else from the environment.

The block can be `s3-bucket/<name>` (prefect-aws, with AwsCredentials or MinIOCredentials inside) or
`local-file-system/<name>`. It provides only the location and the credentials; `speech.stores` reads and
writes the files.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from speech.errors import SettingsError
from speech.request import SpeechRequest
from speech.settings import settings
from speech.stores import Store
from speech.stores.folder import FolderStore

__all__ = ["akeepable", "aopen_store", "from_environment", "region"]


async def aopen_store(block: str | None = None) -> Store:
    """Open the store of a block; without a name, that of `STORAGE_BLOCK`, or else of the environment.

    Raises:
        SettingsError: there is no such block, or it does not store files.
    """
    name = block or settings().storage_block
    return from_block(await _load(name)) if name else from_environment()


async def akeepable(request: SpeechRequest, block: str | None = None) -> SpeechRequest:
    """Return a request in the form that Prefect may store: a voice's URL, which may grant access, is sealed.

    Args:
        block: the storage block of the run.
    """
    from speech.voices.seal import sealed

    if not any("://" in voice for voice in (request.local_voice or "", *request.cast.values())):
        return request
    return await asyncio.to_thread(sealed, request, await aopen_store(block))


def from_environment() -> Store:
    """Return the bucket if S3_BUCKET is set, else the folder STORAGE_DIR."""
    values = settings()
    if values.s3_bucket is None:
        return FolderStore(values.storage_folder)
    from speech.stores.s3 import Bucket, S3Store

    return S3Store(
        Bucket(
            name=values.s3_bucket,
            endpoint=values.aws_endpoint_url,
            region=region(),
            access_key=values.aws_access_key_id,
            secret_key=values.aws_secret_access_key,
            session_token=values.aws_session_token,
            ca_bundle=values.aws_ca_bundle,
            timeout=values.request_timeout,
        )
    )


def region() -> str:
    """Return the region from the environment, or else from the host name of the service."""
    from speech.stores.s3 import region_of

    values = settings()
    return values.aws_region if "aws_region" in values.model_fields_set else region_of(values.aws_endpoint_url)


def from_block(block: Any) -> Store:
    """Return the store that a loaded block describes."""
    from prefect.filesystems import LocalFileSystem
    from prefect_aws import S3Bucket

    if isinstance(block, LocalFileSystem):
        return FolderStore(Path(block.basepath) if block.basepath else settings().storage_folder)
    if isinstance(block, S3Bucket):
        from speech.stores.s3 import Bucket, S3Store

        client = block.credentials.aws_client_parameters
        verify = client.verify_cert_path
        return S3Store(
            Bucket(
                name=block.bucket_name,
                folder=block.bucket_folder.strip("/"),
                endpoint=client.endpoint_url,
                region=block.credentials.region_name,
                session=block.credentials.get_boto3_session(),
                ca_bundle=Path(verify) if verify else None,
                timeout=settings().request_timeout,
            )
        )
    raise SettingsError(
        f"The block {type(block).__name__} does not store files; expected s3-bucket/<name> or local-file-system/<name>."
    )


async def _load(name: str) -> Any:
    if not name.partition("/")[2]:
        raise SettingsError(
            f"The storage block {name!r} is not accepted; expected s3-bucket/<name> or local-file-system/<name>."
        )
    import prefect_aws  # noqa: F401  registers its block types
    from prefect.blocks.core import Block

    try:
        return await Block.aload(name)
    except ValueError as fault:
        raise SettingsError(f"The storage block {name!r} cannot be loaded: {fault}") from None
