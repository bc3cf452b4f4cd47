"""The records of a Glue job and of its runs, with Glue's own defaults."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import takewhile
from typing import Any

from moto.core.utils import utcnow
from moto.glue.exceptions import InvalidInputException

from local_aws.errors import NotSupported

LOG_GROUP = "/aws-glue/jobs"

STARTING, RUNNING, STOPPING = "STARTING", "RUNNING", "STOPPING"
SUCCEEDED, FAILED, STOPPED, TIMEOUT = "SUCCEEDED", "FAILED", "STOPPED", "TIMEOUT"
WAITING = "WAITING"
# What counts against MaxConcurrentRuns, and what has not come to its end.
ACTIVE = frozenset({STARTING, RUNNING, STOPPING})
UNFINISHED = ACTIVE | {WAITING}

LONGEST_TIMEOUT_MINUTES = 7 * 24 * 60

_MEMBERS = frozenset(
    {
        "AllocatedCapacity",
        "Command",
        "DefaultArguments",
        "Description",
        "ExecutionClass",
        "ExecutionProperty",
        "GlueVersion",
        "JobMode",
        "JobRunQueuingEnabled",
        "MaxCapacity",
        "MaxRetries",
        "NonOverridableArguments",
        "NumberOfWorkers",
        "Role",
        "Timeout",
        "WorkerType",
    }
)
# CreateJob in the API reference: an omitted version means 6.0 since its release in August 2026,
# and jobs of 5.0 and later get 480 minutes.
_DEFAULTS = {
    "ExecutionProperty": {"MaxConcurrentRuns": 1},
    "GlueVersion": "6.0",
    "JobMode": "SCRIPT",
    "JobRunQueuingEnabled": False,
    "MaxRetries": 0,
    "Timeout": 480,
}
_SHOWN_SETTINGS = (
    "GlueVersion",
    "WorkerType",
    "NumberOfWorkers",
    "MaxCapacity",
    "AllocatedCapacity",
    "Timeout",
    "ExecutionClass",
    "JobMode",
    "JobRunQueuingEnabled",
)
_DPU = {"G.1X": 1, "G.2X": 2, "G.4X": 4, "G.8X": 8, "G.12X": 12, "G.16X": 16}
_DEFAULT_DPU = 10


def definition(request: Mapping[str, Any]) -> dict[str, Any]:
    """A job's definition: what was asked for, completed with Glue's defaults.

    Raises:
        NotSupported: A member that the embedded AWS does not carry out.
        InvalidInputException: A combination that Glue refuses.
    """
    given = {name: value for name, value in request.items() if value not in (None, "", {}, [])}
    if refused := sorted(given.keys() - _MEMBERS):
        raise NotSupported(f"{refused[0]} of a Glue job")
    for required in ("Role", "Command"):
        if required not in given:
            raise InvalidInputException("CreateJob", f"{required} is missing: a job needs one")
    _check_command(given["Command"])
    if given.get("JobMode", "SCRIPT") != "SCRIPT":
        raise NotSupported(f"the Glue JobMode {given['JobMode']!r}", "Use SCRIPT.")
    check_timeout("CreateJob", given)
    return {**_DEFAULTS, **given, **_capacity(given)}


def check_timeout(operation: str, given: Mapping[str, Any]) -> None:
    """Refuse a Timeout that Glue refuses: its API reference allows 7 days."""
    timeout = given.get("Timeout", 1)
    if not 1 <= timeout <= LONGEST_TIMEOUT_MINUTES:
        raise InvalidInputException(
            operation, f"Timeout is {timeout}: give minutes from 1 to {LONGEST_TIMEOUT_MINUTES}"
        )


def _check_command(command: Mapping[str, str]) -> None:
    if command.get("Name") != "glueetl":
        raise NotSupported(f"Glue jobs of the kind {command.get('Name')!r}", "Use glueetl.")
    if command.get("PythonVersion", "3") != "3":
        raise NotSupported(f"PythonVersion {command['PythonVersion']!r} of a Glue job", "Use 3.")
    if not command.get("ScriptLocation", "").startswith("s3://"):
        location = command.get("ScriptLocation")
        raise InvalidInputException(
            "CreateJob", f"ScriptLocation is {location!r}: put the script on s3:// and name it"
        )


def _capacity(given: Mapping[str, Any]) -> dict[str, float]:
    by_workers = given.keys() & {"WorkerType", "NumberOfWorkers"}
    if not by_workers:
        dpu = given.get("MaxCapacity", _DEFAULT_DPU)
    elif "MaxCapacity" in given:
        raise InvalidInputException(
            "CreateJob",
            "Please do not set Max Capacity if using Worker Type and Number of Workers.",
        )
    elif len(by_workers) == 1:
        raise InvalidInputException("CreateJob", "Set both Worker Type and Number of Workers.")
    elif given["WorkerType"] not in _DPU:
        known = ", ".join(_DPU)
        raise NotSupported(f"the Glue WorkerType {given['WorkerType']!r}", f"Use one of {known}.")
    else:
        dpu = _DPU[given["WorkerType"]] * given["NumberOfWorkers"]
    return {"MaxCapacity": float(dpu), "AllocatedCapacity": int(dpu)}


@dataclass(eq=False)
class Job:
    """A job as `get-job` shows it, and its runs, oldest first.

    Attributes:
        job_id: Its own, also when a deleted job had the same name.
    """

    name: str
    arn: str
    definition: dict[str, Any]
    job_id: str = field(default_factory=lambda: f"j_{secrets.token_hex(32)}")
    created_on: datetime = field(default_factory=utcnow)
    last_modified_on: datetime = field(default_factory=utcnow)
    runs: list[JobRun] = field(default_factory=list)

    def get_name(self) -> str:
        return self.name

    def update(self, new_definition: dict[str, Any]) -> None:
        """Replace the whole definition: Glue keeps nothing of the one before."""
        self.definition = new_definition
        self.last_modified_on = utcnow()

    def runs_in(self, states: Collection[str]) -> list[JobRun]:
        return [run for run in self.runs if run.state in states]

    def ended_since_success(self) -> int:
        """How many of its last runs ended otherwise than SUCCEEDED."""
        ended = [run for run in self.runs if run.state not in UNFINISHED]
        return len(list(takewhile(lambda run: run.state != SUCCEEDED, reversed(ended))))

    def has_room(self) -> bool:
        """Whether one more run may be active."""
        allowed: int = self.definition["ExecutionProperty"].get("MaxConcurrentRuns", 1)
        return len(self.runs_in(ACTIVE)) < allowed

    def as_dict(self) -> dict[str, Any]:
        return {
            "Name": self.name,
            "CreatedOn": self.created_on,
            "LastModifiedOn": self.last_modified_on,
            **self.definition,
        }


@dataclass(frozen=True)
class Origin:
    """The trigger that started a run.

    Attributes:
        trigger: Its name.
        chain: Common to all runs that descend from the same firing of a scheduled or on-demand
            trigger.
        predecessors: For a conditional trigger, the runs that fulfilled its conditions.
    """

    trigger: str
    chain: str
    predecessors: tuple[JobRun, ...] = ()


@dataclass(eq=False)
class JobRun:
    """One attempt to run a job.

    Attributes:
        job_id: The job's.
        settings: Definition of the job when the run was started, with the run's own overrides.
        arguments: Default arguments, the run's arguments, non-overridable ones, in rising priority.
        origin: None for a run that was started by name.
        bookmark_attempt: How many runs of the job ended since the last one that succeeded.
        bookmark_range: The runs whose bookmarks --job-bookmark-from and -to mean, if they are given
            with job-bookmark-pause; None for one before the first bookmark.
        began_on: When it was given its place; a run that waits has none.
        stop_requested: Set by `batch-stop-job-run`.
    """

    job_run_id: str
    job_name: str
    job_id: str
    region: str
    settings: dict[str, Any]
    arguments: dict[str, str]
    attempt: int = 0
    previous_run_id: str | None = None
    origin: Origin | None = None
    bookmark_attempt: int = 0
    bookmark_range: tuple[str | None, str | None] | None = None
    state: str = STARTING
    state_detail: str | None = None
    error_message: str | None = None
    started_on: datetime = field(default_factory=utcnow)
    last_modified_on: datetime = field(default_factory=utcnow)
    began_on: datetime | None = None
    completed_on: datetime | None = None
    stop_requested: threading.Event = field(default_factory=threading.Event)

    def enter(self, state: str, message: str | None = None) -> None:
        """Change the state; one that ends the run also completes it.

        Args:
            state: The new state.
            message: Why a run waits, or the error that it ended with.
        """
        self.last_modified_on = now = utcnow()
        if state == STARTING:
            self.began_on = now
        if state not in UNFINISHED:
            self.completed_on = now
        self.state_detail = message if state == WAITING else None
        self.error_message = message if state != WAITING else None
        self.state = state

    def seconds(self) -> int:
        """How long the run has been using a worker, or used one."""
        if self.began_on is None:
            return 0
        return int(((self.completed_on or utcnow()) - self.began_on).total_seconds())

    def as_dict(self, *, predecessors: bool = False) -> dict[str, Any]:
        """The run as `get-job-run` shows it.

        Args:
            predecessors: Whether to name the runs that led to this one.
        """
        origin = self.origin
        led_here = origin.predecessors if origin and predecessors else ()
        shown: dict[str, Any] = {
            "Id": self.job_run_id,
            "Attempt": self.attempt,
            "PreviousRunId": self.previous_run_id,
            "TriggerName": origin.trigger if origin else None,
            "JobName": self.job_name,
            "StartedOn": self.started_on,
            "LastModifiedOn": self.last_modified_on,
            "CompletedOn": self.completed_on,
            "JobRunState": self.state,
            "StateDetail": self.state_detail,
            "ErrorMessage": self.error_message,
            "Arguments": self.arguments or None,
            "PredecessorRuns": [
                {"JobName": run.job_name, "RunId": run.job_run_id} for run in led_here
            ],
            "ExecutionTime": self.seconds(),
            "LogGroupName": LOG_GROUP,
            **{name: self.settings.get(name) for name in _SHOWN_SETTINGS},
        }
        return {name: value for name, value in shown.items() if value is not None}
