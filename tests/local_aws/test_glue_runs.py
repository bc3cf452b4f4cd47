from __future__ import annotations

import gzip
import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local_aws import settings
from local_aws.glue import arguments
from local_aws.glue import run as run_module

pytestmark = pytest.mark.slow

BUCKET = "glue-runs"
_numbers = itertools.count()

READ_LINES = """
import sys
from awsglue.context import GlueContext
from awsglue.job import Job
from awsglue.utils import getResolvedOptions
from pyspark.context import SparkContext

args = getResolvedOptions(sys.argv, ["JOB_NAME", "source"])
glue = GlueContext(SparkContext.getOrCreate())
job = Job(glue)
job.init(args["JOB_NAME"], args)
frame = glue.create_dynamic_frame.from_options(
    connection_type="s3",
    connection_options={"paths": [args["source"]], "recurse": True},
    format="csv",
    format_options={"separator": "\\u0001", "quoteChar": -1, "attachFilename": "source"},
    transformation_ctx="lines",
)
lines = frame.toDF()
print("columns", lines.columns)
for row in sorted(lines.collect()):
    print("row", list(row))
if lines.columns:
    lines.write.mode("append").parquet("s3://glue-runs/out/")
print("partitions", glue.spark_session.conf.get("spark.sql.shuffle.partitions"))
glue.get_logger().info("read the lines")
if "--fail_before_commit" in sys.argv:
    lines.select("no_such_column")
job.commit()
"""


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
        while (run := self.state(job, run_id))["JobRunState"] in (
            "STARTING",
            "RUNNING",
            "STOPPING",
        ):
            assert time.monotonic() < deadline, run
            time.sleep(0.05)
        return run

    def run(self, job: str, **arguments: str) -> dict[str, Any]:
        return self.wait(job, self.start(job, **arguments))

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
        "GlueVersion": "5.1",
        "WorkerType": "G.1X",
        "NumberOfWorkers": 2,
    }


@pytest.fixture(scope="module")
def glue(client: Callable[[str], Any]) -> Glue:
    location = {"LocationConstraint": "us-west-2"}
    client("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration=location)
    return Glue(client)


def error_of(failure: pytest.ExceptionInfo[ClientError]) -> tuple[str, str]:
    error = failure.value.response["Error"]
    return error["Code"], error["Message"]


def test_a_run_reads_each_object_with_its_exact_name_and_saves_its_bookmark(glue: Glue) -> None:
    s3 = glue.client("s3")
    odd = "runs-in/h=1/x y%20+#?{a}*[b]ü.txt"
    s3.put_object(Bucket=BUCKET, Key=odd, Body=b'{"a": 1}\r\n\n broken \x01 line\n')
    s3.put_object(Bucket=BUCKET, Key="runs-in/one.gz", Body=gzip.compress(b"zipped\n"))
    s3.put_object(Bucket=BUCKET, Key="runs-in/_hidden.txt", Body=b"hidden\n")
    conf = "spark.hadoop.fs.s3a.endpoint.region=us-west-2 --conf spark.sql.shuffle.partitions=7"
    job = glue.create(
        READ_LINES,
        DefaultArguments={
            "--source": f"s3://{BUCKET}/runs-in/",
            "--job-bookmark-option": "job-bookmark-enable",
            "--conf": conf,
        },
    )

    failed = glue.run(job, fail_before_commit="yes")
    assert failed["JobRunState"] == "FAILED"
    assert failed["ErrorMessage"].startswith("AnalysisException: [UNRESOLVED_COLUMN")
    assert "no_such_column" in failed["ErrorMessage"]
    with pytest.raises(ClientError, match="Continuation for job"):
        glue.client("glue").get_job_bookmark(JobName=job)

    first = glue.run(job)
    assert first["JobRunState"] == "SUCCEEDED", first.get("ErrorMessage")
    uri = f"s3://{BUCKET}/{odd}"
    rows = [[" broken \x01 line", uri], ["zipped", f"s3://{BUCKET}/runs-in/one.gz"]]
    rows.append(['{"a": 1}', uri])
    printed = ["columns ['col0', 'source']", *(f"row {row}" for row in rows), "partitions 7"]
    assert glue.log(failed) == glue.log(first) == printed
    assert any("GlueLogger: read the lines" in line for line in glue.log(first, "error"))

    entry = glue.client("glue").get_job_bookmark(JobName=job)["JobBookmarkEntry"]
    assert (entry["Run"], entry["RunId"]) == (1, first["Id"])
    written = s3.list_objects_v2(Bucket=BUCKET, Prefix="out/")["Contents"]
    names = [item["Key"].rsplit("/")[-1] for item in written]
    assert all(name.endswith(".parquet") or name == "_SUCCESS" for name in names)
    folder = settings.current().data_dir / "glue" / "runs" / first["Id"]
    assert sorted(path.name for path in folder.iterdir()) == [
        "conf",
        "script.py",
        "stderr.log",
        "stdout.log",
        "work",
    ]


def test_a_run_reports_its_real_times_arguments_and_environment(glue: Glue) -> None:
    script = "import os, sys, time; time.sleep(1.1); print(sys.argv[1:], os.environ['TZ'])"
    job = glue.create(script, DefaultArguments={"--a": "1", "--b": "1"})
    before = time.time()
    run = glue.run(job, b="2")
    assert run["JobRunState"] == "SUCCEEDED"
    assert before - 1 <= run["StartedOn"].timestamp() <= run["CompletedOn"].timestamp()
    assert run["ExecutionTime"] == int((run["CompletedOn"] - run["StartedOn"]).total_seconds()) >= 1
    assert (run["Attempt"], run["GlueVersion"], run["MaxCapacity"]) == (0, "5.1", 2.0)
    assert run["Arguments"] == {"--a": "1", "--b": "2"}
    (line,) = glue.log(run)
    assert line.endswith("'--a', '1', '--b', '2'] UTC")
    assert run["Id"] in line


def test_output_is_shipped_while_the_run_goes_on(glue: Glue) -> None:
    job = glue.create("import time; print('begun'); time.sleep(60)")
    run_id = glue.start(job)
    group = "/aws-glue/jobs/output"
    logs = glue.client("logs")
    deadline = time.monotonic() + 10
    while not logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=run_id)[
        "logStreams"
    ]:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert glue.state(job, run_id)["JobRunState"] == "RUNNING"
    glue.client("glue").batch_stop_job_run(JobName=job, JobRunIds=[run_id])
    assert glue.wait(job, run_id)["JobRunState"] == "STOPPED"
    assert glue.log(glue.state(job, run_id)) == ["begun"]


