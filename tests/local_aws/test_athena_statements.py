"""Statements that are no queries: what they answer, and what they leave behind."""

from __future__ import annotations

import base64
import json
from typing import Any

import duckdb
import pytest
from athena_lake import BUCKET, DATABASE, WORKGROUP, Athena, write
from botocore.exceptions import ClientError

from local_aws import settings

OPEN = "athena-open"


@pytest.fixture(scope="module", autouse=True)
def _open_workgroup(lake: Athena) -> None:
    """A workgroup that lets clients choose the output location, and CTAS its own."""
    results = {"ResultConfiguration": {"OutputLocation": f"s3://{BUCKET}/open/"}}
    lake.athena.create_work_group(
        Name=OPEN, Configuration={**results, "EnforceWorkGroupConfiguration": False}
    )


def done(lake: Athena, sql: str, **request: Any) -> dict[str, Any]:
    """The execution of a statement that succeeds."""
    execution = lake.run(sql, **request)
    assert execution["Status"]["State"] == "SUCCEEDED", execution["Status"]
    return execution


def manifest(lake: Athena, execution: dict[str, Any]) -> list[str]:
    location = execution["Statistics"]["DataManifestLocation"]
    key = location.removeprefix(f"s3://{BUCKET}/")
    body = lake.client("s3").get_object(Bucket=BUCKET, Key=key)["Body"].read()
    return list(body.decode().splitlines())


def table(lake: Athena, name: str) -> dict[str, Any]:
    found = lake.client("glue").get_table(DatabaseName=DATABASE, Name=name)["Table"]
    return dict(found)


def test_show_answers_from_the_catalog(lake: Athena) -> None:
    assert [DATABASE] in lake.rows("show databases")
    assert lake.rows("show schemas like 'gold_t*|x'") == [[DATABASE]]
    assert ["sales"] in lake.rows("show tables")
    assert lake.rows(f"show tables in {DATABASE} 'sa*es'") == [["sales"]]
    assert lake.rows("SHOW PARTITIONS sales; -- all of them") == [
        ["event_date=2026-11-01/event_hour=9/run_id=r1"],
        ["event_date=2026-11-02/event_hour=10/run_id=r2"],
    ]
    assert lake.rows(f"show columns from plain in {DATABASE}") == [["n                   "]]


def test_describe_shows_hives_types_and_the_partition_keys(lake: Athena) -> None:
    lines = [row[0] or "" for row in lake.rows("describe `sales`")]
    assert [line.split() for line in lines[:2]] == [
        ["product_id", "string"],
        ["category", "string"],
    ]
    start = lines.index("# Partition Information\t \t ")
    assert [line.split() for line in lines[start + 3 :]] == [
        ["event_date", "date"],
        ["event_hour", "int"],
        ["run_id", "string"],
    ]


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("describe nothing", "FAILED: SemanticException [Error 10001]: Table not found nothing"),
        (
            "show tables in no",
            "FAILED: SemanticException [Error 10072]: Database does not exist: no",
        ),
        ("show partitions plain", "is not a partitioned table"),
        ("msck repair table nothing", "Table not found nothing"),
        ("drop table nothing", "Table not found nothing"),
        ("drop view nothing", f"View 'awsdatacatalog.{DATABASE}.nothing' does not exist"),
        (f"drop database {DATABASE}", f"Database {DATABASE} is not empty"),
        (f"create database {DATABASE}", f"Database {DATABASE} already exists"),
        ("alter table sales add partition (event_date='2026-01-01')", "doesn't contain all (3)"),
        ("create table sales as select 1 as x", "Destination table"),
        ("create table t1 as select 1", "Column name not specified at position 1"),
        ("create table t1 as select null as x", "Column type is unknown at position 1"),
        ("create table t1 as select 1 as x, 2 as x", "Column name 'x' specified more than once"),
        ("create table t1 as select now() as x", "Unsupported Hive type: timestamp(3) with time"),
        ("insert into nothing values (1)", "TABLE_NOT_FOUND"),
        (
            "insert into plain values ('x')",
            "Insert query has mismatched column types: Table: [bigint], Query: [varchar]",
        ),
        (
            "insert into plain (m) values (1)",
            "Insert column name does not exist in target table: m",
        ),
    ],
)
def test_a_statement_that_cannot_be_done_says_why(lake: Athena, sql: str, reason: str) -> None:
    assert reason in lake.failure(sql)


