# ruff: noqa: S608 - the queries are literals of this file
from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import awswrangler as wr
import boto3
import duckdb
import pytest
from botocore.exceptions import ClientError

from local_aws import server, settings
from local_aws.athena.models import LocalAthenaBackend
from local_aws.athena.results import cell_text
from local_aws.athena.types import DOUBLE

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


@pytest.fixture(scope="module")
def lake(client: Callable[[str], Any], embedded_aws: server.RunningServer) -> Athena:
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


def test_every_type_is_shown_as_athena_shows_it(lake: Athena) -> None:
    header, row = lake.rows("select * from sales where product_id = 'p2'")
    assert header == [name for name, _ in SALES + SALES_KEYS]
    assert row == [
        *("p2", None, "2", "2", "2.50", "0.5", "2026-11-01 12:00:00.123", "true"),
        *("[a, b2]", "{k=2}", None, "2026-11-01", "9", "r1"),
    ]


def test_the_result_object_is_athenas_csv(lake: Athena) -> None:
    execution = lake.run(
        "select product_id, category, 'say \"hi\"' as said from sales "
        "where views in (1, 2) order by views"
    )
    location = execution["ResultConfiguration"]["OutputLocation"]
    assert location == f"s3://{BUCKET}/results/{execution['QueryExecutionId']}.csv"
    key = location.removeprefix(f"s3://{BUCKET}/")
    body = lake.client("s3").get_object(Bucket=BUCKET, Key=key)["Body"].read().decode()
    assert body == ('"product_id","category","said"\n"p1","c1","say ""hi"""\n"p2",,"say ""hi"""\n')


def test_columns_are_described_with_type_precision_and_scale(lake: Athena) -> None:
    execution = lake.run(
        "select views, price, sum(price) as total, sold_at, tags, 1.5 from sales "
        "group by 1, 2, 4, 5"
    )
    answer = lake.athena.get_query_results(QueryExecutionId=execution["QueryExecutionId"])
    columns = answer["ResultSet"]["ResultSetMetadata"]["ColumnInfo"]
    assert [(c["Name"], c["Type"], c["Precision"], c["Scale"]) for c in columns] == [
        ("views", "bigint", 19, 0),
        ("price", "decimal", 10, 2),
        ("total", "decimal", 38, 2),
        ("sold_at", "timestamp", 3, 0),
        ("tags", "array", 0, 0),
        ("_col5", "decimal", 2, 1),
    ]


def test_results_come_in_pages_that_begin_with_the_header(lake: Athena) -> None:
    query_id = lake.run("select views from sales order by views")["QueryExecutionId"]
    pages = lake.athena.get_paginator("get_query_results").paginate(
        QueryExecutionId=query_id, PaginationConfig={"PageSize": 4}
    )
    shown = [
        [row["Data"][0]["VarCharValue"] for row in page["ResultSet"]["Rows"]] for page in pages
    ]
    assert shown == [["views", "0", "1", "2"], ["3", "4"]]


def test_only_published_partitions_and_no_hidden_files_are_read(lake: Athena) -> None:
    assert lake.values("select count(*), min(views), max(views) from sales") == ["5", "0", "4"]
    assert lake.values("select count(*), count(sold_at) from empty") == ["0", "0"]
    assert lake.values("select sum(n) from plain") == ["3"]


def test_partition_values_come_from_the_catalog_when_a_partition_moves(lake: Athena) -> None:
    lake.create_table("moving", [("n", "bigint")], [("day", "date")])
    write("gold/moving/old/", "select 1::bigint as n, date '1999-01-01' as day")
    write("gold/moving/new/", "select 2::bigint as n")
    lake.publish("moving", ["2026-11-01"], "gold/moving/old/")
    assert lake.values("select n, day from moving") == ["1", "2026-11-01"]
    moved = {"Values": ["2026-11-01"], "StorageDescriptor": storage([], "gold/moving/new/")}
    lake.client("glue").update_partition(
        DatabaseName=DATABASE,
        TableName="moving",
        PartitionValueList=["2026-11-01"],
        PartitionInput=moved,
    )
    assert lake.values("select n, day from moving") == ["2", "2026-11-01"]


