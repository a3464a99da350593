"""A bucket as a store: AWS S3 and compatible services (Backblaze B2, Spaces, MinIO, Ceph, R2)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import obstore
from botocore.exceptions import BotoCoreError, ClientError
from obstore.exceptions import BaseError
from obstore.store import S3Store as Handle
from pydantic import SecretStr
from typing_extensions import Buffer

from speech.errors import NotFound, NotText, SettingsError, StoreError, Unreachable
from speech.stores import EXPIRES_IN, Entry, Stray, check_key, is_key
from speech.stores.client import connect
from speech.stores.diagnosis import diagnose
from speech.stores.disk import keeping, reading
from speech.stores.uploads import Foreign, Uploads

if TYPE_CHECKING:
    import boto3
    from obstore import ObjectMeta
    from obstore.store import ClientConfig

__all__ = ["Bucket", "S3Store", "region_of"]


@dataclass(frozen=True, slots=True)
class Bucket:
    """The location of a bucket, and the credentials for it.

    Attributes:
        name: the bucket's name.
        folder: prefix of all keys.
        endpoint: URL of an S3-compatible service; None for AWS.
        region: the region; None to derive it from the endpoint, else us-east-1.
        access_key, secret_key, session_token: None to let boto3 search (role, profile, container).
        session: a boto3 session that provides credentials, used before the keys.
        ca_bundle: CA certificates to trust.
        timeout: seconds for which a connection may stall.
        retries: retries of one request, with increasing delays.
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


