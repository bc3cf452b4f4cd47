"""A lake of one's own on the embedded AWS, driven by the job's functions in a warm session."""

from __future__ import annotations

import contextlib
import gzip
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Any

import oracle
import pyarrow.parquet as pq
import template_schemas
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

import generate_sample_data
from glue_jobs import capstone_etl as etl
from tools import local, session

# For runs that end before what the optimizing compiler gains could pay for it. Without that one the
# JVM sets little room aside for code, and Spark's overflows it after a dozen runs.
SHORT_RUNS = (
    "-XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=256m -XX:+UseSerialGC -XX:MetaspaceSize=256m"
)
# For the session that runs the job hundreds of times: with more room for what is new, its collector
# copies half as much.
WARM_SESSION = f"{SHORT_RUNS} -Xms1200m -Xmn700m"
NOON = datetime(2026, 11, 5, 12, 0, tzinfo=UTC)


def event(when: datetime = NOON, **fields: Any) -> str:
    """A valid page view as a raw line, with the given fields changed; None stays null."""
    base: dict[str, Any] = dict.fromkeys(etl.RAW_FIELDS)
    base.update(
        timestamp=when.isoformat(),
        user_id="u1",
        session_id="s1",
        event_type="page_view",
        product_id="p1",
        category="books",
    )
    return json.dumps(base | fields)


def purchase(when: datetime = NOON, **fields: Any) -> str:
    return event(when, **({"event_type": "purchase", "quantity": 1, "price": 9.99} | fields))


