from __future__ import annotations

import dataclasses
import gzip
import json
import os
import signal
import subprocess
import sys
import threading
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError
from glue_steps import BUCKET, SLEEP, Glue, definition, error_of

from local_aws import processes, server, settings
from local_aws.glue import arguments
from local_aws.glue.version import SPARK, glue_version
from tools import local

pytestmark = pytest.mark.slow

(OTHER,) = SPARK.keys() - {glue_version()}

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


@pytest.mark.soak  # tests/test_pipeline.py has it, too
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
    assert {path.name for path in folder.iterdir()} == {
        "log4j2.properties",
        "script.py",
        "spark.properties",
        "stderr.log",
        "stdout.log",
        "work",
    }


def test_a_run_reports_its_real_times_arguments_and_environment(glue: Glue) -> None:
    script = "import os, sys, time; time.sleep(1.1); print(sys.argv[1:], os.environ['TZ'])"
    job = glue.create(script, DefaultArguments={"--a": "1", "--b": "1"})
    before = time.time()
    run = glue.run(job, b="2")
    assert run["JobRunState"] == "SUCCEEDED"
    assert before - 1 <= run["StartedOn"].timestamp() <= run["CompletedOn"].timestamp()
    assert run["ExecutionTime"] == int((run["CompletedOn"] - run["StartedOn"]).total_seconds()) >= 1
    assert (run["Attempt"], run["GlueVersion"], run["MaxCapacity"]) == (0, glue_version(), 2.0)
    assert run["Arguments"] == {"--a": "1", "--b": "2"}
    (line,) = glue.log(run)
    assert line.endswith("'--a', '1', '--b', '2'] UTC")
    assert run["Id"] in line


def test_the_aws_cli_shows_the_output_while_the_run_goes_on(
    glue: Glue, embedded_aws: server.RunningServer
) -> None:
    script = "import sys, time; print('begun'); print('slow', file=sys.stderr); time.sleep(60)"
    job = glue.create(script)
    run_id = glue.start(job)
    assert glue.output_of(run_id) == ["begun"]

    command = [sys.executable, "-m", "awscli", "logs", "filter-log-events", "--output", "text"]
    options = ["--log-group-name", "/aws-glue/jobs/error", "--log-stream-names", run_id]
    shown = subprocess.run(
        [*command, *options, "--query", "events[].message"],
        env=local.environment(embedded_aws.endpoint_url),
        capture_output=True,
        text=True,
        timeout=50,
    )
    assert shown.stdout.strip() == "slow", shown.stderr
    assert glue.state(job, run_id)["JobRunState"] == "RUNNING"
    glue.stop(job, run_id)
    assert glue.wait(job, run_id)["JobRunState"] == "STOPPED"
    assert glue.output_of(run_id) == ["begun"]


def test_a_run_that_takes_its_time_to_stop_is_stopping_until_then(glue: Glue) -> None:
    job = glue.create(
        "import signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: (time.sleep(0.7), sys.exit(0)))\n"
        "print('begun'); time.sleep(60)"
    )
    run_id = glue.start(job)
    glue.output_of(run_id)
    glue.stop(job, run_id)
    stopping = glue.state(job, run_id)
    assert stopping["JobRunState"] == "STOPPING"
    assert "CompletedOn" not in stopping
    stopped = glue.wait(job, run_id)
    assert stopped["JobRunState"] == "STOPPED"
    assert "ErrorMessage" not in stopped


def test_runs_of_a_full_job_wait_in_order_when_it_queues_them(glue: Glue) -> None:
    job = glue.create(SLEEP, JobRunQueuingEnabled=True)
    first, second, third = (glue.start(job) for _ in range(3))
    time.sleep(1.1)
    waiting = glue.state(job, second)
    assert waiting["JobRunState"] == glue.state(job, third)["JobRunState"] == "WAITING"
    assert waiting["StateDetail"] == "Max concurrent job runs per job exceeded"
    assert (waiting["ExecutionTime"], waiting["JobRunQueuingEnabled"]) == (0, True)
    with pytest.raises(ClientError, match="Concurrent runs exceeded"):
        glue.client("glue").start_job_run(JobName=job, JobRunQueuingEnabled=False)

    glue.stop(job, first)
    glue.wait_for(lambda: glue.state(job, second)["JobRunState"] == "RUNNING")
    assert "StateDetail" not in glue.state(job, second)
    glue.stop(job, third)
    assert glue.state(job, third)["JobRunState"] == "STOPPED"
    glue.stop(job, second)
    ended = glue.wait(job, second)
    assert ended["ExecutionTime"] < (ended["CompletedOn"] - ended["StartedOn"]).total_seconds()


def test_a_job_that_is_given_more_room_lets_its_waiting_runs_go_on(glue: Glue) -> None:
    job = glue.create(SLEEP, JobRunQueuingEnabled=True)
    first, second = glue.start(job), glue.start(job)
    room = {"ExecutionProperty": {"MaxConcurrentRuns": 2}}
    update = {**definition(f"scripts/{job}.py"), **room}
    glue.client("glue").update_job(JobName=job, JobUpdate=update)
    glue.wait_for(lambda: glue.state(job, second)["JobRunState"] == "RUNNING")
    glue.client("glue").batch_stop_job_run(JobName=job, JobRunIds=[first, second])


