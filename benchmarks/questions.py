"""The five questions asked of gold, and of bronze: what Athena scans and takes for each."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.workshop import JobLake, Workshop, say
from glue_jobs import capstone_etl as etl
from tools import local

FILES = 3
# Bronze has each of its files so many times, which asks the questions of 30 million lines.
TIMES = 16
QUERIES = Path(__file__).parents[1] / "queries.sql"
ON_BRONZE = Path(__file__).with_name("questions_on_bronze.sql")


def against_bronze(shop: Workshop, events: int, repeats: int) -> dict[str, Any]:
    """Ask both, in turn.

    Args:
        events: In each of three files. Gold has as many rows for more: products, hours, dates.

    Returns:
        Lines in bronze, and for each question the bytes that Athena scans and the median seconds
        from asking to the end, of gold and of bronze.
    """
    root, files = shop.raw(FILES, events)
    lake = shop.lake()
    lake.put(root, files)
    say(f"the five questions: {FILES} files of {events:,} events")
    lake.run()
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
        seconds: dict[str, list[float]] = {layer: [] for layer in asked}
        for _ in range(repeats):
            for layer, statements in asked.items():
                started = time.perf_counter()
                execution = local.executed(lake.client("athena"), statements[name], lake.outputs)
                seconds[layer].append(time.perf_counter() - started)
                figures[f"{layer}_bytes"] = execution["Statistics"]["DataScannedInBytes"]
        figures |= {f"{layer}_s": round(median(each), 2) for layer, each in seconds.items()}
        say(f"  {name}: {figures}")
    return {"lines": lines, "questions": found}


def repeat_bronze(lake: JobLake) -> None:
    """Let more partitions of bronze point to each file, so that its lines are there again."""
    view = lake.lake()
    copies = [
        replace(found, values=(*found.values[:-1], f"{number}-{found.values[-1]}"))
        for found in view.published(etl.BRONZE)
        for number in range(1, TIMES)
    ]
    view.staged[etl.BRONZE] = etl.Written(tuple(copies))
    view.publish(etl.BRONZE, {})