def test_a_created_table_can_be_shown_and_created_again(lake: Athena) -> None:
    sql = f"""create external table if not exists made (n bigint comment 'how many',
        s struct<a:int,b:array<string>>) partitioned by (day date) stored as parquet
        location 's3://{BUCKET}/gold/made/' tblproperties ('classification'='parquet')"""
    done(lake, sql)
    first = table(lake, "made")
    assert [(each["Name"], each["Type"]) for each in first["StorageDescriptor"]["Columns"]] == [
        ("n", "bigint"),
        ("s", "struct<a:int,b:array<string>>"),
    ]
    shown = "\n".join(row[0] or "" for row in lake.rows("show create table made"))
    done(lake, "drop table made")
    done(lake, shown)
    again = table(lake, "made")
    for member in ("StorageDescriptor", "PartitionKeys", "Parameters", "TableType"):
        assert again[member] == first[member]


def test_partitions_are_added_repaired_and_dropped(lake: Athena) -> None:
    done(
        lake,
        "create external table parted (n bigint) partitioned by (day string, hour int) "
        f"stored as parquet location 's3://{BUCKET}/gold/parted/'",
    )
    write("gold/parted/day=2026-11-01/hour=3/", "select 1::bigint as n")
    write("gold/parted/day=a%3Ab/hour=4/", "select 2::bigint as n")
    write("gold/parted/run=r1/", "select 9::bigint as n")
    write("gold/elsewhere/", "select 4::bigint as n")
    done(
        lake,
        "alter table parted add if not exists "
        f"partition (day='2026-11-02', hour=5) location 's3://{BUCKET}/gold/elsewhere/'",
    )
    repaired = [row[0] or "" for row in lake.rows("msck repair table parted")]
    assert repaired[0] == (
        "Partitions not in metastore:\tparted:day=2026-11-01/hour=3\tparted:day=a%3Ab/hour=4"
    )
    assert lake.rows("select n, day, hour from parted order by n")[1:] == [
        ["1", "2026-11-01", "3"],
        ["2", "a:b", "4"],
        ["4", "2026-11-02", "5"],
    ]
    assert lake.rows("msck repair table parted") == []
    done(lake, "alter table parted drop partition (day = '2026-11-02', hour = 5)")
    assert lake.values("select count(*) from parted") == ["2"]


def test_a_view_is_a_presto_view_in_the_glue_catalog(lake: Athena) -> None:
    sql = "with s as (select * from sales) select product_id, views as n from s where views > 2"
    done(lake, f"create view busy as {sql}")
    entry = table(lake, "busy")
    assert (entry["TableType"], entry["Parameters"]["presto_view"]) == ("VIRTUAL_VIEW", "true")
    text = entry["ViewOriginalText"].removeprefix("/* Presto View: ").removesuffix(" */")
    assert json.loads(base64.b64decode(text)) == {
        "originalSql": sql,
        "catalog": "awsdatacatalog",
        "schema": DATABASE,
        "columns": [{"name": "product_id", "type": "varchar"}, {"name": "n", "type": "bigint"}],
    }
    assert lake.rows("select v.n from busy v join plain on v.n = plain.n + 3 order by 1")[1:] == [
        ["3"],
        ["4"],
    ]
    assert lake.rows("show views like 'bus*'") == [["busy"]]
    assert lake.rows("describe busy") == [["product_id\tvarchar"], ["n\tbigint"]]
    assert "View already exists" in lake.failure("create view busy as select 1 as x")
    done(lake, "create or replace view busy as select max(n) as most from plain")
    done(lake, "create view above as select most + 1 as more from busy")
    elsewhere = {"QueryExecutionContext": {"Database": "default"}}
    assert lake.rows(f"select more from {DATABASE}.above", **elsewhere)[1:] == [["3"]]
    done(lake, "drop view busy")
    assert "INVALID_VIEW: line 1:15: Failed analyzing stored view" in lake.failure(
        "select * from above"
    )


