"""An embedded AWS that ends, by a stop or a kill, and the one that goes on from there."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import boto3
import pytest
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError
from stack_steps import create, outputs_of, status_of
from waiting import wait_until

from local_aws import server
from local_aws.glue.version import glue_version
from tools import local

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
STARTER = (ROOT / "capstone-starter.cfn.yaml").read_text()
SLEEPER = b"import time\nprint('asleep', flush=True)\ntime.sleep(600)\n"
PARAMETERS = {
    "StudentId": "x",
    "ScheduleState": "DISABLED",
    "MinEventsPerBatch": "100",
    "MaxEventsPerBatch": "100",
}
MB = 1 << 20
OREGON = {"LocationConstraint": "us-west-2"}
Client = Callable[[str], Any]


class Aws:
    """A `python -m local_aws up` in a process of its own."""

    def __init__(self, data_dir: Path, *options: str) -> None:
        command = [sys.executable, "-m", "local_aws", "up", "--port", "0", *options]
        command += ["--data-dir", str(data_dir)]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        self.process = subprocess.Popen(command, cwd=ROOT, text=True, **pipes)
        assert self.process.stdout is not None
        self.line = self.process.stdout.readline()
        found = re.search(r"http://\S+", self.line)
        self.url = found[0] if found else self.line
        self.client: Client = partial(local.client, endpoint=self.url)

    def memory_mb(self) -> int:
        """The most memory that the process has held."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(r"VmHWM:\s+(\d+) kB", status)
        assert found
        return int(found[1]) // 1024

    def end(self, number: signal.Signals) -> str:
        self.process.send_signal(number)
        return self.process.communicate(timeout=120)[0]


@contextmanager
def running(data_dir: Path, *options: str) -> Iterator[Aws]:
    aws = Aws(data_dir, *options)
    try:
        yield aws
    finally:
        if aws.process.poll() is None:
            aws.process.kill()
        if aws.process.stdout:
            aws.process.stdout.close()
        aws.process.wait()


def start_sleeping_run(aws: Aws, bucket: str) -> str:
    glue = aws.client("glue")
    aws.client("s3").put_object(Bucket=bucket, Key="job.py", Body=SLEEPER)
    command = {"Name": "glueetl", "ScriptLocation": f"s3://{bucket}/job.py"}
    settings = {"GlueVersion": glue_version(), "WorkerType": "G.1X", "NumberOfWorkers": 2}
    settings["MaxRetries"] = 1
    if not glue.list_jobs()["JobNames"]:
        glue.create_job(Name="sleeper", Role="LabRole", Command=command, **settings)
    run_id = str(glue.start_job_run(JobName="sleeper")["JobRunId"])
    wait_until(lambda: state_of(aws, run_id) == "RUNNING")
    return run_id


def state_of(aws: Aws, run_id: str) -> str:
    run = aws.client("glue").get_job_run(JobName="sleeper", RunId=run_id)["JobRun"]
    return str(run["JobRunState"])


