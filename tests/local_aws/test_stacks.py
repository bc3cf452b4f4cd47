from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from stack_steps import (
    Client,
    bucket,
    create,
    events_of,
    outputs_of,
    reason_of,
    status_of,
    steps_of,
    template,
    update,
    with_function,
)

from local_aws import server, settings

pytestmark = pytest.mark.slow


ROOT = Path(__file__).parents[2]


STARTER = ROOT / "capstone-starter.cfn.yaml"


def test_the_starter_template_makes_everything_and_deletes_everything(
    client: Client, stacks: Any, name: str
) -> None:
    student = name[:10]
    stack_id = create(
        stacks,
        name,
        STARTER.read_text(),
        StudentId=student,
        MinEventsPerBatch="100",
        MaxEventsPerBatch="100",
    )
    assert status_of(stacks, name) == "CREATE_COMPLETE", events_of(stacks, name)
    outputs = outputs_of(stacks, name)
    s3, glue = client("s3"), client("glue")
    for owner in ("SourceBucketName", "AnalyticsOutputBucket"):
        check_bucket(s3, outputs[owner])
    check_function(client, outputs["LambdaFunctionName"], outputs["SourceBucketName"])
    databases = [outputs[f"{layer}Database"] for layer in ("Bronze", "Silver", "Gold")]
    tables = [len(glue.get_tables(DatabaseName=each)["TableList"]) for each in databases]
    assert databases == [f"{layer}_{student}" for layer in ("bronze", "silver", "gold")]
    assert tables == [1, 4, 6]
    group = client("athena").get_work_group(WorkGroup=outputs["AthenaWorkgroup"])["WorkGroup"]
    assert group["Configuration"]["EnforceWorkGroupConfiguration"] is True
    listed = stacks.list_stack_resources(StackName=name)["StackResourceSummaries"]
    assert {resource["ResourceStatus"] for resource in listed} == {"CREATE_COMPLETE"}
    written = client("lambda").invoke(FunctionName=outputs["LambdaFunctionName"])
    assert "FunctionError" not in written
    (settings.current().s3_dir / outputs["AnalyticsOutputBucket"] / "part").write_bytes(b"x")

    stacks.delete_stack(StackName=name)

    assert status_of(stacks, stack_id) == "DELETE_COMPLETE", events_of(stacks, stack_id)
    left = [
        *(each["Name"] for each in s3.list_buckets()["Buckets"]),
        *(each["Name"] for each in glue.get_databases()["DatabaseList"]),
        *(each["FunctionName"] for each in client("lambda").list_functions()["Functions"]),
        *(each["logGroupName"] for each in client("logs").describe_log_groups()["logGroups"]),
        *(each["Name"] for each in client("events").list_rules()["Rules"]),
        *(each["Name"] for each in client("athena").list_work_groups()["WorkGroups"]),
    ]
    assert not [each for each in left if student in each]


