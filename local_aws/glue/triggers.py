"""Triggers: they start runs on demand, at times, or when other runs end."""

from __future__ import annotations

import traceback
import uuid
from datetime import datetime
from typing import Any

from moto.core.exceptions import JsonRESTError
from moto.glue.exceptions import (
    AlreadyExistsException,
    InvalidInputException,
    TriggerNotFoundException,
)
from moto.utilities.paginator import paginate
from moto.utilities.utils import get_partition

from local_aws.glue import job as states
from local_aws.glue.catalog import CatalogBackend
from local_aws.glue.job import Job, JobRun, Origin
from local_aws.glue.runs import RunsBackend
from local_aws.glue.trigger import (
    ACTIVATED,
    CONDITIONAL,
    DEACTIVATED,
    ON_DEMAND,
    SCHEDULED,
    Trigger,
    definition,
)
from local_aws.schedules import shared as schedules


class TriggersBackend(RunsBackend):
    """Triggers that really start runs."""

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self.triggers: dict[str, Trigger] = {}

    def create_trigger(self, name: str, request: dict[str, Any], tags: dict[str, str]) -> None:
        """Create a trigger and, with StartOnCreation, activate it.

        Raises:
            AlreadyExistsException: There is a trigger with this name.
            EntityNotFoundException: It names a job that does not exist.
        """
        wanted = dict(request)
        start = wanted.pop("StartOnCreation", False)
        if name in self.triggers:
            raise AlreadyExistsException(f"Trigger {name}")
        if start and wanted.get("Type") == ON_DEMAND:
            raise InvalidInputException(
                "CreateTrigger", "StartOnCreation is not supported for a trigger of type ON_DEMAND"
            )
        partition = get_partition(self.region_name)
        arn = f"arn:{partition}:glue:{self.region_name}:{self.account_id}:trigger/{name}"
        trigger = Trigger(name, arn, definition(wanted))
        self._check_jobs(trigger)
        with self._lock:
            self.triggers[name] = trigger
        self.tag_resource(arn, tags)
        if start:
            self.start_trigger(name)

    def update_trigger(self, name: str, request: dict[str, Any]) -> Trigger:
        """Replace the definition of a trigger; its type and its state stay."""
        trigger = self.get_trigger(name)
        wanted = {key: value for key, value in request.items() if key != "Name"}
        changed = Trigger(name, trigger.arn, definition({**wanted, "Type": trigger.kind}))
        self._check_jobs(changed)
        with self._lock:
            trigger.definition = changed.definition
            if trigger.state == ACTIVATED:
                self._schedule(trigger)
        return trigger

    def get_trigger(self, name: str) -> Trigger:
        if name not in self.triggers:
            raise TriggerNotFoundException(name)
        return self.triggers[name]

    @paginate(pagination_model=CatalogBackend.PAGINATION_MODEL)  # type: ignore[untyped-decorator] # moto's
    def get_triggers(self, dependent_job_name: str | None) -> list[Trigger]:
        """The triggers that start a job, or all of them."""
        return self._starting(dependent_job_name)

    @paginate(pagination_model=CatalogBackend.PAGINATION_MODEL)  # type: ignore[untyped-decorator] # moto's
    def list_triggers(self, dependent_job_name: str | None) -> list[Trigger]:
        """The triggers that start a job, or all of them."""
        return self._starting(dependent_job_name)

    def start_trigger(self, name: str) -> None:
        """Activate a trigger. One of type ON_DEMAND fires now, and stays as it was.

        Raises:
            ConcurrentRunsExceededException: A job that it starts on demand has no room.
        """
        trigger = self.get_trigger(name)
        if trigger.kind == ON_DEMAND:
            origin = Origin(name, _new_chain())
            for action in trigger.actions:
                self._start(action, origin)
            return
        with self._lock:
            trigger.state = ACTIVATED
            self._schedule(trigger)

    def stop_trigger(self, name: str) -> None:
        """Keep a trigger from firing until it is started again.

        Raises:
            InvalidInputException: It fires on demand only.
        """
        trigger = self.get_trigger(name)
        if trigger.kind == ON_DEMAND:
            raise InvalidInputException(
                "StopTrigger", f"Trigger {name} is of type ON_DEMAND, which is never active"
            )
        with self._lock:
            trigger.state = DEACTIVATED
            schedules.remove(self._schedule_name(trigger))

    def delete_trigger(self, name: str) -> None:
        """Delete a trigger; one that does not exist is deleted already."""
        with self._lock:
            trigger = self.triggers.pop(name, None)
            if trigger is not None:
                schedules.remove(self._schedule_name(trigger))

    def _starting(self, job_name: str | None) -> list[Trigger]:
        if job_name:
            self.get_job(job_name)
        return [each for each in self.triggers.values() if job_name in (None, *each.started_jobs())]

    def _check_jobs(self, trigger: Trigger) -> None:
        for job_name in sorted(trigger.started_jobs() | trigger.watched_jobs()):
            self.get_job(job_name)

    def _schedule(self, trigger: Trigger) -> None:
        if trigger.kind == SCHEDULED:
            schedules.add(
                self._schedule_name(trigger),
                trigger.definition["Schedule"],
                lambda due: self._due(trigger, due),
            )

    def _schedule_name(self, trigger: Trigger) -> str:
        return f"glue/{self.account_id}/{self.region_name}/{trigger.name}"

    def _due(self, trigger: Trigger, due: datetime) -> None:
        if trigger.state == ACTIVATED:
            self._fire(trigger, Origin(trigger.name, _new_chain()))

    def _finish(self, job: Job, run: JobRun) -> None:
        """Fire the triggers that waited for a run that a trigger started, and for no other.

        "Dependent jobs are only started if the job that completes was started by a trigger."
        """
        super()._finish(job, run)
        if run.origin is None:
            return
        chain = run.origin.chain
        # One at a time: of two runs that end together, only one may find that both have ended.
        with self._lock:
            ended = self._ended_in(chain)
            for trigger in list(self.triggers.values()):
                if trigger.kind == CONDITIONAL and trigger.state == ACTIVATED:
                    predecessors = trigger.fulfilled_by(run, ended) if trigger.watches(run) else ()
                    origin = Origin(trigger.name, chain, predecessors)
                    if predecessors and not self._has_fired(trigger, origin):
                        self._fire(trigger, origin)

    def _has_fired(self, trigger: Trigger, origin: Origin) -> bool:
        jobs = [self.jobs[name] for name in trigger.started_jobs() & self.jobs.keys()]
        return any(run.origin == origin for job in jobs for run in job.runs)

    def _ended_in(self, chain: str) -> dict[str, JobRun]:
        """The last run of each job in a chain, of those whose last run has ended."""
        last = {
            run.job_name: run
            for job in self.jobs.values()
            for run in job.runs
            if run.origin and run.origin.chain == chain
        }
        return {name: run for name, run in last.items() if run.state not in states.UNFINISHED}

    def _fire(self, trigger: Trigger, origin: Origin) -> None:
        """Start the jobs of a trigger that nobody waits for, one independently of the other."""
        for action in trigger.actions:
            try:
                self._start(action, origin)
            except JsonRESTError as error:
                self._add_failed_run(action, origin, f"{error.error_type}: {error.message}")
            except Exception:
                traceback.print_exc()

    def _start(self, action: dict[str, Any], origin: Origin) -> None:
        request = {name: value for name, value in action.items() if name != "JobName"}
        self.start_job_run(action["JobName"], request, origin)

    def _add_failed_run(self, action: dict[str, Any], origin: Origin, message: str) -> None:
        """Keep a run that could not begin, for there is no caller to refuse it to.

        "FAILED: The job exceeded its maximum allowed concurrent runs" ("Job run statuses").
        """
        job = self.jobs.get(action["JobName"])
        if job is None:
            return
        run = self._new_run(job, {"Arguments": action.get("Arguments", {})}, origin)
        with self._lock:
            run.enter(states.FAILED, message)
            job.runs.append(run)
        self._announce(run)
        self._finish(job, run)


def _new_chain() -> str:
    return uuid.uuid4().hex