def descendants_of(data_dir: Path) -> list[str]:
    """Command lines of the living processes that an embedded AWS of this directory has started."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        if str(data_dir) in command and "local_aws up" not in command:
            found.append(command)
    return found


def test_everything_is_there_after_a_stop_and_what_ran_at_a_kill_has_failed(
    tmp_path: Path,
) -> None:
    data_dir = tmp_path / "aws"
    with running(data_dir) as first:
        kept = populate(first)
        stopped = start_sleeping_run(first, kept["bucket"])
        assert descendants_of(data_dir)
        first.end(signal.SIGTERM)
        assert not descendants_of(data_dir)
    with running(data_dir) as second:
        check(second, kept)
        assert state_of(second, stopped) == "FAILED"
        second.client("sns").create_topic(Name="late")
        killed = start_sleeping_run(second, kept["bucket"])
        states = data_dir / "state"
        written = [f"{service}.123456789012.us-west-2" for service in ("glue", "sns")]
        wait_until(lambda: killed.encode() in (states / written[0]).read_bytes())
        wait_until(lambda: b":late" in (states / written[1]).read_bytes())
        second.end(signal.SIGKILL)
        assert descendants_of(data_dir), "a kill leaves them"
    with running(data_dir) as third:
        assert not descendants_of(data_dir)
        run = third.client("glue").get_job_run(JobName="sleeper", RunId=killed)["JobRun"]
        assert run["JobRunState"] == "FAILED"
        assert "was stopped before this had ended" in run["ErrorMessage"]
        assert len(third.client("glue").get_job_runs(JobName="sleeper")["JobRuns"]) == 2
        topics = third.client("sns").list_topics()["Topics"]
        assert "late" in [topic["TopicArn"].rpartition(":")[2] for topic in topics]
        check(third, kept)
        third.client("cloudformation").delete_stack(StackName="lake")
        assert third.end(signal.SIGTERM) == ""


def populate(aws: Aws) -> dict[str, Any]:
    """Make something of each kind, and tell what."""
    stacks, s3, glue = (aws.client(name) for name in ("cloudformation", "s3", "glue"))
    create(stacks, "lake", STARTER, **PARAMETERS)
    assert status_of(stacks, "lake") == "CREATE_COMPLETE"
    outputs = outputs_of(stacks, "lake")
    bucket = outputs["AnalyticsOutputBucket"]
    for body in (b"old", b"new"):
        put = s3.put_object(
            Bucket=bucket, Key="a/b", Body=body, Metadata={"by": "me"}, ContentType="text/csv"
        )
    upload = s3.create_multipart_upload(Bucket=bucket, Key="parts")["UploadId"]
    part = {"Bucket": bucket, "Key": "parts", "UploadId": upload, "PartNumber": 1}
    etag = s3.upload_part(**part, Body=b"part")["ETag"]
    partition = {"Values": ["2026-11-01"], "StorageDescriptor": {"Location": f"s3://{bucket}/p/"}}
    table = {"DatabaseName": "gold_x", "TableName": "user_activity"}
    glue.create_partition(**table, PartitionInput=partition)
    athena = aws.client("athena")
    sql = {"QueryString": "show tables in gold_x", "WorkGroup": outputs["AthenaWorkgroup"]}
    query = athena.start_query_execution(**sql)["QueryExecutionId"]
    execution = {"QueryExecutionId": query}
    wait_until(
        lambda: (
            athena.get_query_execution(**execution)["QueryExecution"]["Status"]["State"]
            == "SUCCEEDED"
        )
    )
    aws.client("lambda").invoke(FunctionName=outputs["LambdaFunctionName"])
    queue = aws.client("sqs").create_queue(QueueName="q")["QueueUrl"]
    aws.client("sqs").send_message(QueueUrl=queue, MessageBody="hello")
    return {
        "bucket": bucket,
        "outputs": outputs,
        "version": put["VersionId"],
        "part": {**part, "etag": etag},
        "execution": execution,
        "rows": athena.get_query_results(**execution)["ResultSet"]["Rows"],
    }


def check(aws: Aws, kept: dict[str, Any]) -> None:
    """What was made is as it was, and can be worked with."""
    stacks, s3, glue = (aws.client(name) for name in ("cloudformation", "s3", "glue"))
    assert outputs_of(stacks, "lake") == kept["outputs"]
    bucket = {"Bucket": kept["bucket"]}
    found = s3.get_object(**bucket, Key="a/b")
    assert (found["Body"].read(), found["Metadata"]) == (b"new", {"by": "me"})
    assert (found["VersionId"], found["ContentType"]) == (kept["version"], "text/csv")
    versions = s3.list_object_versions(**bucket, Prefix="a/")["Versions"]
    old = next(each["VersionId"] for each in versions if not each["IsLatest"])
    assert s3.get_object(**bucket, Key="a/b", VersionId=old)["Body"].read() == b"old"
    assert s3.get_bucket_versioning(**bucket)["Status"] == "Enabled"
    [part] = s3.list_parts(**bucket, Key="parts", UploadId=kept["part"]["UploadId"])["Parts"]
    assert part["ETag"] == kept["part"]["etag"]
    [partition] = glue.get_partitions(DatabaseName="gold_x", TableName="user_activity")[
        "Partitions"
    ]
    assert partition["StorageDescriptor"]["Location"] == f"s3://{kept['bucket']}/p/"
    rows = aws.client("athena").get_query_results(**kept["execution"])["ResultSet"]["Rows"]
    assert rows == kept["rows"]
    function = kept["outputs"]["LambdaFunctionName"]
    log = aws.client("logs").filter_log_events(logGroupName=f"/aws/lambda/{function}")["events"]
    assert log[0]["message"].startswith("START RequestId")
    rule = aws.client("events").describe_rule(Name=kept["outputs"]["EventGeneratorSchedule"])
    assert rule["ScheduleExpression"] == "rate(5 minutes)"
    counted = aws.client("sqs").get_queue_attributes(
        QueueUrl=aws.client("sqs").get_queue_url(QueueName="q")["QueueUrl"],
        AttributeNames=["ApproximateNumberOfMessages"],
    )
    assert counted["Attributes"]["ApproximateNumberOfMessages"] == "1"


def test_two_live_side_by_side_in_directories_of_their_own(
    embedded_aws: server.RunningServer, client: Client, tmp_path: Path
) -> None:
    name = f"q-{uuid.uuid4().hex}"
    client("sqs").create_queue(QueueName=name)
    with running(tmp_path / "other") as other:
        assert "QueueUrls" not in other.client("sqs").list_queues()
        with running(tmp_path / "other") as third:
            assert "Another embedded AWS is using" in third.line
            assert third.process.wait(60) == 2
        check_large_object(other, 48 * MB, limit_mb=32)


@pytest.mark.soak
def test_two_gigabytes_of_objects_are_never_in_memory(tmp_path: Path) -> None:
    with running(tmp_path / "aws") as aws:
        check_large_object(aws, 2048 * MB, limit_mb=32)


def check_large_object(aws: Aws, size: int, limit_mb: int) -> None:
    """Store, copy and read an object; the server's memory grows by less than the limit."""
    s3, where = aws.client("s3"), {"LocationConstraint": "us-west-2"}
    s3.create_bucket(Bucket="large", CreateBucketConfiguration=where)
    before = aws.memory_mb()
    transfer = TransferConfig(multipart_chunksize=5 * MB, max_concurrency=1)
    s3.upload_fileobj(Pattern(size), "large", "one", Config=transfer)
    s3.copy_object(Bucket="large", Key="two", CopySource="large/one")
    body = s3.get_object(Bucket="large", Key="two")["Body"]
    expected = Pattern(size)
    for block in body.iter_chunks(MB):
        assert block == expected.read(len(block))
    assert expected.read() == b""
    assert aws.memory_mb() - before < limit_mb