def chunk_bytes(pattern: str, *columns: str) -> int:
    files = settings.current().s3_dir / BUCKET / pattern
    with duckdb.connect() as connection:
        row = connection.execute(
            "select sum(total_compressed_size) from parquet_metadata($1) "
            "where list_contains($2, split_part(path_in_schema, ', ', 1))",
            [str(files), list(columns)],
        ).fetchone()
    assert row
    return int(row[0])


@pytest.mark.parametrize(
    ("sql", "columns"),
    [
        ("select views from sales where event_date = date '2026-11-02'", ["views"]),
        ("select views from sales where event_hour > 9 and price > 0", ["views", "price"]),
        (
            "with s as (select counts as c, run_id as r from sales) select c from s where r = 'r2'",
            ["counts"],
        ),
        (
            "select a.tags from sales a left join empty b on a.run_id = b.run_id "
            "where a.run_id like 'r2%'",
            ["tags"],
        ),
    ],
)
def test_scanned_bytes_are_the_used_columns_of_the_partitions_that_are_left(
    lake: Athena, sql: str, columns: list[str]
) -> None:
    statistics = lake.run(sql)["Statistics"]
    assert statistics["DataScannedInBytes"] == chunk_bytes("gold/sales/run=r2/b/*", *columns)


def test_a_condition_on_the_filled_side_of_an_outer_join_drops_no_file(lake: Athena) -> None:
    rows = lake.rows(
        "select a.product_id from sales a left join sales b "
        "on a.product_id = b.product_id and b.views > 2 where b.event_date is null order by 1"
    )
    assert rows[1:] == [["p0"], ["p1"], ["p2"]]


def test_counting_rows_scans_nothing(lake: Athena) -> None:
    assert lake.run("select count(*) from sales")["Statistics"]["DataScannedInBytes"] == 0


def test_times_are_real(lake: Athena) -> None:
    before = time.time()
    execution = lake.run("select sum(views) from sales")
    status, statistics = execution["Status"], execution["Statistics"]
    took = (status["CompletionDateTime"] - status["SubmissionDateTime"]).total_seconds()
    assert before - 1 < status["SubmissionDateTime"].timestamp() < time.time()
    assert statistics["TotalExecutionTimeInMillis"] == pytest.approx(took * 1000, abs=2)
    assert 0 < statistics["EngineExecutionTimeInMillis"] <= statistics["TotalExecutionTimeInMillis"]


# Where Trino and DuckDB differ. The expected values are Trino's, by its documentation.
@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("7 / 2", "3"),
        ("-7 / 2", "-3"),
        ("1.5 / 2", "0.8"),
        ("1.0000 / 3", "0.3333"),
        ("cast(2 as decimal(18, 4)) / cast(3 as bigint)", "0.6667"),
        ("cast(-2 as decimal(18, 4)) / 3", "-0.6667"),
        ("1e0 / 0", "Infinity"),
        ("1e10", "1.0E10"),
        ("round(1.235, 2)", "1.240"),
        ("cast(1.235 as decimal(10, 2))", "1.24"),
        ("cast(2.5e0 as bigint)", "3"),
        ("cast(-2.5e0 as bigint)", "-3"),
        ("try_cast('1.5' as bigint)", None),
        ("try_cast(' 7' as integer)", None),
        ("cast('42' as bigint)", "42"),
        ("greatest(1, null)", None),
        ("concat('a', cast(null as varchar))", None),
        ("date_diff('day', timestamp '2026-01-01 23:00:00', timestamp '2026-01-02 01:00:00')", "0"),
        ("date_diff('day', date '2026-01-01', date '2026-01-03')", "2"),
        ("date '2026-01-31' + interval '1' day", "2026-02-01"),
        ("date_add('month', 1, date '2026-01-31')", "2026-02-28"),
        ("date_trunc('month', date '2026-05-17')", "2026-05-01"),
        ("date_trunc('hour', timestamp '2026-05-17 10:31:00')", "2026-05-17 10:00:00.000"),
        ("day_of_week(date '2026-11-22')", "7"),
        (
            "date_format(timestamp '2026-11-01 09:05:07', '%Y-%m-%d %H:%i:%s')",
            "2026-11-01 09:05:07",
        ),
        ("element_at(array_agg(1), 5)", None),
        ("substr('event', 2, 3)", "ven"),
        ("'2026' || cast(11 as varchar)", "202611"),
    ],
)
def test_an_expression_has_trinos_value(lake: Athena, sql: str, expected: str | None) -> None:
    assert lake.values(f"select {sql}") == [expected]


