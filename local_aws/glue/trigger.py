"""The record of a trigger, and what of its definition can be carried out.

"AWS Glue triggers" and "Triggers" in the developer guide and its API reference.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from moto.glue.exceptions import InvalidInputException

from local_aws import cron
from local_aws.errors import NotSupported
from local_aws.glue import job as states
from local_aws.glue.job import JobRun, check_timeout

SCHEDULED, CONDITIONAL, ON_DEMAND = "SCHEDULED", "CONDITIONAL", "ON_DEMAND"
CREATED, ACTIVATED, DEACTIVATED = "CREATED", "ACTIVATED", "DEACTIVATED"

# The only ones that a trigger can listen for, says the API reference.
_WATCHED_STATES = (states.SUCCEEDED, states.STOPPED, states.FAILED, states.TIMEOUT)
_KINDS = (SCHEDULED, CONDITIONAL, ON_DEMAND)
_MEMBERS = frozenset(["Actions", "Description", "Predicate", "Schedule", "Type"])
_ACTION_MEMBERS = frozenset(["Arguments", "JobName", "Timeout"])
_CONDITION_MEMBERS = frozenset(["JobName", "LogicalOperator", "State"])

SHORTEST_GAP = timedelta(minutes=5)
# A day of a schedule that is due every minute.
_GAPS_LOOKED_AT = 24 * 60


@dataclass
class Trigger:
    """A trigger as `get-trigger` shows it."""

    name: str
    arn: str
    definition: dict[str, Any]
    state: str = CREATED

    @property
    def kind(self) -> str:
        return str(self.definition["Type"])

    @property
    def actions(self) -> list[dict[str, Any]]:
        return list(self.definition["Actions"])

    def get_name(self) -> str:
        return self.name

    def started_jobs(self) -> set[str]:
        return {action["JobName"] for action in self.actions}

    def watches(self, run: JobRun) -> bool:
        """Whether one of the conditions is that the run ended as it did."""
        return any(_is_met(condition, run) for condition in self._conditions())

    def fulfilled_by(self, run: JobRun, ended: Mapping[str, JobRun]) -> tuple[JobRun, ...]:
        """The runs that fulfil the conditions now that a run has ended; none when they do not.

        Args:
            run: One whose end is a condition.
            ended: The run that each job came to an end with last, by job.
        """
        if self.definition["Predicate"].get("Logical", "ANY") == "ANY":
            return (run,)
        met = {
            each["JobName"]: ended[each["JobName"]]
            for each in self._conditions()
            if each["JobName"] in ended and _is_met(each, ended[each["JobName"]])
        }
        return tuple(met.values()) if met.keys() == self.watched_jobs() else ()

    def watched_jobs(self) -> set[str]:
        return {condition["JobName"] for condition in self._conditions()}

    def as_dict(self) -> dict[str, Any]:
        return {"Name": self.name, "State": self.state, **self.definition}

    def _conditions(self) -> list[dict[str, Any]]:
        return list(self.definition.get("Predicate", {}).get("Conditions", []))


def definition(request: Mapping[str, Any]) -> dict[str, Any]:
    """A trigger's definition, from what was asked for.

    Raises:
        NotSupported: A kind of trigger, action or condition that nothing here carries out.
        InvalidInputException: A definition that Glue refuses.
    """
    given = {name: value for name, value in request.items() if value not in (None, "", {}, [])}
    _refuse(given, _MEMBERS, "a Glue trigger")
    kind = given.get("Type")
    if kind not in _KINDS:
        raise NotSupported(f"Glue triggers of type {kind!r}", f"Use {', '.join(_KINDS)}.")
    if "Actions" not in given:
        raise _invalid("Actions cannot be null or empty")
    for action in given["Actions"]:
        _check_action(action)
    for name, needed_by in (("Schedule", SCHEDULED), ("Predicate", CONDITIONAL)):
        if (name in given) != (kind == needed_by):
            wrong = "cannot be null or empty" if kind == needed_by else "cannot be set"
            raise _invalid(f"{name} {wrong} for a trigger of type {kind}")
    if kind == SCHEDULED:
        _check_schedule(given["Schedule"])
    if kind == CONDITIONAL:
        _check_predicate(given["Predicate"])
    return given


def _check_action(action: Mapping[str, Any]) -> None:
    _refuse(action, _ACTION_MEMBERS, "a Glue trigger's action")
    if "JobName" not in action:
        raise _invalid("An action names no job")
    check_timeout("CreateTrigger", action)


def _check_schedule(text: str) -> None:
    try:
        schedule = cron.parse(text)
    except cron.InvalidSchedule as error:
        raise _invalid(f"Schedule: {error}") from None
    if not isinstance(schedule, cron.Cron):
        raise _invalid(f"Schedule {text!r}: Glue takes cron(...) only")
    times: list[datetime] = []
    due = schedule.due_after(datetime.now(UTC))
    while due and len(times) < _GAPS_LOOKED_AT:
        times.append(due)
        due = schedule.due_after(due)
    if any(after - before < SHORTEST_GAP for before, after in pairwise(times)):
        raise _invalid(f"Schedule {text!r} is due more often than every 5 minutes")


def _check_predicate(predicate: Mapping[str, Any]) -> None:
    conditions = predicate.get("Conditions") or []
    if not conditions:
        raise _invalid("Predicate has no Conditions")
    if len(conditions) > 1 and "Logical" not in predicate:
        raise _invalid("Predicate has several Conditions and no Logical: use AND or ANY")
    for condition in conditions:
        _refuse(condition, _CONDITION_MEMBERS, "a Glue trigger's condition")
        if condition.get("State") not in _WATCHED_STATES:
            raise _invalid(
                f"State {condition.get('State')!r} of a condition is none that a trigger can "
                f"listen for: use {', '.join(_WATCHED_STATES)}"
            )
        if condition.get("LogicalOperator", "EQUALS") != "EQUALS" or "JobName" not in condition:
            raise _invalid("A condition is that a JobName EQUALS a State")


def _is_met(condition: Mapping[str, Any], run: JobRun) -> bool:
    return bool(condition["JobName"] == run.job_name and condition["State"] == run.state)


def _refuse(given: Mapping[str, Any], known: frozenset[str], what: str) -> None:
    if refused := sorted(given.keys() - known):
        raise NotSupported(f"{refused[0]} of {what}")


def _invalid(message: str) -> InvalidInputException:
    return InvalidInputException("CreateTrigger", message)
