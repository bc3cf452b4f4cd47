from __future__ import annotations

import json
import uuid
from typing import Any

import pytest
from botocore.exceptions import ClientError
from stack_steps import Client, bucket, create, resource, status_of, template

pytestmark = pytest.mark.slow


def test_a_change_set_creates_and_updates_a_stack(client: Client, stacks: Any, name: str) -> None:
    for kind, days in (("CREATE", 7), ("UPDATE", 14)):
        group = {"LogGroupName": f"/{name}", "RetentionInDays": days}
        body = template(Logs={"Type": "AWS::Logs::LogGroup", "Properties": group})
        change = {"StackName": name, "ChangeSetName": f"c{days}"}
        made = stacks.create_change_set(**change, TemplateBody=body, ChangeSetType=kind)
        stacks.execute_change_set(ChangeSetName=made["Id"])

    assert status_of(stacks, name) == "UPDATE_COMPLETE"
    [group] = client("logs").describe_log_groups(logGroupNamePrefix=f"/{name}")["logGroups"]
    assert group["retentionInDays"] == 14
    same = stacks.create_change_set(
        StackName=name, ChangeSetName="same", TemplateBody=body, ChangeSetType="UPDATE"
    )
    described = stacks.describe_change_set(ChangeSetName=same["Id"])
    assert described["Status"] == "FAILED"
    assert "didn't contain changes" in described["StatusReason"]


def test_a_change_set_is_an_update_unless_it_says_otherwise(stacks: Any, name: str) -> None:
    change = {"StackName": name, "ChangeSetName": "c", "TemplateBody": template(Topic=TOPIC)}
    with pytest.raises(ClientError, match="does not exist"):
        stacks.create_change_set(**change)
    with pytest.raises(ClientError, match="ChangeSetType IMPORT"):
        stacks.create_change_set(**change, ChangeSetType="IMPORT")
    create(stacks, name, template(Queue={"Type": "AWS::SQS::Queue"}))
    stacks.create_change_set(**change)
    described = stacks.describe_change_set(StackName=name, ChangeSetName="c")
    assert {each["ResourceChange"]["Action"] for each in described["Changes"]} == {"Add", "Remove"}


TOPIC = {"Type": "AWS::SNS::Topic"}
LOGS = "AWS::Logs::LogGroup"


def change_set(stacks: Any, name: str, body: str, **options: Any) -> dict[str, Any]:
    """Make a change set and describe it."""
    title = f"c{uuid.uuid4().hex[:8]}"
    kind = {"ChangeSetType": "UPDATE", "StackName": name, "ChangeSetName": title}
    made = stacks.create_change_set(**{**kind, **options}, TemplateBody=body)
    return dict(stacks.describe_change_set(ChangeSetName=made["Id"]))


def changes_of(described: dict[str, Any]) -> dict[str, tuple[Any, ...]]:
    """Action, replacement, and the changed properties by logical id."""
    return {
        change["LogicalResourceId"]: (
            change["Action"],
            change.get("Replacement"),
            [detail["Target"]["Name"] for detail in change.get("Details", [])],
        )
        for change in (each["ResourceChange"] for each in described["Changes"])
    }


def test_a_name_that_is_written_otherwise_replaces_nothing(stacks: Any, name: str) -> None:
    id_ = {"Ref": "Id"}
    parts = {"Fn::Join": ["_", ["", {"Fn::Join": ["_", {"Fn::Split": ["-", id_]}]}]]}
    ways = [
        parts,
        {"Fn::Join": ["_", {"Fn::Split": ["-", {"Fn::Sub": "-${Id}"}]}]},
        {"Fn::Sub": ["_${Own}", {"Own": {"Fn::FindInMap": ["Ids", "of", {"Ref": "Id"}]}}]},
    ]

    def body(group: Any) -> str:
        declared = json.loads(template(Group={"Type": LOGS, "Properties": {"LogGroupName": group}}))
        declared["Parameters"] = {"Id": {"Type": "String", "Default": name}}
        declared["Mappings"] = {"Ids": {"of": {name: name.replace("-", "_")}}}
        return json.dumps(declared)

    create(stacks, name, body(ways[0]))
    for way in ways[1:]:
        assert changes_of(change_set(stacks, name, body(way))) == {}
    (changed,) = changes_of(change_set(stacks, name, body({"Fn::Sub": "${Id}"}))).values()
    assert changed == ("Modify", "True", ["LogGroupName"])


