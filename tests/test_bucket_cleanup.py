"""The template's clean-up function, executed against S3."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from template_schemas import resources

from local_aws.settings import DEFAULT_REGION

LAKE = {"Bucket": "lake"}


class Response(ModuleType):
    """Stands in for the module that CloudFormation puts beside inline code, and remembers."""

    SUCCESS, FAILED = "SUCCESS", "FAILED"

    def __init__(self) -> None:
        super().__init__("cfnresponse")
        self.sent: list[tuple[str, str, str | None]] = []

    def send(
        self, event: Any, context: Any, status: str, data: Any, name: str, reason: str | None
    ) -> None:
        self.sent.append((status, name, reason))


class Context:
    """Of a call that has this many milliseconds left."""

    def __init__(self, remaining: int = 900_000) -> None:
        self.remaining = remaining

    def get_remaining_time_in_millis(self) -> int:
        return self.remaining


@pytest.fixture
def s3(aws_env: dict[str, str]) -> Iterator[Any]:
    """A client, before and after whose use there is no bucket `lake`."""
    s3 = boto3.client("s3")
    yield s3
    with contextlib.suppress(s3.exceptions.NoSuchBucket):
        s3.delete_bucket_policy(**LAKE)
        empty(s3)
        s3.delete_bucket(**LAKE)


def empty(s3: Any) -> None:
    found = s3.list_object_versions(**LAKE)
    for one in [*found.get("Versions", []), *found.get("DeleteMarkers", [])]:
        s3.delete_object(**LAKE, Key=one["Key"], VersionId=one["VersionId"])
    for one in s3.list_multipart_uploads(**LAKE).get("Uploads", []):
        s3.abort_multipart_upload(**LAKE, Key=one["Key"], UploadId=one["UploadId"])


def create_bucket(s3: Any) -> None:
    s3.create_bucket(**LAKE, CreateBucketConfiguration={"LocationConstraint": DEFAULT_REGION})
    s3.put_bucket_versioning(**LAKE, VersioningConfiguration={"Status": "Enabled"})


def clean_up(
    monkeypatch: pytest.MonkeyPatch, request: str = "Delete", context: Context | None = None
) -> tuple[str, str, str | None]:
    """Calls the function for bucket `lake` and returns its one answer."""
    response = Response()
    monkeypatch.setitem(sys.modules, "cfnresponse", response)
    code = resources("AWS::Lambda::Function")["BucketCleanup"]["Code"]["ZipFile"]
    namespace: dict[str, Any] = {}
    exec(code, namespace)  # noqa: S102 # it is what we test
    event = {
        "RequestType": request,
        "LogicalResourceId": "LakeCleanup",
        "ResourceProperties": {"BucketName": "lake", "BucketArn": "arn:aws:s3:::lake"},
    }
    namespace["handler"](event, context or Context())
    (answer,) = response.sent
    return answer


def fill_versioned_bucket(s3: Any) -> None:
    create_bucket(s3)
    for key in ("plain", "with space", "ü=%+&<>", "a/b"):
        s3.put_object(**LAKE, Key=key, Body=b"old")
        s3.put_object(**LAKE, Key=key, Body=b"new")
    s3.delete_object(**LAKE, Key="plain")
    s3.create_multipart_upload(**LAKE, Key="unfinished")


def versions(s3: Any) -> int:
    found = s3.list_object_versions(**LAKE)
    return len(found.get("Versions", []) + found.get("DeleteMarkers", []))


def test_clean_up_leaves_a_bucket_that_can_be_deleted(
    s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill_versioned_bucket(s3)

    assert clean_up(monkeypatch) == ("SUCCESS", "LakeCleanup", None)
    assert not s3.list_multipart_uploads(**LAKE).get("Uploads")
    s3.delete_bucket(**LAKE)


def test_clean_up_empties_a_bucket_of_more_versions_than_one_page_holds(
    s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    create_bucket(s3)
    keys = [str(number) for number in range(100)]
    for key in keys:
        s3.put_object(**LAKE, Key=key, Body=b"")
    # Each deletion leaves a version, too: a marker.
    for _ in range(10):
        s3.delete_objects(**LAKE, Delete={"Objects": [{"Key": key} for key in keys]})
    assert s3.list_object_versions(**LAKE)["IsTruncated"]

    assert clean_up(monkeypatch)[0] == "SUCCESS"
    assert versions(s3) == 0


def test_clean_up_closes_the_bucket_to_writers_that_are_still_under_way(
    s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill_versioned_bucket(s3)
    clean_up(monkeypatch)

    with pytest.raises(ClientError, match="AccessDenied"):
        s3.put_object(**LAKE, Key="late", Body=b"")


def test_clean_up_of_a_bucket_that_is_gone_succeeds(
    s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert clean_up(monkeypatch) == ("SUCCESS", "LakeCleanup", None)


@pytest.mark.parametrize("request_type", ["Create", "Update"])
def test_clean_up_deletes_nothing_unless_the_stack_is_deleted(
    s3: Any, monkeypatch: pytest.MonkeyPatch, request_type: str
) -> None:
    fill_versioned_bucket(s3)
    before = versions(s3)

    assert clean_up(monkeypatch, request_type) == ("SUCCESS", "LakeCleanup", None)
    assert versions(s3) == before


def test_clean_up_that_runs_out_of_time_answers_with_the_remedy(
    s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill_versioned_bucket(s3)

    status, _, reason = clean_up(monkeypatch, context=Context(remaining=10_000))

    assert status == "FAILED"
    assert reason is not None
    assert "lake is not empty yet" in reason
    assert "Delete the stack again" in reason


def test_clean_up_that_may_not_delete_answers_with_the_error(
    s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill_versioned_bucket(s3)
    real_client = boto3.client

    def refusing(service: str) -> Any:
        client = real_client(service)
        client.delete_objects = lambda **_: {"Errors": [{"Key": "a/b", "Code": "AccessDenied"}]}
        return client

    monkeypatch.setattr(boto3, "client", refusing)
    status, _, reason = clean_up(monkeypatch)

    assert status == "FAILED"
    assert reason is not None
    assert "AccessDenied" in reason
