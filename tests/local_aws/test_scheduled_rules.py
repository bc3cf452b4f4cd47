from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local_aws import settings

pytestmark = pytest.mark.slow

Client = Callable[[str], Any]
INTERVAL = 0.3


@pytest.fixture
def queue(client: Client, name: str) -> str:
    """A queue that lets EventBridge send to it."""
    allowed = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": "*",
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    made = client("sqs").create_queue(QueueName=name, Attributes={"Policy": policy})
    return str(made["QueueUrl"])


@pytest.fixture
def rule(client: Client, name: str, queue: str) -> Iterator[Callable[..., None]]:
    """Puts a rule that sends to the queue when it is due; it is gone after the test."""
    events = client("events")

    def put(expression: str, **options: Any) -> None:
        events.put_rule(Name=name, ScheduleExpression=expression, **options)
        arn = f"arn:aws:sqs:us-west-2:123456789012:{name}"
        events.put_targets(Rule=name, Targets=[{"Id": "q", "Arn": arn}])

    yield put
    events.remove_targets(Rule=name, Ids=["q"])
    events.delete_rule(Name=name)


def often(monkeypatch: pytest.MonkeyPatch, **changes: Any) -> None:
    """Let every schedule be due each INTERVAL seconds."""
    fast = replace(settings.current(), schedule_interval=INTERVAL, **changes)
    monkeypatch.setattr(settings, "_current", fast)


def received(client: Client, queue: str, seconds: float = 20.0) -> list[Any]:
    """The messages that come first within a time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if messages := client("sqs").receive_message(QueueUrl=queue).get("Messages"):
            return [json.loads(each["Body"]) for each in messages]
        time.sleep(0.05)
    return []


def test_a_rule_delivers_when_it_is_due_until_it_is_disabled(
    client: Client,
    name: str,
    queue: str,
    rule: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    often(monkeypatch)
    rule("rate(5 minutes)")

    [event] = received(client, queue)
    assert received(client, queue), "it is due again and again"
    client("events").disable_rule(Name=name)
    time.sleep(INTERVAL)
    client("sqs").purge_queue(QueueUrl=queue)

    assert (event["source"], event["detail-type"]) == ("aws.events", "Scheduled Event")
    assert event["resources"] == [f"arn:aws:events:us-west-2:123456789012:rule/{name}"]
    assert event["detail"] == {}
    assert received(client, queue, 3 * INTERVAL) == []
    client("events").enable_rule(Name=name)
    assert received(client, queue)


def test_a_disabled_rule_and_a_rule_without_schedules_do_not_fire(
    client: Client, queue: str, rule: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    often(monkeypatch)
    rule("cron(0 3 * * ? *)", State="DISABLED")
    assert received(client, queue, 3 * INTERVAL) == []

    often(monkeypatch, schedules=False)
    rule("rate(1 minute)")
    assert received(client, queue, 3 * INTERVAL) == []


@pytest.mark.parametrize("expression", ["rate(5 minute)", "cron(0 3 * * * *)", "at(2026-11-01)"])
def test_an_expression_that_is_none_is_refused(client: Client, name: str, expression: str) -> None:
    with pytest.raises(ClientError, match="ScheduleExpression is not valid"):
        client("events").put_rule(Name=name, ScheduleExpression=expression)

    with pytest.raises(ClientError, match="does not exist"):
        client("events").describe_rule(Name=name)
