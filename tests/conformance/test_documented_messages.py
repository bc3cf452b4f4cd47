"""Lambda, EventBridge, CloudWatch Logs, SNS and SQS, one after another."""

from __future__ import annotations

import io
import json
import time
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from account import Account, refused, source, until

Client = Callable[[str], Any]
CODE = """
def handler(event, context):
    print("got", event)
    if event == "fail":
        raise ValueError("no")
    return {"got": event}
"""


@pytest.fixture(scope="module")
def function(client: Client, account: Account) -> str:
    """A function that returns, or fails, as its event wants."""
    archive, name = io.BytesIO(), account.name()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("index.py", CODE)
    client("lambda").create_function(
        FunctionName=name,
        Runtime="python3.13",
        Handler="index.handler",
        Role=account.role,
        Code={"ZipFile": archive.getvalue()},
    )
    account.deletes(client("logs").delete_log_group, logGroupName=f"/aws/lambda/{name}")
    account.deletes(client("lambda").delete_function, FunctionName=name)
    client("lambda").get_waiter("function_active_v2").wait(FunctionName=name)
    return name


@pytest.fixture(scope="module")
def mailbox(client: Client, account: Account) -> tuple[str, str]:
    """A queue that takes messages of SNS and EventBridge: its URL and its ARN."""
    url, arn = account.queue()
    services = ["sns.amazonaws.com", "events.amazonaws.com"]
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": services},
        "Action": "sqs:SendMessage",
        "Resource": arn,
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    client("sqs").set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    return url, arn


def received(sqs: Any, url: str) -> dict[str, Any]:
    """The body of the next message, which is deleted."""
    request = {"QueueUrl": url, "WaitTimeSeconds": 1}
    [message] = until(lambda: sqs.receive_message(**request).get("Messages"))
    sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return dict(json.loads(message["Body"]))


@pytest.mark.slow
@source("lambda/latest/api/API_Invoke.html")
@pytest.mark.parametrize(
    ("kind", "event", "status", "error", "answer"),
    [
        ("RequestResponse", "hello", 200, None, {"got": "hello"}),
        ("RequestResponse", "fail", 200, "Unhandled", {"errorType": "ValueError"}),
        ("Event", "later", 202, None, None),
        ("DryRun", "never", 204, None, None),
    ],
)
def test_an_invocation_answers_as_it_was_asked(
    client: Client, function: str, kind: str, event: str, status: int, error: Any, answer: Any
) -> None:
    request = {"FunctionName": function, "InvocationType": kind, "Payload": json.dumps(event)}
    found = client("lambda").invoke(**request)

    payload = found["Payload"].read()
    assert (found["StatusCode"], found.get("FunctionError")) == (status, error)
    if answer is None:
        assert payload == b""
    else:
        assert answer.items() <= json.loads(payload).items()


@pytest.mark.slow
@source("lambda/latest/dg/python-logging.html")
def test_what_a_function_prints_is_in_its_log_group(client: Client, function: str) -> None:
    client("lambda").invoke(FunctionName=function, Payload=json.dumps("printed"))
    request = {"logGroupName": f"/aws/lambda/{function}", "filterPattern": "printed"}

    [event] = until(lambda: client("logs").filter_log_events(**request)["events"])
    assert event["message"].strip() == "got printed"


@source("lambda/latest/api/API_Invoke.html")
@pytest.mark.parametrize("call", ["invoke", "get_function", "delete_function"])
def test_an_unknown_function_is_not_found(client: Client, account: Account, call: str) -> None:
    functions = client("lambda")
    refused("ResourceNotFoundException", getattr(functions, call), FunctionName=account.name())


@source("eventbridge/latest/APIReference/API_PutRule.html")
@source("eventbridge/latest/APIReference/API_PutTargets.html")
def test_a_rule_delivers_the_events_that_match_it(
    client: Client, account: Account, mailbox: tuple[str, str]
) -> None:
    events, name, (url, queue) = client("events"), account.name(), mailbox
    pattern = json.dumps({"source": [name], "detail": {"state": ["FAILED"]}})
    account.deletes(events.delete_rule, Name=name)
    account.deletes(events.remove_targets, Rule=name, Ids=["queue"])
    events.put_rule(Name=name, EventPattern=pattern)
    put = events.put_targets(Rule=name, Targets=[{"Id": "queue", "Arn": queue}])
    assert (put["FailedEntryCount"], put["FailedEntries"]) == (0, [])
    assert events.describe_rule(Name=name)["State"] == "ENABLED"

    def deliver() -> dict[str, Any] | None:
        # A new rule takes a moment to take effect.
        for state in ("SUCCEEDED", "FAILED"):
            entry = {"Source": name, "DetailType": "t", "Detail": json.dumps({"state": state})}
            assert events.put_events(Entries=[entry])["FailedEntryCount"] == 0
        request = {"QueueUrl": url, "WaitTimeSeconds": 1, "MaxNumberOfMessages": 1}
        found = client("sqs").receive_message(**request).get("Messages")
        return dict(json.loads(found[0]["Body"])) if found else None

    event = until(deliver)
    assert (event["source"], event["detail"]) == (name, {"state": "FAILED"})
    assert event["detail-type"] == "t"
    client("sqs").purge_queue(QueueUrl=url)


