"""Events for functions: tried again, handed on, given up."""

from __future__ import annotations

import io
import json
import textwrap
import time
import uuid
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local_aws import settings
from local_aws.settings import Settings

pytestmark = pytest.mark.slow

ROLE = "arn:aws:iam::123456789012:role/LabRole"
FAILING = "def handler(event, context):\n    raise ValueError(f'no to {event}')"
SLOW_MINUTES = 0.1
Client = Callable[[str], Any]


@pytest.fixture(autouse=True)
def short_minutes(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """A minute lasts a tenth of a second."""
    now = settings.current()
    fast = Settings(now.data_dir, now.port, timeout_minute=SLOW_MINUTES)
    monkeypatch.setattr(settings, "_current", fast)


@pytest.fixture
def queue(client: Client) -> str:
    return str(client("sqs").create_queue(QueueName=f"q-{uuid.uuid4().hex}")["QueueUrl"])


def arn_of(queue: str) -> str:
    return f"arn:aws:sqs:us-west-2:123456789012:{queue.rsplit('/', 1)[1]}"


def deploy(client: Client, code: str, **options: Any) -> str:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("index.py", textwrap.dedent(code))
    name = f"test-{uuid.uuid4().hex}"
    shown = {"Runtime": "python3.13", "Handler": "index.handler", "Role": ROLE, **options}
    client("lambda").create_function(
        FunctionName=name, Code={"ZipFile": buffer.getvalue()}, **shown
    )
    return name


def send(client: Client, name: str, event: Any) -> None:
    payload = json.dumps(event)
    client("lambda").invoke(FunctionName=name, InvocationType="Event", Payload=payload)


def received(client: Client, queue: str) -> dict[str, Any]:
    """The next message, once it comes."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        options = {"QueueUrl": queue, "MessageAttributeNames": ["All"]}
        for message in client("sqs").receive_message(**options).get("Messages", []):
            return dict(message)
        time.sleep(0.05)
    raise AssertionError("no message came")


def attempts(client: Client, name: str) -> int:
    events = client("logs").filter_log_events(logGroupName=f"/aws/lambda/{name}")["events"]
    return sum(event["message"].startswith("START") for event in events)


def test_an_event_that_fails_three_times_goes_to_the_dead_letter_queue(
    client: Client, queue: str
) -> None:
    name = deploy(client, FAILING, DeadLetterConfig={"TargetArn": arn_of(queue)})
    shown = client("lambda").get_function_configuration(FunctionName=name)

    send(client, name, {"n": 1})
    message = received(client, queue)

    assert shown["DeadLetterConfig"] == {"TargetArn": arn_of(queue)}
    assert json.loads(message["Body"]) == {"n": 1}
    attributes = {key: each["StringValue"] for key, each in message["MessageAttributes"].items()}
    assert attributes["ErrorMessage"] == "no to {'n': 1}"
    assert attributes["ErrorCode"] == "200"
    assert attempts(client, name) == 3
    log = client("logs").filter_log_events(logGroupName=f"/aws/lambda/{name}")["events"]
    starts = {each["message"] for each in log if each["message"].startswith("START")}
    assert starts == {f"START RequestId: {attributes['RequestID']} Version: $LATEST"}


def test_a_destination_gets_the_record_after_the_retries_that_are_configured(
    client: Client, queue: str
) -> None:
    name = deploy(client, FAILING)
    client("lambda").put_function_event_invoke_config(
        FunctionName=name,
        MaximumRetryAttempts=1,
        DestinationConfig={"OnFailure": {"Destination": arn_of(queue)}},
    )

    send(client, name, "it")
    record = json.loads(received(client, queue)["Body"])

    context = record["requestContext"]
    assert (context["condition"], context["approximateInvokeCount"]) == ("RetriesExhausted", 2)
    assert context["functionArn"].endswith(f":{name}:$LATEST")
    assert record["requestPayload"] == "it"
    assert record["responseContext"]["functionError"] == "Unhandled"
    assert record["responsePayload"]["errorMessage"] == "no to it"
    assert attempts(client, name) == 2


def test_an_event_that_is_too_old_is_not_tried_again(client: Client, queue: str) -> None:
    name = deploy(client, FAILING)
    client("lambda").put_function_event_invoke_config(
        FunctionName=name,
        MaximumEventAgeInSeconds=60,
        DestinationConfig={"OnFailure": {"Destination": arn_of(queue)}},
    )

    send(client, name, "it")
    record = json.loads(received(client, queue)["Body"])

    assert record["requestContext"]["condition"] == "EventAgeExceeded"
    assert attempts(client, name) == 1


def test_success_is_reported_to_the_next_function(client: Client) -> None:
    second = deploy(client, "def handler(event, context): print('got', event['responsePayload'])")
    first = deploy(client, "def handler(event, context): return event * 2")
    arn = client("lambda").get_function_configuration(FunctionName=second)["FunctionArn"]
    client("lambda").put_function_event_invoke_config(
        FunctionName=first, DestinationConfig={"OnSuccess": {"Destination": arn}}
    )

    send(client, first, 21)

    deadline, lines = time.monotonic() + 30, []
    while "got 42" not in lines and time.monotonic() < deadline:
        groups = client("logs").describe_log_groups(logGroupNamePrefix=f"/aws/lambda/{second}")
        if groups["logGroups"]:
            log = client("logs").filter_log_events(logGroupName=f"/aws/lambda/{second}")
            lines = [event["message"] for event in log["events"]]
        time.sleep(0.05)
    assert "got 42" in lines


def test_places_that_nothing_here_reaches_are_refused_by_name(client: Client) -> None:
    name = deploy(client, FAILING)
    with pytest.raises(ClientError, match="does not support the OnFailure destination arn:aws:s3"):
        client("lambda").put_function_event_invoke_config(
            FunctionName=name,
            DestinationConfig={"OnFailure": {"Destination": "arn:aws:s3:::bucket:x"}},
        )
    target = {"TargetArn": "arn:aws:lambda:us-west-2:123456789012:function:f"}
    with pytest.raises(ClientError, match="does not support the dead-letter queue arn:aws:lambda"):
        deploy(client, FAILING, DeadLetterConfig=target)


def test_a_dead_letter_queue_can_be_set_and_taken_away_later(client: Client, queue: str) -> None:
    functions, name = client("lambda"), deploy(client, FAILING)
    for target in (arn_of(queue), ""):
        config = {"TargetArn": target}
        functions.update_function_configuration(FunctionName=name, DeadLetterConfig=config)
        shown = functions.get_function_configuration(FunctionName=name)
        assert shown.get("DeadLetterConfig", {"TargetArn": ""}) == config
