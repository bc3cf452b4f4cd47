"""The ladder of fixtures: embedded AWS -> clients -> Spark session -> deployed stack -> lab."""

from __future__ import annotations

import itertools
import os
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from lab import SHORT_RUNS, Lab
from pyspark.sql import SparkSession

from glue_jobs import capstone_etl as etl
from local_aws.glue.spark import spark_conf
from local_aws.java import java_home
from tools import local

ROOT = Path(__file__).parents[1]


# A file of tests stays with one worker: the longest first, or one would be left with them alone.
LONGEST = (
    "test_faults.py",
    "test_pipeline.py",
    "test_histories.py",
    "test_quickstart.py",
    "test_bad_input.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    order = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: order.get(item.path.name, len(order)))


@pytest.fixture(autouse=True)
def clean_environ() -> Iterator[None]:
    """No test sees another's environment, nor the AWS account that a shell may point to."""
    before = dict(os.environ)
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(scope="session")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("embedded") / "aws"


@pytest.fixture(scope="session")
def endpoint(data_dir: Path) -> Iterator[str]:
    """The URL of an embedded AWS that the whole session shares."""
    os.environ["LOCAL_AWS_JAVA_OPTIONS"] = SHORT_RUNS
    with local.embedded_aws(data_dir) as aws:
        del os.environ["LOCAL_AWS_JAVA_OPTIONS"]
        yield aws.wait_until_ready()


@pytest.fixture
def aws_env(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Point every AWS client of this test, and of its children, at the embedded AWS."""
    variables = local.environment(endpoint)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return variables


@pytest.fixture(scope="session")
def client(endpoint: str) -> Callable[[str], Any]:
    """boto3 clients of the embedded AWS, by service name."""
    return partial(local.client, endpoint=endpoint)


@pytest.fixture(scope="session")
def spark(data_dir: Path, endpoint: str) -> Iterator[SparkSession]:
    """One warm session on the embedded AWS's store; labs mount their buckets into it."""
    os.environ["JAVA_HOME"] = str(java_home())
    os.environ["PYSPARK_PYTHON"] = sys.executable
    os.environ["LOCAL_AWS_JAVA_OPTIONS"] = SHORT_RUNS
    builder = SparkSession.builder
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        builder = builder.config(f"spark.executorEnv.{name}", "local")
    for name, value in spark_conf(data_dir / "s3", []).items():
        builder = builder.config(name, value)
    builder = builder.config("spark.master", "local[2]")
    # The job's statements are the same in every run: compile each of them once.
    session = builder.config("spark.sql.codegen.cache.maxEntries", "5000").getOrCreate()
    del os.environ["LOCAL_AWS_JAVA_OPTIONS"]
    session.sparkContext.setLogLevel("ERROR")
    etl.configure(session)
    yield session
    session.stop()


@pytest.fixture(scope="session")
def deploy(client: Callable[[str], Any]) -> Callable[[str], dict[str, str]]:
    """Deploy the template for a student id; returns the stack's outputs."""
    body = (ROOT / "capstone-starter.cfn.yaml").read_text(encoding="utf-8")
    few = {"MinEventsPerBatch": "200", "MaxEventsPerBatch": "300", "ScheduleState": "DISABLED"}

    def create(student_id: str) -> dict[str, str]:
        cloudformation = client("cloudformation")
        name = f"capstone-{student_id}"
        parameters = [
            {"ParameterKey": key, "ParameterValue": value}
            for key, value in {"StudentId": student_id, **few}.items()
        ]
        cloudformation.create_stack(StackName=name, TemplateBody=body, Parameters=parameters)
        cloudformation.get_waiter("stack_create_complete").wait(
            StackName=name, WaiterConfig={"Delay": 1}
        )
        stack = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
        return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}

    return create


@pytest.fixture(scope="session")
def student_ids() -> Iterator[str]:
    return (f"lab-{number}" for number in itertools.count(1))


@pytest.fixture(scope="session")
def new_lab(
    spark: SparkSession,
    endpoint: str,
    data_dir: Path,
    deploy: Callable[[str], dict[str, str]],
    student_ids: Iterator[str],
) -> Callable[[], Lab]:
    """Deploy another empty lake that the warm session can read and write."""

    def create() -> Lab:
        outputs = deploy(next(student_ids))
        s3_dir = data_dir / "s3"
        buckets = [outputs["SourceBucketName"], outputs["AnalyticsOutputBucket"]]
        hadoop = spark.sparkContext._jsc.hadoopConfiguration()
        for name, value in spark_conf(s3_dir, buckets).items():
            if "mounttable" in name:
                hadoop.set(name.removeprefix("spark.hadoop."), value)
        return Lab(spark, endpoint, s3_dir, outputs)

    return create


@pytest.fixture
def lab(new_lab: Callable[[], Lab]) -> Lab:
    """A freshly deployed, empty lake of one's own."""
    return new_lab()
