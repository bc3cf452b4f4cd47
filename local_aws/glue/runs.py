"""The runs of jobs: started, queued, tried again, stopped, and announced when they end."""

from __future__ import annotations

import secrets
import threading
import traceback
from typing import Any

from moto.glue.exceptions import (
    ConcurrentRunsExceededException,
    InvalidInputException,
    JobNotFoundException,
    JobRunNotFoundException,
)
from moto.utilities.paginator import paginate

from local_aws import events, processes
from local_aws.errors import NotSupported
from local_aws.glue import arguments as job_arguments
from local_aws.glue import bookmarks
from local_aws.glue import job as states
from local_aws.glue.catalog import CatalogBackend
from local_aws.glue.job import Job, JobRun, Origin, check_timeout
from local_aws.glue.run import execute
from local_aws.glue.version import SPARK, glue_version

# "Job run statuses" in the developer guide names this as what a queued run waits for.
QUEUED = "Max concurrent job runs per job exceeded"

_RUN_OVERRIDES = frozenset(
    {"Timeout", "WorkerType", "NumberOfWorkers", "MaxCapacity", "AllocatedCapacity"}
    | {"ExecutionClass", "JobRunQueuingEnabled"}
)
# "Events from AWS services" in the EventBridge user guide shows one event of each state.
_ANNOUNCED = {
    states.SUCCEEDED: ("INFO", "Job run succeeded"),
    states.FAILED: ("ERROR", "JobName:{name} and JobRunId:{id} failed to execute with exception "),
    states.TIMEOUT: ("WARN", "Job run timed out"),
    states.STOPPED: ("INFO", "Job run stopped"),
}


