"""Moto's S3 backend, taught to keep objects as files."""

from __future__ import annotations

import functools
import re
import shutil
from collections.abc import Callable
from typing import Any

from moto.s3 import models as moto_s3
from moto.s3.exceptions import InvalidBucketName, S3ClientError
from moto.s3.responses import S3Response

from local_aws.s3 import bodies, copies, listing, policies, uploads
from local_aws.s3.objects import DiskKey
from local_aws.s3.paths import bucket_dir, object_path
from local_aws.s3.store import DiskKeys

BUCKET_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


def install() -> None:
    """Put the methods of this package in the place of moto's."""
    backend, bucket = moto_s3.S3Backend, moto_s3.FakeBucket
    if moto_s3.FakeKey is DiskKey:
        return
    moto_s3.FakeKey = DiskKey
    bucket.__init__ = _with_files(bucket.__init__)
    bucket.get_permission = policies.get_permission
    upload = moto_s3.FakeMultipart
    upload.__init__ = uploads.noting_time(upload.__init__)
    upload.complete = uploads.complete
    S3Response.get_object = bodies.streaming(S3Response.get_object)
    S3Response.list_multipart_uploads = uploads.list_multipart_uploads
    for method in (listing.list_objects, listing.list_objects_v2, listing.list_object_versions):
        setattr(backend, method.__name__, method)
    backend.copy_object = copies.by_file(backend.copy_object)
    backend.upload_part_copy = copies.upload_part_copy
    backend.put_bucket_policy = policies.put_bucket_policy
    for name, check in _CHECKS.items():
        setattr(backend, name, _checked(getattr(backend, name), check))
    backend.delete_bucket = _deleting_files(backend.delete_bucket)


def _with_files(original: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(original)
    def init(bucket: Any, *args: Any, **kwargs: Any) -> None:
        original(bucket, *args, **kwargs)
        bucket_dir(bucket.name).mkdir(parents=True, exist_ok=True)
        bucket.keys = DiskKeys(bucket)

    return init


def _deleting_files(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def delete_bucket(backend: Any, bucket_name: str) -> Any:
        bucket = backend.get_bucket(bucket_name)
        deleted = original(backend, bucket_name)
        if deleted is None:  # which the caller answers with BucketNotEmpty
            return None
        for upload in list(bucket.multiparts.values()):
            upload.dispose()
        shutil.rmtree(bucket_dir(bucket_name), ignore_errors=True)
        return deleted

    return delete_bucket


def _checked(original: Callable[..., Any], check: Callable[..., None]) -> Callable[..., Any]:
    @functools.wraps(original)
    def method(backend: Any, *args: Any, **kwargs: Any) -> Any:
        check(*args, **kwargs)
        return original(backend, *args, **kwargs)

    return method


def _check_bucket_name(bucket_name: str, *_: Any, **__: Any) -> None:
    if not BUCKET_NAME.fullmatch(bucket_name):
        raise InvalidBucketName


def _check_key(bucket_name: str, key_name: str, *_: Any, **__: Any) -> None:
    object_path(bucket_name, key_name)


def _check_versioning(bucket_name: str, status: str, *_: Any, **__: Any) -> None:
    if status != "Enabled":
        # Moto forgets the older versions of an object that is written while it is suspended.
        raise S3ClientError(
            "NotSupportedByEmbeddedAws",
            f"The embedded AWS does not support versioning {status!r} (bucket {bucket_name}).",
        )


_CHECKS: dict[str, Callable[..., None]] = {
    "create_bucket": _check_bucket_name,
    "put_object": _check_key,
    "create_multipart_upload": _check_key,
    "put_bucket_versioning": _check_versioning,
}
