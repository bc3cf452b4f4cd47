"""Where on disk the objects of a location are."""

from __future__ import annotations

from pathlib import Path

from local_aws.athena.errors import QueryFailed
from local_aws.s3.paths import bucket_dir, can_be_file, object_path


def folder(location: str) -> Path:
    """The folder of the objects below ``s3://bucket/prefix/``; it need not exist.

    Raises:
        QueryFailed: It is no such location, or one that would lead out of the object store.
    """
    bucket, _, prefix = location.removeprefix("s3://").partition("/")
    key = prefix.rstrip("/")
    # A location is the client's text: .. must not lead to other files of this machine.
    if not location.startswith("s3://") or not can_be_file(bucket) or not bucket:
        raise QueryFailed("HIVE_FILESYSTEM_ERROR", f"{location!r} is no location of objects")
    if not key:
        return bucket_dir(bucket)
    if not can_be_file(key):
        raise QueryFailed("HIVE_FILESYSTEM_ERROR", f"{location!r} is no location of objects")
    return object_path(bucket, key)
