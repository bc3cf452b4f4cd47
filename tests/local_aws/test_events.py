from __future__ import annotations

import io
import json
import uuid
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from glue_steps import Glue

from local_aws import events
from local_aws.events.permissions import allows

ACCOUNT, REGION = "123456789012", "us-west-2"
PATTERN = {"source": ["shop"], "detail": {"state": ["FAILED", "TIMEOUT"]}}
RULE = f"arn:aws:events:{REGION}:{ACCOUNT}:rule/r"


@dataclass(frozen=True)
class Bus:
    """An event bus, and the steps that the tests repeat."""

    client: Callable[[str], Any]

    def queue(self) -> tuple[str, str]:
        """A queue that takes messages from everybody: its URL and its ARN."""
        sqs = self.client("sqs")
        url = sqs.create_queue(QueueName=f"q-{uuid.uuid4().hex}")["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        return url, arn["Attributes"]["QueueArn"]

    def topic(self, allowed: bool = True) -> tuple[str, str]:
        """A topic with a queue on it: the queue's URL and the topic's ARN."""
        sns = self.client("sns")
        arn = sns.create_topic(Name=f"t-{uuid.uuid4().hex}")["TopicArn"]
        if allowed:
            sns.set_topic_attributes(
                TopicArn=arn, AttributeName="Policy", AttributeValue=policy("sns:Publish", arn)
            )
        url, queue = self.queue()
        sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=queue)
        return url, arn

    def rule(self, target: dict[str, Any], pattern: Any = PATTERN, **options: Any) -> str:
        name = f"r-{uuid.uuid4().hex}"
        self.client("events").put_rule(Name=name, EventPattern=json.dumps(pattern), **options)
        self.client("events").put_targets(Rule=name, Targets=[{"Id": "1", **target}])
        return name

    def put(self, state: str = "FAILED") -> None:
        detail = {"state": state, "job": "etl", "files": 3, "tags": ["a"]}
        entry = {"Source": "shop", "DetailType": "Order", "Detail": json.dumps(detail)}
        answer = self.client("events").put_events(Entries=[entry])
        assert answer["FailedEntryCount"] == 0

    def received(self, queue_url: str) -> list[str]:
        """What was published to the topic of a queue."""
        return [json.loads(each["Body"])["Message"] for each in self.messages(queue_url)]

    def printed(self, function: str) -> list[str]:
        logs = self.client("logs")
        try:
            events = logs.filter_log_events(
                logGroupName=f"/aws/lambda/{function}", filterPattern="got"
            )
        except logs.exceptions.ResourceNotFoundException:
            return []
        return [event["message"] for event in events["events"]]

    def messages(self, queue_url: str) -> list[dict[str, Any]]:
        answer = self.client("sqs").receive_message(
            QueueUrl=queue_url, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
        )
        return list(answer.get("Messages", []))


def policy(action: str, resource: str, **condition: Any) -> str:
    statement: dict[str, Any] = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": action,
        "Resource": resource,
    }
    if condition:
        statement["Condition"] = condition
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@pytest.fixture
def bus(client: Callable[[str], Any]) -> Bus:
    return Bus(client)


def test_an_event_reaches_the_topic_of_a_rule_that_matches_it(bus: Bus) -> None:
    queue, topic = bus.topic()
    bus.rule({"Arn": topic})
    bus.put("SUCCEEDED")
    bus.put("FAILED")
    (text,) = bus.received(queue)
    event = json.loads(text)
    age = datetime.now(UTC) - datetime.fromisoformat(event.pop("time"))
    assert timedelta() <= age < timedelta(minutes=1)
    assert uuid.UUID(event.pop("id"))
    assert event == {
        "version": "0",
        "detail-type": "Order",
        "source": "shop",
        "account": ACCOUNT,
        "region": REGION,
        "resources": [],
        "detail": {"state": "FAILED", "job": "etl", "files": 3, "tags": ["a"]},
    }


