"""Rules with a schedule: their targets get an event whenever they are due.

They fire while the embedded AWS runs, as those of an account do; what was due while it was stopped
is not made up for. `Settings.schedules` turns them off, as the demo and the tests do, whose numbers
an event more would change.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from datetime import datetime
from typing import Any

from moto.events.exceptions import ValidationException
from moto.events.models import EventsBackend, Rule, events_backends

from local_aws import locks, schedules
from local_aws.cron import InvalidSchedule, parse
from local_aws.events.models import deliver, message

CHANGING = ("put_rule", "delete_rule", "enable_rule", "disable_rule")


def install() -> None:
    """Let moto's rules be scheduled whenever they change."""
    if hasattr(EventsBackend.put_rule, "__wrapped__"):
        return
    for name in CHANGING:
        setattr(EventsBackend, name, _followed(getattr(EventsBackend, name)))


def resume() -> None:
    """Schedule all rules that there are."""
    for _, _, backend in list(events_backends.iter_backends()):
        for name in backend.event_buses["default"].rules:
            follow(backend, name)


def follow(backend: EventsBackend, name: str) -> None:
    """Schedule a rule as it is now, or no more."""
    account, region = backend.account_id, backend.region_name
    schedule, rule = f"events/{account}/{region}/{name}", _rule(backend, name)
    if rule is None or not rule.scheduled_expression or rule.state != "ENABLED":
        schedules.shared.remove(schedule)
        return

    def fire(due: datetime) -> None:
        with locks.of("events"):
            current = _rule(backend, name)
            if current is not None and current.state == "ENABLED":
                deliver(current, _event(current, due))

    schedules.shared.add(schedule, rule.scheduled_expression, fire)


def _event(rule: Rule, due: datetime) -> dict[str, Any]:
    account, region = rule.account_id, rule.region_name
    return message(account, region, "aws.events", "Scheduled Event", {}, [rule.arn], due)


def _rule(backend: EventsBackend, name: str) -> Rule | None:
    rule: Rule | None = backend.event_buses["default"].rules.get(name)
    return rule


def _followed(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def method(backend: EventsBackend, name: str, *args: Any, **kwargs: Any) -> Any:
        if expression := kwargs.get("scheduled_expression"):
            _check(expression)
        result = original(backend, name, *args, **kwargs)
        follow(backend, name)
        return result

    return method


def _check(expression: str) -> None:
    try:
        parse(expression)
    except InvalidSchedule as error:
        raise ValidationException(
            f"Parameter ScheduleExpression is not valid. Reason: {error}"
        ) from error
