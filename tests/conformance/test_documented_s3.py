"""S3: listings, versions, uploads in parts, conditions, and what is refused."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from account import Account, differs, refused, source
from botocore.exceptions import ClientError

KEYS = ["B", "a", "a-b", "aa/b", "aa/c", "z", "ä"]  # in the order of their UTF-8 bytes
API = "AmazonS3/latest/API"
GUIDE = "AmazonS3/latest/userguide"
PART = 5 * 1024 * 1024


@pytest.fixture(scope="module")
def s3(client: Callable[[str], Any]) -> Any:
    return client("s3")


@pytest.fixture(scope="module")
def listed(s3: Any, account: Account) -> str:
    bucket = account.bucket()
    for key in reversed(KEYS):
        s3.put_object(Bucket=bucket, Key=key, Body=b"x")
    return bucket


@pytest.fixture(scope="module")
def versioned(s3: Any, account: Account) -> str:
    bucket = account.bucket()
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    return bucket


@source(f"{API}/API_ListObjectsV2.html")
@pytest.mark.parametrize(
    ("options", "keys", "prefixes"),
    [
        ({}, KEYS, []),
        ({"Prefix": "a"}, ["a", "a-b", "aa/b", "aa/c"], []),
        ({"StartAfter": "aa/b"}, ["aa/c", "z", "ä"], []),
        ({"Delimiter": "/"}, ["B", "a", "a-b", "z", "ä"], ["aa/"]),
        ({"Delimiter": "/", "Prefix": "aa/"}, ["aa/b", "aa/c"], []),
        ({"Prefix": "none"}, [], []),
    ],
)
def test_keys_are_listed_in_the_order_of_their_bytes(
    s3: Any, listed: str, options: dict[str, Any], keys: list[str], prefixes: list[str]
) -> None:
    page = s3.list_objects_v2(Bucket=listed, **options)

    assert [item["Key"] for item in page.get("Contents", [])] == keys
    assert [item["Prefix"] for item in page.get("CommonPrefixes", [])] == prefixes
    assert page["KeyCount"] == len(keys) + len(prefixes)
    assert page["IsTruncated"] is False


@source(f"{API}/API_ListObjectsV2.html")
def test_a_group_of_keys_counts_once_and_a_page_says_how_to_go_on(s3: Any, listed: str) -> None:
    request = {"Bucket": listed, "Delimiter": "/", "MaxKeys": 4}
    first = s3.list_objects_v2(**request)
    second = s3.list_objects_v2(**request, ContinuationToken=first["NextContinuationToken"])

    assert [item["Key"] for item in first["Contents"]] == ["B", "a", "a-b"]
    assert [item["Prefix"] for item in first["CommonPrefixes"]] == ["aa/"]
    assert (first["KeyCount"], first["IsTruncated"]) == (4, True)
    assert [item["Key"] for item in second["Contents"]] == ["z", "ä"]
    assert "NextContinuationToken" not in second


@source(f"{GUIDE}/DeleteMarker.html")
def test_a_delete_marker_hides_the_versions_until_it_is_deleted(s3: Any, versioned: str) -> None:
    key = {"Bucket": versioned, "Key": "marked"}
    first = s3.put_object(**key, Body=b"one")["VersionId"]
    second = s3.put_object(**key, Body=b"two")["VersionId"]
    deleted = s3.delete_object(**key)

    assert deleted["DeleteMarker"] is True
    refused("NoSuchKey", s3.get_object, **key)
    assert s3.get_object(**key, VersionId=first)["Body"].read() == b"one"
    page = s3.list_object_versions(Bucket=versioned, Prefix="marked")
    assert [(each["VersionId"], each["IsLatest"]) for each in page["Versions"]] == [
        (second, False),
        (first, False),
    ]
    assert [each["IsLatest"] for each in page["DeleteMarkers"]] == [True]
    s3.delete_object(**key, VersionId=deleted["VersionId"])
    assert s3.get_object(**key)["Body"].read() == b"two"


@differs("marker")
@source(f"{API}/API_GetObject.html")
def test_a_delete_marker_cannot_be_read(s3: Any, versioned: str) -> None:
    key = {"Bucket": versioned, "Key": "gone"}
    s3.put_object(**key, Body=b"x")
    marker = s3.delete_object(**key)["VersionId"]

    refused("MethodNotAllowed", s3.get_object, **key, VersionId=marker)


@differs("prefix")
@source(f"{GUIDE}/object-keys.html")
def test_a_key_may_be_the_beginning_of_another(s3: Any, bucket: str) -> None:
    for key in ("start", "start/end"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"x")

    page = s3.list_objects_v2(Bucket=bucket, Prefix="start")
    assert [item["Key"] for item in page["Contents"]] == ["start", "start/end"]


@source(f"{API}/API_CompleteMultipartUpload.html")
def test_parts_become_one_object_with_an_etag_of_their_etags(s3: Any, bucket: str) -> None:
    key = {"Bucket": bucket, "Key": "parts"}
    upload = {**key, "UploadId": s3.create_multipart_upload(**key)["UploadId"]}
    bodies = [b"a" * PART, b"b"]
    parts = [
        {
            "PartNumber": number,
            "ETag": s3.upload_part(**upload, PartNumber=number, Body=body)["ETag"],
        }
        for number, body in enumerate(bodies, 1)
    ]
    refused("NoSuchKey", s3.get_object, **key)
    done = s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})

    whole = hashlib.md5(b"".join(hashlib.md5(b).digest() for b in bodies))  # noqa: S324 # S3's own
    assert done["ETag"] == f'"{whole.hexdigest()}-2"'
    assert s3.head_object(**key)["ContentLength"] == PART + 1


@source(f"{API}/API_CompleteMultipartUpload.html#API_CompleteMultipartUpload_Errors")
@pytest.mark.parametrize(
    ("code", "order"),
    [("EntityTooSmall", [1, 2]), ("InvalidPart", [3])],
)
def test_parts_that_are_small_or_missing_are_refused(
    s3: Any, bucket: str, code: str, order: list[int]
) -> None:
    key = {"Bucket": bucket, "Key": "refused"}
    upload = {**key, "UploadId": s3.create_multipart_upload(**key)["UploadId"]}
    tags = {n: s3.upload_part(**upload, PartNumber=n, Body=b"x")["ETag"] for n in (1, 2)}
    parts = [{"PartNumber": number, "ETag": tags.get(number, tags[1])} for number in order]

    refused(code, s3.complete_multipart_upload, **upload, MultipartUpload={"Parts": parts})
    s3.abort_multipart_upload(**upload)
    refused("NoSuchUpload", s3.list_parts, **upload)


@source(f"{API}/API_GetObject.html")
@pytest.mark.parametrize(
    ("asked", "body", "told"),
    [
        ("bytes=0-2", b"abc", "bytes 0-2/6"),
        ("bytes=4-", b"ef", "bytes 4-5/6"),
        ("bytes=-2", b"ef", "bytes 4-5/6"),
        ("bytes=3-99", b"def", "bytes 3-5/6"),
    ],
)
def test_a_range_of_an_object_is_read(
    s3: Any, bucket: str, asked: str, body: bytes, told: str
) -> None:
    key = {"Bucket": bucket, "Key": "ranges"}
    s3.put_object(**key, Body=b"abcdef")

    answer = s3.get_object(**key, Range=asked)

    assert (answer["Body"].read(), answer["ContentRange"]) == (body, told)
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 206
    refused("InvalidRange", s3.get_object, **key, Range="bytes=6-")


@source(f"{API}/API_GetObject.html#API_GetObject_RequestSyntax")
@pytest.mark.parametrize(
    ("conditions", "status"),
    [
        ({"IfMatch": "same"}, 200),
        ({"IfMatch": "other"}, 412),
        ({"IfNoneMatch": "same"}, 304),
        ({"IfNoneMatch": "other"}, 200),
        ({"IfModifiedSince": "after"}, 304),
        ({"IfUnmodifiedSince": "before"}, 412),
        pytest.param(
            {"IfMatch": "same", "IfUnmodifiedSince": "before"}, 200, marks=differs("matched")
        ),
        ({"IfNoneMatch": "same", "IfModifiedSince": "before"}, 304),
    ],
)
def test_a_read_depends_on_its_conditions(
    s3: Any, bucket: str, conditions: dict[str, str], status: int
) -> None:
    key = {"Bucket": bucket, "Key": "conditions"}
    etag = s3.put_object(**key, Body=b"x")["ETag"]
    now = s3.head_object(**key)["LastModified"]
    # S3 takes a date in the future for one that is not valid, and answers as if there were none.
    values = {"same": etag, "other": '"0"', "before": now - timedelta(hours=1), "after": now}

    try:
        answer = s3.get_object(**key, **{name: values[of] for name, of in conditions.items()})
    except ClientError as error:
        answer = error.response
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == status


@source(f"{GUIDE}/conditional-writes.html")
def test_a_write_that_must_be_the_first_is_refused_when_the_key_exists(
    s3: Any, bucket: str
) -> None:
    key = {"Bucket": bucket, "Key": "once"}
    s3.put_object(**key, Body=b"first", IfNoneMatch="*")

    refused("PreconditionFailed", s3.put_object, **key, Body=b"second", IfNoneMatch="*")
    assert s3.get_object(**key)["Body"].read() == b"first"


@source(f"{API}/API_DeleteBucket.html")
def test_a_bucket_with_an_object_is_not_deleted(s3: Any, listed: str) -> None:
    refused("BucketNotEmpty", s3.delete_bucket, Bucket=listed)


@source(f"{API}/API_DeleteObjects.html")
def test_keys_that_do_not_exist_count_as_deleted(s3: Any, bucket: str) -> None:
    s3.delete_object(Bucket=bucket, Key="never")
    s3.put_object(Bucket=bucket, Key="batch", Body=b"x")
    both = {"Objects": [{"Key": "batch"}, {"Key": "never"}]}

    answer = s3.delete_objects(Bucket=bucket, Delete=both)

    assert {each["Key"] for each in answer["Deleted"]} == {"batch", "never"}
    assert "Errors" not in answer


@differs("quiet")
@source(f"{API}/API_DeleteObjects.html")
def test_a_quiet_deletion_tells_of_errors_only(s3: Any, bucket: str) -> None:
    quiet = {"Objects": [{"Key": "never"}], "Quiet": True}

    assert "Deleted" not in s3.delete_objects(Bucket=bucket, Delete=quiet)


@source(f"{API}/ErrorResponses.html#ErrorCodeList")
@pytest.mark.parametrize(
    ("code", "call", "request_"),
    [
        ("NoSuchKey", "get_object", {"Key": "missing"}),
        ("NoSuchBucket", "get_object", {"Key": "k", "Bucket": "conformance-no-such-bucket-zzz"}),
        ("NoSuchUpload", "abort_multipart_upload", {"Key": "k", "UploadId": "unknown"}),
        ("NoSuchBucketPolicy", "get_bucket_policy", {}),
        ("NoSuchLifecycleConfiguration", "get_bucket_lifecycle_configuration", {}),
    ],
)
def test_what_does_not_exist_has_an_error_of_its_own(
    s3: Any, bucket: str, code: str, call: str, request_: dict[str, str]
) -> None:
    refused(code, getattr(s3, call), **{"Bucket": bucket, **request_})


@source(f"{API}/API_CopyObject.html")
def test_a_copy_keeps_the_metadata_unless_it_is_replaced(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="from", Body=b"x", Metadata={"Of": "one"})
    copy = {"Bucket": bucket, "CopySource": {"Bucket": bucket, "Key": "from"}}

    s3.copy_object(**copy, Key="kept")
    s3.copy_object(**copy, Key="new", MetadataDirective="REPLACE", Metadata={"of": "two"})

    found = [s3.head_object(Bucket=bucket, Key=key)["Metadata"] for key in ("kept", "new")]
    assert found == [{"of": "one"}, {"of": "two"}]
    itself = {"CopySource": {"Bucket": bucket, "Key": "from"}, "Key": "from"}
    refused("InvalidRequest", s3.copy_object, Bucket=bucket, **itself)


@source(f"{API}/API_HeadObject.html")
def test_an_object_has_the_time_of_its_writing_and_a_head_no_body(s3: Any, bucket: str) -> None:
    key = {"Bucket": bucket, "Key": "timed"}
    s3.put_object(**key, Body=b"abc", ContentType="application/x-ndjson")
    head = s3.head_object(**key)

    assert abs(datetime.now(UTC) - head["LastModified"]) < timedelta(minutes=5)
    assert (head["ContentLength"], head["ContentType"]) == (3, "application/x-ndjson")
    refused("404", s3.head_object, Bucket=bucket, Key="missing")
