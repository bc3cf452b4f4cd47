"""The table of operations against the server, and against what the repository's users call."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import botocore.session
import pytest
from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import ClientError

from local_aws import coverage
from tools import documents

pytestmark = pytest.mark.embedded_only

ROOT = Path(__file__).parents[2]
# The probes leave nothing where the other tests look.
ELSEWHERE = "eu-central-1"
DECLARED = [(service, name) for service, found in coverage.OPERATIONS.items() for name in found]
TOPIC = {"TopicArn": f"arn:aws:sns:{ELSEWHERE}:123456789012:probe"}
LOCATION = {"CreateBucketConfiguration": {"LocationConstraint": ELSEWHERE}}
# Values that the service would not get as far as looking at, if they were any text.
TELLING = {
    ("events", "PutTargets"): {"Rule": "probe", "Targets": []},
    ("glue", "CreateTable"): {"DatabaseName": "probe", "TableInput": {"Name": "probe"}},
    ("logs", "StartLiveTail"): {"logGroupIdentifiers": ["probe"]},
    ("sns", "DeleteTopic"): TOPIC,
    ("sns", "ListSubscriptionsByTopic"): TOPIC,
    ("sns", "Publish"): {**TOPIC, "Message": "probe"},
    ("sns", "Subscribe"): {**TOPIC, "Protocol": "sqs"},
    ("s3", "CreateBucket"): {"Bucket": "probe-of-coverage", **LOCATION},
    ("cloudformation", "CreateStack"): {"StackName": "probe", "TemplateBody": "{}"},
    ("cloudformation", "CreateChangeSet"): {
        "StackName": "probe",
        "ChangeSetName": "probe",
        "TemplateBody": "{}",
    },
}


@cache
def operations(service: str) -> dict[str, str]:
    """A service's operations by the names of their methods."""
    model = botocore.session.get_session().get_service_model(service)
    return {xform_name(name): name for name in model.operation_names}


@pytest.fixture(scope="module")
def probes(endpoint: str) -> Callable[[str], Any]:
    settings = Config(
        region_name=ELSEWHERE,
        parameter_validation=False,
        inject_host_prefix=False,
        retries={"total_max_attempts": 1},
    )
    keys = {"aws_access_key_id": "local", "aws_secret_access_key": "local"}
    return cache(lambda name: boto3.client(name, endpoint_url=endpoint, config=settings, **keys))


@pytest.mark.parametrize(("service", "name"), DECLARED)
def test_the_server_refuses_what_is_declared_so_and_nothing_else(
    probes: Callable[[str], Any], service: str, name: str
) -> None:
    client, declared = probes(service), coverage.OPERATIONS[service][name]
    shape = client.meta.service_model.operation_model(name).input_shape
    request = TELLING.get((service, name)) or (least(shape) if shape else {})
    answer = ""
    try:
        getattr(client, xform_name(name))(**request)
    except ClientError as error:
        answer = str(error.response["Error"])
    assert ("NotSupportedByEmbeddedAws" in answer) == (declared.kind == coverage.REFUSED), answer
    assert "InternalFailure" not in answer, answer


def least(shape: Any) -> Any:
    """The smallest value of a shape: what is required, as one text or number each."""
    match shape.type_name:
        case "structure":
            return {name: least(shape.members[name]) for name in shape.required_members}
        case "list":
            return [least(shape.member)]
        case "map":
            return {}
        case "string":
            return (shape.enum or ["probe"])[0]
        case "boolean":
            return False
        case "timestamp":
            return 1_700_000_000
        case "blob":
            return b"{}"
        case _:
            return 1


def sources() -> Iterator[str]:
    """The Python that talks to AWS: job, notebook, generator, demo and stack."""
    for path in (ROOT / "generate_sample_data.py", *(ROOT / "glue_jobs").glob("*.py")):
        yield path.read_text(encoding="utf-8")
    for path in (ROOT / "tools").glob("*.py"):
        yield path.read_text(encoding="utf-8")
    for cell in json.loads((ROOT / "build_pipeline.ipynb").read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] == "code":
            yield re.sub(r"^%.*", "", "".join(cell["source"]), flags=re.MULTILINE)
    for resource in documents.template()["Resources"].values():
        if resource["Type"] == "AWS::Lambda::Function":
            yield str(resource["Properties"]["Code"]["ZipFile"])


def methods(source: str) -> Iterator[str]:
    """Names of methods that are called, and of those that are paged through."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            yield node.func.attr
            if node.func.attr == "get_paginator" and isinstance(node.args[0], ast.Constant):
                yield str(node.args[0].value)


def test_every_operation_of_the_pipelines_code_is_declared() -> None:
    called = {name for source in sources() for name in methods(source)}
    known = {name for service in coverage.OPERATIONS for name in operations(service)}
    declared = {xform_name(name) for _, name in DECLARED}

    assert len(called & known) > 30
    assert called & known <= declared


def test_every_operation_of_the_pages_commands_is_declared() -> None:
    shown = "\n".join(page.read_text(encoding="utf-8") for page in documents.pages())
    services = "|".join(coverage.OPERATIONS)
    commands = set(re.findall(rf"\baws ({services}|s3api) ([a-z0-9-]+)", shown))
    called = {
        (service, operations(service).get(command.replace("-", "_")))
        for service, command in (({"s3api": "s3"}.get(s, s), c) for s, c in commands)
    }

    found = {(service, name) for service, name in called if name}
    assert len(found) > 30
    assert found <= set(DECLARED)


def test_every_declared_operation_exists_and_every_difference_is_tested() -> None:
    unknown = [(s, name) for s, name in DECLARED if name not in operations(s).values()]
    tests = "\n".join(path.read_text() for path in Path(__file__).parent.glob("test_doc*.py"))

    assert unknown == []
    assert set(re.findall(r'differs\("(\w+)"\)', tests)) == set(coverage.DIFFERENCES)
