"""What the API promises of executions, workgroups and saved statements."""

from __future__ import annotations

import time
from typing import Any

import pytest
from athena_lake import BUCKET, DATABASE, WORKGROUP, Athena
from botocore.exceptions import ClientError

from local_aws import settings
from local_aws.athena.models import LocalAthenaBackend


def test_results_come_in_pages_that_begin_with_the_header(lake: Athena) -> None:
    query_id = lake.run("select views from sales order by views")["QueryExecutionId"]
    pages = lake.athena.get_paginator("get_query_results").paginate(
        QueryExecutionId=query_id, PaginationConfig={"PageSize": 4}
    )
    shown = [
        [row["Data"][0]["VarCharValue"] for row in page["ResultSet"]["Rows"]] for page in pages
    ]
    assert shown == [["views", "0", "1", "2"], ["3", "4"]]


def test_times_are_real(lake: Athena) -> None:
    before = time.time()
    execution = lake.run("select sum(views) from sales")
    status, statistics = execution["Status"], execution["Statistics"]
    took = (status["CompletionDateTime"] - status["SubmissionDateTime"]).total_seconds()
    assert before - 1 < status["SubmissionDateTime"].timestamp() < time.time()
    assert statistics["TotalExecutionTimeInMillis"] == pytest.approx(took * 1000, abs=2)
    assert 0 < statistics["EngineExecutionTimeInMillis"] <= statistics["TotalExecutionTimeInMillis"]


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
        ({"ExecutionParameters": ["1"]}, "Incorrect number of parameters: expected 0 but found 1"),
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


def test_the_same_token_starts_one_execution(lake: Athena) -> None:
    """ClientRequestToken, StartQueryExecution in the Athena API reference."""
    token = "a-token-of-at-least-32-characters"
    first = lake.start("select 1", ClientRequestToken=token)
    assert lake.start("select 1", ClientRequestToken=token) == first
    with pytest.raises(ClientError, match="Idempotent parameters do not match"):
        lake.start("select 2", ClientRequestToken=token)


def test_several_executions_come_at_once_and_missing_ones_are_named(lake: Athena) -> None:
    known = lake.run("select 1")["QueryExecutionId"]
    answer = lake.athena.batch_get_query_execution(QueryExecutionIds=[known, "none"])
    assert [each["QueryExecutionId"] for each in answer["QueryExecutions"]] == [known]
    (missing,) = answer["UnprocessedQueryExecutionIds"]
    assert (missing["QueryExecutionId"], missing["ErrorCode"]) == (
        "none",
        "InvalidRequestException",
    )


def test_executions_are_listed_in_pages(lake: Athena) -> None:
    group = {"ResultConfiguration": {"OutputLocation": f"s3://{BUCKET}/paged/"}}
    lake.athena.create_work_group(Name="paged", Configuration=group)
    ids = [lake.run("select 1", WorkGroup="paged")["QueryExecutionId"] for _ in range(3)]
    pages = lake.athena.get_paginator("list_query_executions").paginate(
        WorkGroup="paged", PaginationConfig={"PageSize": 2}
    )
    assert [page["QueryExecutionIds"] for page in pages] == [[ids[2], ids[1]], [ids[0]]]


def test_runtime_statistics_say_what_was_read_and_given(lake: Athena) -> None:
    execution = lake.run("select views from sales")
    answer = lake.athena.get_query_runtime_statistics(
        QueryExecutionId=execution["QueryExecutionId"]
    )
    found, statistics = answer["QueryRuntimeStatistics"], execution["Statistics"]
    assert found["Rows"] == {"InputBytes": statistics["DataScannedInBytes"], "OutputRows": 5}
    assert (
        found["Timeline"]["TotalExecutionTimeInMillis"]
        == (statistics["TotalExecutionTimeInMillis"])
    )


def test_parameters_fill_question_marks_in_order_and_are_values_only(lake: Athena) -> None:
    sql = "select product_id from sales where views > ? and product_id <> ? order by 1"
    assert lake.rows(sql, ExecutionParameters=["2", "'p4'"])[1:] == [["p3"]]
    execution = lake.run(sql, ExecutionParameters=["2", "'p4'"])
    assert execution["ExecutionParameters"] == ["2", "'p4'"]
    with pytest.raises(ClientError, match="expected 2 but found 1"):
        lake.start(sql, ExecutionParameters=["2"])
    # An expression, but one value: it stays within its place.
    status = lake.run(sql, ExecutionParameters=["1 or true", "'p4'"])["Status"]
    assert "TYPE_MISMATCH" in status["StateChangeReason"]
    for injected in (
        "1) or (1=1",
        "(select max(n) from plain)",
        "1; select 2",
        "1, 2",
        "1 limit 1",
    ):
        with pytest.raises(ClientError, match="execution parameter"):
            lake.start(sql, ExecutionParameters=[injected, "'p4'"])


def test_prepared_statements_belong_to_their_workgroup(lake: Athena) -> None:
    athena, group = lake.athena, {"WorkGroup": WORKGROUP}
    lake.run("prepare below from select count(*) from sales where views < ?")
    assert lake.values("execute below using 2") == ["2"]
    assert lake.rows("execute below", ExecutionParameters=["3"])[1:] == [["3"]]
    one = {**group, "StatementName": "below"}
    found = athena.get_prepared_statement(**one)["PreparedStatement"]
    assert found["QueryStatement"] == "select count(*) from sales where views < ?"
    athena.update_prepared_statement(**one, QueryStatement="select ? + 1")
    assert lake.values("execute below using 2") == ["3"]
    listed = athena.list_prepared_statements(**group)["PreparedStatements"]
    assert [each["StatementName"] for each in listed] == ["below"]
    with pytest.raises(ClientError, match="already exists"):
        athena.create_prepared_statement(**one, QueryStatement="select 1")
    lake.run("deallocate prepare below")
    with pytest.raises(athena.exceptions.ResourceNotFoundException, match="below was not found"):
        athena.get_prepared_statement(**one)
    with pytest.raises(ClientError, match="PreparedStatement below was not found"):
        lake.start("execute below using 2")


def test_a_client_sees_tables_through_athena(lake: Athena) -> None:
    where = {"CatalogName": "AwsDataCatalog", "DatabaseName": DATABASE}
    found = lake.athena.get_table_metadata(**where, TableName="sales")["TableMetadata"]
    assert [key["Name"] for key in found["PartitionKeys"]] == ["event_date", "event_hour", "run_id"]
    assert found["Columns"][0] == {"Name": "product_id", "Type": "string"}
    listed = lake.athena.list_table_metadata(**where, Expression="sal.*")["TableMetadataList"]
    assert [each["Name"] for each in listed] == ["sales"]
    with pytest.raises(lake.athena.exceptions.MetadataException):
        lake.athena.get_table_metadata(**where, TableName="nothing")


def test_a_result_is_not_reused(lake: Athena) -> None:
    execution = lake.run("select 1")
    assert execution["Statistics"]["ResultReuseInformation"] == {"ReusedPreviousResult": False}
    reuse = {"ResultReuseByAgeConfiguration": {"Enabled": True, "MaxAgeInMinutes": 5}}
    with pytest.raises(ClientError, match="reuse of Athena results"):
        lake.start("select 1", ResultReuseConfiguration=reuse)