def test_a_view_whose_columns_changed_is_stale_and_one_of_itself_is_refused(lake: Athena) -> None:
    lake.create_table("changing", [("a", "int")])
    done(lake, "create view of_changing as select * from changing")
    glue = lake.client("glue")
    described = table(lake, "changing")
    storage = {**described["StorageDescriptor"], "Columns": [{"Name": "b", "Type": "int"}]}
    changed = {"Name": "changing", "TableType": "EXTERNAL_TABLE", "StorageDescriptor": storage}
    glue.update_table(DatabaseName=DATABASE, TableInput=changed)
    assert lake.failure("select 1 from of_changing").startswith("VIEW_IS_STALE")
    done(lake, "create view loop as select 1 as x")
    done(lake, "create or replace view through as select x from loop")
    done(lake, "create or replace view loop as select x from through")
    assert "View is recursive" in lake.failure("select * from loop")


def test_a_table_is_created_of_a_querys_rows(lake: Athena) -> None:
    execution = done(
        lake,
        "create table copied with (format = 'PARQUET', write_compression = 'SNAPPY') as "
        "select product_id, price, rate, sold_at, tags, counts, event_date from sales",
    )
    query_id = execution["QueryExecutionId"]
    assert (execution["StatementType"], execution["SubstatementType"]) == (
        "DDL",
        "CREATE_TABLE_AS_SELECT",
    )
    place = f"s3://{BUCKET}/results/tables/{query_id}"
    assert table(lake, "copied")["StorageDescriptor"]["Location"] == f"{place}/"
    assert execution["ResultConfiguration"]["OutputLocation"] == place
    (file,) = manifest(lake, execution)
    assert file.startswith(f"{place}/")
    path = settings.current().s3_dir / file.removeprefix("s3://")
    with duckdb.connect() as connection:
        codecs = connection.execute(
            "select distinct compression from parquet_metadata($1)", [str(path)]
        ).fetchall()
    assert codecs == [("SNAPPY",)]
    answer = lake.athena.get_query_results(QueryExecutionId=query_id)
    assert (answer["UpdateCount"], answer["ResultSet"]["Rows"]) == (5, [])
    columns = "product_id, price, rate, sold_at, tags, counts, event_date"
    assert lake.rows(f"select {columns} from copied order by 1") == lake.rows(
        f"select {columns} from sales order by 1"
    )


def test_a_partitioned_table_is_created_and_added_to(lake: Athena) -> None:
    place = f"s3://{BUCKET}/ctas/parted"
    done(
        lake,
        f"create table by_day with (external_location = '{place}', "
        "partitioned_by = ARRAY['event_date', 'category']) as "
        "select views, event_date, category from sales",
        WorkGroup=OPEN,
    )
    assert ["event_date=2026-11-01/category=__HIVE_DEFAULT_PARTITION__"] in lake.rows(
        "show partitions by_day"
    )
    execution = done(
        lake,
        "insert into by_day select cast(views + 10 as integer), event_date, "
        "case when views = 4 then 'new/one' else 'c1' end from sales where views > 2",
    )
    files = manifest(lake, execution)
    assert sorted(file.removeprefix(place).rsplit("/", 1)[0] for file in files) == [
        "/event_date=2026-11-02/category=c1",
        "/event_date=2026-11-02/category=new%2Fone",
    ]
    assert lake.rows("select views, category from by_day where views > 2 order by views")[1:] == [
        ["3", "c1"],
        ["4", "c0"],
        ["13", "c1"],
        ["14", "new/one"],
    ]
    assert "HIVE_PATH_ALREADY_EXISTS" in str(
        lake.run(
            f"create table again with (external_location = '{place}') as select 1 as x",
            WorkGroup=OPEN,
        )["Status"]
    )


