"""A bucket as a store: AWS S3 and what speaks its language (Backblaze B2, Spaces, MinIO, Ceph, R2)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import obstore
from obstore.store import S3Store as Handle
from pydantic import SecretStr

from speech.errors import SettingsError
from speech.stores import EXPIRES_IN, check_key
from speech.stores.objects import ObjectStore

if TYPE_CHECKING:
    import boto3
    from obstore.store import ClientConfig

__all__ = ["Bucket", "S3Store", "region_of"]


@dataclass(frozen=True, slots=True)
class Bucket:
    """Where a bucket is and how to get in.

    Attributes:
        name: of the bucket.
        folder: prefix below which all keys lie.
        endpoint: URL of an S3-compatible service; None for AWS.
        region: None to take it from the endpoint, else us-east-1.
        access_key, secret_key, session_token: None for boto3's own search (role, profile, container).
        session: a boto3 session that gives credentials, used before the keys.
        ca_bundle: certificates to trust beside the system's.
        timeout: seconds for one request.
        retries: of one request, with growing pauses.
    """

    name: str
    folder: str = ""
    endpoint: str | None = None
    region: str | None = None
    access_key: SecretStr | None = None
    secret_key: SecretStr | None = None
    session_token: SecretStr | None = None
    session: boto3.Session | None = field(default=None, repr=False)
    ca_bundle: Path | None = None
    timeout: float = 30
    retries: int = 3


class S3Store(ObjectStore):
    """Objects in a bucket.

    Requests and URLs are signed with SigV4, no checksum trailers are sent (older and many compatible
    services refuse them), and a custom endpoint is addressed by path.
    """

    def __init__(self, bucket: Bucket) -> None:
        options: ClientConfig = {
            "timeout": timedelta(seconds=bucket.timeout),
            "connect_timeout": timedelta(seconds=min(bucket.timeout, 10)),
        }
        if bucket.ca_bundle is not None:
            options["root_certificate"] = bucket.ca_bundle.read_bytes()
        credentials: dict[str, Any]
        if bucket.access_key is not None and bucket.secret_key is not None:
            credentials = {
                "access_key_id": bucket.access_key.get_secret_value(),
                "secret_access_key": bucket.secret_key.get_secret_value(),
            }
            if bucket.session_token is not None:
                credentials["token"] = bucket.session_token.get_secret_value()
        else:
            from obstore.auth.boto3 import Boto3CredentialProvider

            try:
                credentials = {"credential_provider": Boto3CredentialProvider(bucket.session)}
            except ValueError:
                raise SettingsError(
                    f"No credentials were found for the bucket {bucket.name}; set AWS_ACCESS_KEY_ID and "
                    "AWS_SECRET_ACCESS_KEY, or run where a role gives access."
                ) from None
        if bucket.endpoint is not None:
            credentials["endpoint"] = bucket.endpoint
            options["allow_http"] = bucket.endpoint.startswith("http://")
        handle = Handle(
            bucket.name,
            prefix=bucket.folder or None,
            region=bucket.region or region_of(bucket.endpoint),
            virtual_hosted_style_request=bucket.endpoint is None,
            client_options=options,
            retry_config={"max_retries": bucket.retries, "retry_timeout": timedelta(seconds=bucket.timeout * 2)},
            **credentials,
        )
        where = urlsplit(bucket.endpoint).hostname if bucket.endpoint else "AWS"
        super().__init__(handle, f"the bucket {bucket.name} at {where}", typed=True)
        self._signer = handle

    def presign(self, key: str, expires_in: int = EXPIRES_IN) -> str:
        """An https URL, signed with SigV4."""
        with self._faults(key):
            return obstore.sign(self._signer, "GET", check_key(key), timedelta(seconds=expires_in))


_REGION = re.compile(
    r"(?:^|\.)s3[.-](?P<a>[a-z0-9-]+?)\.(?:backblazeb2|wasabisys|amazonaws|scw|ovh|io\.cloud)"
    r"|^(?P<b>[a-z0-9-]+)\.(?:digitaloceanspaces|linodeobjects|your-objectstorage)\."
)


def region_of(endpoint: str | None) -> str:
    """The region that a service's host name tells, else us-east-1; signatures carry it.

    >>> region_of("https://s3.us-west-001.backblazeb2.com")
    'us-west-001'
    """
    found = _REGION.search((urlsplit(endpoint).hostname or "") if endpoint else "")
    return (found["a"] or found["b"]) if found else "us-east-1"
