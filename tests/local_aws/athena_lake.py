# ruff: noqa: S608 - the queries are literals of this file
"""A small lake of Parquet files and catalog tables, and an Athena client on it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from local_aws import settings

BUCKET = "athena-lake"
DATABASE = "gold_test"
WORKGROUP = "athena-tests"
PARQUET = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"
SALES = [
    ("product_id", "string"),
    ("category", "string"),
    ("views", "bigint"),
    ("quantity", "int"),
    ("price", "decimal(10,2)"),
    ("rate", "double"),
    ("sold_at", "timestamp"),
    ("is_new", "boolean"),
    ("tags", "array<string>"),
    ("counts", "map<string,bigint>"),
    ("added_later", "string"),
]
UNRESOLVED = "cannot be resolved or requester is not authorized to access requested resources"
SALES_KEYS = [("event_date", "date"), ("event_hour", "int"), ("run_id", "string")]


@dataclass
class Athena:
    """An Athena client on a small lake, and the steps that the tests repeat."""

    client: Callable[[str], Any]
    athena: Any = field(init=False)

    def __post_init__(self) -> None:
        self.athena = self.client("athena")

    def start(self, sql: str, **request: Any) -> str:
        defaults = {"WorkGroup": WORKGROUP, "QueryExecutionContext": {"Database": DATABASE}}
        started = self.athena.start_query_execution(QueryString=sql, **{**defaults, **request})
        query_id: str = started["QueryExecutionId"]
        return query_id

    def run(self, sql: str, **request: Any) -> dict[str, Any]:
        query_id = self.start(sql, **request)
        while True:
            execution: dict[str, Any] = self.athena.get_query_execution(QueryExecutionId=query_id)
            execution = execution["QueryExecution"]
            if execution["Status"]["State"] not in ("QUEUED", "RUNNING"):
                return execution
            time.sleep(0.01)

    def rows(self, sql: str, **request: Any) -> list[list[str | None]]:
        execution = self.run(sql, **request)
        assert execution["Status"]["State"] == "SUCCEEDED", execution["Status"]
        answer = self.athena.get_query_results(QueryExecutionId=execution["QueryExecutionId"])
        rows = answer["ResultSet"]["Rows"]
        return [[cell.get("VarCharValue") for cell in row["Data"]] for row in rows]

    def values(self, sql: str) -> list[str | None]:
        """The one row of the result."""
        _, row = self.rows(sql)
        return row

    def failure(self, sql: str) -> str:
        status = self.run(sql)["Status"]
        assert status["State"] == "FAILED", status
        reason: str = status["StateChangeReason"]
        return reason

    def create_table(
        self, name: str, columns: list[tuple[str, str]], keys: Sequence[tuple[str, str]] = ()
    ) -> None:
        table = {
            "Name": name,
            "TableType": "EXTERNAL_TABLE",
            "StorageDescriptor": storage(columns, f"gold/{name}/"),
            "PartitionKeys": [{"Name": key, "Type": kind} for key, kind in keys],
        }
        self.client("glue").create_table(DatabaseName=DATABASE, TableInput=table)

    def publish(self, table: str, values: list[str], prefix: str) -> None:
        self.client("glue").create_partition(
            DatabaseName=DATABASE,
            TableName=table,
            PartitionInput={"Values": values, "StorageDescriptor": storage([], prefix)},
        )


def storage(columns: list[tuple[str, str]], prefix: str) -> dict[str, Any]:
    return {
        "Columns": [{"Name": name, "Type": kind} for name, kind in columns],
        "Location": f"s3://{BUCKET}/{prefix}",
        "SerdeInfo": {"SerializationLibrary": PARQUET},
    }


def write(prefix: str, select: str, name: str = "part-0.parquet") -> Path:
    path = settings.current().s3_dir / BUCKET / prefix / name
    path.parent.mkdir(parents=True, exist_ok=True)
    literal = str(path).replace("'", "''")
    with duckdb.connect() as connection:
        connection.execute(f"copy ({select}) to '{literal}' (format parquet, compression zstd)")
    return path


def sales(first: int, last: int) -> str:
    return f"""
        select 'p' || i as product_id, case when i <> 2 then 'c' || i % 2 end as category,
            i::bigint as views, i::int as quantity, (i * 1.25)::decimal(10, 2) as price,
            i / 4.0::double as rate,
            timestamptz '2026-11-01 10:00:00.123456+00' + to_hours(i) as sold_at,
            i % 2 = 0 as is_new, ['a', 'b' || i] as tags, map {{'k': i::bigint}} as counts
        from range({first}, {last}) as t(i)
    """


def build(client: Callable[[str], Any]) -> Athena:
    """sales: two dates, one behind an odd prefix. empty: no partitions. plain: unpartitioned."""
    client("s3").create_bucket(
        Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "us-west-2"}
    )
    client("glue").create_database(DatabaseInput={"Name": DATABASE})
    results = {"ResultConfiguration": {"OutputLocation": f"s3://{BUCKET}/results/"}}
    client("athena").create_work_group(Name=WORKGROUP, Configuration=results)
    athena = Athena(client)
    for name in ("sales", "empty"):
        athena.create_table(name, SALES, SALES_KEYS)
    odd = "gold/sales/run=r 1[x]*?'/a/"
    write(odd, sales(0, 3))
    write(odd, "select 1 as nonsense", name="_SUCCESS")
    write("gold/sales/run=r2/b/", sales(3, 5))
    write("gold/sales/run=unpublished/", sales(0, 100))
    athena.publish("sales", ["2026-11-01", "9", "r1"], odd)
    athena.publish("sales", ["2026-11-02", "10", "r2"], "gold/sales/run=r2/b/")
    athena.create_table("plain", [("n", "bigint")])
    write("gold/plain/deep/", "select i::int as n from range(3) as t(i)")
    return athena