def test_a_service_puts_its_events_on_the_same_bus(bus: Bus) -> None:
    queue, topic = bus.topic()
    bus.rule({"Arn": topic, "InputPath": "$.resources"}, {"source": ["aws.test"]})
    events.put_event(ACCOUNT, REGION, "aws.test", "Tested", {}, ["arn:x"])
    events.put_event(ACCOUNT, "us-east-1", "aws.test", "Tested", {}, ["arn:y"])
    assert bus.received(queue) == ['["arn:x"]']


def test_a_disabled_rule_and_a_schedule_match_nothing(bus: Bus) -> None:
    queue, topic = bus.topic()
    bus.rule({"Arn": topic}, State="DISABLED")
    client = bus.client("events")
    client.put_rule(Name="only-a-schedule", ScheduleExpression="rate(1 day)")
    client.put_targets(Rule="only-a-schedule", Targets=[{"Id": "1", "Arn": topic}])
    bus.put()
    assert bus.received(queue) == []


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"Input": '{"a": 1}'}, '{"a": 1}'),
        ({"InputPath": "$.detail.tags[0]"}, '"a"'),
        (
            {
                "InputTransformer": {
                    "InputPathsMap": {"job": "$.detail.job", "state": "$.detail.state"},
                    "InputTemplate": '"<job> is <state>"',
                }
            },
            '"etl is FAILED"',
        ),
        (
            {
                "InputTransformer": {
                    "InputPathsMap": {"job": "$.detail.job", "n": "$.detail.files", "no": "$.none"},
                    "InputTemplate": '{"job": <job>, "text": "\\"<job>\\" read <n>", "n": <n>, '
                    '"no": <no>}',
                }
            },
            '{"job": "etl", "text": "\\"etl\\" read 3", "n": 3, "no": ""}',
        ),
    ],
)
def test_a_target_receives_the_input_that_it_asks_for(
    bus: Bus, given: dict[str, Any], text: str
) -> None:
    queue, topic = bus.topic()
    bus.rule({"Arn": topic, **given})
    bus.put()
    assert bus.received(queue) == [text]


def test_the_variables_of_eventbridge_itself_are_filled_in(bus: Bus) -> None:
    queue, topic = bus.topic()
    template = '{"rule": <aws.events.rule-name>, "event": <aws.events.event.json>}'
    name = bus.rule({"Arn": topic, "InputTransformer": {"InputTemplate": template}})
    bus.put()
    (text,) = bus.received(queue)
    filled = json.loads(text)
    assert filled["rule"] == name
    assert filled["event"]["detail"]["job"] == "etl"


def test_what_a_topic_does_not_allow_goes_to_the_dead_letter_queue(bus: Bus) -> None:
    queue, topic = bus.topic(allowed=False)
    dead_url, dead = bus.queue()
    bus.rule({"Arn": topic, "DeadLetterConfig": {"Arn": dead}})
    bus.put()
    assert bus.received(queue) == []
    (message,) = bus.messages(dead_url)
    assert json.loads(message["Body"])["detail"]["job"] == "etl"
    attributes = message["MessageAttributes"]
    assert attributes["ERROR_CODE"]["StringValue"] == "NO_PERMISSIONS"
    assert attributes["TARGET_ARN"]["StringValue"] == topic


def test_one_target_that_is_gone_keeps_no_other_from_its_event(
    bus: Bus, capfd: pytest.CaptureFixture[str]
) -> None:
    queue, topic = bus.topic()
    gone = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:gone"
    name = bus.rule({"Arn": gone})
    bus.client("events").put_targets(Rule=name, Targets=[{"Id": "2", "Arn": topic}])
    bus.put()
    assert len(bus.received(queue)) == 1
    assert f"Rule {name}: {gone}" in capfd.readouterr().err


