"""Athena: states, errors, results, types, and what a workgroup holds to."""

from __future__ import annotations

import contextlib
import csv
import io
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from account import Account, differs, refused, source, until

API = "athena/latest/APIReference"
GUIDE = "athena/latest/ug"
CUTOFF = 10_000_000  # the least that a workgroup takes
ROWS = 2_000_000  # of 8 bytes each, so that a full scan is past the cutoff


@dataclass(frozen=True)
class Athena:
    """A workgroup and a database, and the steps that the tests repeat."""

    client: Any
    s3: Any
    workgroup: str
    database: str
    bucket: str

    def start(self, sql: str, **request: Any) -> str:
        context = {"Database": self.database}
        where = {"WorkGroup": self.workgroup, "QueryExecutionContext": context}
        return str(
            self.client.start_query_execution(QueryString=sql, **{**where, **request})[
                "QueryExecutionId"
            ]
        )

    def run(self, sql: str, **request: Any) -> dict[str, Any]:
        """The execution of a query, once it has ended."""
        query_id = self.start(sql, **request)

        def ended() -> dict[str, Any] | None:
            found: dict[str, Any] = self.client.get_query_execution(QueryExecutionId=query_id)
            found = found["QueryExecution"]
            return None if found["Status"]["State"] in ("QUEUED", "RUNNING") else found

        return dict(until(ended))

    def results(self, sql: str, **page: Any) -> dict[str, Any]:
        execution = self.run(sql)
        assert execution["Status"]["State"] == "SUCCEEDED", execution["Status"]
        query_id = execution["QueryExecutionId"]
        return dict(self.client.get_query_results(QueryExecutionId=query_id, **page))

    def output(self, execution: dict[str, Any]) -> bytes:
        """The object that a query has written its result to."""
        location = execution["ResultConfiguration"]["OutputLocation"]
        bucket, _, key = location.removeprefix("s3://").partition("/")
        return bytes(self.s3.get_object(Bucket=bucket, Key=key)["Body"].read())


@pytest.fixture(scope="module")
def athena(client: Callable[[str], Any], account: Account, bucket: str) -> Athena:
    """A workgroup that enforces its location and cutoff, and a table past the cutoff."""
    made, workgroup, database = client("athena"), account.name(), account.database()
    made.create_work_group(
        Name=workgroup,
        Configuration={
            "EnforceWorkGroupConfiguration": True,
            "ResultConfiguration": {"OutputLocation": f"s3://{bucket}/results/"},
            "BytesScannedCutoffPerQuery": CUTOFF,
        },
    )
    account.deletes(made.delete_work_group, WorkGroup=workgroup, RecursiveDeleteOption=True)
    numbers = random.Random(1)
    column = pa.array([numbers.getrandbits(63) for _ in range(ROWS)], pa.int64())
    file = io.BytesIO()
    pq.write_table(pa.table({"n": column}), file, compression="none", use_dictionary=False)
    client("s3").put_object(Bucket=bucket, Key="numbers/part-0.parquet", Body=file.getvalue())
    account.table(database, "numbers", f"s3://{bucket}/numbers/", {})
    return Athena(made, client("s3"), workgroup, database, bucket)


@source(f"{API}/API_QueryExecutionStatus.html")
@source(f"{API}/API_QueryExecutionStatistics.html")
def test_a_query_that_succeeds_says_when_where_and_how_much(athena: Athena) -> None:
    execution = athena.run("select 1")

    status, statistics = execution["Status"], execution["Statistics"]
    assert status["State"] == "SUCCEEDED"
    assert status["SubmissionDateTime"] <= status["CompletionDateTime"]
    assert statistics["DataScannedInBytes"] == 0
    assert statistics["TotalExecutionTimeInMillis"] >= statistics["EngineExecutionTimeInMillis"]
    assert (execution["StatementType"], execution["WorkGroup"]) == ("DML", athena.workgroup)


