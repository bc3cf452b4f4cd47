"""Moto's Glue backend with a catalog that holds, jobs that run and triggers that fire."""

from __future__ import annotations

from typing import Any

from moto.glue.exceptions import AlreadyExistsException, InvalidInputException
from moto.iam.models import iam_backends
from moto.utilities.utils import get_partition

from local_aws.glue import bookmarks
from local_aws.glue import job as states
from local_aws.glue.job import Job, definition
from local_aws.glue.triggers import TriggersBackend
from local_aws.iam import enforcement
from local_aws.iam.sessions import NotTrusted, check_trust


class LocalGlueBackend(TriggersBackend):
    """Jobs, on top of their triggers, their runs and the catalog."""

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
        """Replace the definition of a job. Runs that wait go on when it gives them more room."""
        job = self.get_job(name)
        self._check_role(request.get("Role", ""))
        job.update(definition(request))
        self._launch_waiting(job)

    def delete_job(self, name: str) -> None:
        """Delete a job and its bookmark, and stop its runs, which nobody could stop any more.

        A job that does not exist is deleted already.
        """
        if name not in self.jobs:
            return
        job = self.get_job(name)
        with self._lock:
            for run in job.runs_in(states.UNFINISHED)[::-1]:
                self.stop_job_run(name, run.job_run_id)
            del self.jobs[name]
        bookmarks.delete(job)

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
