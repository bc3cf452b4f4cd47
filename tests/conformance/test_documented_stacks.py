"""CloudFormation: stacks that come, change, fail and go, and the errors on the way."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from account import Account, refused, source, until

API = "AWSCloudFormation/latest/APIReference"
GUIDE = "AWSCloudFormation/latest/UserGuide"


@pytest.fixture(scope="module")
def stacks(client: Callable[[str], Any]) -> Any:
    return client("cloudformation")


@pytest.fixture
def name(account: Account, stacks: Any) -> str:
    """The name of a stack that is deleted at the end."""
    found = account.name()
    account.deletes(stacks.delete_stack, StackName=found)
    return found


def with_group(name: str, days: int = 7) -> str:
    """A template of one log group, whose retention is a parameter."""
    return json.dumps(
        {
            "Description": "One log group",
            "Parameters": {"Days": {"Type": "Number", "Default": days, "AllowedValues": [7, 14]}},
            "Resources": {
                "Group": {
                    "Type": "AWS::Logs::LogGroup",
                    "Properties": {"LogGroupName": name, "RetentionInDays": {"Ref": "Days"}},
                }
            },
            "Outputs": {"Group": {"Value": {"Ref": "Group"}}},
        }
    )


def parameter(days: str, key: str = "Days") -> dict[str, Any]:
    return {"Parameters": [{"ParameterKey": key, "ParameterValue": days}]}


def settled(stacks: Any, name: str) -> dict[str, Any]:
    """The stack, once nothing is under way in it any more."""

    def found() -> dict[str, Any] | None:
        stack: dict[str, Any] = stacks.describe_stacks(StackName=name)["Stacks"][0]
        return None if stack["StackStatus"].endswith("_IN_PROGRESS") else stack

    return dict(until(found))


@source(f"{API}/API_CreateStack.html")
@source(f"{API}/API_UpdateStack.html")
def test_a_stack_comes_changes_and_goes(
    stacks: Any, client: Callable[[str], Any], name: str
) -> None:
    body = with_group(name)
    created = stacks.create_stack(StackName=name, TemplateBody=body)

    stack = settled(stacks, name)
    assert (stack["StackStatus"], stack["StackId"]) == ("CREATE_COMPLETE", created["StackId"])
    assert stack["Outputs"] == [{"OutputKey": "Group", "OutputValue": name}]
    refused("AlreadyExistsException", stacks.create_stack, StackName=name, TemplateBody=body)
    message = refused("ValidationError", stacks.update_stack, StackName=name, TemplateBody=body)
    assert message == "No updates are to be performed."

    stacks.update_stack(StackName=name, UsePreviousTemplate=True, **parameter("14"))
    assert settled(stacks, name)["StackStatus"] == "UPDATE_COMPLETE"
    groups = client("logs").describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    assert [group["retentionInDays"] for group in groups] == [14]

    stacks.delete_stack(StackName=name)
    # A stack that is gone is shown by its id only.
    assert settled(stacks, created["StackId"])["StackStatus"] == "DELETE_COMPLETE"
    message = refused("ValidationError", stacks.describe_stacks, StackName=name)
    assert message == f"Stack with id {name} does not exist"
    assert client("logs").describe_log_groups(logGroupNamePrefix=name)["logGroups"] == []


@source(f"{API}/API_DeleteStack.html")
def test_deleting_a_stack_that_is_not_there_is_no_error(stacks: Any, account: Account) -> None:
    answer = stacks.delete_stack(StackName=account.name())

    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200


@source(f"{API}/API_CreateChangeSet.html")
@source(f"{API}/API_DescribeChangeSet.html")
def test_a_change_set_creates_a_stack_and_fails_when_nothing_changes(
    stacks: Any, name: str
) -> None:
    title = {"StackName": name, "ChangeSetName": "first"}
    stacks.create_change_set(**title, TemplateBody=with_group(name), ChangeSetType="CREATE")
    described = until(lambda: changes(stacks, title))
    assert (described["Status"], described["ExecutionStatus"]) == ("CREATE_COMPLETE", "AVAILABLE")
    [change] = described["Changes"]
    assert change["ResourceChange"]["Action"] == "Add"
    assert change["ResourceChange"]["LogicalResourceId"] == "Group"
    stacks.execute_change_set(**title)
    assert settled(stacks, name)["StackStatus"] == "CREATE_COMPLETE"

    title = {**title, "ChangeSetName": "second"}
    stacks.create_change_set(**title, UsePreviousTemplate=True, ChangeSetType="UPDATE")
    described = until(lambda: changes(stacks, title))
    assert described["Status"] == "FAILED"
    assert "didn't contain changes" in described["StatusReason"]


def changes(stacks: Any, title: dict[str, str]) -> dict[str, Any] | None:
    """A change set, once it is made."""
    found: dict[str, Any] = stacks.describe_change_set(**title)
    return None if found["Status"] in ("CREATE_PENDING", "CREATE_IN_PROGRESS") else found


@source(f"{API}/API_ValidateTemplate.html")
def test_a_template_is_described_or_refused(stacks: Any) -> None:
    described = stacks.validate_template(TemplateBody=with_group("any"))

    assert described["Description"] == "One log group"
    [parameter_] = described["Parameters"]
    assert (parameter_["ParameterKey"], parameter_["DefaultValue"]) == ("Days", "7")
    refused("ValidationError", stacks.validate_template, TemplateBody="{}")


@source(f"{GUIDE}/parameters-section-structure.html")
@pytest.mark.parametrize(
    ("given", "says"),
    [
        (parameter("14", key="Unknown"), "Unknown"),
        (parameter("8"), "Days"),
        (parameter("many"), "Days"),
    ],
)
def test_a_parameter_that_does_not_fit_is_refused(
    stacks: Any, name: str, given: dict[str, Any], says: str
) -> None:
    message = refused(
        "ValidationError",
        stacks.create_stack,
        StackName=name,
        TemplateBody=with_group(name),
        **given,
    )

    assert says in message
    refused("ValidationError", stacks.describe_stacks, StackName=name)


@source(f"{GUIDE}/troubleshooting.html")
def test_a_stack_that_fails_says_which_resource_and_goes_back(
    stacks: Any, client: Callable[[str], Any], account: Account, name: str
) -> None:
    taken = account.name()
    client("logs").create_log_group(logGroupName=taken)
    account.deletes(client("logs").delete_log_group, logGroupName=taken)
    stacks.create_stack(StackName=name, TemplateBody=with_group(taken))

    assert settled(stacks, name)["StackStatus"] == "ROLLBACK_COMPLETE"
    events = stacks.describe_stack_events(StackName=name)["StackEvents"]
    [failed] = [event for event in events if event["ResourceStatus"] == "CREATE_FAILED"]
    assert failed["LogicalResourceId"] == "Group"
    assert "already exists" in failed["ResourceStatusReason"]
    times = [event["Timestamp"] for event in events]
    assert times == sorted(times, reverse=True)
    message = refused(
        "ValidationError", stacks.update_stack, StackName=name, TemplateBody=with_group(taken, 14)
    )
    assert "ROLLBACK_COMPLETE state and can not be updated" in message