@source(f"{GUIDE}/error-reference.html")
@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("select * from missing", "TABLE_NOT_FOUND"),
        ("select missing from numbers", "COLUMN_NOT_FOUND"),
        ("select missing(1)", "FUNCTION_NOT_FOUND"),
        pytest.param("select 1 + 'a'", "TYPE_MISMATCH", marks=differs("types")),
        ("select 1 / 0", "DIVISION_BY_ZERO"),
        ("select cast('a' as integer)", "INVALID_CAST_ARGUMENT"),
    ],
)
def test_a_query_that_fails_says_why(athena: Athena, sql: str, reason: str) -> None:
    status = athena.run(sql)["Status"]

    assert status["State"] == "FAILED"
    assert status["StateChangeReason"].startswith(reason), status


@differs("error")
@source(f"{API}/API_AthenaError.html")
def test_a_failed_query_says_whose_fault_it_is(athena: Athena) -> None:
    error = athena.run("select * from missing")["Status"]["AthenaError"]

    assert error["ErrorCategory"] == 2  # the user's
    assert error["Retryable"] is False


@differs("error")
@source(f"{API}/API_InvalidRequestException.html")
def test_a_refused_query_has_a_code_of_its_error(athena: Athena) -> None:
    with pytest.raises(athena.client.exceptions.InvalidRequestException) as caught:
        athena.start("select 1; select 2")

    assert caught.value.response["AthenaErrorCode"]


@source(f"{API}/API_StartQueryExecution.html")
@pytest.mark.parametrize("sql", ["select 1; select 2", "selec 1"])
def test_what_is_not_one_statement_never_succeeds(athena: Athena, sql: str) -> None:
    # AWS does not say which faults of syntax are found before the query has an id.
    with contextlib.suppress(athena.client.exceptions.InvalidRequestException):
        assert athena.run(sql)["Status"]["State"] == "FAILED"


@source(f"{GUIDE}/querying-finding-output-files.html")
def test_the_output_file_quotes_every_value_and_leaves_null_empty(athena: Athena) -> None:
    execution = athena.run(
        """select * from (values (1, 'a "b", c', null), (2, '', 'e')) as t (n, s, missing)
        order by n"""
    )

    written = athena.output(execution).decode()
    assert written.splitlines()[0] == '"n","s","missing"'
    assert written.splitlines()[1] == '"1","a ""b"", c",'
    assert list(csv.reader(io.StringIO(written)))[2] == ["2", "", "e"]
    name = f"{execution['QueryExecutionId']}.csv"
    assert execution["ResultConfiguration"]["OutputLocation"].endswith(name)


@source(f"{API}/API_GetQueryResults.html")
@source(f"{API}/API_Datum.html")
def test_rows_come_in_pages_that_begin_with_the_header(athena: Athena) -> None:
    sql = "select * from (values (1, null), (2, 'b')) as t (n, s) order by n"
    first = athena.results(sql, MaxResults=2)
    rows = [
        [cell.get("VarCharValue") for cell in row["Data"]] for row in first["ResultSet"]["Rows"]
    ]

    assert rows == [["n", "s"], ["1", None]]
    assert first["NextToken"]


@source(f"{API}/API_ColumnInfo.html")
@source(f"{GUIDE}/data-types.html")
@pytest.mark.parametrize(
    ("expression", "kind", "shown"),
    [
        ("cast(1 as integer)", "integer", "1"),
        ("cast(1 as bigint)", "bigint", "1"),
        ("cast(1.5 as double)", "double", "1.5"),
        ("cast(1.5 as decimal(10, 2))", "decimal", "1.50"),
        ("true", "boolean", "true"),
        ("'a'", "varchar", "a"),
        ("date '2026-11-01'", "date", "2026-11-01"),
        ("timestamp '2026-11-01 10:00:00.5'", "timestamp", "2026-11-01 10:00:00.500"),
        ("array[1, 2]", "array", "[1, 2]"),
        ("cast(null as varchar)", "varchar", None),
    ],
)
def test_a_value_has_a_type_and_a_text(
    athena: Athena, expression: str, kind: str, shown: str | None
) -> None:
    result = athena.results(f"select {expression} as value")["ResultSet"]

    [column] = result["ResultSetMetadata"]["ColumnInfo"]
    assert (column["Name"], column["Type"]) == ("value", kind)
    assert result["Rows"][1]["Data"][0].get("VarCharValue") == shown
    if kind == "decimal":
        assert (column["Precision"], column["Scale"]) == (10, 2)


