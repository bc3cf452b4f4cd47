from __future__ import annotations

import hashlib
import io
import os
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local_aws import settings

Client = Callable[[str], Any]


@pytest.fixture
def s3(client: Client) -> Any:
    return client("s3")


@pytest.fixture
def bucket(s3: Any) -> str:
    name = f"test-{uuid.uuid4().hex}"
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
    return name


@pytest.fixture
def hidden_before(bucket: str) -> set[str]:
    """What the store keeps for the tests before this one."""
    return hidden_files()


@pytest.fixture
def folder(bucket: str) -> Path:
    return settings.current().s3_dir / bucket


@pytest.fixture
def versioned(s3: Any, bucket: str) -> str:
    configuration = {"Status": "Enabled"}
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration=configuration)
    return bucket


def put(s3: Any, bucket: str, *keys: str, body: bytes = b"x") -> None:
    for key in keys:
        s3.put_object(Bucket=bucket, Key=key, Body=body)


def keys_of(s3: Any, bucket: str, **options: Any) -> list[str]:
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, **options)
    return [item["Key"] for page in pages for item in page.get("Contents", [])]


def versions_of(s3: Any, bucket: str, key: str) -> list[tuple[str, bool, str]]:
    page = s3.list_object_versions(Bucket=bucket, Prefix=key)
    return [
        *(("version", v["IsLatest"], v["VersionId"]) for v in page.get("Versions", [])),
        *(("marker", m["IsLatest"], m["VersionId"]) for m in page.get("DeleteMarkers", [])),
    ]


def body_of(s3: Any, bucket: str, key: str, **options: Any) -> bytes:
    return bytes(s3.get_object(Bucket=bucket, Key=key, **options)["Body"].read())


def test_an_object_is_the_file_of_its_name(s3: Any, bucket: str, folder: Path) -> None:
    put(s3, bucket, "a/b=1/c d%20é.txt", body=b"hello")

    assert (folder / "a/b=1/c d%20é.txt").read_bytes() == b"hello"


def test_a_file_that_another_process_writes_is_an_object_at_once(
    s3: Any, bucket: str, folder: Path
) -> None:
    (folder / "year=2026").mkdir()
    (folder / "year=2026" / "part 1%=ü.parquet").write_bytes(b"content")
    os.utime(folder / "year=2026" / "part 1%=ü.parquet", (1_700_000_000, 1_700_000_000))

    [item] = s3.list_objects_v2(Bucket=bucket)["Contents"]
    head = s3.head_object(Bucket=bucket, Key="year=2026/part 1%=ü.parquet")

    assert (item["Key"], item["Size"]) == ("year=2026/part 1%=ü.parquet", 7)
    assert item["ETag"] == head["ETag"] == f'"{hashlib.md5(b"content").hexdigest()}"'  # noqa: S324
    assert item["LastModified"] == head["LastModified"]
    assert int(head["LastModified"].timestamp()) == 1_700_000_000
    assert body_of(s3, bucket, "year=2026/part 1%=ü.parquet") == b"content"


def test_a_file_that_changes_or_goes_takes_its_object_with_it(
    s3: Any, bucket: str, folder: Path
) -> None:
    put(s3, bucket, "a", "b")
    before = s3.head_object(Bucket=bucket, Key="a")["ETag"]

    (folder / "a").write_bytes(b"longer")
    (folder / "b").unlink()

    assert s3.head_object(Bucket=bucket, Key="a")["ETag"] != before
    assert body_of(s3, bucket, "a") == b"longer"
    assert keys_of(s3, bucket) == ["a"]
    with pytest.raises(ClientError, match="404"):
        s3.head_object(Bucket=bucket, Key="b")


def test_deleting_the_last_object_of_a_folder_removes_the_folder_but_never_the_bucket(
    s3: Any, bucket: str, folder: Path
) -> None:
    put(s3, bucket, "a/b/c", "a/d")

    s3.delete_object(Bucket=bucket, Key="a/b/c")
    assert [path.name for path in (folder / "a").iterdir()] == ["d"]
    s3.delete_object(Bucket=bucket, Key="a/d")

    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    "key", ["a//b", "/a", "folder/", "a/../../b", "..", "./a", "x" * 256, "file/below", "folder"]
)
def test_a_key_that_cannot_be_a_file_is_refused_by_name(
    s3: Any, bucket: str, folder: Path, key: str
) -> None:
    put(s3, bucket, "file", "folder/below")

    with pytest.raises(ClientError, match="does not support the key") as refusal:
        s3.put_object(Bucket=bucket, Key=key, Body=b"x")

    assert repr(key) in str(refusal.value)
    assert sorted(keys_of(s3, bucket)) == ["file", "folder/below"]
    assert not (folder.parent / "b").exists()


