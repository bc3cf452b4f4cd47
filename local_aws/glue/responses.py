"""Glue's requests and answers, where moto's are missing or not true."""

from __future__ import annotations

from typing import Any

from moto.core.exceptions import JsonRESTError
from moto.core.responses import ActionResult
from moto.glue.models import glue_backends
from moto.glue.responses import GlueResponse

from local_aws.errors import NotSupported
from local_aws.glue import bookmarks
from local_aws.glue.catalog import check_batch, partition_page
from local_aws.glue.models import LocalGlueBackend


class LocalGlueResponse(GlueResponse):
    """Jobs, runs, bookmarks, and partitions page by page."""

    @property
    def glue_backend(self) -> LocalGlueBackend:
        backend = glue_backends[self.current_account][self.region]
        assert isinstance(backend, LocalGlueBackend)
        return backend

    def create_job(self) -> ActionResult:
        request = dict(self.parameters)
        name, tags = request.pop("Name"), request.pop("Tags", None) or {}
        self.glue_backend.create_job(name, request, tags)
        return ActionResult({"Name": name})

    def update_job(self) -> ActionResult:
        name = self.parameters["JobName"]
        self.glue_backend.update_job(name, self.parameters["JobUpdate"])
        return ActionResult({"JobName": name})

    def start_job_run(self) -> ActionResult:
        run_id = self.glue_backend.start_job_run(self.parameters["JobName"], self.parameters)
        return ActionResult({"JobRunId": run_id})

    def batch_stop_job_run(self) -> ActionResult:
        name = self.parameters["JobName"]
        stopping, errors = [], []
        for run_id in self.parameters["JobRunIds"]:
            submission: dict[str, Any] = {"JobName": name, "JobRunId": run_id}
            try:
                self.glue_backend.stop_job_run(name, run_id)
                stopping.append(submission)
            except JsonRESTError as error:
                detail = {"ErrorCode": error.error_type, "ErrorMessage": error.message}
                errors.append({**submission, "ErrorDetail": detail})
        return ActionResult({"SuccessfulSubmissions": stopping, "Errors": errors})

    def get_job_bookmark(self) -> ActionResult:
        return ActionResult({"JobBookmarkEntry": bookmarks.get(self._bookmarked_job())})

    def reset_job_bookmark(self) -> ActionResult:
        return ActionResult({"JobBookmarkEntry": bookmarks.reset(self._bookmarked_job())})

    def _bookmarked_job(self) -> str:
        if self.parameters.get("RunId"):
            raise NotSupported("the job bookmark of a single run (RunId)", "Leave RunId out.")
        name: str = self.parameters["JobName"]
        self.glue_backend.get_job(name)
        return name

    def get_partitions(self) -> ActionResult:
        request = self.parameters
        partitions = self.glue_backend.get_partitions(
            request["DatabaseName"], request["TableName"], request.get("Expression", "")
        )
        return ActionResult(partition_page(partitions, request))

    def batch_get_partition(self) -> ActionResult:
        check_batch(self.parameters)
        return super().batch_get_partition()

    def batch_create_partition(self) -> ActionResult:
        check_batch(self.parameters)
        return super().batch_create_partition()

    def batch_update_partition(self) -> ActionResult:
        check_batch(self.parameters)
        return super().batch_update_partition()

    def batch_delete_partition(self) -> ActionResult:
        check_batch(self.parameters)
        return super().batch_delete_partition()
