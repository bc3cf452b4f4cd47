"""Rates of single steps, from which `benchmarks.scaling` computes where they become the limit."""

from __future__ import annotations

import time
from datetime import date
from decimal import Decimal
from pathlib import Path
from statistics import median
from typing import Any

import pyarrow as pa
from pyspark.sql import SparkSession

from benchmarks.workshop import NOON, Workshop, say
from glue_jobs import capstone_etl as etl

KNOWN = (5_000_000, 20_000_000)
FOUND = 300_000  # the visitors of one file of 625,000 events, about
# As long as the shop's: of a user 9 letters, of a session 21.
VISITOR = """if(id % 2 = 0, concat('U', lpad(id, 8, '0')),
    concat('S3224b08', lpad(lower(hex(id * 7919)), 9, '0'), '0000'))"""

# Rollups of a date: so many products, all of them sold in each hour.
PRODUCTS, HOURS = 60_000, 24


def rates(shop: Workshop, events: int, repeats: int) -> dict[str, Any]:
    """Per second of one core: lines of a gzip file read, visitors of a date looked through.

    Returns:
        `gzip_lines_per_second`: one task, which a gzip file always is, whatever the cores.
        `visitors_per_core_second`: rows of `daily_visitors`, from what more of them take longer:
            the batch's own part is a batch's cost.
        `rollup_rows_per_second`: rows of `product_hourly` that the driver adds up to gold.
    """
    _, (file,) = shop.raw(1, events)
    folders = [write_known(shop.spark, shop.scratch / f"visitors-{n}", n) for n in KNOWN]
    gzipped = []
    looked: list[list[float]] = [[], []]
    for number in range(repeats + 1):
        gzipped.append(read_seconds(shop.spark, file))
        for folder, seconds in zip(folders, looked, strict=True):
            seconds.append(look_up_seconds(shop.spark, folder))
        few, many = (seconds[-1] for seconds in looked)
        say(f"  {number}/{repeats} gzip {gzipped[-1]:.2f} s, visitors {few:.2f} s, {many:.2f} s")
    rollups = made_up_rollups()
    added = [gold_seconds(rollups) for _ in range(repeats + 1)][1:]
    say(f"  {rollups.num_rows:,} rows of rollups {median(added):.2f} s")
    cores = shop.spark.sparkContext.defaultParallelism
    few, many = (median(seconds[1:]) for seconds in looked)
    return {
        "gzip_lines_per_second": round(events / median(gzipped[1:])),
        "visitors_per_core_second": round((KNOWN[1] - KNOWN[0]) / cores / (many - few)),
        "known_visitors": KNOWN,
        "rollup_rows_per_second": round(rollups.num_rows / median(added)),
        "rollup_rows": rollups.num_rows,
        "rollup_mb": round(rollups.nbytes / 1e6),
    }


def read_seconds(spark: SparkSession, file: Path) -> float:
    started = time.perf_counter()
    spark.read.text(f"file://{file}").selectExpr("max(length(value))").collect()
    return time.perf_counter() - started


def write_known(spark: SparkSession, folder: Path, known: int) -> Path:
    """Visitors of one date, as a day of runs leaves them: an hour's in each file."""
    rows = spark.sql(
        f"""
        select if(id % 2 = 0, 'user', 'session') as kind, {VISITOR} as id,
            date'{NOON.date()}' as event_date
        from range({known})
        """
    )
    rows.repartition(24).write.parquet(folder.as_uri())
    return folder


def look_up_seconds(spark: SparkSession, folder: Path) -> float:
    """What it takes to find those of a batch that the date has not had yet."""
    etl.fit(spark, 625_000)
    known = spark.read.parquet(folder.as_uri())
    found = spark.sql(
        f"""
        select 'user' as kind, {VISITOR} as id, date'{NOON.date()}' as event_date
        from (select id * 16 as id from range({FOUND}))
        """
    )
    started = time.perf_counter()
    etl.new_visitors(found, known).count()
    return time.perf_counter() - started


def made_up_rollups() -> pa.Table:
    """A date of a large shop, as `product_hourly` has it."""
    rows = PRODUCTS * HOURS
    names = [f"P{number:06}" for number in range(PRODUCTS)]
    counts = pa.array(range(rows), pa.int64())
    return pa.table(
        {
            "product_id": pa.array(names * HOURS),
            "category": pa.array([f"category {number % 20}" for number in range(PRODUCTS)] * HOURS),
            **dict.fromkeys(("event_count", "page_views", "add_to_carts", "purchases"), counts),
            **dict.fromkeys(("remove_from_carts", "searches"), pa.array([0] * rows, pa.int64())),
            "revenue": pa.array([Decimal("12.34")] * rows, etl.MONEY),
            "event_hour": pa.array([n // PRODUCTS for n in range(rows)], pa.int32()),
            "event_date": pa.array([date(2026, 11, 5)] * rows, pa.date32()),
        }
    )


def gold_seconds(rollups: pa.Table) -> float:
    """What it takes to add up funnel, revenue and categories of a date, files not counted."""
    started = time.perf_counter()
    etl.conversion_funnel(etl.funnel_parts(rollups))
    etl.hourly_revenue(etl.revenue_parts(rollups))
    etl.category_performance(etl.category_parts(rollups))
    return time.perf_counter() - started
