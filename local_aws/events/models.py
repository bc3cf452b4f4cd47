"""Moto's EventBridge backend, whose rules deliver.

Moto matches events against rules but delivers to few targets, to those of disabled rules as well.
Here the targets are SNS topics, Lambda functions and SQS queues; every other is refused when it is
put.
"""

from __future__ import annotations

import functools
import sys
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from moto.events.models import EventsBackend, Rule, events_backends

from local_aws import locks
from local_aws.errors import NotSupported
from local_aws.events.inputs import check_input, target_input
from local_aws.events.targets import (
    SENDERS,
    Undeliverable,
    send,
    send_to_dead_letter_queue,
    service_of,
)

# What a target may have. RoleArn and RetryPolicy change nothing: no target here needs a role, and
# one that does not take an event would not take it later either.
_TARGET_MEMBERS = frozenset(
    ["Arn", "DeadLetterConfig", "Id", "Input", "InputPath", "InputTransformer", "RetryPolicy"]
    + ["RoleArn", "SqsParameters"]
)

Event = dict[str, Any]


def install() -> None:
    """Put the methods of this module in the place of moto's."""
    if Rule.send_to_targets is _send_to_targets:
        return
    Rule.send_to_targets = _send_to_targets
    EventsBackend.put_targets = _checked(EventsBackend.put_targets)


def put_event(
    account: str,
    region: str,
    source: str,
    detail_type: str,
    detail: Mapping[str, Any],
    resources: Sequence[str] = (),
) -> None:
    """Put an event on the default bus, as AWS's services do.

    Args:
        account: Account that the event comes from.
        region: Region of the bus.
        source: The service, such as ``aws.glue``.
        detail_type: What kind of event it is.
        detail: What happened.
        resources: ARNs that the event is about.
    """
    event = message(account, region, source, detail_type, detail, resources)
    with locks.of("events"):
        for rule in list(events_backends[account][region].event_buses["default"].rules.values()):
            _send_to_targets(rule, event)


def message(
    account: str,
    region: str,
    source: str,
    detail_type: str,
    detail: Mapping[str, Any],
    resources: Sequence[str] = (),
    time: datetime | None = None,
) -> Event:
    """An event as targets receive it; `time` is now unless it is given."""
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": detail_type,
        "source": source,
        "account": account,
        "time": f"{time or datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "region": region,
        "resources": list(resources),
        "detail": dict(detail),
    }


def deliver(rule: Rule, event: Event) -> None:
    """Send an event to every target of a rule.

    What a target does not take goes to its dead-letter queue, or is reported on stderr: nobody who
    puts an event waits for its delivery.
    """
    for target in list(rule.targets):
        text = target_input(rule, target, event)
        try:
            send(rule, target, text)
        except Undeliverable as failure:
            if "DeadLetterConfig" in target:
                send_to_dead_letter_queue(rule, target, text, failure)
            else:
                print(f"Rule {rule.name}: {failure}", file=sys.stderr)


def _send_to_targets(rule: Rule, original: Mapping[str, Any], transform_input: bool = True) -> None:
    """Deliver an event if the rule is enabled and matches it; a schedule matches none."""
    event = {name: value for name, value in original.items() if name != "ingestion-time"}
    if isinstance(event["time"], int | float):  # moto's own put_events
        event["time"] = f"{datetime.fromtimestamp(event['time'], UTC):%Y-%m-%dT%H:%M:%SZ}"
    matches = rule.event_pattern.get_pattern() and rule.event_pattern.matches_event(event)
    if rule.state == "ENABLED" and matches:
        deliver(rule, event)


def _checked(original: Any) -> Any:
    @functools.wraps(original)
    def put_targets(
        backend: EventsBackend, name: str, event_bus_arn: str | None, targets: list[dict[str, Any]]
    ) -> None:
        for target in targets:
            _check_target(target)
        original(backend, name, event_bus_arn, targets)

    return put_targets


def _check_target(target: Mapping[str, Any]) -> None:
    if refused := sorted(target.keys() - _TARGET_MEMBERS):
        raise NotSupported(f"{refused[0]} of an EventBridge target")
    if service_of(target["Arn"]) not in SENDERS:
        raise NotSupported(
            f"the EventBridge target {target['Arn']}", f"It delivers to {', '.join(SENDERS)}."
        )
    check_input(target)
