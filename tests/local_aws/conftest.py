from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
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
    return lambda service: session.client(service, endpoint_url=embedded_aws.endpoint_url)
