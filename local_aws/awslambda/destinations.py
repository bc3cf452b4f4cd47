"""Where events go that a function has dealt with or given up: queues, topics, functions, a bus."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from moto.awslambda.models import LambdaFunction, lambda_backends
from moto.sns.models import sns_backends
from moto.sqs.models import sqs_backends
from moto.utilities.arns import parse_arn

from local_aws import locks
from local_aws.errors import NotSupported

DESTINATIONS = frozenset({"events", "lambda", "sns", "sqs"})
DEAD_LETTERS = frozenset({"sns", "sqs"})
# "The first 1 KB of the error message", Lambda developer guide, "Adding a dead-letter queue".
LONGEST_ERROR = 1024


def check_destinations(config: Mapping[str, Any]) -> None:
    """Refuse destinations that nothing here would reach.

    Raises:
        NotSupported: Naming the first of them.
    """
    for kind, arn in destinations(config).items():
        if _service(arn) not in DESTINATIONS:
            known = ", ".join(sorted(DESTINATIONS))
            raise NotSupported(f"the {kind} destination {arn}", f"It hands events to {known}.")


def destinations(config: Mapping[str, Any]) -> dict[str, str]:
    """The ARNs of the destinations that there are of OnSuccess and OnFailure."""
    given = config.get("DestinationConfig", {})
    named = {kind: given.get(kind, {}).get("Destination") for kind in ("OnSuccess", "OnFailure")}
    return {kind: arn for kind, arn in named.items() if arn}


def check_dead_letters(arn: str) -> None:
    """Refuse a dead-letter queue that is neither a queue nor a topic.

    Raises:
        NotSupported: With its ARN.
    """
    if arn and _service(arn) not in DEAD_LETTERS:
        raise NotSupported(f"the dead-letter queue {arn}", "Name an SQS queue or an SNS topic.")


def hand_over(arn: str, function: LambdaFunction, record: dict[str, Any]) -> None:
    """Give the record of an invocation to a destination.

    Raises:
        moto's errors: The destination does not take it.
    """
    service = _service(arn)
    if service == "lambda":
        receiver = lambda_backends[function.account_id][function.region].get_function(arn)
        receiver.invoke(json.dumps(record), {"x-amz-invocation-type": "Event"}, {})
    elif service == "events":
        from local_aws.events import put_event  # which invokes functions

        how = "Success" if record["requestContext"]["condition"] == "Success" else "Failure"
        put_event(
            function.account_id,
            function.region,
            "lambda",
            f"Lambda Function Invocation Result - {how}",
            record,
            [arn, record["requestContext"]["functionArn"]],
        )
    else:
        _send(arn, json.dumps(record), {})


def hand_over_to_dead_letters(arn: str, payload: Any, request_id: str, error: str) -> None:
    """Give an event that a function has failed with to its dead-letter queue.

    Raises:
        moto's errors: The queue does not take it.
    """
    attributes = {
        "RequestID": ("String", request_id),
        "ErrorCode": ("Number", "200"),
        "ErrorMessage": ("String", error[:LONGEST_ERROR] or "-"),
    }
    _send(arn, json.dumps(payload), attributes)


def _send(arn: str, body: str, attributes: Mapping[str, tuple[str, str]]) -> None:
    place = parse_arn(arn)
    if place.service == "sqs":
        values = {
            name: {"DataType": kind, "StringValue": value}
            for name, (kind, value) in attributes.items()
        }
        backend = sqs_backends[place.account][place.region]
        backend.send_message(place.resource_id, body, message_attributes=values)
        return
    with locks.of("sns"):
        sns_backends[place.account][place.region].publish(
            body,
            arn=arn,
            message_attributes={
                name: {"Type": kind, "Value": value} for name, (kind, value) in attributes.items()
            },
        )


def _service(arn: str) -> str:
    return arn.split(":")[2] if arn.count(":") >= 5 else ""