def test_reading_a_key_that_cannot_be_a_file_finds_nothing(s3: Any, bucket: str) -> None:
    with pytest.raises(ClientError, match="NoSuchKey"):
        s3.get_object(Bucket=bucket, Key="../../.local-aws")


def test_listing_pages_groups_and_starts_where_it_is_told(s3: Any, bucket: str) -> None:
    put(s3, bucket, "a/1", "a/2", "a/b/3", "a/b/4", "ab", "z")

    pages = s3.get_paginator("list_objects_v2").paginate(
        Bucket=bucket, Delimiter="/", PaginationConfig={"PageSize": 1}
    )
    grouped = [
        item.get("Key") or item["Prefix"]
        for page in pages
        for item in page.get("Contents", []) + page.get("CommonPrefixes", [])
    ]

    assert grouped == ["a/", "ab", "z"]
    assert keys_of(s3, bucket, Prefix="a/b") == ["a/b/3", "a/b/4"]
    assert keys_of(s3, bucket, Prefix="a/", StartAfter="a/1") == ["a/2", "a/b/3", "a/b/4"]
    assert keys_of(s3, bucket, PaginationConfig={"PageSize": 2}) == [
        "a/1",
        "a/2",
        "a/b/3",
        "a/b/4",
        "ab",
        "z",
    ]
    assert [item["Key"] for item in s3.list_objects(Bucket=bucket, MaxKeys=2)["Contents"]] == [
        "a/1",
        "a/2",
    ]


def test_listing_a_prefix_reads_only_its_folder(
    s3: Any, bucket: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(s3, bucket, "a/1", "b/2", "b/c/3")
    read = []
    scandir = os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: read.append(Path(path)) or scandir(path))

    assert keys_of(s3, bucket, Prefix="b/c/") == ["b/c/3"]

    assert read == [folder / "b/c"]


def test_a_big_upload_in_parts_becomes_one_file_and_leaves_nothing_else(
    s3: Any, bucket: str, folder: Path, hidden_before: set[str]
) -> None:
    content = os.urandom(9 << 20)

    s3.upload_fileobj(io.BytesIO(content), bucket, "big", ExtraArgs={"Metadata": {"Who": "me"}})

    head = s3.head_object(Bucket=bucket, Key="big")
    part = s3.get_object(Bucket=bucket, Key="big", Range="bytes=1048576-1048580")
    assert head["ETag"].endswith('-2"')
    assert head["Metadata"] == {"who": "me"}
    assert (folder / "big").read_bytes() == content
    assert part["ContentRange"] == f"bytes 1048576-1048580/{len(content)}"
    assert part["Body"].read() == content[1048576:1048581]
    assert hidden_files() <= hidden_before


def test_an_aborted_upload_leaves_nothing(s3: Any, bucket: str, hidden_before: set[str]) -> None:
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    s3.upload_part(Bucket=bucket, Key="k", UploadId=upload, PartNumber=1, Body=b"x")
    [listed] = s3.list_multipart_uploads(Bucket=bucket)["Uploads"]

    s3.abort_multipart_upload(Bucket=bucket, Key="k", UploadId=upload)

    assert (listed["Key"], listed["UploadId"]) == ("k", upload)
    assert abs(listed["Initiated"].timestamp() - time.time()) < 60
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)
    assert hidden_files() <= hidden_before


def test_copies_conditions_and_metadata_work(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="a", Body=b"1", ContentType="text/x", Metadata={"k": "v"})

    s3.copy_object(Bucket=bucket, Key="b", CopySource={"Bucket": bucket, "Key": "a"})

    copy = s3.get_object(Bucket=bucket, Key="b")
    assert (copy["ContentType"], copy["Metadata"], copy["Body"].read()) == (
        "text/x",
        {"k": "v"},
        b"1",
    )
    with pytest.raises(ClientError, match="PreconditionFailed"):
        s3.put_object(Bucket=bucket, Key="a", Body=b"2", IfNoneMatch="*")
    with pytest.raises(ClientError, match="304"):
        s3.get_object(Bucket=bucket, Key="a", IfNoneMatch=copy["ETag"])


