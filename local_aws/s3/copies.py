"""Copies of objects, made from file to file: moto would read the whole object for each."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

from local_aws.s3.bodies import Body
from local_aws.s3.objects import DiskKey
from local_aws.s3.paths import hidden_path


class _Copied(DiskKey):
    """A view of a key whose value is a copy of its file."""

    def __init__(self, key: DiskKey) -> None:
        self.__dict__ = key.__dict__

    @property  # type: ignore[misc] # nobody sets it
    def value(self) -> Any:
        """A new hidden file with the bytes."""
        return _copied(Body(self.path))


def by_file(original: Callable[..., None]) -> Callable[..., None]:
    """`S3Backend.copy_object`, whose source is never in memory."""

    @functools.wraps(original)
    def copy_object(
        backend: Any, src_key: DiskKey, dest_bucket_name: str, dest_key_name: str, **options: Any
    ) -> None:
        original(backend, _Copied(src_key), dest_bucket_name, dest_key_name, **options)
        if src_key.checksum_type == "COMPOSITE":
            # It is one of parts, which the copy does not have; clients would find it wrong.
            copy = backend.get_bucket(dest_bucket_name).keys[dest_key_name]
            copy.checksum_algorithm = copy.checksum_value = None

    return copy_object


def upload_part_copy(
    backend: Any,
    dest_bucket_name: str,
    multipart_id: str,
    part_id: int,
    src_bucket_name: str,
    src_key_name: str,
    src_version_id: str | None,
    start_byte: int | None,
    end_byte: int | None,
) -> Any:
    """UploadPartCopy: a part of an upload that is a part of an object, both ends included."""
    upload = backend.get_bucket(dest_bucket_name).multiparts[multipart_id]
    source = backend.get_object(src_bucket_name, src_key_name, version_id=src_version_id)
    body = Body(source.path)
    if start_byte is not None and end_byte is not None:
        body = body[start_byte : end_byte + 1]
    return upload.set_part(part_id, _copied(body))


def _copied(body: Body) -> Path:
    target = hidden_path()
    with target.open("wb") as file:
        file.writelines(body)
    return target
