"""Multipart uploads: parts are files, and joining them never holds an object in memory."""

from __future__ import annotations

import functools
import hashlib
import shutil
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from moto.core.responses import ActionResult
from moto.s3.exceptions import EntityTooSmall, InvalidPart, MalformedXML
from moto.s3.models import FakeMultipart, MultipartChecksumBuilder
from moto.settings import S3_UPLOAD_PART_MIN_SIZE

from local_aws.s3.objects import DiskKey
from local_aws.s3.paths import hidden_path

# Moto computes the others with another algorithm than they are named after.
COMPOSITE_CHECKSUMS = frozenset({"CRC32", "SHA1", "SHA256"})


def noting_time(original: Callable[..., None]) -> Callable[..., None]:
    """`FakeMultipart.__init__`, which also notes when the upload began."""

    @functools.wraps(original)
    def init(upload: FakeMultipart, *args: Any, **kwargs: Any) -> None:
        original(upload, *args, **kwargs)
        upload.initiated = datetime.now(UTC)

    return init


def list_multipart_uploads(response: Any) -> Any:
    """ListMultipartUploads, of which moto invents the times. All uploads are on one page."""
    prefix = response.querystring.get("prefix", [""])[0]
    uploads = response.backend.list_multipart_uploads(response.bucket_name).values()
    listed = [
        {
            "Key": upload.key_name,
            "UploadId": upload.id,
            "StorageClass": upload.storage or "STANDARD",
            "Initiated": upload.initiated,
        }
        for upload in list(uploads)
        if upload.key_name.startswith(prefix)
    ]
    response.data["Action"] = "ListMultipartUploads"
    page = {"Bucket": response.bucket_name, "IsTruncated": False, "Uploads": listed}
    return response.serialized(ActionResult(page))


def complete(
    upload: FakeMultipart, body: Iterable[tuple[int, str]]
) -> tuple[Path, str, tuple[str, str, int] | None]:
    """Join the parts that a client lists.

    Returns:
        The hidden file with the object's bytes, its ETag, and its checksum (type, value, parts)
        when the upload asked for one.

    Raises:
        InvalidPart, EntityTooSmall, MalformedXML: As S3 does.
    """
    parts = [_part(upload, number, etag) for number, etag in body]
    if not parts:
        raise MalformedXML
    if any(part.size < S3_UPLOAD_PART_MIN_SIZE for part in parts[:-1]):
        raise EntityTooSmall
    joined = hidden_path()
    with joined.open("wb") as target:
        for part in parts:
            with part.path.open("rb") as source:
                shutil.copyfileobj(source, target, 1 << 20)
    digests = b"".join(bytes.fromhex(part.etag.strip('"')) for part in parts)
    etag = hashlib.md5(digests, usedforsecurity=False).hexdigest()
    return joined, f"{etag}-{len(parts)}", _checksum(upload, parts)


def _part(upload: FakeMultipart, number: int, etag: str) -> DiskKey:
    part = upload.parts.get(number)
    if not isinstance(part, DiskKey) or part.etag.strip('"') != etag.strip('"'):
        raise InvalidPart
    return part


def _checksum(upload: FakeMultipart, parts: list[DiskKey]) -> tuple[str, str, int] | None:
    algorithm = upload.metadata.get("x-amz-checksum-algorithm")
    composite = upload.metadata.get("x-amz-checksum-type", "COMPOSITE") == "COMPOSITE"
    if algorithm not in COMPOSITE_CHECKSUMS or not composite:
        return None
    builder = MultipartChecksumBuilder(algorithm, "COMPOSITE")
    for part in parts:
        builder.addPart(part.value)
    result: tuple[str, str, int] | None = builder.build()
    return result
