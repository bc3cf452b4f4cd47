"""What the steps of a run over one file cost: each is measured with those that it builds upon."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from benchmarks.workshop import Workshop, say
from glue_jobs import capstone_etl as etl

NINE = ", ".join(f"`{name}` string" for name in etl.RAW_FIELDS)


def steps(shop: Workshop, events: int, repeats: int) -> dict[str, Any]:
    """Evaluate each step's frame and throw its rows away; only the one that writes keeps them.

    Returns:
        For each step median seconds, and seconds of CPU that the JVM took in all its threads.
    """
    say(f"steps: a file of {events:,} events")
    found = {}
    for name, step in programs(shop, events).items():
        step()  # not measured: the JVM compiles
        seconds, cpu = zip(*(measured(shop.spark, step) for _ in range(repeats)), strict=True)
        found[name] = {"s": round(median(seconds), 2), "cpu_s": round(median(cpu), 2)}
        say(f"  {name}: {found[name]}")
    return {"steps": found}


def programs(shop: Workshop, events: int) -> dict[str, Callable[[], None]]:
    lake, _ = shop.filled(events)
    view, spark = lake.lake(), shop.spark
    path, cores = view.options.source_path, spark.sparkContext.defaultParallelism
    etl.fit(spark, events)
    read = spark.read.option("recursiveFileLookup", "true").text(path)
    lines = etl.lines_of(read.selectExpr("value as col0", "_metadata.file_path as source_file"))
    spread = lines.repartition(cores, "line")
    parsed = etl.parsed(spread, "a nonce")
    partitions = view.published(etl.BRONZE)
    by_uri = {etl.folder_value(one.location): one.values[-1] for one in partitions}
    files = etl.files_frame(spark, by_uri, view.options)
    bronze = view.read(spark, etl.BRONZE, partitions)
    judged = etl.judged(etl.typed(bronze.join(F.broadcast(files), "source", "left")))
    target = (shop.scratch / "steps").as_uri()
    writer = parsed.write.mode("overwrite").option("compression", "zstd").partitionBy("source")
    return {
        "read lines": thrown_away(lines),
        "and spread them over the cores": thrown_away(spread),
        "and from_json": thrown_away(spread.selectExpr(f"from_json(line, '{NINE}') as json")),
        "and all of bronze's columns": thrown_away(parsed),
        "and write them": lambda: writer.parquet(target),
        "read bronze back": thrown_away(bronze),
        "and type and judge": thrown_away(judged),
        "and keep distinct events": thrown_away(etl.distinct_events(judged)),
    }


def thrown_away(frame: DataFrame) -> Callable[[], None]:
    return lambda: frame.write.format("noop").mode("overwrite").save()


def measured(spark: SparkSession, step: Callable[[], None]) -> tuple[float, float]:
    """Seconds of a step, and of the CPU."""
    before, started = cpu_seconds(spark), time.perf_counter()
    step()
    return time.perf_counter() - started, cpu_seconds(spark) - before


def cpu_seconds(spark: SparkSession) -> float:
    """What the JVM has taken of the CPU so far."""
    jvm = spark.sparkContext._jvm
    assert jvm
    taken = jvm.java.lang.ProcessHandle.current().info().totalCpuDuration().get()
    return float(taken.toMillis()) / 1000