class RunsBackend(CatalogBackend):
    """Runs execute their job's script with Spark on this machine.

    A run has one worker, this machine, and as many threads as it has processors: WorkerType and
    NumberOfWorkers are kept and shown, but change nothing.
    """

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self.jobs: dict[str, Job] = {}
        self._lock = threading.RLock()

    def get_job(self, name: str) -> Job:
        if name not in self.jobs:
            raise JobNotFoundException(name)
        return self.jobs[name]

    def start_job_run(
        self, name: str, request: dict[str, Any], origin: Origin | None = None
    ) -> str:
        """Start a run, or queue it when the job is full and lets its runs wait.

        Returns:
            The run's id.

        Raises:
            ConcurrentRunsExceededException: As many runs as the job allows are active.
            NotSupported: The job's version, or an argument, is not one that can be run here.
        """
        job = self.get_job(name)
        run = self._new_run(job, request, origin)
        self._check(job, run)
        with self._lock:
            if job.has_room() and not job.runs_in({states.WAITING}):
                self._launch(job, run)
            elif run.settings["JobRunQueuingEnabled"]:
                run.enter(states.WAITING, QUEUED)
            else:
                raise ConcurrentRunsExceededException(f"Concurrent runs exceeded for {name}")
            job.runs.append(run)
        return run.job_run_id

    def get_job_run(self, name: str, run_id: str) -> JobRun:
        for run in self.get_job(name).runs:
            if run.job_run_id == run_id:
                return run
        raise JobRunNotFoundException(run_id)

    @paginate(pagination_model=CatalogBackend.PAGINATION_MODEL)  # type: ignore[untyped-decorator] # moto's
    def get_job_runs(self, job_name: str) -> list[JobRun]:
        return self.get_job(job_name).runs[::-1]

    def stop_job_run(self, name: str, run_id: str) -> None:
        """Ask a run to stop; its thread kills the process. One that waits stops at once.

        Raises:
            InvalidInputException: The run has ended already.
        """
        run = self.get_job_run(name, run_id)
        with self._lock:
            if run.state not in states.UNFINISHED:
                raise InvalidInputException(
                    "BatchStopJobRun", f"Job run {run_id} is in state {run.state}, not running"
                )
            run.stop_requested.set()
            waited = run.state == states.WAITING
            run.enter(states.STOPPED if waited else states.STOPPING)
        if waited:
            self._announce(run)
            self._finish(self.get_job(name), run)

    def _launch(self, job: Job, run: JobRun) -> None:
        run.bookmark_attempt = job.ended_since_success()
        run.enter(states.STARTING)
        threading.Thread(
            target=self._supervise, args=(job, run), name=run.job_run_id, daemon=True
        ).start()

    def _launch_waiting(self, job: Job) -> None:
        """Give the places that are free to the runs that have waited longest."""
        with self._lock:
            for run in job.runs_in({states.WAITING}):
                if job.has_room():
                    self._launch(job, run)

    def _supervise(self, job: Job, run: JobRun) -> None:
        """Execute the run and, while it fails, as many more attempts as the job allows."""
        while True:
            try:
                state, message = execute(run, job_arguments.interpret(run.arguments))
            except Exception as error:
                if processes.accepting():
                    traceback.print_exc()
                state, message = states.FAILED, f"{type(error).__name__}: {error}"
            if not processes.accepting():
                return  # The end of the embedded AWS is not the run's own.
            again = state == states.FAILED and run.attempt < run.settings["MaxRetries"]
            with self._lock:
                again = again and not run.stop_requested.is_set()
                run.enter(state, message)
                ended, run = run, _next_attempt(run) if again else run
                if again:
                    run.bookmark_attempt = job.ended_since_success()
                    run.enter(states.STARTING)
                    job.runs.append(run)
            self._announce(ended)
            if not again:
                self._finish(job, ended)
                return

    def _finish(self, job: Job, run: JobRun) -> None:
        """Go on after a run that has ended and is not tried again."""
        self._launch_waiting(job)

    def _announce(self, run: JobRun) -> None:
        """Put the event "Glue Job State Change" of a run that has ended."""
        severity, message = _ANNOUNCED[run.state]
        detail = {
            "jobName": run.job_name,
            "severity": severity,
            "state": run.state,
            "jobRunId": run.job_run_id,
            "message": message.format(name=run.job_name, id=run.job_run_id)
            + ((run.error_message or "") if run.state == states.FAILED else ""),
        }
        try:
            events.put_event(
                self.account_id, self.region_name, "aws.glue", "Glue Job State Change", detail
            )
        except Exception:
            # Delivery is best effort, and the run has ended as it did.
            traceback.print_exc()

    def _new_run(self, job: Job, request: dict[str, Any], origin: Origin | None) -> JobRun:
        return JobRun(
            f"jr_{secrets.token_hex(32)}",
            job.name,
            job.job_id,
            self.region_name,
            _run_settings(job, request),
            _merged_arguments(job, request),
            origin=origin,
        )

    def _check(self, job: Job, run: JobRun) -> None:
        """Refuse a run that could not be carried out."""
        version = run.settings["GlueVersion"]
        if version != (served := glue_version()):
            raise NotSupported(
                f"GlueVersion {version!r} beside the Spark of {served}",
                f"Set the job's GlueVersion to {served}{_other_server(version)}.",
            )
        interpreted = job_arguments.interpret(run.arguments)
        if interpreted.bookmark_range is not None:
            first, last = interpreted.bookmark_range
            run.bookmark_range = (
                bookmarks.committed_until(job, first),
                bookmarks.committed_until(job, last),
            )


def _other_server(version: str) -> str:
    if version not in SPARK:
        return ""
    return f", or start it with `GLUE_VERSION={version} make aws`"


def _run_settings(job: Job, request: dict[str, Any]) -> dict[str, Any]:
    overrides = {
        name: value for name, value in request.items() if name not in ("JobName", "Arguments")
    }
    if refused := sorted(overrides.keys() - _RUN_OVERRIDES):
        raise NotSupported(f"{refused[0]} of StartJobRun", "Leave it out.")
    check_timeout("StartJobRun", overrides)
    return {**job.definition, **overrides}


def _merged_arguments(job: Job, request: dict[str, Any]) -> dict[str, str]:
    return {
        **job.definition.get("DefaultArguments", {}),
        **request.get("Arguments", {}),
        **job.definition.get("NonOverridableArguments", {}),
    }


def _next_attempt(failed: JobRun) -> JobRun:
    attempt = failed.attempt + 1
    first_id = failed.job_run_id.split("_attempt_")[0]
    return JobRun(
        f"{first_id}_attempt_{attempt}",
        failed.job_name,
        failed.job_id,
        failed.region,
        failed.settings,
        failed.arguments,
        attempt=attempt,
        previous_run_id=failed.job_run_id,
        origin=failed.origin,
    )
