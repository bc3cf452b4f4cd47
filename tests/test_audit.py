"""What is written is counted again before it is published: a difference fails the run."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from faults import SPARK_WRITES, Effect, Perform, Request
from job import BookmarkedJob
from lab import NOON, Lab, event, purchase

import generate_sample_data
from glue_jobs import capstone_etl as etl

pytestmark = pytest.mark.slow

# The ledger is one file of one row more, made of bytes that are in memory.
TABLES = etl.PUBLISH_ORDER[:-1]


def lose(file: Path) -> None:
    file.unlink()


def double(file: Path) -> None:
    shutil.copyfile(file, file.with_name(f"again-{file.name}"))


def truncate(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-20])


class Tamperer:
    """Handles a run's effects; harms the first file of what it writes of a table.

    Args:
        store: The folder of the bucket.
        table: `<layer>.<table>`.
        harm: What becomes of the file.
    """

    def __init__(self, store: Path, table: str, harm: Callable[[Path], None]) -> None:
        self.is_done = False
        self._store, self._harm = store, harm
        self._folder = table.replace(".", "/") + "/"
        self._before = set(self._files())

    def _files(self) -> list[Path]:
        return sorted((self._store / self._folder).rglob("*.parquet"))

    def __call__(self, effect: Effect, request: Request, perform: Perform) -> Any:
        answer = perform(None)
        is_write = effect.site.operation in (*SPARK_WRITES, "put_object")
        if is_write and self._folder in str(request) and not self.is_done:
            self._harm(next(file for file in self._files() if file not in self._before))
            self.is_done = True
        return answer


# The others are for `make soak`.
ALWAYS = (etl.SILVER, etl.QUARANTINE, etl.PRODUCT_HOURLY, etl.HOURLY_REVENUE)


@pytest.fixture(scope="module")
def job(new_lab: Callable[[], Lab], tmp_path_factory: pytest.TempPathFactory) -> BookmarkedJob:
    """A job whose next run would write every table."""
    job = BookmarkedJob(new_lab(), tmp_path_factory.mktemp("audit") / "bookmark.json")
    key = generate_sample_data.load_generator().object_key(NOON)
    job.put(key, [event(), event(product_id="p2"), purchase(user_id="u2"), "broken", "broken too"])
    return job


def run_tampered(job: BookmarkedJob, table: str, harm: Callable[[Path], None]) -> str:
    """The message of a run that fails because a table's file was harmed; nothing is published."""
    bucket = job.lab.s3_dir / job.lab.outputs["AnalyticsOutputBucket"]
    before = {name: job.lab.partitions(name) for name in etl.PUBLISH_ORDER}
    tamperer = Tamperer(bucket, table, harm)
    with pytest.raises(etl.AuditError) as failure:
        job.run(tamperer)
    assert tamperer.is_done
    assert {name: job.lab.partitions(name) for name in etl.PUBLISH_ORDER} == before
    return str(failure.value)


def counts(message: str, table: str) -> tuple[int, int]:
    """Expected and found rows of a table's files, as the message states them."""
    pattern = rf"rows in the files of {table}: (\d+) expected, (\d+) found"
    match = re.search(pattern, message)
    assert match, message
    assert message.endswith("Nothing was published; run the job again.")
    return int(match[1]), int(match[2])


@pytest.mark.parametrize(
    "table",
    [pytest.param(table, marks=[] if table in ALWAYS else pytest.mark.soak) for table in TABLES],
)
def test_a_file_that_is_lost_fails_the_run(table: str, job: BookmarkedJob) -> None:
    expected, found = counts(run_tampered(job, table, lose), table)
    assert found < expected


@pytest.mark.parametrize("table", [etl.BRONZE, etl.VISITORS])
def test_a_file_that_is_doubled_fails_the_run(table: str, job: BookmarkedJob) -> None:
    expected, found = counts(run_tampered(job, table, double), table)
    assert found > expected


@pytest.mark.parametrize("table", [etl.SILVER, etl.FUNNEL])
def test_a_file_that_is_truncated_fails_the_run_by_its_name(table: str, job: BookmarkedJob) -> None:
    message = run_tampered(job, table, truncate)
    path = table.replace(".", "/")
    assert re.search(rf"s3://\S+/{path}/run=\S+parquet is not a whole Parquet file", message)


def test_a_run_after_all_these_is_as_if_nothing_had_happened(job: BookmarkedJob) -> None:
    job.run()
    assert job.lab.published() == job.lab.expected()
