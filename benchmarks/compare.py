"""The job against DuckDB doing the same work, and against the naive job on a growing lake."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import naive_job
from benchmarks.cost import FILES_OF_AN_HOUR
from benchmarks.duckdb_pipeline import DuckLake
from benchmarks.workshop import MEMORY_GB, JobLake, Workshop, in_turn, ratio, say
from glue_jobs import capstone_etl as etl

COUNTED = (etl.BRONZE, etl.SILVER, etl.QUARANTINE)
GRAINS = {
    etl.FUNNEL: ("event_date", "product_id", "category"),
    etl.HOURLY_REVENUE: ("event_date", "event_hour"),
    etl.TOP_PRODUCTS: ("rank",),
    etl.CATEGORY: ("event_date", "category"),
    etl.ACTIVITY: ("event_date",),
}
Answers = dict[str, list[tuple[str, ...]]]


class WrongAnswer(Exception):
    """Two programs that were to do the same work disagree: their times mean nothing."""


def answers(lake: JobLake) -> Answers:
    """What a lake says, in the order of `DuckLake.gold`: rows of gold, and how many lie below."""
    found: Answers = {name: [(str(lake.count(name)),)] for name in COUNTED}
    for name, grain in GRAINS.items():
        kept = (*grain, *(key for key in lake.lake().tables[name].columns if key not in grain))
        found[name] = [tuple(str(row[key]) for key in kept) for row in lake.rows(name)]
    return found


def must_agree(lake: JobLake, duck: DuckLake) -> None:
    """Raise unless both lakes say the same.

    Raises:
        WrongAnswer: They do not; the message names a table and some rows.
    """
    rival = duck.gold()
    for name, rows in answers(lake).items():
        mine, others = set(rows), {tuple(map(str, row)) for row in rival[name]}
        if mine != others:
            only = sorted(mine - others)[:3], sorted(others - mine)[:3]
            raise WrongAnswer(f"{name}: only the job has {only[0]}, only DuckDB {only[1]}")


def against_duckdb(shop: Workshop, events: int, repeats: int) -> dict[str, Any]:
    """Cases (a) one file, empty lake; (b) a file into an hour of eleven; (c) twelve, empty lake.

    Returns:
        For each case seconds of both, and how many times longer the job takes.
    """
    root, files = shop.raw(FILES_OF_AN_HOUR, events)
    lake, rival = shop.lake(), shop.scratch / "duckdb"
    warm_up(shop, lake, events)
    empty = lake.state()
    *eleven, twelfth = files
    cases: dict[str, tuple[list[Path], list[Path]]] = {
        "a": ([], files[:1]),
        "b": (eleven, [twelfth]),
        "c": ([], files),
    }
    found = {}
    for case, (before, batch) in cases.items():
        say(f"case ({case}): {len(batch)} files of {events:,} events, {len(before)} before")
        lake.restore(empty)
        clear(lake)
        shutil.rmtree(rival, ignore_errors=True)
        if before:
            lake.put(root, before)
            lake.run()
            duck = DuckLake(rival, memory_gb=MEMORY_GB)
            duck.run(before, root)
            duck.close()
        found[case] = compare(lake, rival, root, batch, max(2, repeats // len(batch)))
    return found


def compare(
    lake: JobLake, rival: Path, root: Path, batch: list[Path], repeats: int
) -> dict[str, Any]:
    """Both take in the batch, in turn, each time from the state that they are in now."""
    lake.put(root, batch)
    kept = rival.with_name("duckdb-before")
    shutil.rmtree(kept, ignore_errors=True)
    rival.mkdir(exist_ok=True)
    shutil.copytree(rival, kept)
    stages: list[dict[str, float]] = []

    def duckdb() -> float:
        shutil.rmtree(rival)
        shutil.copytree(kept, rival)
        duck = DuckLake(rival, memory_gb=MEMORY_GB)
        started = time.perf_counter()
        stages.append(duck.run(batch, root))
        seconds = time.perf_counter() - started
        must_agree(lake, duck)
        duck.close()
        return seconds

    seconds = in_turn(repeats, {"job": lake.again(), "duckdb": duckdb})
    return {
        "job_s": round(median(seconds["job"]), 2),
        "duckdb_s": round(median(seconds["duckdb"]), 2),
        "ratio": ratio(seconds["job"], seconds["duckdb"]),
        "job_stages": lake.stages(),
        "duckdb_stages": stages[-1],
    }


def warm_up(shop: Workshop, lake: JobLake, events: int) -> None:
    """Runs that are not measured: the JVM compiles what the measured ones use."""
    root, files = shop.raw(3, events)
    before = lake.state()
    for file in files:
        lake.put(root, [file])
        lake.run()
    lake.restore(before)
    clear(lake)


def clear(lake: JobLake) -> None:
    """Delete the raw files, so that no later run reads them."""
    bucket = lake.outputs["SourceBucketName"]
    s3 = lake.client("s3")
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        for entry in page.get("Contents", []):
            s3.delete_object(Bucket=bucket, Key=entry["Key"])


def against_naive(
    shop: Workshop, events: int, at: tuple[int, ...] = (1, 3, 6, 12)
) -> dict[str, Any]:
    """The n-th file of an hour: what it costs the job, and the naive one.

    Returns:
        Seconds of both at each n, and how many times longer the naive job takes.
    """
    root, files = shop.raw(FILES_OF_AN_HOUR, events)
    lake, naive = shop.lake(), f"{shop.scratch.as_uri()}/naive"
    say(f"the naive job: {FILES_OF_AN_HOUR} files of {events:,} events, one after the other")
    found: dict[str, list[float]] = {"job": [], "naive": []}
    for number, file in enumerate(files, 1):
        lake.put(root, [file])
        seconds = lake.run()
        if number not in at:
            naive_job.append_bronze(shop.spark, [file], naive)
            continue
        found["job"].append(seconds)
        found["naive"].append(naive_job.run(shop.spark, [file], naive))
        say(f"  file {number}: job {seconds:.1f} s, naive {found['naive'][-1]:.1f} s")
    pairs = zip(found["naive"], found["job"], strict=True)
    return {"files": list(at), **found, "ratio": [round(slow / fast, 2) for slow, fast in pairs]}