def test_stopping_what_does_not_run_is_an_error_for_that_run_only(glue: Glue) -> None:
    job = glue.create("")
    ended = glue.run(job)["Id"]
    answer = glue.client("glue").batch_stop_job_run(JobName=job, JobRunIds=[ended, "jr_none"])
    assert answer["SuccessfulSubmissions"] == []
    codes = {each["JobRunId"]: each["ErrorDetail"]["ErrorCode"] for each in answer["Errors"]}
    assert codes == {ended: "InvalidInputException", "jr_none": "EntityNotFoundException"}


def test_a_second_run_is_refused_while_one_is_active(glue: Glue) -> None:
    job = glue.create("import time; time.sleep(60)")
    first = glue.start(job)
    with pytest.raises(ClientError) as failure:
        glue.start(job)
    assert error_of(failure) == (
        "ConcurrentRunsExceededException",
        f"Concurrent runs exceeded for {job}",
    )
    glue.client("glue").batch_stop_job_run(JobName=job, JobRunIds=[first])
    glue.wait(job, first)


def test_a_run_past_its_timeout_is_killed(glue: Glue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_module, "SECONDS_PER_TIMEOUT_UNIT", 0.5)
    job = glue.create("import time; time.sleep(60)", Timeout=1, MaxRetries=1)
    run = glue.run(job)
    assert run["JobRunState"] == "TIMEOUT"
    assert "timeout" in run["ErrorMessage"]
    assert len(glue.client("glue").get_job_runs(JobName=job)["JobRuns"]) == 1


def test_a_failed_run_is_retried_as_often_as_the_job_says(glue: Glue) -> None:
    job = glue.create("raise ValueError('bad price 12')", MaxRetries=1)
    first = glue.run(job)
    assert first["ErrorMessage"] == "ValueError: bad price 12"
    retry = glue.wait(job, f"{first['Id']}_attempt_1")
    assert (retry["Attempt"], retry["PreviousRunId"]) == (1, first["Id"])
    runs = glue.client("glue").get_job_runs(JobName=job)["JobRuns"]
    assert [run["Id"] for run in runs] == [retry["Id"], first["Id"]]
    assert "ValueError: bad price 12" in glue.log(retry, "error")[-1]


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("import sys; sys.exit('no config')", "SystemExit: no config"),
        ("import os; os._exit(7)", "Command failed with exit code 7"),
        ("def f(:", "SyntaxError: invalid syntax"),
    ],
)
def test_a_script_that_ends_badly_fails_the_run_with_its_reason(
    glue: Glue, script: str, message: str
) -> None:
    run = glue.run(glue.create(script))
    assert run["JobRunState"] == "FAILED"
    assert run["ErrorMessage"].startswith(message)


def test_a_missing_script_fails_the_run_and_is_named(glue: Glue) -> None:
    job = glue.create("")
    glue.client("s3").delete_object(Bucket=BUCKET, Key=f"scripts/{job}.py")
    run = glue.run(job)
    assert run["JobRunState"] == "FAILED"
    assert f"s3://{BUCKET}/scripts/{job}.py does not exist" in run["ErrorMessage"]


