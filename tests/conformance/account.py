"""The account that the suite runs against, and the steps that its tests share."""

from __future__ import annotations

import itertools
import time
import uuid
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore.exceptions import ClientError

LONGEST_WAIT = 300
GONE = {
    "404",
    "AWS.SimpleQueueService.NonExistentQueue",
    "EntityNotFoundException",
    "InvalidRequestException",  # Athena's, for a workgroup that is not found
    "NoSuchBucket",
    "NotFound",
    "NotFoundException",
    "ResourceNotFoundException",
}


def source(page: str) -> pytest.MarkDecorator:
    """Marks a test with the page of AWS's documentation that states what it expects."""
    return pytest.mark.source(f"https://docs.aws.amazon.com/{page}")


def differs(name: str) -> pytest.MarkDecorator:
    """Marks a test of what the embedded AWS is known not to keep; see `coverage.DIFFERENCES`."""
    return pytest.mark.differs(name)


def refused(code: str, call: Callable[..., Any], **request: Any) -> str:
    """Make a call that must fail with an error code; returns the error's message."""
    with pytest.raises(ClientError) as caught:
        call(**request)
    error = caught.value.response["Error"]
    assert error["Code"] == code, error
    return str(error["Message"])


def until(what: Callable[[], Any]) -> Any:
    """What it returns, as soon as that is something."""
    deadline, pause = time.monotonic() + LONGEST_WAIT, 0.02
    while not (found := what()):
        assert time.monotonic() < deadline, f"nothing came in {LONGEST_WAIT} s"
        time.sleep(pause)
        pause = min(pause * 1.5, 5)
    return found


@dataclass(frozen=True)
class Account:
    """An account of AWS, real or embedded, whose resources of this run end with it.

    Attributes:
        client: boto3 clients by service name.
        region: Where everything is made.
        role: The ARN of a role that Lambda and Glue may take.
        later: What deletes the resources.
        run: Part of every name.
    """

    client: Callable[[str], Any]
    region: str
    role: str
    later: ExitStack
    run: str = field(default_factory=lambda: uuid.uuid4().hex[:8])
    _numbers: itertools.count[int] = field(default_factory=itertools.count)

    def name(self) -> str:
        """A name that nothing else has, for any service but Athena's databases."""
        return f"conformance-{self.run}-{next(self._numbers)}"

    def deletes(self, call: Callable[..., Any], **request: Any) -> None:
        """Make this call at the end of the run, unless what it deletes is gone by then."""

        def delete() -> None:
            try:
                call(**request)
            except ClientError as error:
                if error.response["Error"]["Code"] not in GONE:
                    raise

        self.later.callback(delete)

    def bucket(self) -> str:
        """A new bucket; it is emptied and deleted at the end."""
        s3, name = self.client("s3"), self.name()
        place = {"CreateBucketConfiguration": {"LocationConstraint": self.region}}
        s3.create_bucket(Bucket=name, **({} if self.region == "us-east-1" else place))
        self.deletes(s3.delete_bucket, Bucket=name)
        self.deletes(self._empty, bucket=name)
        return name

    def _empty(self, bucket: str) -> None:
        s3 = self.client("s3")
        for upload in s3.list_multipart_uploads(Bucket=bucket).get("Uploads", []):
            s3.abort_multipart_upload(Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"])
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
            for found in (*page.get("Versions", []), *page.get("DeleteMarkers", [])):
                s3.delete_object(Bucket=bucket, Key=found["Key"], VersionId=found["VersionId"])

    def database(self) -> str:
        """A new, empty database of the Glue catalog; its tables are deleted with it."""
        glue, name = self.client("glue"), self.name().replace("-", "_")
        glue.create_database(DatabaseInput={"Name": name})
        self.deletes(glue.delete_database, Name=name)
        return name

    def table(self, database: str, name: str, location: str, keys: dict[str, str]) -> None:
        """A table of Parquet with one column, n bigint."""
        glue = self.client("glue")
        parquet = "org.apache.hadoop.hive.ql.io.parquet"
        storage = {
            "Columns": [{"Name": "n", "Type": "bigint"}],
            "Location": location,
            "InputFormat": f"{parquet}.MapredParquetInputFormat",
            "OutputFormat": f"{parquet}.MapredParquetOutputFormat",
            "SerdeInfo": {"SerializationLibrary": f"{parquet}.serde.ParquetHiveSerDe"},
        }
        glue.create_table(
            DatabaseName=database,
            TableInput={
                "Name": name,
                "TableType": "EXTERNAL_TABLE",
                "StorageDescriptor": storage,
                "PartitionKeys": [{"Name": key, "Type": kind} for key, kind in keys.items()],
            },
        )

    def queue(self) -> tuple[str, str]:
        """A new queue that any service of AWS may send to: its URL and its ARN."""
        sqs, name = self.client("sqs"), self.name()
        url = sqs.create_queue(QueueName=name)["QueueUrl"]
        self.deletes(sqs.delete_queue, QueueUrl=url)
        found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        return url, found["Attributes"]["QueueArn"]
