"""Steps that the tests of stacks share."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable
from typing import Any

Client = Callable[[str], Any]


def bucket(name: Any, **properties: Any) -> dict[str, Any]:
    return resource("AWS::S3::Bucket", BucketName=name, **properties)


def resource(kind: str, **properties: Any) -> dict[str, Any]:
    return {"Type": kind, "Properties": properties}


def template(**resources: Any) -> str:
    return json.dumps({"Resources": resources})


def with_function(code: str, **properties: Any) -> str:
    function = resource(
        "AWS::Lambda::Function",
        Runtime="python3.13",
        Handler="index.handler",
        Role={"Fn::Sub": "arn:aws:iam::${AWS::AccountId}:role/LabRole"},
        Timeout="20",
        Code={"ZipFile": textwrap.dedent(code)},
    )
    token = {"Fn::GetAtt": ["Fn", "Arn"]}
    custom = resource("Custom::Thing", ServiceToken=token, **properties)
    outputs = {
        "Function": {"Value": {"Ref": "Fn"}},
        "Id": {"Value": {"Ref": "Thing"}},
        "Doubled": {"Value": {"Fn::GetAtt": ["Thing", "Doubled"]}},
    }
    return json.dumps({"Resources": {"Fn": function, "Thing": custom}, "Outputs": outputs})


def create(stacks: Any, name: str, body: str, **parameters: str) -> str:
    given = [{"ParameterKey": k, "ParameterValue": v} for k, v in parameters.items()]
    stack = stacks.create_stack(
        StackName=name,
        TemplateBody=body,
        Parameters=given,
        Capabilities=["CAPABILITY_NAMED_IAM"],
    )
    return str(stack["StackId"])


def update(stacks: Any, name: str, body: str, **parameters: str) -> None:
    given = [{"ParameterKey": k, "ParameterValue": v} for k, v in parameters.items()]
    stacks.update_stack(
        StackName=name,
        TemplateBody=body,
        Parameters=given,
        Capabilities=["CAPABILITY_NAMED_IAM"],
    )


def status_of(stacks: Any, name: str) -> str:
    return str(stacks.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"])


def outputs_of(stacks: Any, name: str) -> dict[str, str]:
    outputs = stacks.describe_stacks(StackName=name)["Stacks"][0].get("Outputs", [])
    return {output["OutputKey"]: output["OutputValue"] for output in outputs}


def events_of(stacks: Any, name: str) -> list[tuple[str, str, str]]:
    """Logical id, status and reason, oldest first."""
    events = stacks.describe_stack_events(StackName=name)["StackEvents"]
    return [
        (e["LogicalResourceId"], e["ResourceStatus"], e.get("ResourceStatusReason", ""))
        for e in reversed(events)
    ]


def steps_of(stacks: Any, name: str, status: str) -> list[str]:
    return [logical_id for logical_id, seen, _ in events_of(stacks, name) if seen == status]


def reason_of(stacks: Any, name: str, logical_id: str, status: str) -> str:
    events = events_of(stacks, name)
    return next(why for seen, at, why in events if (seen, at) == (logical_id, status))


def physical_id(stacks: Any, name: str, logical_id: str) -> str:
    found = stacks.describe_stack_resource(StackName=name, LogicalResourceId=logical_id)
    return str(found["StackResourceDetail"]["PhysicalResourceId"])
