from __future__ import annotations

import re
import textwrap
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError
from stack_steps import (
    Client,
    bucket,
    create,
    outputs_of,
    reason_of,
    status_of,
    template,
    update,
    with_function,
)

pytestmark = pytest.mark.slow


ANSWERING = """
    import cfnresponse
    def handler(event, context):
        kind, props = event["RequestType"], event["ResourceProperties"]
        old = event.get("OldResourceProperties", {})
        print("asked", kind, props["Value"], event.get("PhysicalResourceId"), old.get("Value"))
        status = cfnresponse.FAILED if kind == props.get("FailOn") else cfnresponse.SUCCESS
        data = {"Doubled": props["Value"] * 2}
        name = props.get("Name", "fixed")
        cfnresponse.send(event, context, status, data, name, reason="because I say so")
"""


def asked(client: Client, function: str) -> list[str]:
    events = client("logs").filter_log_events(logGroupName=f"/aws/lambda/{function}")["events"]
    return [e["message"] for e in events if e["message"].startswith("asked")]


def test_a_custom_resource_is_made_changed_and_deleted_by_its_function(
    client: Client, stacks: Any, name: str
) -> None:
    stack_id = create(stacks, name, with_function(ANSWERING, Value=21, Name="first"))
    outputs = outputs_of(stacks, name)
    assert (outputs["Id"], outputs["Doubled"]) == ("first", "2121")

    update(stacks, name, with_function(ANSWERING, Value=5, Name="second"))
    assert outputs_of(stacks, name)["Id"] == "second"
    function = outputs["Function"]
    assert asked(client, function) == [
        "asked Create 21 None None",
        "asked Update 5 first 21",
        "asked Delete 5 first None",
    ]
    stacks.delete_stack(StackName=name)

    assert asked(client, function)[3] == "asked Delete 5 second None"
    assert status_of(stacks, stack_id) == "DELETE_COMPLETE"


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (ANSWERING, "because I say so"),
        ("def handler(event, context): raise KeyError('answer')", "KeyError"),
        ("def handler(event, context): return 'never mind'", "did not answer.*never mind"),
    ],
)
def test_a_custom_resource_that_fails_rolls_the_stack_back_with_its_reason(
    client: Client, stacks: Any, name: str, code: str, reason: str
) -> None:
    create(stacks, name, with_function(code, Value="1", FailOn="Create"))

    assert status_of(stacks, name) == "ROLLBACK_COMPLETE"
    failed = reason_of(stacks, name, "Thing", "CREATE_FAILED")
    assert re.search(reason, failed), failed
    functions = client("lambda").list_functions()["Functions"]
    assert not [each for each in functions if each["FunctionName"].startswith(name)]
    with pytest.raises(ClientError, match="already exists"):
        create(stacks, name, template(B=bucket(f"b-{name}")))


def test_a_stack_under_way_is_seen_and_cannot_be_changed(
    client: Client, stacks: Any, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("local_aws.cloudformation.models.PATIENCE_SECONDS", 0.0)
    slow = textwrap.dedent(ANSWERING).replace(
        "kind, props", "__import__('time').sleep(1); kind, props", 1
    )
    create(stacks, name, with_function(slow, Value="1"))

    assert status_of(stacks, name) == "CREATE_IN_PROGRESS"
    assert outputs_of(stacks, name) == {}
    with pytest.raises(ClientError, match="CREATE_IN_PROGRESS state and can not be deleted"):
        stacks.delete_stack(StackName=name)
    deadline = time.monotonic() + 20
    while status_of(stacks, name) == "CREATE_IN_PROGRESS" and time.monotonic() < deadline:
        time.sleep(0.1)
    assert outputs_of(stacks, name)["Doubled"] == "11"
