"""The records of a Glue job and of its runs, with Glue's own defaults."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from moto.core.utils import utcnow
from moto.glue.exceptions import InvalidInputException

from local_aws.errors import NotSupported

GLUE_VERSION = "5.1"
LOG_GROUP = "/aws-glue/jobs"

STARTING, RUNNING, STOPPING = "STARTING", "RUNNING", "STOPPING"
SUCCEEDED, FAILED, STOPPED, TIMEOUT = "SUCCEEDED", "FAILED", "STOPPED", "TIMEOUT"
ACTIVE = frozenset({STARTING, RUNNING, STOPPING})

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
    refused = sorted(given.keys() - _MEMBERS - {"JobRunQueuingEnabled"})
    if refused or given.get("JobRunQueuingEnabled"):
        raise NotSupported(f"{(refused or ['JobRunQueuingEnabled'])[0]} of a Glue job")
    for required in ("Role", "Command"):
        if required not in given:
            raise InvalidInputException("CreateJob", f"{required} is missing: a job needs one")
    _check_command(given["Command"])
    if given.get("JobMode", "SCRIPT") != "SCRIPT":
        raise NotSupported(f"the Glue JobMode {given['JobMode']!r}", "Use SCRIPT.")
    return {**_DEFAULTS, **given, **_capacity(given)}


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


@dataclass
class Job:
    """A job as `get-job` shows it, and its runs, oldest first."""

    name: str
    arn: str
    definition: dict[str, Any]
    created_on: datetime = field(default_factory=utcnow)
    last_modified_on: datetime = field(default_factory=utcnow)
    runs: list[JobRun] = field(default_factory=list)

    def get_name(self) -> str:
        return self.name

    def update(self, new_definition: dict[str, Any]) -> None:
        """Replace the whole definition: Glue keeps nothing of the one before."""
        self.definition = new_definition
        self.last_modified_on = utcnow()

    def active_runs(self) -> list[JobRun]:
        return [run for run in self.runs if run.state in ACTIVE]

    def as_dict(self) -> dict[str, Any]:
        return {
            "Name": self.name,
            "CreatedOn": self.created_on,
            "LastModifiedOn": self.last_modified_on,
            **self.definition,
        }


@dataclass
class JobRun:
    """One attempt to run a job.

    Attributes:
        settings: Definition of the job when the run was started, with the run's own overrides.
        arguments: Default arguments, the run's arguments, non-overridable ones, in rising priority.
        stop_requested: Set by `batch-stop-job-run`.
    """

    job_run_id: str
    job_name: str
    region: str
    settings: dict[str, Any]
    arguments: dict[str, str]
    attempt: int = 0
    previous_run_id: str | None = None
    state: str = STARTING
    error_message: str | None = None
    started_on: datetime = field(default_factory=utcnow)
    last_modified_on: datetime = field(default_factory=utcnow)
    completed_on: datetime | None = None
    stop_requested: threading.Event = field(default_factory=threading.Event)

    def enter(self, state: str, error_message: str | None = None) -> None:
        """Change the state; a state that is not an active one also completes the run."""
        self.last_modified_on = utcnow()
        if state not in ACTIVE:
            self.completed_on = self.last_modified_on
        self.error_message = error_message
        self.state = state

    def seconds(self) -> int:
        """How long the run has been going on, or went on."""
        return int(((self.completed_on or utcnow()) - self.started_on).total_seconds())

    def as_dict(self) -> dict[str, Any]:
        shown: dict[str, Any] = {
            "Id": self.job_run_id,
            "Attempt": self.attempt,
            "PreviousRunId": self.previous_run_id,
            "JobName": self.job_name,
            "StartedOn": self.started_on,
            "LastModifiedOn": self.last_modified_on,
            "CompletedOn": self.completed_on,
            "JobRunState": self.state,
            "ErrorMessage": self.error_message,
            "Arguments": self.arguments or None,
            "PredecessorRuns": [],
            "ExecutionTime": self.seconds(),
            "LogGroupName": LOG_GROUP,
            **{name: self.settings.get(name) for name in _SHOWN_SETTINGS},
        }
        return {name: value for name, value in shown.items() if value is not None}