@source(f"{GUIDE}/workgroups-settings-override.html")
def test_an_enforced_workgroup_ignores_the_clients_location(athena: Athena) -> None:
    elsewhere = {"OutputLocation": f"s3://{athena.bucket}/elsewhere/"}
    execution = athena.run("select 1", ResultConfiguration=elsewhere)

    location = execution["ResultConfiguration"]["OutputLocation"]
    assert location.startswith(f"s3://{athena.bucket}/results/")


@source(f"{GUIDE}/workgroups-setting-control-limits-cloudwatch.html")
def test_a_query_past_the_workgroups_cutoff_is_cancelled(athena: Athena) -> None:
    execution = athena.run("select max(n) from numbers")

    assert execution["Status"]["State"] == "CANCELLED"
    assert "Bytes scanned limit was exceeded" in execution["Status"]["StateChangeReason"]
    assert athena.results("select count(*) from numbers")["ResultSet"]["Rows"][1]["Data"] == [
        {"VarCharValue": str(ROWS)}
    ]


@source(f"{API}/API_StopQueryExecution.html")
@source(f"{API}/API_GetQueryResults.html")
@pytest.mark.parametrize(
    ("call", "request_"),
    [
        ("get_query_execution", {"QueryExecutionId": "00000000-0000-0000-0000-000000000000"}),
        ("get_query_results", {"QueryExecutionId": "00000000-0000-0000-0000-000000000000"}),
        ("stop_query_execution", {"QueryExecutionId": "00000000-0000-0000-0000-000000000000"}),
        ("get_work_group", {"WorkGroup": "conformance-missing"}),
        ("start_query_execution", {"QueryString": "select 1", "WorkGroup": "conformance-missing"}),
        ("get_named_query", {"NamedQueryId": "00000000-0000-0000-0000-000000000000"}),
    ],
)
def test_what_is_unknown_is_an_invalid_request(
    athena: Athena, call: str, request_: dict[str, str]
) -> None:
    refused("InvalidRequestException", getattr(athena.client, call), **request_)


@source(f"{API}/API_StartQueryExecution.html")
def test_the_same_token_starts_one_query(athena: Athena) -> None:
    token = "conformance-".ljust(40, "0") + athena.workgroup

    assert len({athena.start("select 1", ClientRequestToken=token) for _ in range(2)}) == 1


@source(f"{GUIDE}/querying-with-prepared-statements.html")
def test_parameters_take_the_places_of_question_marks(athena: Athena) -> None:
    execution = athena.run("select ? as a, ? as b", ExecutionParameters=["1", "'it''s'"])

    assert execution["Status"]["State"] == "SUCCEEDED", execution["Status"]
    assert athena.output(execution).decode().splitlines()[1] == '"1","it\'s"'


@source(f"{API}/API_CreateNamedQuery.html")
def test_a_saved_query_is_kept_in_its_workgroup(athena: Athena) -> None:
    wanted = {"Name": "saved", "Database": athena.database, "QueryString": "select 1"}
    made = athena.client.create_named_query(**wanted, WorkGroup=athena.workgroup)

    found = athena.client.get_named_query(NamedQueryId=made["NamedQueryId"])["NamedQuery"]
    listed = athena.client.list_named_queries(WorkGroup=athena.workgroup)["NamedQueryIds"]
    assert {**found, **wanted} == found
    assert listed == [made["NamedQueryId"]]