def test_deleting_a_job_ends_its_runs_and_leaves_nothing_to_its_name(glue: Glue) -> None:
    job = glue.create("import os, time; print(os.getpid()); time.sleep(60)", MaxRetries=3)
    run_id = glue.start(job)
    (pid,) = glue.output_of(run_id)
    client = glue.client("glue")
    client.delete_job(JobName=job)
    with pytest.raises(client.exceptions.EntityNotFoundException):
        client.get_job_runs(JobName=job)
    glue.wait_for(lambda: not os.path.exists(f"/proc/{pid}"))
    client.create_job(Name=job, **definition("x.py"))
    assert glue.runs(job) == []
    client.delete_job(JobName="never-created")


def test_runs_are_shown_newest_first_and_page_by_page(glue: Glue) -> None:
    job = glue.create("")
    started = [glue.run(job)["Id"] for _ in range(3)]
    client = glue.client("glue")
    first = client.get_job_runs(JobName=job, MaxResults=2)
    started.append(glue.run(job)["Id"])
    second = client.get_job_runs(JobName=job, MaxResults=2, NextToken=first["NextToken"])
    assert [run["Id"] for run in first["JobRuns"] + second["JobRuns"]] == started[2::-1]
    assert "NextToken" not in second
    with pytest.raises(client.exceptions.EntityNotFoundException):
        client.get_job_runs(JobName="never-created")


def test_no_argument_of_a_run_overrides_what_is_not_overridable(glue: Glue) -> None:
    job = glue.create("", NonOverridableArguments={"--a": "job"}, DefaultArguments={"--b": "job"})
    run = glue.run(job, a="run", b="run", c="run")
    assert run["Arguments"] == {"--a": "job", "--b": "run", "--c": "run"}


def test_a_timeout_that_glue_does_not_have_is_refused(glue: Glue) -> None:
    with pytest.raises(ClientError, match="Timeout is 10081"):
        glue.create("", Timeout=10_081)
    with pytest.raises(ClientError, match="Timeout is 10081"):
        glue.client("glue").start_job_run(JobName=glue.create(""), Timeout=10_081)


def test_the_end_of_every_run_is_an_event(glue: Glue, monkeypatch: pytest.MonkeyPatch) -> None:
    sqs, bus = glue.client("sqs"), glue.client("events")
    url = sqs.create_queue(QueueName="run-events")["QueueUrl"]
    arn = "arn:aws:sqs:us-west-2:123456789012:run-events"
    allowed = {"Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage"}
    statement = {"Effect": "Allow", "Resource": arn, **allowed}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    pattern = {"source": ["aws.glue"], "detail-type": ["Glue Job State Change"]}
    bus.put_rule(Name="runs", EventPattern=json.dumps(pattern))
    bus.put_targets(Rule="runs", Targets=[{"Id": "1", "Arn": arn, "InputPath": "$.detail"}])

    fast = dataclasses.replace(settings.current(), timeout_minute=0.3)
    monkeypatch.setattr(settings, "_current", fast)
    failing = glue.create("raise ValueError('bad price')", MaxRetries=1)
    failed = glue.run(failing)["Id"]
    glue.wait(failing, f"{failed}_attempt_1")
    succeeded, timed_out = glue.run(glue.create(""))["Id"], glue.run(glue.create(SLEEP, Timeout=1))
    sleeping = glue.create(SLEEP)
    stopped = glue.start(sleeping)
    glue.stop(sleeping, stopped)
    glue.wait(sleeping, stopped)

    def received() -> dict[str, dict[str, str]]:
        answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0)
        details = [json.loads(each["Body"]) for each in answer.get("Messages", [])]
        return {detail["jobRunId"]: detail for detail in details}

    events = glue.wait_for(lambda: found if len(found := received()) == 5 else None)
    bus.remove_targets(Rule="runs", Ids=["1"])
    assert events[failed] == {
        "jobName": failing,
        "severity": "ERROR",
        "state": "FAILED",
        "jobRunId": failed,
        "message": f"JobName:{failing} and JobRunId:{failed} failed to execute with exception "
        "ValueError: bad price",
    }
    others = [f"{failed}_attempt_1", succeeded, timed_out["Id"], stopped]
    assert [(events[each]["state"], events[each]["severity"]) for each in others] == [
        ("FAILED", "ERROR"),
        ("SUCCEEDED", "INFO"),
        ("TIMEOUT", "WARN"),
        ("STOPPED", "INFO"),
    ]


def test_the_end_of_the_embedded_aws_starts_nothing_again(
    glue: Glue, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = glue.create("import os, time; print(os.getpid()); time.sleep(60)", MaxRetries=1)
    run_id = glue.start(job)
    (pid,) = glue.output_of(run_id)
    monkeypatch.setattr(processes, "_accepting", False)
    os.kill(int(pid), signal.SIGKILL)
    thread = next(each for each in threading.enumerate() if each.name == run_id)
    thread.join(10)
    assert not thread.is_alive()
    assert [run["JobRunState"] for run in glue.runs(job)] == ["RUNNING"]
    with pytest.raises(processes.ShuttingDown):
        processes.spawn(["true"], env={})


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
    fast = dataclasses.replace(settings.current(), timeout_minute=0.5)
    monkeypatch.setattr(settings, "_current", fast)
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
        (f"'{OTHER}'", {"GlueVersion": OTHER}),
        (f"GLUE_VERSION={OTHER} make aws", {"GlueVersion": OTHER}),
        ("'4.0' beside the Spark", {"GlueVersion": "4.0"}),
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
