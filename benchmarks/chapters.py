"""The chapters of `python -m benchmarks`: what each of them measures."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from typing import Any

from benchmarks import compare, flat, generator, start
from benchmarks.questions import against_bronze
from benchmarks.rates import rates
from benchmarks.steps import steps
from benchmarks.workshop import Workshop
from glue_jobs import capstone_etl as etl

# Runs of seconds can be had so many times as often.
SHORT_RUNS = 3
Chapter = Callable[[Workshop, int, int], dict[str, Any]]


def duckdb(shop: Workshop, events: int, repeats: int) -> dict[str, Any]:
    """one file, a file into an hour of eleven, twelve files: job and DuckDB"""
    return compare.against_duckdb(shop, events, repeats)


def naive(shop: Workshop, events: int, repeats: int) -> dict[str, Any]:
    """the 1st, 3rd, 6th and 12th file of an hour: job and naive job"""
    return compare.against_naive(shop, events)


def day(shop: Workshop, events: int, repeats: int) -> dict[str, Any]:
    """288 batches of a day, scaled down: the last against the second"""
    return flat.day(shop, max(1, events // 125), SHORT_RUNS * repeats)


def year(shop: Workshop, events: int, repeats: int) -> dict[str, Any]:
    """a batch after 365 days of history against one after a day"""
    return flat.year(shop, max(1, events // 125), SHORT_RUNS * repeats)


def start_up(shop: Workshop, events: int, repeats: int) -> dict[str, Any]:
    """a fresh process: imports, session, a run without new files"""
    lake, _ = shop.filled(1_000)
    return start.cold_start(lake, repeats)


def makes(shop: Workshop, events: int, repeats: int) -> dict[str, Any]:
    """the event generator against json.dumps and gzip.compress"""
    return generator.compare(events, repeats)


def of_steps(shop: Workshop, events: int, repeats: int) -> dict[str, Any]:
    """lines of gzip a task reads in a second, visitors of a date that a core looks through"""
    return rates(shop, events, repeats)


def one_by_one(shop: Workshop, events: int, repeats: int) -> dict[str, Any]:
    """what each step of a run over one file costs: seconds, and seconds of the CPU"""
    return steps(shop, events, repeats)


def storage(shop: Workshop, events: int, repeats: int) -> dict[str, Any]:
    """bytes of a file's events: raw, gzipped, bronze, silver, gold"""
    lake, file = shop.filled(events)
    raw = 0
    with gzip.open(file) as text:
        while chunk := text.read(1 << 20):
            raw += len(chunk)
    layers = ("bronze", "silver", "gold")
    sizes = {
        layer: sum(lake.size(name) for name in etl.PUBLISH_ORDER if name.startswith(layer))
        for layer in layers
    }
    per_million = 1e6 / lake.count(etl.BRONZE)
    found = {"raw": raw, "gzipped": file.stat().st_size, **sizes}
    return {
        "bytes_per_million": {name: round(size * per_million) for name, size in found.items()},
        "bronze_reduction": round(1 - sizes["bronze"] / raw, 4),
    }


def questions(shop: Workshop, events: int, repeats: int) -> dict[str, Any]:
    """the five questions on gold and on bronze: bytes scanned, seconds"""
    return against_bronze(shop, events, repeats)


CHAPTERS: dict[str, Chapter] = {
    "duckdb": duckdb,
    "naive": naive,
    "day": day,
    "year": year,
    "start": start_up,
    "generator": makes,
    "storage": storage,
    "questions": questions,
    "rates": of_steps,
    "steps": one_by_one,
}