class S3Store:
    """Objects in a bucket.

    obstore fetches objects, 2.5 to 5 times as fast as boto3 or `aws s3`. botocore does the rest: it can tell a
    slow connection from a stalled one while sending, it accepts keys that obstore refuses, and it signs URLs under
    which an object is sent with other headers. Requests and URLs are signed with SigV4, no checksum trailers are
    sent (older and many compatible services refuse them), and a custom endpoint is addressed by path.

    There is no limit on a whole request; a request on which no byte moves for `bucket.timeout` seconds fails.
    """

    def __init__(self, bucket: Bucket) -> None:
        options: ClientConfig = {
            "timeout": _NEVER,
            "read_timeout": timedelta(seconds=bucket.timeout),
            "connect_timeout": timedelta(seconds=min(bucket.timeout, 10)),
        }
        if bucket.ca_bundle is not None:
            try:
                options["root_certificate"] = bucket.ca_bundle.read_bytes()
            except OSError as fault:
                raise SettingsError(f"AWS_CA_BUNDLE: {bucket.ca_bundle} cannot be read: {fault.strerror}.") from None
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
        self._bucket = bucket
        self._region = bucket.region or region_of(bucket.endpoint)
        self._prefix = f"{bucket.folder}/" if bucket.folder else ""
        self._handle = Handle(
            bucket.name,
            prefix=bucket.folder or None,
            region=self._region,
            virtual_hosted_style_request=bucket.endpoint is None,
            client_options=options,
            retry_config={"max_retries": bucket.retries, "retry_timeout": timedelta(seconds=bucket.timeout * 2)},
            **credentials,
        )
        host = urlsplit(bucket.endpoint).hostname if bucket.endpoint else "AWS"
        self._name = f"the bucket {bucket.name} at {host}"
        self._connecting = Lock()

    def __str__(self) -> str:
        return self._name

    def put(self, key: str, path: Path, content_type: str) -> None:
        with reading(path), self._faults(key):
            self._uploads.put(self._object_key(key), path, content_type)

    def write(self, key: str, text: str, content_type: str) -> None:
        try:
            data = text.encode()
        except UnicodeEncodeError:
            raise NotText(f"The text for {key} in {self} cannot be encoded as UTF-8; nothing was stored.") from None
        with self._faults(key):
            self._uploads.write(self._object_key(key), data, content_type)

    def update(self, key: str, change: Callable[[str | None], str], content_type: str) -> None:
        content: str | None = None
        for number in range(_MOST_TRIES):
            before, tag = self._tagged(key)
            # Ceph knows an ETag only without its quotation marks.
            tag = tag.strip('"') if tag and number % 2 else tag
            # The answer to a write may be lost; the text that is there then is the one that was written.
            if content is not None and before == content:
                return
            content = change(before)
            if self._write_if(key, content, content_type, tag):
                return
        raise Unreachable(f"{self} changed {key} again and again while it was written; try again.")

    def _tagged(self, key: str) -> tuple[str | None, str | None]:
        """Return a text and its ETag; None for both if there is none."""
        try:
            tag = self._etag(key)
            return self.read(key), tag
        except NotFound:
            return None, None

    def _etag(self, key: str) -> str:
        with self._faults(key):
            meta = obstore.head(self._handle, check_key(key))
            _check(meta)
            return str(meta["e_tag"])

    def _write_if(self, key: str, text: str, content_type: str, tag: str | None) -> bool:
        """Store a text unless somebody else did since it had the ETag; return whether it is stored."""
        condition = {"IfNoneMatch": "*"} if tag is None else {"IfMatch": tag}
        with self._faults(key):
            try:
                self._client.put_object(
                    Bucket=self._bucket.name, Key=self._object_key(key), Body=text.encode(), ContentType=content_type,
                    **condition,
                )  # fmt: skip
            except ClientError as fault:
                answer = fault.response
                status, code = answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"].get("Code", "")
                if status in (409, 412):
                    return False
                if status == 501 or code == "NotImplemented":
                    self.write(key, text, content_type)
                elif status == 404 and tag is not None:
                    return False
                else:
                    raise
        return True

    def get(self, key: str, path: Path) -> None:
        with self._faults(key):
            answer = obstore.get(self._handle, check_key(key))
            _check(answer.meta)
            chunks = iter(answer.stream(min_chunk_size=4 * 1024 * 1024))
        with keeping(path) as file:
            while True:
                with self._faults(key):
                    chunk = next(chunks, None)
                if chunk is None:
                    break
                file.write(chunk)
            if file.size != answer.meta["size"]:
                raise Unreachable(f"{self._name} sent {file.size} of {answer.meta['size']} bytes of {key}.")

    def read(self, key: str) -> str:
        with self._faults(key):
            answer = obstore.get(self._handle, check_key(key))
            _check(answer.meta)
            content = bytes(answer.bytes())
        try:
            return content.decode()
        except UnicodeDecodeError:
            raise NotText(f"{key} in {self._name} is not UTF-8 text.") from None

    def read_range(self, key: str, start: int, end: int) -> Buffer:
        with self._faults(key):
            data = obstore.get_range(self._handle, check_key(key), start=start, end=end)
        if len(data) != end - start:
            raise Unreachable(f"{self._name} sent {len(data)} of {end - start} bytes of {key}.")
        return data

    def list(self, prefix: str) -> Iterator[Entry]:
        return (entry for entry in self._list_below(prefix) if is_key(entry.key))

    def strays(self, prefix: str) -> Iterator[Stray]:
        for entry in self._list_below(prefix):
            if not is_key(entry.key) and not entry.key.endswith("/"):
                yield Stray(entry.key, "Its key holds an empty part, '..', a backslash or a control character.")

    def head(self, key: str) -> Entry:
        with self._faults(key):
            meta = obstore.head(self._handle, check_key(key))
            _check(meta)
            return Entry(meta["path"], meta["size"], meta["last_modified"])

    def delete(self, key: str) -> None:
        with suppress(NotFound), self._faults(key):
            object_key = self._object_key(key)
            self._uploads.forget(object_key)
            self._client.delete_object(Bucket=self._bucket.name, Key=object_key)

    def move(self, source: str, target: str) -> None:
        with self._faults(source):
            onto, object_key = self._object_key(target), f"{self._prefix}{source}"
            answer = self._client.copy_object(
                Bucket=self._bucket.name, Key=onto, CopySource={"Bucket": self._bucket.name, "Key": object_key}
            )
            if not answer.get("CopyObjectResult"):
                raise Foreign
            self._client.delete_object(Bucket=self._bucket.name, Key=object_key)

    def presign(self, key: str, expires_in: int = EXPIRES_IN, disposition: str | None = None) -> str:
        """Return an https URL, signed with SigV4."""
        parameters = {"Bucket": self._bucket.name, "Key": self._object_key(key)}
        if disposition:
            parameters["ResponseContentDisposition"] = disposition
        with self._faults(key):
            return str(self._client.generate_presigned_url("get_object", Params=parameters, ExpiresIn=expires_in))

    def locate(self, prefix: str) -> str:
        return f"s3://{self._bucket.name}/{self._object_key(prefix.rstrip('/'))}/"

    @cached_property
    def _client(self) -> Any:
        return connect(self._bucket, self._region)

    @property
    def _uploads(self) -> Uploads:
        with self._connecting:
            return self._sending

    @cached_property
    def _sending(self) -> Uploads:
        return Uploads(self._client, self._bucket.name, lambda fault: self._diagnosis(fault, "").transient)

    def _object_key(self, key: str) -> str:
        return f"{self._prefix}{check_key(key)}"

    def _list_below(self, prefix: str) -> Iterator[Entry]:
        start = f"{self._object_key(prefix.rstrip('/'))}/"
        with self._faults(prefix):
            pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket.name, Prefix=start)
            for page in pages:
                if "IsTruncated" not in page:
                    raise Foreign
                for entry in page.get("Contents", ()):
                    yield Entry(entry["Key"].removeprefix(self._prefix), entry["Size"], entry["LastModified"])

    @contextmanager
    def _faults(self, key: str) -> Iterator[None]:
        try:
            yield
        except StoreError:
            raise
        except (BaseError, BotoCoreError, ClientError, Foreign, OSError, ValueError) as fault:
            raise self._diagnosis(fault, key) from None

    def _diagnosis(self, fault: Exception, key: str) -> StoreError:
        return diagnose(fault, key, self._name, self._bucket.timeout)


_NEVER = timedelta(days=365)
# How often an update begins again because others wrote meanwhile.
_MOST_TRIES = 50


def _check(meta: ObjectMeta) -> None:
    """Refuse the web page of a proxy or router, which arrives with a success status but without an ETag."""
    if not meta["e_tag"]:
        raise Foreign


_REGION = re.compile(
    r"(?:^|\.)s3[.-](?P<a>[a-z0-9-]+?)\.(?:backblazeb2|wasabisys|amazonaws|scw|ovh|io\.cloud)"
    r"|^(?P<b>[a-z0-9-]+)\.(?:digitaloceanspaces|linodeobjects|your-objectstorage)\."
)


def region_of(endpoint: str | None) -> str:
    """Return the region in a service's host name, else us-east-1; signatures include it.

    >>> region_of("https://s3.us-west-001.backblazeb2.com")
    'us-west-001'
    """
    match = _REGION.search((urlsplit(endpoint).hostname or "") if endpoint else "")
    return (match["a"] or match["b"]) if match else "us-east-1"
