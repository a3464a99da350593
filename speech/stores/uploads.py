"""Files on their way into a bucket: large ones in parts, so that what has arrived need not go again."""

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
"""So many bytes of what is sent, from a place in it."""


class Foreign(Exception):
    """An answer that came with success, and is none of S3's."""


@dataclass(slots=True)
class _Unfinished:
    """An upload that was begun.

    Attributes:
        sent: of each part that has arrived, by number, a digest and the bucket's name for it.
    """

    id: str
    content_type: str
    sent: dict[int, tuple[bytes, str]] = field(default_factory=dict)


class Uploads:
    """What is sent, and what was begun and not finished.

    An upload that broke off for a reason that may pass is gone on with by the next `put` of its key;
    any other is taken back. All methods raise what the client raises, or `Foreign`.

    Args:
        client: botocore's.
        passes: whether a fault may be gone a moment later.
    """

    def __init__(self, client: Any, bucket: str, passes: Callable[[Exception], bool]) -> None:
        self._client, self._bucket, self._passes = client, bucket, passes
        self._begun: dict[str, _Unfinished] = {}

    def write(self, key: str, data: bytes, content_type: str) -> None:
        """Send an object that is in memory."""
        if len(data) <= PART:
            self._whole(key, data, content_type)
        else:
            self._in_parts(key, lambda length, start: data[start : start + length], len(data), content_type)

    def put(self, key: str, path: Path, content_type: str) -> None:
        """Send a file."""
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size <= PART:
                self._whole(key, file.read(), content_type)
            else:
                self._in_parts(key, partial(os.pread, file.fileno()), size, content_type)

    def _whole(self, key: str, data: bytes, content_type: str) -> None:
        # As a file: bytes would go in one write, and time would count against their size.
        answer = self._client.put_object(
            Bucket=self._bucket, Key=key, Body=io.BytesIO(data), ContentType=content_type, ContentLength=len(data)
        )
        if not answer.get("ETag"):
            raise Foreign

    def _in_parts(self, key: str, read: Read, size: int, content_type: str) -> None:
        upload = self._begun.pop(key, None)
        if upload and upload.content_type != content_type:
            self._abort(key, upload)
            upload = None
        if upload is None:
            upload = _Unfinished(self._named(key, content_type), content_type)
        try:
            self._send(key, upload, read, size)
        except BaseException as fault:
            if isinstance(fault, Exception) and self._passes(fault) and not _is_gone(fault):
                self._begun[key] = upload
            else:
                self._abort(key, upload)
            raise

    def forget(self, key: str) -> None:
        """Take back what was begun and not finished."""
        upload = self._begun.pop(key, None)
        if upload:
            self._abort(key, upload)

    def _named(self, key: str, content_type: str) -> str:
        answer = self._client.create_multipart_upload(Bucket=self._bucket, Key=key, ContentType=content_type)
        if not answer.get("UploadId"):
            raise Foreign
        return str(answer["UploadId"])

    def _send(self, key: str, upload: _Unfinished, read: Read, size: int) -> None:
        length = max(PART, -(-size // _MOST_PARTS))
        numbers = range(1, -(-size // length) + 1)
        with ThreadPoolExecutor(_STREAMS, thread_name_prefix="upload") as pool:
            parts = [pool.submit(self._part, key, upload, read, number, length) for number in numbers]
            try:
                names = [part.result() for part in parts]
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
        answer = self._client.complete_multipart_upload(
            Bucket=self._bucket,
            Key=key,
            UploadId=upload.id,
            MultipartUpload={
                "Parts": [{"PartNumber": number, "ETag": name} for number, name in zip(numbers, names, strict=True)]
            },
        )
        # Some services name no ETag here.
        if not any(answer.get(name) for name in ("ETag", "Key", "Location")):
            raise Foreign

    def _part(self, key: str, upload: _Unfinished, read: Read, number: int, length: int) -> str:
        """The bucket's name for a part; what has arrived and is as it was does not go again."""
        data = read(length, (number - 1) * length)
        digest = hashlib.sha256(data).digest()
        known, name = upload.sent.get(number, (b"", ""))
        if known != digest:
            answer = self._client.upload_part(
                Bucket=self._bucket, Key=key, UploadId=upload.id, PartNumber=number, Body=io.BytesIO(data),
                ContentLength=len(data),
            )  # fmt: skip
            name = str(answer.get("ETag") or "")
            if not name:
                raise Foreign
            upload.sent[number] = digest, name
        return name

    def _abort(self, key: str, upload: _Unfinished) -> None:
        # The fault that led here is what is told; a bucket's lifecycle takes what this leaves.
        with suppress(Exception):
            self._client.abort_multipart_upload(Bucket=self._bucket, Key=key, UploadId=upload.id)


def _is_gone(fault: Exception) -> bool:
    """Whether the bucket knows the upload no more."""
    response = getattr(fault, "response", None) or {}
    return bool(response.get("Error", {}).get("Code") == "NoSuchUpload")
