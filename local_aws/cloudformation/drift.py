"""Drift: whether the resources of a stack are there and still as its template says.

Compared are the properties that `READERS` name, by type. Of other types, and of policies and custom
resources, nothing is compared: NOT_CHECKED, as CloudFormation says of what it does not support.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from moto.cloudformation.models import Stack
from moto.core.utils import utcnow

from local_aws.cloudformation.buckets import Bucket
from local_aws.cloudformation.catalog import Database, DataQualityRuleset, Table
from local_aws.cloudformation.deployed import Deployed
from local_aws.cloudformation.functions import Function
from local_aws.cloudformation.messaging import Queue, Topic
from local_aws.cloudformation.monitoring import Alarm, Dashboard
from local_aws.cloudformation.resource import Context, Properties, Resource, as_text, is_gone
from local_aws.cloudformation.resources import LogGroup, WorkGroup
from local_aws.cloudformation.roles import Role
from local_aws.cloudformation.rules import Rule

Reader = Callable[[str, Properties, Context], Properties]


class Gone(Exception):
    """There is no such resource any more."""


def detected(stack: Stack, logical_ids: list[str] | None = None) -> list[dict[str, Any]]:
    """The drift of a stack's resources, or of some of them, as StackResourceDrifts."""
    resources = stack.deployment.resources
    wanted = resources if logical_ids is None else logical_ids
    return [_drift(stack, name, resources[name]) for name in wanted if name in resources]


def _drift(stack: Stack, name: str, deployed: Deployed) -> dict[str, Any]:
    context = Context(stack.name, stack.stack_id, name, deployed.wanted.type, stack.region_name)
    expected = deployed.wanted.properties
    found: dict[str, Any] = {
        "StackId": stack.stack_id,
        "LogicalResourceId": name,
        "PhysicalResourceId": deployed.resource.physical_resource_id,
        "ResourceType": deployed.wanted.type,
        "Timestamp": utcnow(),
    }
    reader = READERS.get(type(deployed.resource))
    if reader is None:
        return {**found, "StackResourceDriftStatus": "NOT_CHECKED"}
    found["ExpectedProperties"] = json.dumps(expected)
    try:
        actual = reader(deployed.resource.physical_resource_id, expected, context)
    except Exception as error:
        if isinstance(error, Gone) or is_gone(error):
            return {**found, "StackResourceDriftStatus": "DELETED"}
        raise
    shown = {**expected, **{key: each for key, each in actual.items() if key in expected}}
    differences = [
        {
            "PropertyPath": f"/{key}",
            "ExpectedValue": _text(expected[key]),
            "ActualValue": _text(shown[key]),
            "DifferenceType": "REMOVE" if shown[key] in (None, "") else "NOT_EQUAL",
        }
        for key in sorted(expected)
        if _text(expected[key]) != _text(shown[key])
    ]
    found |= {"ActualProperties": json.dumps(shown), "PropertyDifferences": differences}
    return {**found, "StackResourceDriftStatus": "MODIFIED" if differences else "IN_SYNC"}


def _text(value: Any) -> str:
    return str(as_text(value)) if not isinstance(value, dict | list) else json.dumps(value)


def _picked(found: Properties, *names: str) -> Properties:
    return {name: found.get(name) for name in names}


def _bucket(name: str, _: Properties, context: Context) -> Properties:
    context.call("s3", "get_bucket_location", Bucket=name)
    status = context.call("s3", "get_bucket_versioning", Bucket=name).get("Status")
    return {"BucketName": name, "VersioningConfiguration": {"Status": status}}


def _log_group(name: str, _: Properties, context: Context) -> Properties:
    groups = context.call("logs", "describe_log_groups", logGroupNamePrefix=name)["logGroups"]
    for group in groups:
        if group["logGroupName"] == name:
            return {"LogGroupName": name, "RetentionInDays": group.get("retentionInDays")}
    raise Gone


def _function(name: str, _: Properties, context: Context) -> Properties:
    found = context.call("lambda", "get_function_configuration", FunctionName=name)
    plain = ("FunctionName", "Handler", "MemorySize", "Role", "Runtime", "Timeout", "Description")
    return {
        **_picked(found, *plain),
        "Environment": _picked(found.get("Environment", {}), "Variables"),
    }


def _rule(name: str, _: Properties, context: Context) -> Properties:
    found = context.call("events", "describe_rule", Name=name)
    return _picked(found, "Name", "Description", "ScheduleExpression", "State", "RoleArn")


def _database(name: str, expected: Properties, context: Context) -> Properties:
    found = context.call("glue", "get_database", Name=name)["Database"]
    return {"DatabaseInput": _picked(found, *expected["DatabaseInput"])}


def _table(name: str, expected: Properties, context: Context) -> Properties:
    database = expected["DatabaseName"]
    context.call("glue", "get_table", DatabaseName=database, Name=name)
    return {"DatabaseName": database}


def _ruleset(name: str, _: Properties, context: Context) -> Properties:
    found = context.call("glue", "get_data_quality_ruleset", Name=name)
    return _picked(found, "Name", "Description", "Ruleset")


def _work_group(name: str, _: Properties, context: Context) -> Properties:
    for group in context.call("athena", "list_work_groups")["WorkGroups"]:
        if group["Name"] == name:
            return _picked(group, "Name", "Description", "State")
    raise Gone


def _topic(arn: str, _: Properties, context: Context) -> Properties:
    found = context.call("sns", "get_topic_attributes", TopicArn=arn)["Attributes"]
    return _picked(found, "DisplayName", "KmsMasterKeyId")


def _queue(url: str, expected: Properties, context: Context) -> Properties:
    query = {"QueueUrl": url, "AttributeNames": ["All"]}
    found = context.call("sqs", "get_queue_attributes", **query)["Attributes"]
    return _picked(found, *(expected.keys() & found.keys() - {"RedrivePolicy"}))


def _alarm(name: str, expected: Properties, context: Context) -> Properties:
    alarms = context.call("cloudwatch", "describe_alarms", AlarmNames=[name])["MetricAlarms"]
    if not alarms:
        raise Gone
    plain = {key for key, each in expected.items() if not isinstance(each, dict | list)}
    return _picked(alarms[0], *(plain - {"Threshold"}))


def _dashboard(name: str, _: Properties, context: Context) -> Properties:
    found = context.call("cloudwatch", "get_dashboard", DashboardName=name)
    return {"DashboardBody": found["DashboardBody"]}


def _role(name: str, _: Properties, context: Context) -> Properties:
    found = context.call("iam", "get_role", RoleName=name)["Role"]
    return _picked(found, "RoleName", "Path", "Description", "MaxSessionDuration")


READERS: dict[type[Resource], Reader] = {
    Alarm: _alarm,
    Bucket: _bucket,
    Dashboard: _dashboard,
    DataQualityRuleset: _ruleset,
    Database: _database,
    Function: _function,
    LogGroup: _log_group,
    Queue: _queue,
    Role: _role,
    Rule: _rule,
    Table: _table,
    Topic: _topic,
    WorkGroup: _work_group,
}
