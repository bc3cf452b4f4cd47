from __future__ import annotations

import functools
import os
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import athena_lake
import boto3
import pytest
from glue_steps import BUCKET, Glue
from lab import SHORT_RUNS

from local_aws import server

REGION = "us-west-2"


@pytest.fixture(scope="session")
def embedded_aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[server.RunningServer]:
    """One embedded AWS for all tests; each uses names of its own."""
    os.environ["LOCAL_AWS_JAVA_OPTIONS"] = SHORT_RUNS
    running = server.start(tmp_path_factory.mktemp("aws") / "data", enforce_iam=True)
    yield running
    running.stop()
    os.environ.pop("LOCAL_AWS_JAVA_OPTIONS", None)


@pytest.fixture(scope="session")
def client(embedded_aws: server.RunningServer) -> Callable[[str], Any]:
    """Makes boto3 clients of the embedded AWS, by service name."""
    session = boto3.session.Session(
        aws_access_key_id="local", aws_secret_access_key="local", region_name=REGION
    )
    return functools.cache(
        lambda service: session.client(service, endpoint_url=embedded_aws.endpoint_url)
    )


@pytest.fixture(scope="session")
def glue(client: Callable[[str], Any]) -> Glue:
    """Makes Glue jobs of scripts and runs them."""
    location = {"LocationConstraint": REGION}
    client("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration=location)
    return Glue(client)


@pytest.fixture(scope="session")
def lake(client: Callable[[str], Any]) -> athena_lake.Athena:
    """A small lake that Athena can query; tests that write use tables of their own."""
    return athena_lake.build(client)


@pytest.fixture
def stacks(client: Callable[[str], Any]) -> Any:
    return client("cloudformation")


@pytest.fixture
def name() -> str:
    """A name that no other test uses, for a stack and what is in it."""
    return f"t{uuid.uuid4().hex[:12]}"
