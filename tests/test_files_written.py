"""How many files a run writes: what S3 is asked for, and what queries open, follows from it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pyspark.sql import DataFrame, SparkSession

from glue_jobs import capstone_etl as etl

pytestmark = pytest.mark.slow

ROWS = 4_000


@pytest.fixture
def tasks(spark: SparkSession) -> Iterator[int]:
    """As many as a run over eight million lines has."""
    etl.fit(spark, 8_000_000)
    yield int(spark.conf.get("spark.sql.shuffle.partitions") or 0)
    etl.fit(spark, 0)


def silver(spark: SparkSession, hours: int) -> DataFrame:
    """Rows of so many hours, the first of which has half of them."""
    return spark.sql(
        f"""
        select md5(cast(id as string)) as event_id, date'2026-11-05' as event_date,
            if(id % 2 = 0, 0, cast(id % {hours} as int)) as event_hour
        from range({ROWS})
        """
    )


def hours_of(rows: DataFrame) -> list[object]:
    return rows.groupBy("event_date", "event_hour").agg({"*": "count"}).toDF(
        "event_date", "event_hour", "events"
    ).collect()  # fmt: skip


def files(rows: DataFrame) -> int:
    """What a write partitioned by hour makes: a file for each hour in each task."""
    return rows.selectExpr("spark_partition_id()", "event_date", "event_hour").distinct().count()


def test_a_run_over_many_hours_writes_few_files_and_every_row(
    spark: SparkSession, tasks: int
) -> None:
    rows = silver(spark, 23)
    gathered = rows.transform(etl.by_hour, hours_of(rows))
    assert tasks * 23 > 900
    assert files(gathered) <= tasks + 23
    assert sorted(gathered.collect()) == sorted(rows.collect())
    # The hour with half of all rows is not left to one task.
    largest = gathered.where("event_hour = 0").selectExpr("spark_partition_id()").distinct()
    assert largest.count() > tasks / 4


def test_a_run_over_few_hours_is_not_shuffled_again(spark: SparkSession, tasks: int) -> None:
    rows = silver(spark, 3)
    assert rows.transform(etl.by_hour, hours_of(rows)) is rows