def check_bucket(s3: Any, bucket: str) -> None:
    name = {"Bucket": bucket}
    encryption = s3.get_bucket_encryption(**name)["ServerSideEncryptionConfiguration"]["Rules"]
    assert encryption[0]["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
    assert s3.get_bucket_versioning(**name)["Status"] == "Enabled"
    assert all(s3.get_public_access_block(**name)["PublicAccessBlockConfiguration"].values())
    ownership = s3.get_bucket_ownership_controls(**name)["OwnershipControls"]["Rules"]
    assert ownership == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    assert "aws:SecureTransport" in s3.get_bucket_policy(**name)["Policy"]
    rules = s3.get_bucket_lifecycle_configuration(**name)["Rules"]
    assert {"NoncurrentDays": 7} in [rule.get("NoncurrentVersionExpiration") for rule in rules]


def check_function(client: Client, name: str, source: str) -> None:
    configuration = client("lambda").get_function_configuration(FunctionName=name)
    variables = {"BUCKET": source, "MIN_EVENTS": "100", "MAX_EVENTS": "100", "TROUBLE": ""}
    assert configuration["Environment"]["Variables"] == variables
    assert (configuration["Runtime"], configuration["Timeout"]) == ("python3.13", 240)
    [group] = client("logs").describe_log_groups(logGroupNamePrefix=f"/aws/lambda/{name}")[
        "logGroups"
    ]
    assert group["retentionInDays"] == 14
    [rule] = client("events").list_rule_names_by_target(TargetArn=configuration["FunctionArn"])[
        "RuleNames"
    ]
    described = client("events").describe_rule(Name=rule)
    assert (described["State"], described["ScheduleExpression"]) == ("ENABLED", "rate(5 minutes)")
    policy = client("lambda").get_policy(FunctionName=name)["Policy"]
    assert described["Arn"] in policy


def test_the_aws_cli_creates_waits_for_and_deletes_a_stack(
    embedded_aws: server.RunningServer, stacks: Any, name: str, tmp_path: Path
) -> None:
    (tmp_path / "t.json").write_text(template(Bucket=bucket(f"cli-{name}")))
    env = {
        "PATH": os.environ["PATH"],
        "AWS_ENDPOINT_URL": embedded_aws.endpoint_url,
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
    }

    def aws(*arguments: str) -> int:
        command = [sys.executable, "-m", "awscli", "cloudformation", *arguments]
        options = ["--stack-name", name, "--region", "us-west-2"]
        return subprocess.run([*command, *options], env=env, timeout=50, check=False).returncode

    assert aws("create-stack", "--template-body", f"file://{tmp_path}/t.json") == 0
    assert aws("wait", "stack-create-complete") == 0
    assert aws("delete-stack") == 0
    assert aws("wait", "stack-delete-complete") == 0


def test_a_failed_deletion_leaves_the_stack_with_the_reason_and_can_be_repeated(
    client: Client, stacks: Any, name: str
) -> None:
    first = {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": f"/{name}"}}
    second = {**bucket(f"b-{name}"), "DependsOn": ["First"]}
    stack_id = create(stacks, name, template(First=first, Second=second))
    client("s3").put_object(Bucket=f"b-{name}", Key="k", Body=b"x")

    stacks.delete_stack(StackName=name)

    assert status_of(stacks, name) == "DELETE_FAILED"
    assert "BucketNotEmpty" in reason_of(stacks, name, "Second", "DELETE_FAILED")
    groups = client("logs").describe_log_groups(logGroupNamePrefix=f"/{name}")["logGroups"]
    assert groups, "what the bucket depends on was deleted before it"
    client("s3").delete_object(Bucket=f"b-{name}", Key="k")
    stacks.delete_stack(StackName=name)
    assert status_of(stacks, stack_id) == "DELETE_COMPLETE"


def test_resources_are_made_after_what_they_need_and_deleted_before_it(
    stacks: Any, name: str
) -> None:
    database = {
        "Type": "AWS::Glue::Database",
        "Properties": {
            "CatalogId": {"Ref": "AWS::AccountId"},
            "DatabaseInput": {
                "Name": {"Fn::Join": ["_", {"Fn::Split": ["-", f"db-{name}"]}]},
                "Description": {"Fn::Sub": "${Bucket.Arn} in ${AWS::Region} of ${AWS::Partition}"},
            },
        },
    }
    table = {
        "Type": "AWS::Glue::Table",
        "Properties": {
            "CatalogId": {"Ref": "AWS::AccountId"},
            "DatabaseName": {"Ref": "Database"},
            "TableInput": {"Name": "t", "Parameters": {"skip": 1, "strict": True}},
        },
    }
    resources = {"Table": table, "Database": database, "Bucket": bucket(f"b-{name}")}
    stack_id = create(stacks, name, template(**resources))
    stacks.delete_stack(StackName=name)

    made = [each for each in steps_of(stacks, stack_id, "CREATE_COMPLETE") if each != name]
    gone = [each for each in steps_of(stacks, stack_id, "DELETE_COMPLETE") if each != name]
    assert made == ["Bucket", "Database", "Table"]
    assert gone == ["Table", "Database", "Bucket"]


def test_an_update_changes_only_what_differs_and_deletes_what_is_gone(
    client: Client, stacks: Any, name: str
) -> None:
    def body(days: int, **more: Any) -> str:
        group = {"LogGroupName": f"/{name}", "RetentionInDays": days}
        resources = {"Logs": {"Type": "AWS::Logs::LogGroup", "Properties": group}, **more}
        return template(Same=bucket(f"same-{name}"), **resources)

    create(stacks, name, body(7, Old=bucket(f"old-{name}")))
    update(stacks, name, body(14, New=bucket(f"new-{name}")))

    assert status_of(stacks, name) == "UPDATE_COMPLETE"
    [group] = client("logs").describe_log_groups(logGroupNamePrefix=f"/{name}")["logGroups"]
    buckets = {each["Name"] for each in client("s3").list_buckets()["Buckets"]}
    assert group["retentionInDays"] == 14
    assert {f"same-{name}", f"new-{name}"} <= buckets
    assert f"old-{name}" not in buckets
    assert steps_of(stacks, name, "UPDATE_COMPLETE") == ["Logs", name]
    with pytest.raises(ClientError, match="No updates are to be performed"):
        update(stacks, name, body(14, New=bucket(f"new-{name}")))


def test_a_failed_update_puts_everything_back(client: Client, stacks: Any, name: str) -> None:
    def body(days: int, **more: Any) -> str:
        group = {"LogGroupName": f"/{name}", "RetentionInDays": days}
        logs = {"Type": "AWS::Logs::LogGroup", "Properties": group}
        return template(Logs=logs, **more)

    client("s3").create_bucket(
        Bucket=f"taken-{name}", CreateBucketConfiguration={"LocationConstraint": "us-west-2"}
    )
    create(stacks, name, body(7))
    clash = {**bucket(f"taken-{name}"), "DependsOn": ["Logs", "New"]}
    update(stacks, name, body(14, New=bucket(f"new-{name}"), Clash=clash))

    assert status_of(stacks, name) == "UPDATE_ROLLBACK_COMPLETE"
    assert "BucketAlready" in reason_of(stacks, name, "Clash", "CREATE_FAILED")
    [group] = client("logs").describe_log_groups(logGroupNamePrefix=f"/{name}")["logGroups"]
    assert group["retentionInDays"] == 7
    buckets = {each["Name"] for each in client("s3").list_buckets()["Buckets"]}
    assert f"taken-{name}" in buckets
    assert f"new-{name}" not in buckets
    update(stacks, name, body(30))
    assert status_of(stacks, name) == "UPDATE_COMPLETE"


def test_new_columns_and_new_code_arrive_by_an_update(
    client: Client, stacks: Any, name: str
) -> None:
    def body(column: str, answer: int) -> str:
        database = {"CatalogId": "123456789012", "DatabaseInput": {"Name": name}}
        columns = {"Columns": [{"Name": column, "Type": "string"}]}
        table = {
            "CatalogId": "123456789012",
            "DatabaseName": {"Ref": "Database"},
            "TableInput": {"Name": "t", "StorageDescriptor": columns},
        }
        function = json.loads(with_function(f"def handler(e, c): return {answer}"))
        return template(
            Database={"Type": "AWS::Glue::Database", "Properties": database},
            Table={"Type": "AWS::Glue::Table", "Properties": table},
            Fn=function["Resources"]["Fn"],
        )

    create(stacks, name, body("before", 1))
    update(stacks, name, body("after", 2))

    table = client("glue").get_table(DatabaseName=name, Name="t")["Table"]
    listed = stacks.describe_stack_resource(StackName=name, LogicalResourceId="Fn")
    function = listed["StackResourceDetail"]["PhysicalResourceId"]
    answer = client("lambda").invoke(FunctionName=function)["Payload"].read()
    assert [column["Name"] for column in table["StorageDescriptor"]["Columns"]] == ["after"]
    assert answer == b"2"


def test_conditions_and_retain_policies_are_heeded(client: Client, stacks: Any, name: str) -> None:
    body = {
        "Parameters": {"Extra": {"Type": "String", "Default": "no"}},
        "Conditions": {"WithExtra": {"Fn::Equals": [{"Ref": "Extra"}, "yes"]}},
        "Resources": {
            "Kept": {**bucket(f"kept-{name}"), "DeletionPolicy": "Retain"},
            "Extra_": {**bucket(f"extra-{name}"), "Condition": "WithExtra"},
        },
    }
    stack_id = create(stacks, name, json.dumps(body).replace("Extra_", "ExtraBucket"))
    stacks.delete_stack(StackName=name)

    buckets = {each["Name"] for each in client("s3").list_buckets()["Buckets"]}
    assert f"kept-{name}" in buckets
    assert f"extra-{name}" not in buckets
    assert steps_of(stacks, stack_id, "DELETE_SKIPPED") == ["Kept"]
