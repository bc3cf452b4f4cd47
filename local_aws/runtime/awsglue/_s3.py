"""Lists the objects below `s3://` paths through S3's API."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from functools import cache
from typing import Any

import boto3
import botocore.session
from botocore.loaders import Loader, create_loader

from awsglue._bookmark import S3File

_GLOB = set("*?[]{}")


def list_files(paths: tuple[str, ...], *, recurse: bool) -> list[S3File]:
    """The objects below the paths, by key, without hidden ones (names beginning ``_`` or ``.``).

    Raises:
        NotImplementedError: A path is a glob pattern or not on S3.
    """
    client = _client()
    found = {file.uri: file for path in paths for file in _below(client, path, recurse)}
    return sorted(found.values())


def _client() -> Any:
    """S3, whose times botocore would parse in any form: that is most of what a listing takes."""
    core = botocore.session.get_session()
    core.register_component("data_loader", _loader())
    factory = core.get_component("response_parser_factory")
    factory.set_parser_defaults(timestamp_parser=datetime.fromisoformat)
    return boto3.Session(botocore_session=core).client("s3")


@cache
def _loader() -> Loader:
    """Of botocore's models: a session that runs jobs again and again reads them once."""
    return create_loader()


def _below(client: Any, path: str, recurse: bool) -> Iterator[S3File]:
    bucket, prefix = _split(path)
    folder = f"{prefix.rstrip('/')}/" if prefix.strip("/") else ""
    for item in _objects(client, bucket, folder.rstrip("/"), folder, recurse):
        key = item["Key"]
        if not key.endswith("/") and not _is_hidden(key.removeprefix(folder)):
            modified_ms = int(item["LastModified"].timestamp() * 1000)
            yield S3File(f"s3://{bucket}/{key}", modified_ms, item["ETag"], item["Size"])


def _objects(
    client: Any, bucket: str, name: str, folder: str, recurse: bool
) -> Iterator[dict[str, Any]]:
    """The object called `name` itself, if there is one, and those in the folder."""
    if name:
        first = client.list_objects_v2(Bucket=bucket, Prefix=name, MaxKeys=1).get("Contents", [])
        yield from (item for item in first if item["Key"] == name)
    delimiter = {} if recurse else {"Delimiter": "/"}
    pages = client.get_paginator("list_objects_v2").paginate(
        Bucket=bucket, Prefix=folder, **delimiter
    )
    for page in pages:
        yield from page.get("Contents", [])


def _is_hidden(name: str) -> bool:
    return any(part.startswith(("_", ".")) for part in name.split("/"))


def _split(path: str) -> tuple[str, str]:
    scheme, _, rest = path.partition("://")
    if scheme != "s3" or _GLOB & set(rest):
        raise NotImplementedError(
            f"paths: {path!r} is not a plain s3://bucket/prefix, the only kind that the embedded "
            "AWS reads"
        )
    bucket, _, prefix = rest.partition("/")
    return bucket, prefix