def test_a_change_set_says_what_it_adds_changes_replaces_and_removes(
    stacks: Any, name: str
) -> None:
    def body(days: Any, group: str, **more: Any) -> str:
        policy = {"Bucket": {"Ref": "Bucket"}, "PolicyDocument": {"Statement": []}}
        resources = {
            "Days": resource(LOGS, LogGroupName=f"/{name}/days", RetentionInDays=days),
            "Named": resource(LOGS, LogGroupName=f"/{name}/{group}"),
            "Same": resource(LOGS, LogGroupName=f"/{name}/same"),
            "Bucket": bucket(f"{group}-{name}"),
            "Policy": resource("AWS::S3::BucketPolicy", **policy),
            **more,
        }
        parameters = {"Retention": {"Type": "Number", "Default": 7}}
        return json.dumps({"Parameters": parameters, "Resources": resources})

    create(stacks, name, body({"Ref": "Retention"}, "one", Old=resource(LOGS)))

    wanted = body({"Ref": "Retention"}, "two", New=resource(LOGS))
    days = [{"ParameterKey": "Retention", "ParameterValue": "14"}]
    described = change_set(stacks, name, wanted, Parameters=days)

    assert changes_of(described) == {
        "New": ("Add", None, []),
        "Days": ("Modify", "False", ["RetentionInDays"]),
        "Named": ("Modify", "True", ["LogGroupName"]),
        "Bucket": ("Modify", "True", ["BucketName"]),
        "Policy": ("Modify", "Conditional", ["Bucket"]),
        "Old": ("Remove", None, []),
    }
    by_name = {
        each["ResourceChange"]["LogicalResourceId"]: each["ResourceChange"]
        for each in described["Changes"]
    }
    assert by_name["Days"]["PhysicalResourceId"] == f"/{name}/days"
    [detail] = by_name["Policy"]["Details"]
    assert (detail["ChangeSource"], detail["CausingEntity"]) == ("ResourceReference", "Bucket")
    assert [each["ResourceStatus"] for each in resources_of(stacks, name)] == [
        "CREATE_COMPLETE"
    ] * 6


def resources_of(stacks: Any, name: str) -> list[dict[str, Any]]:
    return list(stacks.list_stack_resources(StackName=name)["StackResourceSummaries"])


def test_a_change_set_is_carried_out_once_and_makes_the_others_obsolete(
    stacks: Any, name: str
) -> None:
    create(stacks, name, template(A=resource(LOGS)))
    body = template(A=resource(LOGS), B=resource(LOGS))
    first, second = (change_set(stacks, name, body)["ChangeSetName"] for _ in range(2))
    listed = stacks.list_change_sets(StackName=name)["Summaries"]
    assert [each["ChangeSetName"] for each in listed] == [first, second]

    stacks.execute_change_set(StackName=name, ChangeSetName=first)

    assert status_of(stacks, name) == "UPDATE_COMPLETE"
    for again in (first, second):
        with pytest.raises(ClientError, match="cannot be executed in its current") as refusal:
            stacks.execute_change_set(StackName=name, ChangeSetName=again)
        assert refusal.value.response["Error"]["Code"] == "InvalidChangeSetStatus"
    stacks.delete_change_set(StackName=name, ChangeSetName=second)
    with pytest.raises(ClientError, match="does not exist") as refusal:
        stacks.describe_change_set(StackName=name, ChangeSetName=second)
    assert refusal.value.response["Error"]["Code"] == "ChangeSetNotFound"