@pytest.mark.parametrize(
    ("named", "change"),
    [
        ("'6.0'", {"GlueVersion": "6.0"}),
        ("--extra-py-files", {"DefaultArguments": {"--extra-py-files": "s3://x/y.zip"}}),
        ("--enable-unheard-of", {"DefaultArguments": {"--enable-unheard-of": "true"}}),
        ("spark.master", {"DefaultArguments": {"--conf": "spark.master=yarn"}}),
    ],
)
def test_a_run_that_cannot_be_carried_out_is_refused_by_name(
    glue: Glue, named: str, change: dict[str, Any]
) -> None:
    job = glue.create("", **change)
    with pytest.raises(ClientError) as failure:
        glue.start(job)
    code, message = error_of(failure)
    assert code == "NotSupportedByEmbeddedAws"
    assert named in message
    assert glue.client("glue").get_job_runs(JobName=job)["JobRuns"] == []


def test_a_wrong_bookmark_option_is_refused(glue: Glue) -> None:
    job = glue.create("", DefaultArguments={"--job-bookmark-option": "enable"})
    with pytest.raises(ClientError, match="job-bookmark-enable, job-bookmark-disable"):
        glue.start(job)


def test_spark_settings_are_split_and_the_s3a_region_is_left_out() -> None:
    conf = "spark.hadoop.fs.s3a.endpoint.region=x --conf spark.a=1 --conf spark.b=c=d e"
    interpreted = arguments.interpret({"--conf": conf, "--mine": "--x"})
    assert interpreted.conf == {"spark.a": "1", "spark.b": "c=d e"}
    assert interpreted.argv == ("--mine", "--x")


def test_a_job_shows_glues_defaults_and_an_update_replaces_all_of_it(glue: Glue) -> None:
    job = glue.create("", Description="old", DefaultArguments={"--x": "1"}, Timeout=5)
    client = glue.client("glue")
    assert client.get_job(JobName=job)["Job"]["Timeout"] == 5
    client.update_job(JobName=job, JobUpdate=definition("scripts/new.py"))
    shown = client.get_job(JobName=job)["Job"]
    assert shown["Command"]["ScriptLocation"] == f"s3://{BUCKET}/scripts/new.py"
    assert (shown["Timeout"], shown["MaxRetries"], shown["AllocatedCapacity"]) == (480, 0, 2)
    assert shown["ExecutionProperty"] == {"MaxConcurrentRuns": 1}
    assert "Description" not in shown
    assert "DefaultArguments" not in shown


@pytest.mark.parametrize(
    ("code", "change"),
    [
        ("InvalidInputException", {"Role": "NoSuchRole"}),
        ("InvalidInputException", {"MaxCapacity": 2.0}),
        ("InvalidInputException", {"Command": {"Name": "glueetl", "ScriptLocation": "/x.py"}}),
        ("NotSupportedByEmbeddedAws", {"Command": {"Name": "pythonshell"}}),
        ("NotSupportedByEmbeddedAws", {"Connections": {"Connections": ["x"]}}),
        ("NotSupportedByEmbeddedAws", {"NotificationProperty": {"NotifyDelayAfter": 1}}),
    ],
)
def test_a_job_that_could_not_run_is_refused(glue: Glue, code: str, change: dict[str, Any]) -> None:
    with pytest.raises(ClientError) as failure:
        glue.create("", **change)
    assert error_of(failure)[0] == code


def test_a_job_name_is_taken_once(glue: Glue) -> None:
    job = glue.create("")
    with pytest.raises(ClientError) as failure:
        glue.client("glue").create_job(Name=job, **definition("x.py"))
    assert error_of(failure)[0] == "AlreadyExistsException"


def test_resetting_or_deleting_forgets_the_bookmark(glue: Glue) -> None:
    job = glue.create(
        "import sys; from awsglue.context import GlueContext; from awsglue.job import Bookmarks\n"
        "Bookmarks(sys.argv[2], 'job-bookmark-enable').commit()"
    )
    client = glue.client("glue")
    assert glue.run(job)["JobRunState"] == "SUCCEEDED"
    assert client.get_job_bookmark(JobName=job)["JobBookmarkEntry"]["Run"] == 1
    client.reset_job_bookmark(JobName=job)
    with pytest.raises(client.exceptions.EntityNotFoundException):
        client.get_job_bookmark(JobName=job)
    with pytest.raises(client.exceptions.EntityNotFoundException):
        client.reset_job_bookmark(JobName=job)
    glue.run(job)
    client.delete_job(JobName=job)
    client.create_job(Name=job, **definition("x.py"))
    with pytest.raises(client.exceptions.EntityNotFoundException):
        client.get_job_bookmark(JobName=job)
