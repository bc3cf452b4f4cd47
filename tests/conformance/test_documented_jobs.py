"""Glue jobs: definitions, runs, arguments and bookmarks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from account import Account, refused, source, until

from local_aws.glue.version import glue_version

API = "glue/latest/webapi"
GUIDE = "glue/latest/dg"
# It never imports Spark, says what it was given, and sleeps until it is stopped.
SCRIPT = b"import sys, time\nprint(*sys.argv[1:], flush=True)\ntime.sleep(600)\n"


@pytest.fixture(scope="module")
def glue(client: Callable[[str], Any]) -> Any:
    return client("glue")


@pytest.fixture(scope="module")
def definition(account: Account, bucket: str) -> dict[str, Any]:
    account.client("s3").put_object(Bucket=bucket, Key="scripts/sleep.py", Body=SCRIPT)
    script = f"s3://{bucket}/scripts/sleep.py"
    return {
        "Role": account.role,
        "Command": {"Name": "glueetl", "ScriptLocation": script, "PythonVersion": "3"},
        "GlueVersion": glue_version(),
        "WorkerType": "G.1X",
        "NumberOfWorkers": 2,
        "Timeout": 5,
    }


@pytest.fixture(scope="module")
def job(glue: Any, account: Account, definition: dict[str, Any]) -> str:
    name = account.name()
    glue.create_job(
        Name=name,
        **definition,
        DefaultArguments={"--a": "default", "--b": "default", "--c": "default"},
        NonOverridableArguments={"--c": "fixed"},
    )
    account.deletes(glue.delete_job, JobName=name)
    return name


@source(f"{API}/API_CreateJob.html")
def test_a_job_has_the_documented_defaults(glue: Any, job: str) -> None:
    found = glue.get_job(JobName=job)["Job"]

    assert found["ExecutionProperty"] == {"MaxConcurrentRuns": 1}
    assert (found["MaxRetries"], found["MaxCapacity"], found["Timeout"]) == (0, 2.0, 5)


@source(f"{API}/API_JobUpdate.html")
def test_an_update_replaces_the_whole_definition(
    glue: Any, account: Account, definition: dict[str, Any]
) -> None:
    name = account.name()
    glue.create_job(Name=name, **definition, Description="old", MaxRetries=1)
    account.deletes(glue.delete_job, JobName=name)

    glue.update_job(JobName=name, JobUpdate=definition)

    found = glue.get_job(JobName=name)["Job"]
    assert not found.get("Description")
    assert found["MaxRetries"] == 0


@source(f"{GUIDE}/aws-glue-api-jobs-job.html")
def test_a_job_is_made_once_and_deleted_as_often_as_one_likes(
    glue: Any, account: Account, job: str, definition: dict[str, Any]
) -> None:
    refused("AlreadyExistsException", glue.create_job, Name=job, **definition)
    assert glue.delete_job(JobName=account.name())


@source(f"{GUIDE}/aws-glue-api-exceptions.html")
@pytest.mark.parametrize(
    ("call", "request_"),
    [
        ("get_job", {}),
        ("start_job_run", {}),
        ("get_job_run", {"RunId": "jr_0"}),
        ("get_job_runs", {}),
        ("get_job_bookmark", {}),
        ("reset_job_bookmark", {}),
    ],
)
def test_an_unknown_job_is_not_found(
    glue: Any, account: Account, call: str, request_: dict[str, str]
) -> None:
    refused("EntityNotFoundException", getattr(glue, call), JobName=account.name(), **request_)


@source(f"{API}/API_CreateJob.html")
def test_capacity_is_given_in_one_way(glue: Any, account: Account, definition: Any) -> None:
    both = {**definition, "MaxCapacity": 2.0}
    refused("InvalidInputException", glue.create_job, Name=account.name(), **both)


@source(f"{API}/API_GetJobBookmark.html")
def test_a_job_that_never_committed_has_no_bookmark(glue: Any, job: str) -> None:
    refused("EntityNotFoundException", glue.get_job_bookmark, JobName=job)


@source(f"{API}/API_BatchStopJobRun.html")
def test_a_run_that_is_not_there_is_an_error_of_its_own(glue: Any, job: str) -> None:
    answer = glue.batch_stop_job_run(JobName=job, JobRunIds=["jr_0"])

    assert answer["SuccessfulSubmissions"] == []
    [error] = answer["Errors"]
    assert (error["JobName"], error["JobRunId"]) == (job, "jr_0")
    assert error["ErrorDetail"]["ErrorCode"]


@pytest.mark.slow
@source(f"{API}/API_StartJobRun.html")
@source(f"{API}/API_BatchStopJobRun.html")
@source(f"{GUIDE}/monitor-continuous-logging-view.html")
def test_a_run_is_alone_gets_its_arguments_and_is_stopped(
    glue: Any, client: Callable[[str], Any], job: str
) -> None:
    given = {"--b": "run", "--c": "run"}
    run = {"JobName": job, "RunId": glue.start_job_run(JobName=job, Arguments=given)["JobRunId"]}

    refused("ConcurrentRunsExceededException", glue.start_job_run, JobName=job)
    said = until(lambda: output_of(client("logs"), run["RunId"])).split()
    assert {name: said[said.index(name) + 1] for name in ("--a", "--b", "--c")} == {
        "--a": "default",
        "--b": "run",
        "--c": "fixed",
    }
    assert glue.get_job_run(**run)["JobRun"]["JobRunState"] == "RUNNING"
    stopped = glue.batch_stop_job_run(JobName=job, JobRunIds=[run["RunId"]])
    submission = {"JobName": job, "JobRunId": run["RunId"]}
    assert stopped["SuccessfulSubmissions"] == [submission]
    until(lambda: glue.get_job_run(**run)["JobRun"]["JobRunState"] == "STOPPED")

    ended = glue.get_job_run(**run)["JobRun"]
    assert ended["StartedOn"] <= ended["CompletedOn"]
    assert (ended["Attempt"], ended["JobName"]) == (0, job)
    assert [each["Id"] for each in glue.get_job_runs(JobName=job)["JobRuns"]] == [run["RunId"]]


def output_of(logs: Any, run_id: str) -> str:
    """What a run has printed so far."""
    try:
        events = logs.filter_log_events(
            logGroupName="/aws-glue/jobs/output", logStreamNames=[run_id]
        )["events"]
    except logs.exceptions.ResourceNotFoundException:
        return ""
    return "\n".join(event["message"] for event in events)
