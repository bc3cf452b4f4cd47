"""Glue's requests and answers, where moto's are missing or not true."""

from __future__ import annotations

from typing import Any

from moto.core.exceptions import JsonRESTError
from moto.core.responses import ActionResult
from moto.glue.models import glue_backends
from moto.glue.responses import GlueResponse

from local_aws.glue import bookmarks
from local_aws.glue.catalog import check_batch, partition_page
from local_aws.glue.models import LocalGlueBackend


class LocalGlueResponse(GlueResponse):
    """Jobs, runs, triggers, bookmarks, and partitions page by page."""

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

    def get_job_run(self) -> ActionResult:
        run = self.glue_backend.get_job_run(self.parameters["JobName"], self.parameters["RunId"])
        predecessors = bool(self.parameters.get("PredecessorsIncluded"))
        return ActionResult({"JobRun": run.as_dict(predecessors=predecessors)})

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

    def create_trigger(self) -> ActionResult:
        request = dict(self.parameters)
        name, tags = request.pop("Name"), request.pop("Tags", None) or {}
        self.glue_backend.create_trigger(name, request, tags)
        return ActionResult({"Name": name})

    def update_trigger(self) -> ActionResult:
        request = self.parameters
        trigger = self.glue_backend.update_trigger(request["Name"], request["TriggerUpdate"])
        return ActionResult({"Trigger": trigger.as_dict()})

    def get_job_bookmark(self) -> ActionResult:
        job = self.glue_backend.get_job(self.parameters["JobName"])
        entry = bookmarks.get(job, self.parameters.get("RunId"))
        return ActionResult({"JobBookmarkEntry": entry})

    def reset_job_bookmark(self) -> ActionResult:
        job = self.glue_backend.get_job(self.parameters["JobName"])
        entry = bookmarks.reset(job, self.parameters.get("RunId"))
        return ActionResult({"JobBookmarkEntry": entry})

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
