"""Drift, and what else a stack knows of itself."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError
from stack_steps import Client, bucket, create, resource, status_of, template, update

pytestmark = pytest.mark.slow

LOGS = "AWS::Logs::LogGroup"


def drift_of(stacks: Any, name: str) -> tuple[str, dict[str, dict[str, Any]]]:
    """The stack's drift, and that of each resource by logical id."""
    detection = stacks.detect_stack_drift(StackName=name)["StackDriftDetectionId"]
    status = stacks.describe_stack_drift_detection_status(StackDriftDetectionId=detection)
    assert status["DetectionStatus"] == "DETECTION_COMPLETE"
    drifts = stacks.describe_stack_resource_drifts(StackName=name)["StackResourceDrifts"]
    return status["StackDriftStatus"], {each["LogicalResourceId"]: each for each in drifts}


def test_what_others_delete_or_change_is_drift(client: Client, stacks: Any, name: str) -> None:
    rule = {"Name": name, "ScheduleExpression": "rate(1 day)", "State": "DISABLED"}
    create(
        stacks,
        name,
        template(
            Kept=resource(LOGS, LogGroupName=f"/{name}/kept", RetentionInDays="7"),
            Changed=resource(LOGS, LogGroupName=f"/{name}/changed", RetentionInDays=7),
            Gone=bucket(f"b-{name}"),
            Rule=resource("AWS::Events::Rule", **rule),
            Key=resource("AWS::KMS::Key"),
        ),
    )
    assert drift_of(stacks, name)[0] == "IN_SYNC"
    group = {"logGroupName": f"/{name}/changed"}
    client("logs").put_retention_policy(**group, retentionInDays=30)
    client("s3").delete_bucket(Bucket=f"b-{name}")
    client("events").enable_rule(Name=name)

    status, drifts = drift_of(stacks, name)

    assert status == "DRIFTED"
    states = {key: each["StackResourceDriftStatus"] for key, each in drifts.items()}
    assert states == {
        "Kept": "IN_SYNC",
        "Changed": "MODIFIED",
        "Gone": "DELETED",
        "Rule": "MODIFIED",
        "Key": "NOT_CHECKED",
    }
    assert drifts["Changed"]["PropertyDifferences"] == [
        {
            "PropertyPath": "/RetentionInDays",
            "ExpectedValue": "7",
            "ActualValue": "30",
            "DifferenceType": "NOT_EQUAL",
        }
    ]
    one = stacks.detect_stack_resource_drift(StackName=name, LogicalResourceId="Rule")
    assert json.loads(one["StackResourceDrift"]["ActualProperties"])["State"] == "ENABLED"


def test_a_protected_stack_is_deleted_only_after_its_protection(stacks: Any, name: str) -> None:
    create(stacks, name, template(A=resource(LOGS)))
    stacks.update_termination_protection(StackName=name, EnableTerminationProtection=True)
    with pytest.raises(ClientError, match="while TerminationProtection is enabled"):
        stacks.delete_stack(StackName=name)
    assert status_of(stacks, name) == "CREATE_COMPLETE"

    stacks.update_termination_protection(StackName=name, EnableTerminationProtection=False)
    stacks.delete_stack(StackName=name)

    with pytest.raises(ClientError, match="does not exist"):
        status_of(stacks, name)