def test_aggregates_have_trinos_types(lake: Athena) -> None:
    sql = "select sum(quantity), avg(price), avg(views), sum(price), count_if(is_new) from sales"
    assert lake.values(sql) == ["10", "2.50", "2.0", "12.50", "3"]
    assert lake.values("select sum(views) / count(*), avg(price) from sales where views > 2") == [
        "3",
        "4.38",
    ]


def test_nulls_sort_last_in_both_directions(lake: Athena) -> None:
    for direction in ("asc", "desc"):
        rows = lake.rows(f"select distinct category from sales order by category {direction}")
        assert rows[-1] == [None]


def test_windows_sets_unnest_and_subqueries_work(lake: Athena) -> None:
    ranked = lake.rows(
        "select * from (select product_id, row_number() over (order by views desc) as place, "
        "sum(views) over (partition by event_date) as day from sales) where place = 1"
    )
    assert ranked[1] == ["p4", "1", "7"]
    assert lake.rows("select views from sales intersect select n from plain order by 1")[1:] == [
        ["0"],
        ["1"],
        ["2"],
    ]
    unnested = "select t.tag, count(*) from sales cross join unnest(tags) as t(tag) group by t.tag"
    assert ["a", "5"] in lake.rows(unnested)
    assert lake.values("select (select max(n) from plain)") == ["2"]
    assert lake.rows("select views from sales group by views having sum(views) > 3")[1:] == [["4"]]


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        (
            "select 1 from nothing",
            f"TABLE_NOT_FOUND: line 1:15: Table 'awsdatacatalog.{DATABASE}.nothing' does not exist",
        ),
        ("select 1 from no.x", "SCHEMA_NOT_FOUND: line 1:15: Schema 'no' does not exist"),
        ("select x from sales", f"COLUMN_NOT_FOUND: line 1:8: Column 'x' {UNRESOLVED}"),
        ("select s.x from sales s", f"COLUMN_NOT_FOUND: line 1:8: Column 's.x' {UNRESOLVED}"),
        (
            "select 1, no_such(1)",
            "FUNCTION_NOT_FOUND: line 1:11: Function 'no_such' not registered",
        ),
        (
            "select starts_with(1)",
            "FUNCTION_NOT_FOUND: line 1:8: Unexpected parameters (integer) for function "
            "starts_with. Expected: starts_with(varchar, varchar)",
        ),
        (
            "select 1 from sales\nwhere event_date = '2026-11-01'",
            "TYPE_MISMATCH: line 2:7: Cannot apply operator: date = varchar(10)",
        ),
        ("select 1 / 0", "DIVISION_BY_ZERO: Division by zero"),
        ("select cast('x' as bigint)", "INVALID_CAST_ARGUMENT: Cannot cast to bigint: x"),
    ],
)
def test_a_wrong_query_fails_with_athenas_reason(lake: Athena, sql: str, reason: str) -> None:
    assert lake.failure(sql) == reason


def test_an_alias_cannot_be_used_where_trino_does_not_see_it(lake: Athena) -> None:
    for clause in ("where v > 1", "group by v", "having v > 1"):
        assert "Column 'v' cannot be resolved" in lake.failure(
            f"select views as v from sales {clause}"
        )
    assert "GROUP BY" in lake.failure("select views, category from sales group by views")