def test_a_workgroup_that_enforces_its_location_refuses_another(lake: Athena) -> None:
    with pytest.raises(ClientError, match="Please remove the 'external_location' property"):
        lake.start(f"create table t with (external_location='s3://{BUCKET}/x/') as select 1 as x")


def test_rows_are_inserted_in_the_tables_types(lake: Athena) -> None:
    done(
        lake,
        "create table filled as select 1 as i, cast(1 as bigint) as b, 1.50 as d, 'x' as s "
        "with no data",
    )
    assert lake.rows("select * from filled") == [["i", "b", "d", "s"]]
    done(lake, "insert into filled values (1, 2, 2.25, 'a'), (3, null, null, null)")
    done(
        lake,
        "insert into filled (s, b) select ?, n from plain where n = 2",
        ExecutionParameters=["'p'"],
    )
    assert lake.rows("select * from filled order by b, i")[1:] == [
        ["1", "2", "2.25", "a"],
        [None, "2", None, "p"],
        ["3", None, None, None],
    ]


def test_a_location_leads_to_nothing_but_objects(lake: Athena) -> None:
    for place in (f"s3://{BUCKET}/../../", "s3://../", "s3:///etc/", "file:///etc/"):
        done(
            lake,
            f"create external table outside (n bigint) stored as parquet location '{place}'",
        )
        assert "is no location of objects" in lake.failure("select n from outside")
        assert "is no location of objects" in lake.failure("insert into outside values (1)")
        done(lake, "drop table outside")


def test_a_hundred_and_one_partitions_are_too_many(lake: Athena) -> None:
    assert lake.failure(
        "create table many_days with (partitioned_by = ARRAY['day']) as "
        "select 1 as x, t.day from unnest(sequence(1, 101)) as t(day)"
    ).startswith("HIVE_TOO_MANY_OPEN_PARTITIONS: Exceeded limit of 100")


def test_unload_writes_files_where_there_were_none(lake: Athena) -> None:
    place = f"s3://{BUCKET}/unloaded/"
    sql = (
        f"UNLOAD (select product_id, event_date from sales) TO '{place}' WITH (format = 'PARQUET')"
    )
    execution = done(lake, sql)
    assert execution["StatementType"] == "DML"
    files = manifest(lake, execution)
    assert len(files) == 1
    path = settings.current().s3_dir / files[0].removeprefix("s3://")
    with duckdb.connect() as connection:
        rows = connection.execute("select count(*) from read_parquet($1)", [str(path)]).fetchone()
    assert rows == (5,)
    assert "HIVE_PATH_ALREADY_EXISTS" in lake.failure(sql)
    with pytest.raises(ClientError, match="format = 'JSON'"):
        lake.start(sql.replace("PARQUET", "JSON"))


def test_a_statement_over_the_limit_leaves_no_table(
    lake: Athena, monkeypatch: pytest.MonkeyPatch
) -> None:
    from moto.athena.models import athena_backends

    backend = athena_backends[settings.ACCOUNT_ID]["us-west-2"]
    configuration = backend.work_groups[WORKGROUP].configuration
    monkeypatch.setitem(configuration, "BytesScannedCutoffPerQuery", 50)
    execution = lake.run("create table over_limit as select product_id from sales")
    assert execution["Status"]["State"] == "CANCELLED"
    assert execution["Status"]["StateChangeReason"] == "Bytes scanned limit was exceeded"
    assert execution["Statistics"]["DataScannedInBytes"] > 50
    assert lake.rows("show tables 'over_limit'") == []