@dataclass
class Lab:
    """One deployed stack and what was put into it.

    Attributes:
        files: Raw lines by object key: what the oracle is asked about.
        pending: Keys that no run has been given yet.
    """

    spark: SparkSession
    endpoint: str
    s3_dir: Path
    outputs: dict[str, str]
    files: dict[str, list[str] | None] = field(default_factory=dict)
    pending: list[str] = field(default_factory=list)
    runs: int = 0

    def client(self, service: str) -> Any:
        return client_of(service, self.endpoint)

    def put_object(self, key: str, body: bytes) -> str:
        """Put any bytes; what they hold is for the oracle to say."""
        self.files[key] = oracle.lines_in(key, body)
        self.client("s3").put_object(Bucket=self.outputs["SourceBucketName"], Key=key, Body=body)
        self.pending.append(key)
        return key

    def put(self, lines: Iterable[str], when: datetime = NOON, key: str = "") -> str:
        """Put a file of raw lines; returns its key, the Hive key of `when` unless one is given."""
        key = key or generate_sample_data.load_generator().object_key(when)
        body = gzip.compress("\n".join(self.files.setdefault(key, list(lines))).encode())
        self.client("s3").put_object(Bucket=self.outputs["SourceBucketName"], Key=key, Body=body)
        self.pending.append(key)
        return key

    def frame(self, keys: Iterable[str]) -> DataFrame:
        """What the bookmarked reader returns for these files."""
        bucket = self.outputs["SourceBucketName"]
        paths = [f"s3://{bucket}/{key}" for key in keys]
        if not paths:
            return self.spark.createDataFrame([], "struct<>")
        text = self.spark.read.text(paths)
        return text.select(F.col("value").alias("col0"), F.input_file_name().alias("source_file"))

    def lake(self, run_id: str = "", **options: Any) -> etl.Lake:
        self.runs += 1
        found = etl.Options(**session.job_options(self.outputs), **options)
        run_id = run_id or f"{etl.run_stamp(datetime.now(UTC))}-{self.runs:08x}"
        return etl.Lake(run_id, found, self.client("glue"), self.client("s3"))

    def run(self, keys: Iterable[str] | None = None, lake: etl.Lake | None = None) -> etl.Ledger:
        """One run over the given files, or over those that no run had yet."""
        lake = lake or self.lake()
        keys = list(self.pending if keys is None else keys)
        self.pending = [key for key in self.pending if key not in keys]
        ledger = etl.Ledger(lake.run_id, f"jr_{self.runs}", datetime.now(UTC))
        return etl.process_new_lines(self.spark, lake, ledger, lambda: self.frame(keys))

    def partitions(self, name: str) -> dict[tuple[str, ...], str]:
        """Where each published partition of `<layer>.<table>` points to."""
        layer, _, table = name.partition(".")
        pages = (
            self.client("glue")
            .get_paginator("get_partitions")
            .paginate(
                DatabaseName=self.outputs[f"{layer.capitalize()}Database"],
                TableName=table,
                ExcludeColumnSchema=True,
            )
        )
        entries = [entry for page in pages for entry in page["Partitions"]]
        return {tuple(e["Values"]): e["StorageDescriptor"]["Location"] for e in entries}

    def rows(self, name: str) -> list[dict[str, Any]]:
        """The published rows of `<layer>.<table>`, partition values (as text) included."""
        keys = self.keys(name)
        return [
            row | dict(zip(keys, values, strict=True))
            for values, location in self.partitions(name).items()
            for file in sorted((self.s3_dir / location.removeprefix("s3://")).glob("*.parquet"))
            for row in rows_of(file, file.stat().st_mtime_ns, file.stat().st_size)
        ]

    def keys(self, name: str) -> list[str]:
        """The partition keys of `<layer>.<table>`."""
        columns, keys = template_schemas.table_columns(*name.split("."))
        return [key for key, _ in keys]

    def pointed(self) -> set[Path]:
        """The data files that published partitions point to."""
        folders = (
            self.s3_dir / location.removeprefix("s3://")
            for name in etl.PUBLISH_ORDER
            for location in self.partitions(name).values()
        )
        return {file for folder in folders for file in folder.glob("*.parquet")}

    def stored(self) -> set[Path]:
        """All data files below the tables, whoever points to them."""
        return set((self.s3_dir / self.outputs["AnalyticsOutputBucket"]).rglob("*.parquet"))

    def published(self) -> oracle.Tables:
        """All published tables, in the oracle's form."""
        silver = [
            (r["event_timestamp"], *(r[name] for name in etl.RAW_FIELDS[1:]))
            for r in self.rows(etl.SILVER)
        ]
        assert len(silver) == len(set(silver)), "silver holds an event twice"
        people = [(r["event_date"], r["kind"], r["id"]) for r in self.rows(etl.VISITORS)]
        assert len(people) == len(set(people)), "a date holds a visitor twice"
        quarantine = self.rows(etl.QUARANTINE)
        return oracle.Tables(
            bronze=len(self.rows(etl.BRONZE)),
            silver=set(silver),
            quarantine=Counter(
                (key_of(r["source"]), ",".join(sorted(r["reasons"]))) for r in quarantine
            ),
            reasons=Counter(reason for r in quarantine for reason in r["reasons"]),
            funnel=keyed(self.rows(etl.FUNNEL), "product_id", "category"),
            hourly={
                (day(r), r["event_hour"]): (r["total_revenue"], r["transaction_count"])
                for r in self.rows(etl.HOURLY_REVENUE)
            },
            totals={
                (r["product_id"], r["category"]): (r["views"], r["add_to_carts"], r["purchases"])
                for r in self.rows(etl.PRODUCT_TOTALS)
            },
            top=sorted(
                (r["rank"], r["product_id"], r["category"], r["view_count"])
                for r in self.rows(etl.TOP_PRODUCTS)
            ),
            category=keyed(self.rows(etl.CATEGORY), "category"),
            activity={
                day(r): (r["unique_users"], r["unique_sessions"], r["total_events"])
                for r in self.rows(etl.ACTIVITY)
            },
        )

    def wipe(self) -> None:
        """Empty the lake and its raw files."""
        s3, glue = self.client("s3"), self.client("glue")
        for name in etl.PUBLISH_ORDER:
            layer, _, table = name.partition(".")
            database = self.outputs[f"{layer.capitalize()}Database"]
            values = [{"Values": list(one)} for one in self.partitions(name)]
            for chunk in etl.chunks(values, 25):
                glue.batch_delete_partition(
                    DatabaseName=database, TableName=table, PartitionsToDelete=chunk
                )
        for bucket in (self.outputs["SourceBucketName"], self.outputs["AnalyticsOutputBucket"]):
            self._wipe_bucket(s3, bucket)
        self.files.clear()
        self.pending.clear()

    def _wipe_bucket(self, s3: Any, bucket: str) -> None:
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
            found = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
            objects = [{"Key": one["Key"], "VersionId": one["VersionId"]} for one in found]
            if objects:
                s3.delete_objects(Bucket=bucket, Delete={"Objects": objects})
        # Of a write without rows Spark leaves a folder, where a run of the same id would find it.
        for path in sorted((self.s3_dir / bucket).rglob("*"), reverse=True):
            with contextlib.suppress(OSError):
                path.rmdir()

    def expected(self) -> oracle.Tables:
        """What the oracle says of every file that was put."""
        return oracle.expected(self.files.items())


client_of = cache(local.client)


@cache
def rows_of(file: Path, modified_ns: int, size: int) -> list[dict[str, Any]]:
    """The rows of a Parquet file as it was at that time. Not to be changed."""
    return list(pq.read_table(file, partitioning=None).to_pylist())


def key_of(source: str) -> str:
    return source if "/" in source else generate_sample_data.hive_key(source)


def day(row: dict[str, Any]) -> date:
    return date.fromisoformat(row["event_date"])


def keyed(rows: list[dict[str, Any]], *grain: str) -> dict[Any, dict[str, Any]]:
    """Rows by date and grain; fails when the grain does not hold."""
    found = {(day(r), *(r.pop(name) for name in grain)): r for r in rows}
    assert len(found) == len(rows), f"more than one row per date and {grain}"
    for row in found.values():
        del row["event_date"]
    return found
