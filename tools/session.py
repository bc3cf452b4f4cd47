"""A warm Spark session on an embedded AWS, and runs of the job in it: for tests and benchmarks."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest import mock

from pyspark.sql import SparkSession

from glue_jobs import capstone_etl as etl
from local_aws.glue.spark import spark_conf
from local_aws.glue.workspace import RUNTIME
from local_aws.java import java_home
from local_aws.settings import DEFAULT_REGION
from tools import local

ROOT = Path(__file__).parents[1]
TEMPLATE = ROOT / "capstone-starter.cfn.yaml"
# Batches of a few hundred events, and none but those that are asked for.
SMALL = {"MinEventsPerBatch": "200", "MaxEventsPerBatch": "300", "ScheduleState": "DISABLED"}


def deploy(
    client: Callable[[str], Any], student_id: str, template: Path = TEMPLATE
) -> dict[str, str]:
    """Deploy the template for a student id; returns the stack's outputs.

    Args:
        client: Makes a boto3 client of an embedded AWS, by service name.
        template: The template's file.
    """
    cloudformation, name = client("cloudformation"), f"capstone-{student_id}"
    parameters = [
        {"ParameterKey": key, "ParameterValue": value}
        for key, value in {"StudentId": student_id, **SMALL}.items()
    ]
    body = template.read_text(encoding="utf-8")
    cloudformation.create_stack(StackName=name, TemplateBody=body, Parameters=parameters)
    waiter = cloudformation.get_waiter("stack_create_complete")
    waiter.wait(StackName=name, WaiterConfig={"Delay": 1})
    stack = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


@contextlib.contextmanager
def warm_session(s3_dir: Path, java_options: str | None = None) -> Iterator[SparkSession]:
    """A session on an embedded AWS's object store; `mount` lets it see a stack's buckets.

    Args:
        s3_dir: Root of the object store.
        java_options: Instead of those that a local Glue run's JVM has.
    """
    settings = {"JAVA_HOME": str(java_home()), "PYSPARK_PYTHON": sys.executable}
    if java_options is not None:
        settings["LOCAL_AWS_JAVA_OPTIONS"] = java_options
    with environment(settings):
        builder = SparkSession.builder
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            builder = builder.config(f"spark.executorEnv.{name}", "local")
        for name, value in spark_conf(s3_dir, []).items():
            builder = builder.config(name, value)
        builder = builder.config("spark.master", "local[2]")
        # The job's statements are the same in every run: compile each of them once.
        session = builder.config("spark.sql.codegen.cache.maxEntries", "5000").getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    etl.configure(session)
    try:
        yield session
    finally:
        session.stop()


def mount(spark: SparkSession, s3_dir: Path, outputs: dict[str, str]) -> None:
    """Let a session read and write the buckets of a stack with these outputs."""
    hadoop = spark.sparkContext._jsc.hadoopConfiguration()
    buckets = [outputs["SourceBucketName"], outputs["AnalyticsOutputBucket"]]
    for name, value in spark_conf(s3_dir, buckets).items():
        if "mounttable" in name:
            hadoop.set(name.removeprefix("spark.hadoop."), value)


@contextlib.contextmanager
def environment(variables: dict[str, str]) -> Iterator[None]:
    """These environment variables for the length of a `with` block."""
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def job_options(outputs: dict[str, str]) -> dict[str, str]:
    """The job arguments that say where the lake of a stack with these outputs is."""
    return {
        "source_path": f"s3://{outputs['SourceBucketName']}/events/",
        "bronze_database": outputs["BronzeDatabase"],
        "silver_database": outputs["SilverDatabase"],
        "gold_database": outputs["GoldDatabase"],
        "aws_region": DEFAULT_REGION,
    }


def find_awsglue() -> None:
    """Let this process import the library that job runs have."""
    if str(RUNTIME) not in sys.path:
        sys.path.append(str(RUNTIME))


def run_job(
    outputs: dict[str, str],
    endpoint: str,
    bookmark: Path,
    run: str,
    around: Iterable[contextlib.AbstractContextManager[Any]] = (),
    at: datetime | None = None,
    job: ModuleType = etl,
    **arguments: Any,
) -> str:
    """One run of the job in this process's session, as Glue would start it; returns its output.

    Args:
        outputs: Of the stack whose lake it is.
        bookmark: The file that keeps the job's bookmark.
        run: The run's Glue id.
        around: Entered for the length of the run.
        at: What the job's clock shows; by default the time that it is.
        job: The module of the job.
        arguments: More job arguments, or other ones.
    """
    find_awsglue()
    given = {
        "JOB_NAME": outputs["GlueJobName"],
        "JOB_RUN_ID": run,
        "job-bookmark-option": "job-bookmark-enable",
        **job_options(outputs),
        **arguments,
    }
    argv = ["job", *(part for name, value in given.items() for part in (f"--{name}", str(value)))]
    variables = {
        **local.environment(endpoint),
        "LOCAL_AWS_BOOKMARK_FILE": str(bookmark),
        "LOCAL_AWS_JOB_RUN_ID": run,
    }
    printed = io.StringIO()
    with environment(variables), contextlib.ExitStack() as stack:
        stack.enter_context(contextlib.redirect_stdout(printed))
        for one in around:
            stack.enter_context(one)
        if at:
            stack.enter_context(mock.patch.object(job, "utc_now", return_value=at))
        job.main(argv)
    return printed.getvalue()