def test_secrets_are_hidden_and_previous_values_and_new_tags_are_heeded(
    client: Client, stacks: Any, name: str
) -> None:
    parameters = {"Secret": {"Type": "String", "NoEcho": True}, "Days": {"Type": "Number"}}
    group = {
        "LogGroupName": {"Fn::Sub": f"/{name}/${{Secret}}"},
        "RetentionInDays": {"Ref": "Days"},
    }
    body = json.dumps({"Parameters": parameters, "Resources": {"Logs": resource(LOGS, **group)}})
    create(stacks, name, body, Secret="s3cret", Days="7")

    given = [
        {"ParameterKey": "Secret", "UsePreviousValue": True},
        {"ParameterKey": "Days", "ParameterValue": "14"},
    ]
    stacks.update_stack(StackName=name, UsePreviousTemplate=True, Parameters=given)

    [stack] = stacks.describe_stacks(StackName=name)["Stacks"]
    shown = {each["ParameterKey"]: each["ParameterValue"] for each in stack["Parameters"]}
    assert shown == {"Secret": "****", "Days": "14"}
    [found] = client("logs").describe_log_groups(logGroupNamePrefix=f"/{name}/")["logGroups"]
    assert (found["logGroupName"], found["retentionInDays"]) == (f"/{name}/s3cret", 14)
    tags = [{"Key": "stage", "Value": "test"}]
    stacks.update_stack(StackName=name, UsePreviousTemplate=True, Parameters=given, Tags=tags)
    assert stacks.describe_stacks(StackName=name)["Stacks"][0]["Tags"] == tags
    with pytest.raises(ClientError, match="No updates are to be performed"):
        stacks.update_stack(StackName=name, UsePreviousTemplate=True, Parameters=given, Tags=tags)


def test_a_stack_gives_its_template_and_a_summary_of_it(stacks: Any, name: str) -> None:
    body = json.dumps(
        {
            "Description": "two",
            "Parameters": {"Mode": {"Type": "String", "Default": "A", "AllowedValues": ["A", "B"]}},
            "Resources": {"Logs": resource(LOGS), "Bucket": bucket(f"b-{name}")},
        }
    )
    create(stacks, name, body)

    summary = stacks.get_template_summary(StackName=name)

    assert summary["ResourceTypes"] == [LOGS, "AWS::S3::Bucket"]
    [mode] = summary["Parameters"]
    assert (mode["DefaultValue"], mode["ParameterConstraints"]["AllowedValues"]) == (
        "A",
        ["A", "B"],
    )
    assert stacks.get_template(StackName=name)["TemplateBody"] == json.loads(body)


def test_functions_that_are_evaluated_and_those_that_are_not(
    client: Client, stacks: Any, name: str
) -> None:
    days = {"Fn::FindInMap": ["Stages", {"Ref": "Stage"}, "days"]}
    second = {"Fn::Select": ["1", {"Fn::Split": [",", "a,b"]}]}
    body = {
        "Parameters": {
            "Stage": {"Type": "String", "Default": "test"},
            "Parts": {"Type": "CommaDelimitedList", "Default": "x,y"},
        },
        "Mappings": {"Stages": {"test": {"days": 14}, "live": {"days": 30}}},
        "Conditions": {
            "Live": {"Fn::Equals": [{"Ref": "Stage"}, "live"]},
            "Either": {"Fn::Or": [{"Condition": "Live"}, {"Fn::Not": [{"Condition": "Live"}]}]},
        },
        "Resources": {
            "Logs": {
                **resource(LOGS, LogGroupName=f"/{name}", RetentionInDays=days),
                "Condition": "Either",
            }
        },
        "Outputs": {
            "If": {"Value": {"Fn::If": ["Live", "yes", {"Ref": "AWS::StackName"}]}},
            "Second": {"Value": second},
            "Joined": {"Value": {"Fn::Join": ["-", {"Ref": "Parts"}]}},
            "Encoded": {"Value": {"Fn::Base64": {"Fn::Sub": ["${X}!", {"X": "hi"}]}}},
            "Suffix": {"Value": {"Ref": "AWS::URLSuffix"}},
        },
    }
    create(stacks, name, json.dumps(body))

    [group] = client("logs").describe_log_groups(logGroupNamePrefix=f"/{name}")["logGroups"]
    outputs = stacks.describe_stacks(StackName=name)["Stacks"][0]["Outputs"]
    assert group["retentionInDays"] == 14
    assert {each["OutputKey"]: each["OutputValue"] for each in outputs} == {
        "If": name,
        "Second": "b",
        "Joined": "x-y",
        "Encoded": "aGkh",
        "Suffix": "amazonaws.com",
    }
    cidr = {"Fn::Cidr": ["10.0.0.0/16", 1, 8]}
    with pytest.raises(ClientError, match="does not support the function Fn::Cidr"):
        update(stacks, name, template(Logs=resource(LOGS, LogGroupName=cidr)))
