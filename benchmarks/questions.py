"""The five questions asked of gold, and of bronze: what Athena scans and takes for each."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.workshop import JobLake, Workshop, in_turn, say
from glue_jobs import capstone_etl as etl
from tools import local

# Bronze has its file so many times, which asks the questions of 30 million lines.
TIMES = 48
QUERIES = Path(__file__).parents[1] / "queries.sql"
ON_BRONZE = Path(__file__).with_name("questions_on_bronze.sql")


def against_bronze(shop: Workshop, events: int, repeats: int) -> dict[str, Any]:
    """Ask both.

    Args:
        events: In the one file. Gold has as many rows for more: products, hours, dates.

    Returns:
        Lines in bronze, and for each question the bytes that Athena scans and the seconds from
        asking to the end: the median of gold, and of bronze, which is asked once.
    """
    say(f"the five questions: a file of {events:,} events, {TIMES} times in bronze")
    lake, _ = shop.filled(events)
    lines = lake.count(etl.BRONZE) * TIMES
    repeat_bronze(lake)
    on_bronze = local.read_queries(ON_BRONZE)
    database = lake.outputs["BronzeDatabase"]
    asked = {
        "gold": local.read_queries(QUERIES),
        "bronze": {name: sql.format(bronze=database) for name, sql in on_bronze.items()},
    }
    found: dict[str, dict[str, Any]] = {name: {} for name in asked["gold"]}
    for name, figures in found.items():
        say(f"  {name}")
        # Bronze takes minutes, of which a second more or less says nothing.
        for layer, times in (("gold", repeats), ("bronze", 1)):
            question = Question(lake, asked[layer][name])
            seconds = in_turn(times, {layer: question.ask})[layer]
            figures[f"{layer}_bytes"] = question.scanned
            figures[f"{layer}_s"] = round(median(seconds), 2)
    return {"lines": lines, "questions": found}


@dataclass
class Question:
    """A statement; `scanned` is how many bytes Athena took to answer it last."""

    lake: JobLake
    sql: str
    scanned: int = 0

    def ask(self) -> float:
        """Ask it once; returns the seconds until it was answered."""
        started = time.perf_counter()
        execution = local.executed(self.lake.client("athena"), self.sql, self.lake.outputs)
        seconds = time.perf_counter() - started
        self.scanned = execution["Statistics"]["DataScannedInBytes"]
        return seconds


def repeat_bronze(lake: JobLake) -> None:
    """Publish more partitions of bronze with copies of its files."""
    view = lake.lake()
    copies = [
        copied(lake, found, str(number))
        for found in view.published(etl.BRONZE)
        for number in range(1, TIMES)
    ]
    view.staged[etl.BRONZE] = etl.Written(tuple(copies))
    view.publish(etl.BRONZE, {})


def copied(lake: JobLake, partition: etl.Partition, name: str) -> etl.Partition:
    """The same files once more, in a partition of their own."""
    bucket, prefix = etl.split_s3(partition.location)
    target = f"{prefix.rstrip('/')}-{name}/"
    for file in lake.files(partition):
        source = {"Bucket": bucket, "Key": f"{prefix}{file.name}"}
        lake.client("s3").copy_object(Bucket=bucket, Key=f"{target}{file.name}", CopySource=source)
    values = (*partition.values[:-1], f"{name}-{partition.values[-1]}")
    return etl.Partition(partition.table, values, f"s3://{bucket}/{target}")
