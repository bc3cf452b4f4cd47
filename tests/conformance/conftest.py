"""Facts that AWS documents, held against the embedded AWS or against an account of yours.

`make conformance` runs the suite against the embedded AWS. With `CONFORMANCE_ACCOUNT=real` it runs
unchanged against the account of the shell's ordinary AWS credentials, in the shell's region
(us-west-2 if it names none); `CONFORMANCE_ROLE` is the name of a role that Lambda and Glue may
take, `LabRole` if it is not set. Every name begins with `conformance-` and is unique to the run,
and what was made is deleted at its end.

Costs in a real account, computed from AWS's price list and not measured: one Glue run of two G.1X
workers that is stopped as soon as it has started (a minute of 2 DPU is the least that is billed,
$0.015), Athena queries at 10 MB each (less than $0.01), and some hundred requests (less than
$0.01). The run takes some minutes there, most of them for stacks.

Each test bears the address of the page that states what it expects. What the embedded AWS is known
not to keep is an expected failure there, and an ordinary test in a real account.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from typing import Any

import boto3
import pytest
from account import Account
from botocore.config import Config

from local_aws import coverage
from local_aws.settings import DEFAULT_REGION
from tools import local

# Taken now: no test sees the environment of the shell.
REAL = os.environ.get("CONFORMANCE_ACCOUNT") == "real"
ROLE = os.environ.get("CONFORMANCE_ROLE", "LabRole")
PROFILE = os.environ.get("AWS_PROFILE")
REGION = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or DEFAULT_REGION
SESSION = boto3.Session(profile_name=PROFILE, region_name=REGION) if REAL else None
if SESSION:
    SESSION.get_credentials()


def pytest_itemcollected(item: pytest.Item) -> None:
    marks = [mark.args[0] for mark in item.iter_markers("source")]
    if not marks and not item.get_closest_marker("embedded_only"):
        raise pytest.UsageError(f"{item.nodeid} does not say where AWS documents it: @source(...)")
    if REAL and item.get_closest_marker("embedded_only"):
        item.add_marker(pytest.mark.skip("it is about the embedded AWS"))
    for mark in [] if REAL else item.iter_markers("differs"):
        item.add_marker(pytest.mark.xfail(reason=coverage.DIFFERENCES[mark.args[0]]))


@pytest.fixture(scope="session")
def client(request: pytest.FixtureRequest) -> Callable[[str], Any]:
    """boto3 clients by service name, of the account that the suite runs against."""
    if SESSION:
        real = Config(ignore_configured_endpoint_urls=True)
        return cache(lambda service: SESSION.client(service, config=real))
    endpoint = request.getfixturevalue("endpoint")

    @cache
    def embedded(service: str) -> Any:
        made = local.client(service, endpoint)
        made.meta.events.register("before-call", check_declared)
        return made

    return embedded


def check_declared(model: Any, **_: Any) -> None:
    """Whatever a test here calls is in the table of the document."""
    service = model.service_model.service_name
    assert model.name in coverage.OPERATIONS[service], f"declare {service} {model.name}"


@pytest.fixture(scope="session")
def account(client: Callable[[str], Any]) -> Iterator[Account]:
    region = client("s3").meta.region_name
    with ExitStack() as later:
        identity = client("sts").get_caller_identity()
        partition = identity["Arn"].split(":")[1]
        role = f"arn:{partition}:iam::{identity['Account']}:role/{ROLE}"
        yield Account(client, region, role, later)


@pytest.fixture(scope="session")
def bucket(account: Account) -> str:
    """A bucket that all tests share, each with a prefix of its own."""
    return account.bucket()
