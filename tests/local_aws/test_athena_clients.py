"""Clients that know nothing of the embedded AWS read from its Athena as from the real one."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import awswrangler as wr
import boto3
import pyathena
import pytest
from athena_lake import BUCKET, DATABASE, WORKGROUP, Athena
from pyathena.pandas.cursor import PandasCursor

from local_aws import server
from tools import local

TYPES = (
    "select product_id, category, views, price, rate, sold_at, is_new, event_date "
    "from sales where views in (2, 4) order by views"
)
# awswrangler 3.17 uses what pandas 3 deprecates.
pytestmark = pytest.mark.filterwarnings("ignore:The copy keyword is deprecated")


@pytest.fixture
def environment(
    embedded_aws: server.RunningServer, monkeypatch: pytest.MonkeyPatch
) -> dict[str, str]:
    """What a shell sets to use the embedded AWS, and nothing else."""
    variables = local.environment(embedded_aws.endpoint_url)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return variables


@pytest.fixture
def connect(environment: dict[str, str]) -> Iterator[Callable[..., Any]]:
    """Opens pyathena's connections, and closes them."""
    opened: list[Any] = []

    def open_one(**more: Any) -> Any:
        staging = {"s3_staging_dir": f"s3://{BUCKET}/results/"}
        opened.append(
            pyathena.connect(
                **staging,
                schema_name=DATABASE,
                work_group=WORKGROUP,
                region_name="us-west-2",
                poll_interval=0.02,
                **more,
            )
        )
        return opened[-1]

    yield open_one
    for connection in opened:
        connection.close()


def read(lake: Athena, **more: Any) -> Any:
    return wr.athena.read_sql_query(
        TYPES,
        database=DATABASE,
        workgroup=WORKGROUP,
        boto3_session=boto3.Session(region_name="us-west-2"),
        athena_query_wait_polling_delay=0.02,
        **more,
    )


def test_awswrangler_reads_a_query_with_the_right_types(
    lake: Athena, environment: dict[str, str]
) -> None:
    frame = read(lake, ctas_approach=False)
    assert [str(kind) for kind in frame.dtypes] == [
        *("string", "string", "Int64", "object", "float64", "datetime64[us]", "boolean", "object")
    ]
    assert list(frame["price"]) == [Decimal("2.50"), Decimal("5.00")]
    assert [str(day) for day in frame["event_date"]] == ["2026-11-01", "2026-11-02"]
    assert frame["category"].isna().tolist() == [True, False]


@pytest.mark.parametrize("approach", ["ctas", "unload"])
def test_awswrangler_reads_through_files_and_leaves_nothing_behind(
    lake: Athena, environment: dict[str, str], approach: str
) -> None:
    place = f"s3://{BUCKET}/results/{approach}/"
    if approach == "ctas":
        frame = read(lake, ctas_approach=True, keep_files=False)
    else:
        frame = read(
            lake, ctas_approach=False, unload_approach=True, s3_output=place, keep_files=False
        )
    assert list(frame["price"]) == [Decimal("2.50"), Decimal("5.00")]
    assert list(frame["views"]) == [2, 4]
    assert [str(day) for day in frame["event_date"]] == ["2026-11-01", "2026-11-02"]
    assert [str(at) for at in frame["sold_at"]] == [
        "2026-11-01 12:00:00.123000",
        "2026-11-01 14:00:00.123000",
    ]
    assert frame["category"].isna().tolist() == [True, False]
    assert not [name for (name,) in lake.rows("show tables") if str(name).startswith("temp_table")]
    assert (
        lake.client("s3").list_objects_v2(Bucket=BUCKET, Prefix=f"results/{approach}/")["KeyCount"]
        == 0
    )


