from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError
from stack_steps import bucket, create, reason_of, status_of, template

from local_aws.cloudformation.template import parse

pytestmark = pytest.mark.slow


PARAMETERS = """
Parameters:
  Id: {Type: String, AllowedPattern: "[a-z]+", ConstraintDescription: Id must be letters., %s}
  Size: {Type: Number, Default: 3, MinValue: 1, MaxValue: 9}
  Mode: {Type: String, Default: A, AllowedValues: [A, B]}
Resources: {Logs: {Type: "AWS::Logs::LogGroup"}}
"""


def test_who_reads_a_template_may_change_what_was_read() -> None:
    body = PARAMETERS % "Default: a"
    parse(body)["Resources"].clear()
    assert parse(body)["Resources"] == {"Logs": {"Type": "AWS::Logs::LogGroup"}}


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"Id": "A1"}, "Parameter Id failed to satisfy constraint: Id must be letters."),
        ({}, r"Parameters: \[Id\] must have values"),
        ({"Id": "abcdef"}, "Parameter Id failed to satisfy constraint"),
        ({"Id": "a", "Size": "10"}, "Parameter 'Size' must be a number not greater than 9"),
        ({"Id": "a", "Size": "x"}, "Parameter 'Size' must be a number"),
        ({"Id": "a", "Mode": "C"}, "Parameter 'Mode' must be one of AllowedValues"),
        ({"Id": "a", "Other": "b"}, r"Parameters: \[Other\] do not exist in the template"),
    ],
)
def test_a_parameter_against_its_rules_is_refused_in_aws_words(
    stacks: Any, name: str, parameters: dict[str, str], message: str
) -> None:
    with pytest.raises(ClientError, match=message):
        create(stacks, name, PARAMETERS % "MaxLength: 5", **parameters)

    with pytest.raises(ClientError, match="does not exist"):
        stacks.describe_stacks(StackName=name)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (template(T={"Type": "AWS::DynamoDB::Table"}), r"AWS::DynamoDB::Table \(resource T\)"),
        (template(B=bucket("b", WebsiteConfiguration={})), "property WebsiteConfiguration of"),
        (template(B={**bucket("b"), "CreationPolicy": {}}), "attribute CreationPolicy"),
        (template(B=bucket({"Ref": "Nope"})), r"Unresolved resource dependencies \[Nope\]"),
        (
            template(A={**bucket("a"), "DependsOn": "B"}, B={**bucket("b"), "DependsOn": "A"}),
            r"Circular dependency between resources: \[A, B\]",
        ),
        ("Resources: {a: [}", "YAML not well-formed"),
        ("Description: nothing", "At least one Resources member must be defined"),
        (template(B=bucket("b")) + " " * 51_200, "less than or equal to 51200"),
        ('{"Transform": "x", "Resources": {"B": {"Type": "AWS::S3::Bucket"}}}', "Transform"),
    ],
)
def test_a_template_that_cannot_be_carried_out_is_refused_by_name(
    stacks: Any, name: str, body: str, message: str
) -> None:
    with pytest.raises(ClientError, match=message) as refusal:
        create(stacks, name, body)

    assert refusal.value.response["Error"]["Code"] == "ValidationError"
    assert name not in [each["StackName"] for each in stacks.list_stacks()["StackSummaries"]]


def test_an_unsupported_property_inside_another_fails_the_stack_by_name(
    stacks: Any, name: str
) -> None:
    rule = {"Id": "r", "Status": "Enabled", "TagFilters": []}
    create(stacks, name, template(B=bucket(name, LifecycleConfiguration={"Rules": [rule]})))

    assert status_of(stacks, name) == "ROLLBACK_COMPLETE"
    assert "LifecycleConfiguration.Rules.TagFilters" in reason_of(
        stacks, name, "B", "CREATE_FAILED"
    )


def test_a_template_is_validated_with_its_parameters(stacks: Any) -> None:
    validated = stacks.validate_template(TemplateBody=PARAMETERS % "NoEcho: true")["Parameters"]

    assert [each["ParameterKey"] for each in validated] == ["Id", "Size", "Mode"]
    assert (validated[0]["NoEcho"], validated[1]["DefaultValue"]) == (True, "3")
    with pytest.raises(ClientError, match="Unresolved resource dependencies"):
        stacks.validate_template(TemplateBody=template(B=bucket({"Ref": "Nope"})))