def test_a_file_unlike_the_catalog_fails_the_query(lake: Athena) -> None:
    lake.create_table("unlike", [("n", "bigint")])
    write("gold/unlike/", "select 'one' as n")
    assert lake.failure("select n from unlike").startswith("HIVE_BAD_DATA: Field n's type VARCHAR")
    broken = settings.current().s3_dir / BUCKET / "gold" / "unlike" / "x.parquet"
    broken.write_text("no parquet")
    reason = lake.failure("select n from unlike")
    assert reason.startswith("HIVE_CANNOT_OPEN_SPLIT")
    assert f"s3://{BUCKET}/gold/unlike/x.parquet" in reason


@pytest.mark.parametrize(
    ("sql", "code", "text"),
    [
        ("selec 1", "InvalidRequestException", "line 1:1: mismatched input 'selec'"),
        ("select 1 +", "InvalidRequestException", "line 1:"),
        ("select 1; select 2", "InvalidRequestException", "Only one sql statement is allowed"),
        ("-- nothing", "InvalidRequestException", "empty"),
        ("drop table sales", "NotSupportedByEmbeddedAws", "statement DROP"),
        ("insert into plain values (1)", "NotSupportedByEmbeddedAws", "statement INSERT"),
        ("select approx_percentile(1, 0.5)", "NotSupportedByEmbeddedAws", "APPROX_PERCENTILE"),
        ("select map_agg(1, 2)", "NotSupportedByEmbeddedAws", "map_agg()"),
    ],
)
def test_what_cannot_be_executed_is_refused_at_the_start(
    lake: Athena, sql: str, code: str, text: str
) -> None:
    with pytest.raises(ClientError) as failure:
        lake.start(sql)
    error = failure.value.response["Error"]
    assert error["Code"] == code
    assert text in error["Message"]


def test_a_table_of_another_kind_is_refused_by_name(lake: Athena) -> None:
    table = {"Name": "text", "StorageDescriptor": {**storage([], "x/"), "SerdeInfo": {}}}
    lake.client("glue").create_table(DatabaseName=DATABASE, TableInput=table)
    assert "the table text with SerDe 'none'" in lake.failure("select 1 from text")


def test_show_and_describe_answer_from_the_catalog(lake: Athena) -> None:
    assert ["sales"] in lake.rows("show tables")
    assert lake.rows("SHOW PARTITIONS sales;") == [
        ["event_date=2026-11-01/event_hour=9/run_id=r1"],
        ["event_date=2026-11-02/event_hour=10/run_id=r2"],
    ]
    assert lake.rows("describe plain") == [["n\tbigint\t"]]