@source("eventbridge/latest/APIReference/API_PutRule.html")
@pytest.mark.parametrize("schedule", ["rate(1 minutes)", "rate(5 minute)", "cron(* * * * *)", "5"])
def test_a_schedule_that_is_not_one_is_refused(
    client: Client, account: Account, schedule: str
) -> None:
    request = {"Name": account.name(), "ScheduleExpression": schedule}
    refused("ValidationException", client("events").put_rule, **request)


@source("eventbridge/latest/APIReference/API_DeleteRule.html")
def test_a_rule_goes_after_its_targets(
    client: Client, account: Account, mailbox: tuple[str, str]
) -> None:
    events, name, (_, queue) = client("events"), account.name(), mailbox
    events.put_rule(Name=name, ScheduleExpression="rate(1 day)", State="DISABLED")
    events.put_targets(Rule=name, Targets=[{"Id": "queue", "Arn": queue}])

    refused("ValidationException", events.delete_rule, Name=name)
    events.remove_targets(Rule=name, Ids=["queue"])
    events.delete_rule(Name=name)
    refused("ResourceNotFoundException", events.describe_rule, Name=name)


@source("AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html")
def test_log_events_are_read_back_by_time_and_term(client: Client, account: Account) -> None:
    logs, group = client("logs"), account.name()
    logs.create_log_group(logGroupName=group)
    account.deletes(logs.delete_log_group, logGroupName=group)
    refused("ResourceAlreadyExistsException", logs.create_log_group, logGroupName=group)
    logs.create_log_stream(logGroupName=group, logStreamName="s")
    now = int(time.time() * 1000)
    written = [(now - 2000, "one"), (now - 1000, "two words"), (now, "three")]
    lines = [{"timestamp": at, "message": message} for at, message in written]
    logs.put_log_events(logGroupName=group, logStreamName="s", logEvents=lines)

    def found(**options: Any) -> list[str]:
        answer = logs.filter_log_events(logGroupName=group, **options)
        return [event["message"] for event in answer["events"]]

    assert until(lambda: found() == ["one", "two words", "three"])
    assert found(filterPattern="words") == ["two words"]
    assert found(startTime=now - 1000) == ["two words", "three"]
    logs.put_retention_policy(logGroupName=group, retentionInDays=7)
    [described] = logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]
    assert described["retentionInDays"] == 7


@source("sns/latest/api/API_Publish.html")
@source("sns/latest/dg/sns-sqs-as-subscriber.html")
def test_a_topic_delivers_to_a_queue(
    client: Client, account: Account, mailbox: tuple[str, str]
) -> None:
    sns, (url, queue) = client("sns"), mailbox
    topic = sns.create_topic(Name=account.name())["TopicArn"]
    account.deletes(sns.delete_topic, TopicArn=topic)
    subscription = sns.subscribe(
        TopicArn=topic, Protocol="sqs", Endpoint=queue, ReturnSubscriptionArn=True
    )
    listed = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    assert [each["SubscriptionArn"] for each in listed] == [subscription["SubscriptionArn"]]

    published = sns.publish(TopicArn=topic, Subject="s", Message="m")

    body = received(client("sqs"), url)
    wanted = {"Type": "Notification", "Subject": "s", "Message": "m", "TopicArn": topic}
    assert {**body, **wanted, "MessageId": published["MessageId"]} == body


@source("AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html")
def test_a_message_is_hidden_while_it_is_being_dealt_with(client: Client, account: Account) -> None:
    sqs, (url, _) = client("sqs"), account.queue()
    sqs.send_message(QueueUrl=url, MessageBody=json.dumps({"n": 1}))
    request = {"QueueUrl": url, "WaitTimeSeconds": 1, "AttributeNames": ["All"]}

    [message] = until(lambda: sqs.receive_message(**request).get("Messages"))
    assert message["Attributes"]["ApproximateReceiveCount"] == "1"
    assert "Messages" not in sqs.receive_message(QueueUrl=url)
    handle = message["ReceiptHandle"]
    sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=handle, VisibilityTimeout=0)
    [again] = until(lambda: sqs.receive_message(**request).get("Messages"))
    assert int(again["Attributes"]["ApproximateReceiveCount"]) == 2
    sqs.delete_message(QueueUrl=url, ReceiptHandle=again["ReceiptHandle"])