def test_awswrangler_fills_parameters_and_reads_the_catalog(
    lake: Athena, environment: dict[str, str]
) -> None:
    session = boto3.Session(region_name="us-west-2")
    frame = wr.athena.read_sql_query(
        "select views from sales where product_id = ? and views < ?",
        database=DATABASE,
        workgroup=WORKGROUP,
        params=["'p1'", "3"],
        paramstyle="qmark",
        ctas_approach=False,
        boto3_session=session,
        athena_query_wait_polling_delay=0.02,
    )
    assert list(frame["views"]) == [1]
    types = wr.catalog.get_table_types(database=DATABASE, table="sales", boto3_session=session)
    assert types["price"] == "decimal(10,2)"


def test_pyathena_gives_python_values(lake: Athena, connect: Callable[..., Any]) -> None:
    cursor = connect().cursor()
    assert cursor.execute(TYPES).fetchall() == [
        ("p2", None, 2, Decimal("2.50"), 0.5, datetime(2026, 11, 1, 12, 0, 0, 123000), True)
        + (date(2026, 11, 1),),
        ("p4", "c0", 4, Decimal("5.00"), 1.0, datetime(2026, 11, 1, 14, 0, 0, 123000), True)
        + (date(2026, 11, 2),),
    ]
    assert [column[:2] for column in cursor.description][:4] == [
        ("product_id", "varchar"),
        ("category", "varchar"),
        ("views", "bigint"),
        ("price", "decimal"),
    ]
    assert cursor.data_scanned_in_bytes > 0
    named = {"name": "p'1", "least": 3}
    cursor.execute(
        "select views from sales where product_id <> %(name)s and views > %(least)s", named
    )
    assert cursor.fetchall() == [(4,)]
    cursor.execute("select views from sales where views < ?", ["1"], paramstyle="qmark")
    assert cursor.fetchone() == (0,)
    with pytest.raises(pyathena.error.OperationalError, match="COLUMN_NOT_FOUND: line 1:8"):
        cursor.execute("select nothing from sales")


def test_pyathena_writes_and_counts(lake: Athena, connect: Callable[..., Any]) -> None:
    cursor = connect().cursor()
    cursor.execute("create table of_pyathena as select views from sales")
    assert cursor.rowcount == 5
    cursor.execute("insert into of_pyathena select 7")
    assert cursor.rowcount == 1
    assert [row[0].strip() for row in cursor.execute("show columns in of_pyathena")] == ["views"]
    cursor.execute("drop table of_pyathena")
    assert [each.name for each in cursor.list_table_metadata(schema_name=DATABASE)].count("sales")


# Its ArrowCursor reads the result by pyarrow's own S3 client, which takes no AWS_ENDPOINT_URL.
# pyathena 4.2 names pandas' engine as pandas 3 no longer wants it.
@pytest.mark.filterwarnings("ignore:engine='auto' is deprecated")
@pytest.mark.parametrize("unload", [False, True])
def test_pyathena_gives_frames(lake: Athena, connect: Callable[..., Any], unload: bool) -> None:
    cursor = connect(cursor_class=PandasCursor, cursor_kwargs={"unload": unload}).cursor()
    cursor.execute("select product_id, views, rate, is_new from sales where views > 2")
    frame = cursor.as_pandas().sort_values("views")
    assert frame.to_numpy().tolist() == [["p3", 3, 0.75, False], ["p4", 4, 1.0, True]]


def test_the_aws_cli_runs_a_query(lake: Athena, environment: dict[str, str]) -> None:
    def aws(*arguments: str) -> Any:
        command = [str(Path(sys.executable).with_name("aws")), "athena", *arguments]
        output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        return json.loads(output) if output else None

    started = aws(
        *("start-query-execution", "--work-group", WORKGROUP),
        *("--query-execution-context", f"Database={DATABASE}"),
        *("--query-string", "select n from plain where n = ?", "--execution-parameters", "2"),
    )
    one = ("--query-execution-id", started["QueryExecutionId"])
    state = "QUEUED"
    while state in ("QUEUED", "RUNNING"):
        state = aws("get-query-execution", *one)["QueryExecution"]["Status"]["State"]
    assert state == "SUCCEEDED"
    rows = aws("get-query-results", *one)["ResultSet"]["Rows"]
    assert [row["Data"][0]["VarCharValue"] for row in rows] == ["n", "2"]
