"""Hands an event to an SNS topic, a Lambda function or an SQS queue that lets EventBridge do so."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from moto.awslambda.models import lambda_backends
from moto.core.exceptions import JsonRESTError, ServiceException
from moto.events.models import Rule
from moto.sns.models import sns_backends
from moto.sqs.models import sqs_backends
from moto.utilities.arns import Arn, parse_arn

from local_aws import locks
from local_aws.events.permissions import allows


class Undeliverable(Exception):
    """A target did not take an event.

    Attributes:
        code: EventBridge's name for the reason.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def service_of(arn: str) -> str:
    """The service that an ARN belongs to."""
    return str(parse_arn(arn).service)


def send(rule: Rule, target: Mapping[str, Any], text: str) -> None:
    """Hand an event to a target.

    Raises:
        Undeliverable: The target does not exist, or its policy does not let EventBridge use it.
    """
    arn = parse_arn(target["Arn"])
    try:
        SENDERS[arn.service](rule, target, arn, text)
    except (JsonRESTError, ServiceException) as error:
        raise Undeliverable("RESOURCE_NOT_FOUND", f"{target['Arn']}: {error.message}") from error


def send_to_dead_letter_queue(
    rule: Rule, target: Mapping[str, Any], text: str, failure: Undeliverable
) -> None:
    """Keep an event that could not be delivered, with the attributes that EventBridge gives it."""
    arn = parse_arn(target["DeadLetterConfig"]["Arn"])
    attributes = {
        "RULE_ARN": rule.arn,
        "TARGET_ARN": target["Arn"],
        "ERROR_CODE": failure.code,
        "ERROR_MESSAGE": str(failure),
    }
    sqs_backends[arn.account][arn.region].send_message(
        arn.resource_id,
        text,
        message_attributes={
            name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()
        },
    )


def _publish(rule: Rule, target: Mapping[str, Any], arn: Arn, text: str) -> None:
    backend = sns_backends[arn.account][arn.region]
    with locks.of("sns"):
        topic = backend.get_topic(target["Arn"])
        _require(rule, target, json.loads(topic.policy).get("Statement", []), "sns:Publish")
        backend.publish(text, arn=target["Arn"])


def _invoke(rule: Rule, target: Mapping[str, Any], arn: Arn, text: str) -> None:
    function = lambda_backends[arn.account][arn.region].get_function(target["Arn"])
    policy = function.policy.statements if function.policy else []
    _require(rule, target, policy, "lambda:InvokeFunction")
    function.invoke(text, {"x-amz-invocation-type": "Event"}, {})


def _queue(rule: Rule, target: Mapping[str, Any], arn: Arn, text: str) -> None:
    backend = sqs_backends[arn.account][arn.region]
    queue = backend.get_queue(arn.resource_id)
    policy = json.loads(queue.policy)["Statement"] if queue.policy else []
    _require(rule, target, policy, "sqs:SendMessage")
    group = target.get("SqsParameters", {}).get("MessageGroupId")
    backend.send_message(arn.resource_id, text, group_id=group)


def _require(rule: Rule, target: Mapping[str, Any], policy: Any, action: str) -> None:
    statements = [policy] if isinstance(policy, dict) else policy
    if not allows(statements, action, rule.arn, rule.account_id):
        raise Undeliverable(
            "NO_PERMISSIONS",
            f"the policy of {target['Arn']} does not allow events.amazonaws.com {action} "
            f"for {rule.arn}",
        )


SENDERS: dict[str, Callable[[Rule, Mapping[str, Any], Arn, str], None]] = {
    "sns": _publish,
    "lambda": _invoke,
    "sqs": _queue,
}
