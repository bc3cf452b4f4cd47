# ruff: noqa: S608 - the queries are literals of this file
from __future__ import annotations

import pytest
from athena_lake import (
    BUCKET,
    DATABASE,
    SALES,
    SALES_KEYS,
    UNRESOLVED,
    Athena,
    storage,
    write,
)
from botocore.exceptions import ClientError
from pyarrow import parquet

from local_aws import settings
from local_aws.athena.results import cell_text
from local_aws.athena.types import DOUBLE


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


def test_a_file_of_two_partitions_has_its_rows_in_each_of_them(lake: Athena) -> None:
    lake.create_table("shared", [("n", "bigint")], [("day", "date")])
    write("gold/shared/both/", "select unnest([1, 2])::bigint as n")
    for day in ("2026-11-01", "2026-11-02"):
        lake.publish("shared", [day], "gold/shared/both/")
    rows = lake.rows("select day, n from shared order by day, n")[1:]
    assert rows == [
        ["2026-11-01", "1"],
        ["2026-11-01", "2"],
        ["2026-11-02", "1"],
        ["2026-11-02", "2"],
    ]
    both = lake.run("select n from shared")["Statistics"]["DataScannedInBytes"]
    one = lake.run("select n from shared where day = date '2026-11-02'")["Statistics"]
    assert both == 2 * one["DataScannedInBytes"] > 0


def chunk_bytes(pattern: str, *columns: str) -> int:
    """Sizes of the columns' chunks by the files' footers, which pyarrow reads."""
    footers = [
        parquet.ParquetFile(file).metadata
        for file in (settings.current().s3_dir / BUCKET).glob(pattern)
    ]
    chunks = [
        footer.row_group(group).column(column)
        for footer in footers
        for group in range(footer.num_row_groups)
        for column in range(footer.num_columns)
    ]
    return sum(
        chunk.total_compressed_size
        for chunk in chunks
        if chunk.path_in_schema.split(".")[0] in columns
    )


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
        ("delete from plain", "NotSupportedByEmbeddedAws", "statement DELETE"),
        ("explain select 1", "NotSupportedByEmbeddedAws", "statement EXPLAIN"),
        ("alter table plain rename to p", "NotSupportedByEmbeddedAws", "statement ALTER"),
        ("insert overwrite table plain select 1", "NotSupportedByEmbeddedAws", "INSERT INTO"),
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