def test_a_query_over_the_workgroups_limit_is_cancelled(
    lake: Athena, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("local_aws.athena.models.MIN_CUTOFF", 1)
    configuration = {
        "ResultConfiguration": {"OutputLocation": f"s3://{BUCKET}/limited/"},
        "BytesScannedCutoffPerQuery": 10_000_000,
    }
    lake.athena.create_work_group(Name="limited", Configuration=configuration)
    lake.athena.update_work_group(
        WorkGroup="limited", ConfigurationUpdates={"BytesScannedCutoffPerQuery": 10_000_000}
    )
    backend = backend_of(lake)
    backend.work_groups["limited"].configuration["BytesScannedCutoffPerQuery"] = 50
    execution = lake.run("select * from sales", WorkGroup="limited")
    assert execution["Status"]["State"] == "CANCELLED"
    assert execution["Status"]["StateChangeReason"] == "Bytes scanned limit was exceeded"
    assert lake.run("select count(*) from sales", WorkGroup="limited")["Status"]["State"] == (
        "SUCCEEDED"
    )
    assert lake.client("s3").list_objects_v2(Bucket=BUCKET, Prefix="limited/")["KeyCount"] == 1


def backend_of(lake: Athena) -> LocalAthenaBackend:
    from moto.athena.models import athena_backends

    backend = athena_backends[settings.ACCOUNT_ID]["us-west-2"]
    assert isinstance(backend, LocalAthenaBackend)
    return backend


def test_a_stopped_query_is_cancelled_and_has_no_result(lake: Athena) -> None:
    joins = " cross join ".join(f"sales s{n}" for n in range(14))
    query_id = lake.start(f"select count(*) from {joins} where s0.views + s13.views > 7")
    time.sleep(0.3)
    lake.athena.stop_query_execution(QueryExecutionId=query_id)
    execution = lake.athena.get_query_execution(QueryExecutionId=query_id)["QueryExecution"]
    assert execution["Status"]["State"] == "CANCELLED"
    with pytest.raises(ClientError, match="Final query state: CANCELLED"):
        lake.athena.get_query_results(QueryExecutionId=query_id)


def test_an_enforced_workgroup_keeps_its_own_output_location(lake: Athena) -> None:
    elsewhere = {"OutputLocation": f"s3://{BUCKET}/elsewhere/"}
    execution = lake.run("select 1", ResultConfiguration=elsewhere)
    assert execution["ResultConfiguration"]["OutputLocation"].startswith(f"s3://{BUCKET}/results/")
    primary = lake.run("select 1", ResultConfiguration=elsewhere, WorkGroup="primary")
    assert primary["ResultConfiguration"]["OutputLocation"].startswith(f"s3://{BUCKET}/elsewhere/")


@pytest.mark.parametrize(
    ("request_part", "text"),
    [
        ({"WorkGroup": "primary"}, "No output location provided"),
        ({"WorkGroup": "nobody"}, "WorkGroup nobody is not found"),
        (
            {"WorkGroup": "primary", "ResultConfiguration": {"OutputLocation": "s3://no-such/x/"}},
            "Unable to verify/create output bucket no-such",
        ),
        ({"ExecutionParameters": ["1"]}, "ExecutionParameters"),
    ],
)
def test_a_request_that_has_nowhere_to_go_is_refused(
    lake: Athena, request_part: dict[str, Any], text: str
) -> None:
    with pytest.raises(ClientError, match=text):
        lake.start("select 1", **request_part)


def test_a_workgroup_is_deleted_with_its_queries_only_when_told_so(lake: Athena) -> None:
    athena = lake.athena
    athena.create_work_group(
        Name="doomed",
        Configuration={"ResultConfiguration": {"OutputLocation": f"s3://{BUCKET}/d/"}},
    )
    assert athena.get_work_group(WorkGroup="doomed")["WorkGroup"]["State"] == "ENABLED"
    lake.run("select 1", WorkGroup="doomed")
    with pytest.raises(ClientError, match="WorkGroup doomed is not empty"):
        athena.delete_work_group(WorkGroup="doomed")
    athena.delete_work_group(WorkGroup="doomed", RecursiveDeleteOption=True)
    with pytest.raises(ClientError, match="WorkGroup doomed is not found"):
        athena.get_work_group(WorkGroup="doomed")


def test_saved_queries_are_listed_read_updated_and_deleted(lake: Athena) -> None:
    athena = lake.athena
    saved = {"Name": "top", "Database": DATABASE, "QueryString": "select 1", "WorkGroup": WORKGROUP}
    query_id = athena.create_named_query(**saved)["NamedQueryId"]
    assert athena.list_named_queries(WorkGroup=WORKGROUP)["NamedQueryIds"] == [query_id]
    athena.update_named_query(NamedQueryId=query_id, Name="top", QueryString="select 2")
    found = athena.batch_get_named_query(NamedQueryIds=[query_id])["NamedQueries"]
    assert found == [{**saved, "QueryString": "select 2", "NamedQueryId": query_id}]
    athena.delete_named_query(NamedQueryId=query_id)
    assert athena.list_named_queries(WorkGroup=WORKGROUP)["NamedQueryIds"] == []
    with pytest.raises(ClientError, match="not found"):
        athena.get_named_query(NamedQueryId=query_id)


def test_executions_are_listed_newest_first(lake: Athena) -> None:
    ids = [lake.run(f"select {number}")["QueryExecutionId"] for number in range(2)]
    listed = lake.athena.list_query_executions(WorkGroup=WORKGROUP, MaxResults=2)
    assert listed["QueryExecutionIds"] == ids[::-1]
    with pytest.raises(ClientError, match="QueryExecution none was not found"):
        lake.athena.get_query_execution(QueryExecutionId="none")


# awswrangler 3.17 uses what pandas 3 deprecates.
@pytest.mark.filterwarnings("ignore:The copy keyword is deprecated")
def test_awswrangler_reads_a_query_with_the_right_types(
    lake: Athena, embedded_aws: server.RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", embedded_aws.endpoint_url)
    frame = wr.athena.read_sql_query(
        "select product_id, category, views, price, rate, sold_at, is_new, event_date "
        "from sales where views in (2, 4) order by views",
        database=DATABASE,
        workgroup=WORKGROUP,
        ctas_approach=False,
        boto3_session=boto3.Session("local", "local", region_name="us-west-2"),
    )
    assert [str(kind) for kind in frame.dtypes] == [
        *("string", "string", "Int64", "object", "float64", "datetime64[us]", "boolean", "object")
    ]
    assert list(frame["price"]) == [Decimal("2.50"), Decimal("5.00")]
    assert [str(day) for day in frame["event_date"]] == ["2026-11-01", "2026-11-02"]
    assert frame["category"].isna().tolist() == [True, False]


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0.0"), (1e7, "1.0E7"), (123456.5, "123456.5"), (0.001, "0.001"), (-1.5e-4, "-1.5E-4")],
)
def test_doubles_are_written_as_java_writes_them(value: float, text: str) -> None:
    assert cell_text(value, DOUBLE) == text


def test_partitions_come_filtered_paged_and_within_aws_limits(lake: Athena) -> None:
    glue = lake.client("glue")
    lake.create_table("many", [("n", "bigint")], [("day", "date"), ("hour", "int")])
    days = [(f"2026-11-{day:02}", str(hour)) for day in range(1, 5) for hour in range(24)]
    inputs = [
        {"Values": list(v), "StorageDescriptor": storage([("n", "bigint")], "x/")} for v in days
    ]
    table = {"DatabaseName": DATABASE, "TableName": "many"}
    assert "Errors" not in glue.batch_create_partition(**table, PartitionInputList=inputs)
    again = glue.batch_create_partition(**table, PartitionInputList=inputs[:1])["Errors"]
    assert again[0]["ErrorDetail"]["ErrorCode"] == "AlreadyExistsException"

    pages = list(
        glue.get_paginator("get_partitions").paginate(
            **table,
            Expression="(day = '2026-11-02' and hour >= 22) or day > '2026-11-03'",
            ExcludeColumnSchema=True,
            PaginationConfig={"PageSize": 20},
        )
    )
    found = [tuple(part["Values"]) for page in pages for part in page["Partitions"]]
    assert [len(page["Partitions"]) for page in pages] == [20, 6]
    assert found == [
        v for v in days if (v[0] == "2026-11-02" and int(v[1]) >= 22) or v[0] > "2026-11-03"
    ]
    assert "Columns" not in pages[0]["Partitions"][0]["StorageDescriptor"]

    with pytest.raises(ClientError, match="less than or equal to 25"):
        glue.batch_delete_partition(
            **table, PartitionsToDelete=[{"Values": list(v)} for v in days[:26]]
        )
    with pytest.raises(ClientError, match="number of partition keys do not match"):
        glue.create_partition(**table, PartitionInput={"Values": ["2026-11-01"]})


def test_moving_a_partition_onto_another_loses_neither(lake: Athena) -> None:
    glue = lake.client("glue")
    lake.create_table("two", [("n", "bigint")], [("day", "string")])
    for day in ("a", "b"):
        lake.publish("two", [day], f"gold/two/{day}/")
    with pytest.raises(glue.exceptions.AlreadyExistsException):
        glue.update_partition(
            DatabaseName=DATABASE,
            TableName="two",
            PartitionValueList=["a"],
            PartitionInput={"Values": ["b"], "StorageDescriptor": storage([], "gold/two/c/")},
        )
    partitions = glue.get_partitions(DatabaseName=DATABASE, TableName="two")["Partitions"]
    assert [part["Values"] for part in partitions] == [["a"], ["b"]]