class Pattern:
    """A file of that many bytes, each block of it different, that is nowhere stored."""

    BLOCK = 4096

    def __init__(self, size: int) -> None:
        self._size, self._at = size, 0

    def read(self, amount: int = -1) -> bytes:
        begin = self._at
        left = self._size - begin
        self._at += left if amount < 0 else min(amount, left)
        first, last = begin // self.BLOCK, -(-self._at // self.BLOCK)
        blocks = (
            number.to_bytes(8, "big").ljust(self.BLOCK, b"x") for number in range(first, last)
        )
        offset = begin - first * self.BLOCK
        return b"".join(blocks)[offset : offset + self._at - begin]


def test_fifty_clients_at_once_get_what_they_have_put(client: Client) -> None:
    bucket = f"many-{uuid.uuid4().hex}"
    where = {"LocationConstraint": "us-west-2"}
    client("s3").create_bucket(Bucket=bucket, CreateBucketConfiguration=where)
    client("glue").create_database(DatabaseInput={"Name": bucket.replace("-", "_")})

    def work(number: int) -> tuple[bytes, int]:
        s3, glue, sqs = (client(name) for name in ("s3", "glue", "sqs"))
        s3.put_object(Bucket=bucket, Key=f"k/{number}", Body=str(number).encode())
        table = {"Name": f"t{number}", "StorageDescriptor": {"Columns": []}}
        glue.create_table(DatabaseName=bucket.replace("-", "_"), TableInput=table)
        url = sqs.create_queue(QueueName=f"{bucket}-{number}")["QueueUrl"]
        sqs.send_message(QueueUrl=url, MessageBody="m")
        got = s3.get_object(Bucket=bucket, Key=f"k/{number}")["Body"].read()
        return got, len(sqs.receive_message(QueueUrl=url).get("Messages", []))

    with ThreadPoolExecutor(50) as pool:
        results = list(pool.map(work, range(50)))

    assert results == [(str(number).encode(), 1) for number in range(50)]
    assert client("s3").list_objects_v2(Bucket=bucket)["KeyCount"] == 50
    tables = client("glue").get_tables(DatabaseName=bucket.replace("-", "_"))["TableList"]
    assert len(tables) == 50


def test_who_may_do_what_and_the_log_of_it_outlast_a_restart(tmp_path: Path) -> None:
    log = tmp_path / "aws" / "iam" / "access.jsonl"
    statement = {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::kept"}
    with running(tmp_path / "aws", "--enforce-iam") as first:
        iam = first.client("iam")
        iam.create_user(UserName="u")
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        iam.put_user_policy(UserName="u", PolicyName="p", PolicyDocument=document)
        key = iam.create_access_key(UserName="u")["AccessKey"]
        first.client("s3").create_bucket(Bucket="kept", CreateBucketConfiguration=OREGON)
        before = list_and_get(first, key)
        first.end(signal.SIGTERM)
    lines = log.read_text().splitlines()
    with running(tmp_path / "aws", "--enforce-iam") as second:
        assert list_and_get(second, key) == before
        assert "not authorized to perform: s3:GetObject" in before
    assert log.read_text().splitlines() == lines
    assert [json.loads(line)["decision"] for line in lines] == ["Allow", "no statement"]


def list_and_get(aws: Aws, key: dict[str, str]) -> str:
    """Why the owner of a key, who can list a bucket, cannot read an object of it."""
    session = boto3.session.Session(key["AccessKeyId"], key["SecretAccessKey"])
    s3 = session.client("s3", endpoint_url=aws.url, region_name="us-west-2")
    s3.list_objects_v2(Bucket="kept")
    with pytest.raises(ClientError) as refusal:
        s3.get_object(Bucket="kept", Key="k")
    return str(refusal.value)