@pytest.mark.slow
def test_an_event_calls_a_function_that_lets_eventbridge_in(bus: Bus, glue: Glue) -> None:
    functions, name = bus.client("lambda"), f"f-{uuid.uuid4().hex}"
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("index.py", "def handler(event, context): print('got', event)")
    arn = functions.create_function(
        FunctionName=name,
        Runtime="python3.13",
        Handler="index.handler",
        Role=f"arn:aws:iam::{ACCOUNT}:role/LabRole",
        Code={"ZipFile": code.getvalue()},
    )["FunctionArn"]
    rule = bus.rule({"Arn": arn, "InputPath": "$.detail.job"})
    bus.put()
    functions.add_permission(
        FunctionName=name,
        StatementId="events",
        Action="lambda:InvokeFunction",
        Principal="events.amazonaws.com",
        SourceArn=f"arn:aws:events:{REGION}:{ACCOUNT}:rule/{rule}",
    )
    bus.put()
    lines = glue.wait_for(lambda: bus.printed(name))
    assert lines == ["got etl"]


@pytest.mark.parametrize(
    ("named", "target"),
    [
        ("states", {"Arn": f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:x"}),
        ("EcsParameters", {"Arn": f"arn:aws:sns:{REGION}:{ACCOUNT}:x", "EcsParameters": {}}),
        ("JSON syntax", {"Arn": f"arn:aws:sns:{REGION}:{ACCOUNT}:x", "Input": "not json"}),
        ("JSON path", {"Arn": f"arn:aws:sns:{REGION}:{ACCOUNT}:x", "InputPath": "$[["}),
        ("Only one", {"Arn": f"arn:aws:sns:{REGION}:{ACCOUNT}:x", "Input": "1", "InputPath": "$"}),
    ],
)
def test_a_target_that_nothing_here_delivers_to_is_refused(
    bus: Bus, named: str, target: dict[str, Any]
) -> None:
    target = {
        name: {"TaskDefinitionArn": "x"} if name == "EcsParameters" else value
        for name, value in target.items()
    }
    with pytest.raises(ClientError, match=named):
        bus.rule(target)


@pytest.mark.parametrize(
    ("condition", "allowed"),
    [
        ({}, True),
        ({"ArnEquals": {"aws:SourceArn": RULE}}, True),
        ({"ArnLike": {"AWS:SourceArn": f"arn:aws:events:*:{ACCOUNT}:rule/*"}}, True),
        ({"ArnEquals": {"aws:SourceArn": f"{RULE}2"}}, False),
        ({"StringEquals": {"aws:SourceAccount": "999999999999"}}, False),
        ({"StringEquals": {"AWS:SourceOwner": ACCOUNT}}, False),
        ({"StringEqualsIfExists": {"aws:SourceAccount": ACCOUNT}}, True),
        ({"StringEqualsIfExists": {"aws:SourceAccount": "999999999999"}}, False),
        ({"StringEqualsIfExists": {"AWS:SourceOwner": "999999999999"}}, True),
        ({"Bool": {"aws:SecureTransport": "true"}}, True),
        ({"IpAddress": {"aws:SourceIp": "0.0.0.0/0"}}, False),
    ],
)
def test_a_policy_lets_eventbridge_in_or_not(condition: dict[str, Any], allowed: bool) -> None:
    statement = json.loads(policy("SNS:*", "x", **condition))["Statement"][0]
    assert allows([statement], "sns:Publish", RULE, ACCOUNT) is allowed


def test_a_denial_outweighs_what_is_allowed() -> None:
    allow = json.loads(policy("sns:Publish", "x"))["Statement"][0]
    deny = {**allow, "Effect": "Deny", "Principal": "*"}
    plain = {**deny, "Condition": {"Bool": {"aws:SecureTransport": "false"}}}
    unknown = {**deny, "Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}}
    assert allows([allow, plain], "sns:Publish", RULE, ACCOUNT)
    assert not allows([allow, deny], "sns:Publish", RULE, ACCOUNT)
    assert not allows([allow, unknown], "sns:Publish", RULE, ACCOUNT)
