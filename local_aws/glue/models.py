"""Moto's Glue backend with a catalog that holds and jobs that run."""

from __future__ import annotations

import secrets
import threading
import traceback
from typing import Any

from moto.glue.exceptions import (
    AlreadyExistsException,
    ConcurrentRunsExceededException,
    InvalidInputException,
    JobNotFoundException,
    JobRunNotFoundException,
)
from moto.iam.models import iam_backends
from moto.utilities.paginator import paginate
from moto.utilities.utils import get_partition

from local_aws.errors import NotSupported
from local_aws.glue import arguments as job_arguments
from local_aws.glue import bookmarks
from local_aws.glue import job as states
from local_aws.glue.catalog import CatalogBackend
from local_aws.glue.job import GLUE_VERSION, Job, JobRun, definition
from local_aws.glue.run import execute
from local_aws.iam import enforcement
from local_aws.iam.sessions import NotTrusted, check_trust

_RUN_OVERRIDES = frozenset(
    {"Timeout", "WorkerType", "NumberOfWorkers", "MaxCapacity", "AllocatedCapacity"}
    | {"ExecutionClass"}
)


class LocalGlueBackend(CatalogBackend):
    """Jobs whose runs execute their script with Spark on this machine.

    A run has one worker, this machine, and as many threads as it has processors: WorkerType and
    NumberOfWorkers are kept and shown, but change nothing.
    """

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self.jobs: dict[str, Job] = {}
        self._lock = threading.RLock()

    def create_job(self, name: str, request: dict[str, Any], tags: dict[str, str]) -> Job:
        """Create a job.

        Raises:
            AlreadyExistsException: There is a job with this name.
        """
        if name in self.jobs:
            raise AlreadyExistsException(f"Job {name}")
        self._check_role(request.get("Role", ""))
        partition = get_partition(self.region_name)
        arn = f"arn:{partition}:glue:{self.region_name}:{self.account_id}:job/{name}"
        job = Job(name, arn, definition(request))
        self.jobs[name] = job
        self.tag_resource(arn, tags)
        return job

    def update_job(self, name: str, request: dict[str, Any]) -> None:
        """Replace the definition of a job."""
        job = self.get_job(name)
        self._check_role(request.get("Role", ""))
        job.update(definition(request))

    def get_job(self, name: str) -> Job:
        if name not in self.jobs:
            raise JobNotFoundException(name)
        return self.jobs[name]

    def delete_job(self, name: str) -> None:
        """Delete a job and its bookmark; a job that does not exist is deleted already."""
        self.jobs.pop(name, None)
        bookmarks.delete(name)

    def start_job_run(self, name: str, request: dict[str, Any]) -> str:
        """Start a run.

        Returns:
            The run's id.

        Raises:
            ConcurrentRunsExceededException: As many runs as the job allows are active.
            NotSupported: The job's version, or an argument, is not one that can be run here.
        """
        job = self.get_job(name)
        settings = _run_settings(job, request)
        merged = _merged_arguments(job, request)
        interpreted = job_arguments.interpret(merged)
        run = JobRun(f"jr_{secrets.token_hex(32)}", name, self.region_name, settings, merged)
        with self._lock:
            if len(job.active_runs()) >= job.definition["ExecutionProperty"]["MaxConcurrentRuns"]:
                raise ConcurrentRunsExceededException(f"Concurrent runs exceeded for {name}")
            job.runs.append(run)
        threading.Thread(
            target=self._supervise, args=(job, run, interpreted), name=run.job_run_id, daemon=True
        ).start()
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
        """Ask an active run to stop; its thread kills the process.

        Raises:
            InvalidInputException: The run has ended already.
        """
        run = self.get_job_run(name, run_id)
        with self._lock:
            if run.state not in states.ACTIVE:
                raise InvalidInputException(
                    "BatchStopJobRun", f"Job run {run_id} is in state {run.state}, not running"
                )
            run.stop_requested.set()
            run.enter(states.STOPPING)

    def _supervise(self, job: Job, run: JobRun, interpreted: job_arguments.RunArguments) -> None:
        """Execute the run and, while it fails, as many more attempts as the job allows."""
        while True:
            try:
                state, message = execute(run, interpreted)
            except Exception as error:
                traceback.print_exc()
                state, message = states.FAILED, f"{type(error).__name__}: {error}"
            again = state == states.FAILED and run.attempt < run.settings["MaxRetries"]
            with self._lock:
                run.enter(state, message)
                if not again:
                    return
                run = _next_attempt(run)
                job.runs.append(run)

    def _check_role(self, role: str) -> None:
        name = role.rsplit("/", 1)[-1]
        roles = iam_backends[self.account_id][self.partition].get_roles()
        if name not in {known.name for known in roles}:
            raise InvalidInputException(
                "CreateJob",
                f"Role {role!r} should be given assume role permissions for Glue Service: "
                "there is no such role",
            )
        if enforcement.is_on():
            try:
                check_trust(name, "glue.amazonaws.com")
            except NotTrusted as refusal:
                raise InvalidInputException("CreateJob", str(refusal)) from refusal


def _run_settings(job: Job, request: dict[str, Any]) -> dict[str, Any]:
    overrides = {
        name: value for name, value in request.items() if name not in ("JobName", "Arguments")
    }
    refused = sorted(overrides.keys() - _RUN_OVERRIDES)
    if refused:
        raise NotSupported(f"{refused[0]} of StartJobRun", "Leave it out.")
    version = job.definition["GlueVersion"]
    if version != GLUE_VERSION:
        raise NotSupported(
            f"GlueVersion {version!r}", f"Set the job's GlueVersion to {GLUE_VERSION}."
        )
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
        failed.region,
        failed.settings,
        failed.arguments,
        attempt=attempt,
        previous_run_id=failed.job_run_id,
    )
