"""What Lambda itself does with a function's role: it hands on events that are dealt with.

"Adding a dead-letter queue" and "Capturing records of Lambda asynchronous invocations", Lambda
developer guide: the execution role has to allow it. Lambda checks that when the function is
configured, and again when it hands an event on.
"""

from __future__ import annotations

from local_aws.iam import enforcement
from local_aws.iam.policy import Access
from local_aws.iam.sessions import assumed

ACTIONS = {
    "events": "PutEvents",
    "lambda": "InvokeFunction",
    "sns": "Publish",
    "sqs": "SendMessage",
}


def check_sending(role: str, function: str, region: str, target: str) -> None:
    """Check that a function's role lets Lambda hand an event to a queue, topic, function or bus.

    Args:
        role: Name or ARN of the role.
        function: Name of the function, which its session has too.
        target: The ARN; one that is empty is always allowed.

    Raises:
        local_aws.iam.enforcement.AccessDenied: It does not.
    """
    if not (target and enforcement.is_on()):
        return
    with assumed(role, function, region) as session:
        principal = session.principal()
        if principal.is_restricted:
            enforcement.check(principal, [sending(target)])


def sending(target: str) -> Access:
    """The access to a target of events."""
    service = target.split(":")[2]
    return Access(f"{service}:{ACTIONS[service]}", target)


def refusal(target: str) -> str:
    """Lambda's message when a role does not allow it."""
    service = target.split(":")[2]
    return (
        f"The provided execution role does not have permissions to call {ACTIONS[service]} on "
        f"{service.upper()}"
    )
