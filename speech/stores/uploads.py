"""Uploads to a bucket: large files are sent in parts, so that a retry need not send finished parts again."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

__all__ = ["PART", "Foreign", "Uploads"]

PART = 8 * 1024 * 1024
_MOST_PARTS = 10_000
_STREAMS = 4

Read = Callable[[int, int], bytes]
"""Returns bytes of the content: takes a length and an offset."""


class Foreign(Exception):
    """A successful answer that does not come from an S3 service."""


@dataclass(slots=True)
class _Unfinished:
    """A multipart upload in progress.

    Attributes:
        sent: the digest and ETag of each part that has arrived, by part number.
    """

    id: str
    content_type: str
    sent: dict[int, tuple[bytes, str]] = field(default_factory=dict)


class Uploads:
    """Uploads, including unfinished ones.

    An upload that failed with a transient error is resumed by the next `put` of its key; any other is aborted.
    All methods raise the client's exceptions, or `Foreign`.

    Args:
        client: botocore's S3 client.
        passes: returns whether an exception is transient.
    """

    def __init__(self, client: Any, bucket: str, passes: Callable[[Exception], bool]) -> None:
        self._client, self._bucket, self._passes = client, bucket, passes
        self._unfinished: dict[str, _Unfinished] = {}

    def write(self, key: str, data: bytes, content_type: str) -> None:
        """Upload data that is in memory."""
        if len(data) <= PART:
            self._put_whole(key, data, content_type)
        else:
            self._put_in_parts(key, lambda length, start: data[start : start + length], len(data), content_type)

    def put(self, key: str, path: Path, content_type: str) -> None:
        """Upload a file."""
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size <= PART:
                self._put_whole(key, file.read(), content_type)
            else:
                self._put_in_parts(key, partial(os.pread, file.fileno()), size, content_type)

    def _put_whole(self, key: str, data: bytes, content_type: str) -> None:
        # As a file object: bytes would be sent in one write, which must then finish within the timeout.
        answer = self._client.put_object(
            Bucket=self._bucket, Key=key, Body=io.BytesIO(data), ContentType=content_type, ContentLength=len(data)
        )
        if not answer.get("ETag"):
            raise Foreign

    def _put_in_parts(self, key: str, read: Read, size: int, content_type: str) -> None:
        upload = self._unfinished.pop(key, None)
        if upload and upload.content_type != content_type:
            self._abort(key, upload)
            upload = None
        if upload is None:
            upload = _Unfinished(self._create(key, content_type), content_type)
        try:
            self._send(key, upload, read, size)
        except BaseException as fault:
            if isinstance(fault, Exception) and self._passes(fault) and not _is_gone(fault):
                self._unfinished[key] = upload
            else:
                self._abort(key, upload)
            raise

    def forget(self, key: str) -> None:
        """Abort the unfinished upload of a key."""
        upload = self._unfinished.pop(key, None)
        if upload:
            self._abort(key, upload)

    def _create(self, key: str, content_type: str) -> str:
        answer = self._client.create_multipart_upload(Bucket=self._bucket, Key=key, ContentType=content_type)
        if not answer.get("UploadId"):
            raise Foreign
        return str(answer["UploadId"])

    def _send(self, key: str, upload: _Unfinished, read: Read, size: int) -> None:
        length = max(PART, -(-size // _MOST_PARTS))
        numbers = range(1, -(-size // length) + 1)
        with ThreadPoolExecutor(_STREAMS, thread_name_prefix="upload") as pool:
            parts = [pool.submit(self._put_part, key, upload, read, number, length) for number in numbers]
            try:
                etags = [part.result() for part in parts]
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
        answer = self._client.complete_multipart_upload(
            Bucket=self._bucket,
            Key=key,
            UploadId=upload.id,
            MultipartUpload={
                "Parts": [{"PartNumber": number, "ETag": etag} for number, etag in zip(numbers, etags, strict=True)]
            },
        )
        # Some services return no ETag here.
        if not any(answer.get(name) for name in ("ETag", "Key", "Location")):
            raise Foreign

    def _put_part(self, key: str, upload: _Unfinished, read: Read, number: int, length: int) -> str:
        """Upload a part unless it has arrived already and is unchanged; return its ETag."""
        data = read(length, (number - 1) * length)
        digest = hashlib.sha256(data).digest()
        known_digest, etag = upload.sent.get(number, (b"", ""))
        if known_digest != digest:
            answer = self._client.upload_part(
                Bucket=self._bucket, Key=key, UploadId=upload.id, PartNumber=number, Body=io.BytesIO(data),
                ContentLength=len(data),
            )  # fmt: skip
            etag = str(answer.get("ETag") or "")
            if not etag:
                raise Foreign
            upload.sent[number] = digest, etag
        return etag

    def _abort(self, key: str, upload: _Unfinished) -> None:
        # The original exception is the one reported; the bucket's lifecycle rule removes any leftovers.
        with suppress(Exception):
            self._client.abort_multipart_upload(Bucket=self._bucket, Key=key, UploadId=upload.id)


def _is_gone(fault: Exception) -> bool:
    """Check whether the bucket no longer knows the upload."""
    response = getattr(fault, "response", None) or {}
    return bool(response.get("Error", {}).get("Code") == "NoSuchUpload")