def test_versions_and_delete_markers_come_and_go_as_on_s3(
    s3: Any, versioned: str, folder: Path, hidden_before: set[str]
) -> None:
    put(s3, versioned, "k", body=b"1")
    put(s3, versioned, "k", body=b"2")
    s3.delete_object(Bucket=versioned, Key="k")
    listed = versions_of(s3, versioned, "k")

    (_, _, second), (_, _, first), (_, is_latest, marker) = listed
    assert is_latest
    assert not (folder / "k").exists()
    assert body_of(s3, versioned, "k", VersionId=first) == b"1"

    s3.delete_object(Bucket=versioned, Key="k", VersionId=marker)
    assert (folder / "k").read_bytes() == b"2"
    s3.delete_object(Bucket=versioned, Key="k", VersionId=second)
    assert body_of(s3, versioned, "k") == b"1"
    s3.delete_object(Bucket=versioned, Key="k", VersionId=first)
    assert versions_of(s3, versioned, "k") == []
    assert list(folder.iterdir()) == []
    assert hidden_files() <= hidden_before


def test_a_file_from_outside_is_a_version_and_hides_older_ones(
    s3: Any, versioned: str, folder: Path
) -> None:
    (folder / "k").write_bytes(b"outside")
    put(s3, versioned, "k", body=b"api")

    (_, _, second), (_, _, first) = versions_of(s3, versioned, "k")
    assert body_of(s3, versioned, "k", VersionId=first) == b"outside"
    (folder / "k").unlink()
    left = versions_of(s3, versioned, "k")

    assert [(kind, latest) for kind, latest, _ in left] == [("version", False), ("marker", True)]
    assert left[0][2] == first != second


def test_deleting_page_by_page_while_listing_misses_no_version(s3: Any, versioned: str) -> None:
    for number in range(4):
        put(s3, versioned, *(f"k{number}" for _ in range(3)))
    pages = s3.get_paginator("list_object_versions").paginate(
        Bucket=versioned, PaginationConfig={"PageSize": 2}
    )

    for page in pages:
        found = [{"Key": v["Key"], "VersionId": v["VersionId"]} for v in page["Versions"]]
        s3.delete_objects(Bucket=versioned, Delete={"Objects": found})

    assert "Versions" not in s3.list_object_versions(Bucket=versioned)


def test_a_bucket_goes_only_when_it_is_empty_of_versions_too(
    s3: Any, versioned: str, folder: Path
) -> None:
    put(s3, versioned, "k")
    s3.delete_object(Bucket=versioned, Key="k")
    with pytest.raises(ClientError, match="BucketNotEmpty"):
        s3.delete_bucket(Bucket=versioned)

    for _, _, version in versions_of(s3, versioned, "k"):
        s3.delete_object(Bucket=versioned, Key="k", VersionId=version)
    s3.delete_bucket(Bucket=versioned)

    assert not folder.exists()


def test_a_tls_only_policy_denies_nobody_here_and_a_denial_denies(s3: Any, bucket: str) -> None:
    deny = (
        '{"Version":"2012-10-17","Statement":{"Effect":"Deny","Principal":"*",'
        '"Action":"s3:PutObject","Resource":"arn:aws:s3:::%s/*"%s}}'
    )
    tls_only = ',"Condition":{"Bool":{"aws:SecureTransport":"false"}}'

    s3.put_bucket_policy(Bucket=bucket, Policy=deny % (bucket, tls_only))
    put(s3, bucket, "a")
    s3.put_bucket_policy(Bucket=bucket, Policy=deny % (bucket, ""))
    with pytest.raises(ClientError, match="AccessDenied"):
        put(s3, bucket, "b")
    other = ',"Condition":{"StringEquals":{"aws:SourceVpc":"vpc-1"}}'
    with pytest.raises(ClientError, match="does not support the condition .*SourceVpc"):
        s3.put_bucket_policy(Bucket=bucket, Policy=deny % (bucket, other))


def test_parallel_writers_and_deleters_of_one_folder_lose_nothing(s3: Any, bucket: str) -> None:
    def write_and_delete(worker: int) -> None:
        for number in range(15):
            put(s3, bucket, f"folder/sub/{worker}-{number}")
            if number % 2:
                s3.delete_object(Bucket=bucket, Key=f"folder/sub/{worker}-{number}")

    threads = [threading.Thread(target=write_and_delete, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(keys_of(s3, bucket)) == sorted(
        f"folder/sub/{worker}-{number}" for worker in range(4) for number in range(0, 15, 2)
    )


def hidden_files() -> set[str]:
    return {path.name for path in (settings.current().data_dir / "s3-meta/objects").iterdir()}
