"""The ladder of fixtures: embedded AWS -> clients -> Spark session -> deployed stack -> lab."""

from __future__ import annotations

import contextlib
import itertools
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import aws_cli
import pytest
from botocore.exceptions import ClientError
from lab import SHORT_RUNS, WARM_SESSION, Lab, client_of
from pyspark.sql import SparkSession
from xdist.scheduler import LoadScopeScheduling

from local_aws.glue.version import glue_version, needs_vector_module
from local_aws.java import JavaIncomplete, java_home
from tools import local, session

# These share a warm session, hence a worker: to start and warm another takes a minute of CPU.
WARM = (
    "test_faults.py",
    "test_histories.py",
    "test_bad_input.py",
    "test_job_runs.py",
    "test_job_again.py",
    "test_readers.py",
    "test_audit.py",
    "test_job_lines.py",
    "test_upgrade.py",
    "test_visitors.py",
    "test_quality.py",
    "test_sweep.py",
    "test_files_written.py",
    "test_time_zone.py",
    "test_metrics.py",
    "test_archive.py",
)
# A file of tests stays with one worker: the longest first, or one would be left with them alone.
LONGEST = (
    "test_pipeline.py",
    "test_quickstart.py",
    "test_iam.py",
    "test_runbook.py",
    "test_survival.py",
)


class OneWarmSession(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """As xdist's loadfile, but for the files that share a worker."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return "warm" if Path(file).name in WARM else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    return OneWarmSession(config, log) if config.getoption("dist") == "loadfile" else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    order = {name: place for place, name in enumerate((*WARM, *LONGEST))}
    items.sort(key=lambda item: order.get(item.path.name, len(order)))
    for item in items:
        names = getattr(item, "fixturenames", ())
        if "spark" in names and item.path.name not in WARM:
            raise pytest.UsageError(f"{item.path.name} uses `spark`: name it in conftest's WARM")
    if reason := lacking_java():
        for item in items:
            item.add_marker(pytest.mark.skip(reason=reason))


def lacking_java() -> str:
    """Why Spark cannot be started here: the packaged Java is too small for Spark 4."""
    if needs_vector_module():
        try:
            java_home()
        except JavaIncomplete as reason:
            return str(reason)
    return ""


def pytest_configure() -> None:
    """The notebook builds a job of the version that the embedded AWS runs here."""
    os.environ["GLUE_VERSION"] = glue_version()


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
    """The URL of an embedded AWS that the whole session shares; policies restrict who has some."""
    os.environ["LOCAL_AWS_JAVA_OPTIONS"] = SHORT_RUNS
    with local.embedded_aws(data_dir, "--enforce-iam") as aws:
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
def commands(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """What to put before PATH: this environment's commands, `aws` with its code imported once."""
    folder = tmp_path_factory.mktemp("commands")
    path, aws = folder / "cli.socket", folder / "aws"
    with subprocess.Popen([sys.executable, aws_cli.__file__, str(path), str(aws)]) as process:
        while not os.access(aws, os.X_OK):
            assert process.poll() is None
            time.sleep(0.05)
        yield f"{folder}:{Path(sys.executable).parent}"
        process.kill()


@pytest.fixture(scope="session")
def client(endpoint: str) -> Callable[[str], Any]:
    """boto3 clients of the embedded AWS, by service name."""
    return partial(client_of, endpoint=endpoint)


@pytest.fixture(scope="session")
def spark(data_dir: Path, endpoint: str) -> Iterator[SparkSession]:
    """One warm session on the embedded AWS's store; labs mount their buckets into it."""
    with session.warm_session(data_dir / "s3", WARM_SESSION) as warm:
        yield warm


@pytest.fixture(scope="session")
def deploy(client: Callable[[str], Any]) -> Callable[[str], dict[str, str]]:
    """Deploy the template for a student id; returns the stack's outputs."""
    return partial(session.deploy, client)


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
        session.mount(spark, data_dir / "s3", outputs)
        return Lab(spark, endpoint, data_dir / "s3", outputs)

    return create


@pytest.fixture(scope="session")
def used_labs() -> list[Lab]:
    """Labs that no test needs any more; deploying one takes longer than most tests do."""
    return []


@pytest.fixture
def lab(new_lab: Callable[[], Lab], used_labs: list[Lab]) -> Iterator[Lab]:
    """An empty lake of one's own, new or wiped."""
    lab = used_labs.pop() if used_labs else new_lab()
    yield lab
    # A test that has taken the stack apart keeps it.
    with contextlib.suppress(ClientError):
        lab.wipe()
        used_labs.append(lab)
