"""Which file an S3 key is."""

from __future__ import annotations

import uuid
from pathlib import Path

from moto.s3.exceptions import S3ClientError

from local_aws import settings

MAX_SEGMENT_BYTES = 255


class KeyNotSupported(S3ClientError):
    """S3 takes the key; it cannot be a file."""

    def __init__(self, bucket: str, key: str, reason: str) -> None:
        super().__init__(
            "NotSupportedByEmbeddedAws",
            f"The embedded AWS does not support the key {key!r} (bucket {bucket}): {reason}. "
            "It keeps every object as a file; choose another key.",
        )


def bucket_dir(bucket: str) -> Path:
    """The folder that holds the current objects of a bucket."""
    return settings.current().s3_dir / bucket


def object_path(bucket: str, key: str) -> Path:
    """The file that a key is.

    Raises:
        KeyNotSupported: No file can have that name.
    """
    if reason := _why_not_a_file(key):
        raise KeyNotSupported(bucket, key, reason)
    return bucket_dir(bucket) / key


def can_be_file(key: str) -> bool:
    """Whether a key can be a file at all; one that cannot is never found."""
    return not _why_not_a_file(key)


def hidden_path() -> Path:
    """A new file outside every bucket, on the same disk: renaming it into a bucket is atomic."""
    folder = settings.current().data_dir / "s3-meta" / "objects"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / uuid.uuid4().hex


def _why_not_a_file(key: str) -> str:
    segments = key.split("/")
    if "" in segments:
        return "it begins or ends with '/' or has '//' in it"
    if "." in segments or ".." in segments:
        return "'.' and '..' name folders"
    if "\0" in key:
        return "it has a NUL character in it"
    if any(len(segment.encode()) > MAX_SEGMENT_BYTES for segment in segments):
        return f"a part of it is longer than {MAX_SEGMENT_BYTES} bytes"
    return ""
