"""What the tests of Glue jobs share: a client, and the steps that they repeat."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local_aws.glue.version import glue_version

BUCKET = "glue-runs"
UNFINISHED = ("STARTING", "RUNNING", "STOPPING", "WAITING")
SLEEP = "import time; time.sleep(60)"
_numbers = itertools.count()


@dataclass(frozen=True)
class Glue:
    """A Glue client, and the steps that the tests repeat."""

    client: Callable[[str], Any]

    def create(self, script: str, **settings: Any) -> str:
        name = f"job/{next(_numbers)}"
        key = f"scripts/{name}.py"
        self.client("s3").put_object(Bucket=BUCKET, Key=key, Body=script.encode())
        self.client("glue").create_job(Name=name, **{**definition(key), **settings})
        return name

    def start(self, job: str, **arguments: str) -> str:
        named = {f"--{name}": value for name, value in arguments.items()}
        started = self.client("glue").start_job_run(JobName=job, Arguments=named)
        run_id: str = started["JobRunId"]
        return run_id

    def state(self, job: str, run_id: str) -> dict[str, Any]:
        run: dict[str, Any] = self.client("glue").get_job_run(JobName=job, RunId=run_id)["JobRun"]
        return run

    def wait(self, job: str, run_id: str) -> dict[str, Any]:
        deadline = time.monotonic() + 60
        while (run := self.state(job, run_id))["JobRunState"] in UNFINISHED:
            assert time.monotonic() < deadline, run
            time.sleep(0.05)
        return run

    def wait_for(self, what: Callable[[], Any]) -> Any:
        """What it returns, as soon as that is something."""
        deadline = time.monotonic() + 30
        while not (found := what()):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        return found

    def stop(self, job: str, run_id: str) -> dict[str, Any]:
        answer: dict[str, Any] = self.client("glue").batch_stop_job_run(
            JobName=job, JobRunIds=[run_id]
        )
        return answer

    def runs(self, job: str) -> list[dict[str, Any]]:
        runs: list[dict[str, Any]] = self.client("glue").get_job_runs(JobName=job)["JobRuns"]
        return runs

    def run(self, job: str, **arguments: str) -> dict[str, Any]:
        return self.wait(job, self.start(job, **arguments))

    def output_of(self, run_id: str) -> list[str]:
        """What a run has written so far, once it has written something."""
        found = self.wait_for(lambda: self._messages("output", run_id))
        return list(found)

    def _messages(self, kind: str, run_id: str) -> list[str]:
        logs = self.client("logs")
        try:
            events = logs.filter_log_events(
                logGroupName=f"/aws-glue/jobs/{kind}", logStreamNames=[run_id]
            )
        except logs.exceptions.ResourceNotFoundException:
            return []
        return [event["message"] for event in events["events"]]

    def log(self, run: dict[str, Any], kind: str = "output") -> list[str]:
        group = f"{run['LogGroupName']}/{kind}"
        events = self.client("logs").get_log_events(
            logGroupName=group, logStreamName=run["Id"], startFromHead=True
        )
        return [event["message"] for event in events["events"]]


def definition(script_key: str) -> dict[str, Any]:
    return {
        "Role": "LabRole",
        "Command": {
            "Name": "glueetl",
            "PythonVersion": "3",
            "ScriptLocation": f"s3://{BUCKET}/{script_key}",
        },
        "GlueVersion": glue_version(),
        "WorkerType": "G.1X",
        "NumberOfWorkers": 2,
    }


def error_of(failure: pytest.ExceptionInfo[ClientError]) -> tuple[str, str]:
    error = failure.value.response["Error"]
    return error["Code"], error["Message"]
