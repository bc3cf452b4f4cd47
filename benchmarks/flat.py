"""Whether a batch costs the same at the end of a day, and after a year, as at the beginning."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any

from benchmarks.cost import FILES_OF_AN_HOUR
from benchmarks.workshop import JobLake, Workshop, in_turn, ratio, say
from glue_jobs import capstone_etl as etl

FILES_OF_A_DAY = 24 * FILES_OF_AN_HOUR
FIVE_MINUTES = timedelta(minutes=5)
MIDNIGHT = datetime.fromisoformat("2026-11-04T00:00:00+00:00")
# A date's own partitions; the others hold no date, or are the account of runs.
BY_DATE = (etl.SILVER, etl.PRODUCT_HOURLY, etl.VISITORS, *etl.DAILY_GOLD)


def day(shop: Workshop, events: int, repeats: int, files: int = FILES_OF_A_DAY) -> dict[str, Any]:
    """A day of batches, each a run as soon as it is there; then its last and its second in turn.

    Args:
        events: In each file. All products and hours are there whatever their number.

    Returns:
        Seconds of each batch, and how many times longer the last takes than the second.
    """
    say(f"a day: {files} files of {events:,} events, a run each")
    root, raw = shop.raw(files, events, MIDNIGHT)
    full, fresh = shop.lake(), shop.lake()
    seconds = []
    for number, file in enumerate(raw[:-1], 1):
        full.put(root, [file])
        seconds.append(full.run(arrived(number)))
        if number % FILES_OF_AN_HOUR == 0:
            say(f"  {number} of {files}: {seconds[-1]:.2f} s")
    full.put(root, raw[-1:])
    fresh.put(root, raw[:1])
    fresh.run(arrived(1))
    fresh.put(root, raw[1:2])
    programs = {"last": full.again(arrived(files)), "second": fresh.again(arrived(2))}
    found = compared(programs, repeats)
    return {**found, "batches": seconds, "ratio": ratio(found["last"], found["second"])}


def arrived(number: int) -> datetime:
    """A minute after the `number`-th batch of the day was written."""
    return MIDNIGHT + (number - 1) * FIVE_MINUTES + timedelta(minutes=1)


def compared(programs: dict[str, Callable[[], float]], repeats: int) -> dict[str, list[float]]:
    """Seconds of programs in turn, after each was run once: parts of them are new to the JVM."""
    in_turn(1, programs)
    return in_turn(repeats, programs)


def year(shop: Workshop, events: int, repeats: int, days: int = 365) -> dict[str, Any]:
    """A batch into a lake with a year behind it, and into one with a day behind it, in turn.

    The year is one day of 24 files, its gold and visitors copied to every other date; partitions
    of silver and of its rollups, which no run reads that does not touch their date, point to the
    day's own files.

    Returns:
        Seconds of both, and how many times longer the batch takes after a year.
    """
    say(f"a year: {days} days of history")
    root, raw = shop.raw(24, events, MIDNIGHT - timedelta(days=1))
    batch_root, batch = shop.raw(1, events, MIDNIGHT)
    old, young = shop.lake(), shop.lake()
    for lake in (old, young):
        lake.put(root, raw)
        lake.run(MIDNIGHT)
    lived = multiply(old, days)
    say(f"  {lived:,} partitions")
    yesterday = (MIDNIGHT - timedelta(days=1)).date()
    for lake in (old, young):
        lake.run(MIDNIGHT, rebuild=f"{yesterday}/{yesterday}")  # sums up the copies as well
        lake.put(batch_root, batch)
    after = MIDNIGHT + FIVE_MINUTES
    programs = {"365 days": old.again(after), "1 day": young.again(after)}
    found = compared(programs, repeats)
    result = {"days": days, "partitions": lived, "seconds": found}
    return {**result, "ratio": ratio(found["365 days"], found["1 day"])}


def multiply(lake: JobLake, days: int) -> int:
    """Give every date of the lake that many dates before it; returns how many partitions."""
    view, total = lake.lake(), 0
    for name in BY_DATE:
        pairs = [
            (found, earlier(found.values[0], back))
            for found in view.published(name)
            for back in range(1, days)
        ]
        is_copied = name in (etl.VISITORS, *etl.DAILY_GOLD)
        make = partial(copied if is_copied else pointing, lake)
        with ThreadPoolExecutor(8) as pool:
            copies = list(pool.map(make, *zip(*pairs, strict=True)))
        view.staged[name] = etl.Written(tuple(copies))
        total += view.publish(name, {})
    return total


def earlier(day: str, back: int) -> str:
    return (date.fromisoformat(day) - timedelta(days=back)).isoformat()


def pointing(lake: JobLake, partition: etl.Partition, day: str) -> etl.Partition:
    """A partition of another date that has the same files."""
    return replace(partition, values=(day, *partition.values[1:]))


def copied(lake: JobLake, partition: etl.Partition, day: str) -> etl.Partition:
    """A partition of another date that has copies of the files."""
    bucket, prefix = etl.split_s3(partition.location)
    target = prefix.replace(f"event_date={partition.values[0]}", f"event_date={day}")
    s3 = lake.client("s3")
    for file in lake.files(partition):
        source = {"Bucket": bucket, "Key": f"{prefix}{file.name}"}
        s3.copy_object(Bucket=bucket, Key=f"{target}{file.name}", CopySource=source)
    return replace(pointing(lake, partition, day), location=f"s3://{bucket}/{target}")
