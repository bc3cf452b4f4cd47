"""Glue's Data Catalog: partitions one by one, in batches, by expression and page by page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from account import Account, differs, refused, source

API = "glue/latest/webapi"
GUIDE = "glue/latest/dg"
TABLE = "sales"
VALUES = [[f"2026-11-{day:02}", str(hour)] for day in (1, 2, 3) for hour in (10, 11)]


@pytest.fixture(scope="module")
def glue(client: Callable[[str], Any]) -> Any:
    return client("glue")


@pytest.fixture(scope="module")
def table(account: Account, bucket: str) -> dict[str, str]:
    """A table that is partitioned by date and hour."""
    database = account.database()
    keys = {"event_date": "string", "event_hour": "int"}
    account.table(database, TABLE, f"s3://{bucket}/sales/", keys)
    account.table(database, "batches", f"s3://{bucket}/batches/", keys)
    found = {"DatabaseName": database, "TableName": TABLE}
    glue = account.client("glue")
    answer = glue.batch_create_partition(**found, PartitionInputList=list(map(partition, VALUES)))
    assert answer.get("Errors", []) == []
    return found


@pytest.fixture
def batches(table: dict[str, str]) -> dict[str, str]:
    """A table of the same keys, for tests that change its partitions."""
    return {**table, "TableName": "batches"}


def partition(values: list[str], **more: Any) -> dict[str, Any]:
    storage = {"Columns": [{"Name": "n", "Type": "bigint"}], "Location": "s3://nowhere/"}
    return {"Values": values, "StorageDescriptor": {**storage, **more}}


def days(first: int, last: int) -> list[list[str]]:
    return [[f"2025-{n // 28 + 1:02}-{n % 28 + 1:02}", "0"] for n in range(first, last)]


@source(f"{API}/API_BatchCreatePartition.html")
def test_a_batch_creates_what_is_new_and_names_what_exists(
    glue: Any, batches: dict[str, str]
) -> None:
    glue.create_partition(**batches, PartitionInput=partition(["2024-01-01", "0"]))
    wanted = [["2024-01-01", "0"], ["2024-01-02", "0"]]

    answer = glue.batch_create_partition(**batches, PartitionInputList=list(map(partition, wanted)))

    [error] = answer["Errors"]
    assert error["PartitionValues"] == wanted[0]
    assert error["ErrorDetail"]["ErrorCode"] == "AlreadyExistsException"
    found = glue.get_partition(**batches, PartitionValues=wanted[1])["Partition"]
    assert found["StorageDescriptor"]["Location"] == "s3://nowhere/"


@pytest.mark.parametrize(
    ("call", "member", "of", "limit"),
    [
        pytest.param(
            "batch_create_partition",
            "PartitionInputList",
            partition,
            100,
            marks=source(f"{API}/API_BatchCreatePartition.html"),
        ),
        pytest.param(
            "batch_update_partition",
            "Entries",
            lambda values: {"PartitionValueList": values, "PartitionInput": partition(values)},
            100,
            marks=source(f"{API}/API_BatchUpdatePartition.html"),
        ),
        pytest.param(
            "batch_delete_partition",
            "PartitionsToDelete",
            lambda values: {"Values": values},
            25,
            marks=source(f"{API}/API_BatchDeletePartition.html"),
        ),
    ],
)
def test_a_batch_has_a_largest_size(
    glue: Any,
    batches: dict[str, str],
    call: str,
    member: str,
    of: Callable[[list[str]], Any],
    limit: int,
) -> None:
    most = [of(values) for values in days(0, limit)]
    getattr(glue, call)(**batches, **{member: most})

    too_many = [of(values) for values in days(0, limit + 1)]
    message = refused("ValidationException", getattr(glue, call), **batches, **{member: too_many})
    assert f"less than or equal to {limit}" in message


@source(f"{API}/API_BatchUpdatePartition.html")
def test_a_batch_moves_partitions_and_names_those_that_do_not_exist(
    glue: Any, batches: dict[str, str]
) -> None:
    here, missing = ["2023-01-01", "0"], ["2023-01-02", "0"]
    glue.create_partition(**batches, PartitionInput=partition(here))
    entries = [
        {"PartitionValueList": values, "PartitionInput": partition(values, Location="s3://new/")}
        for values in (here, missing)
    ]

    answer = glue.batch_update_partition(**batches, Entries=entries)

    [error] = answer["Errors"]
    assert error["PartitionValueList"] == missing
    assert error["ErrorDetail"]["ErrorCode"] == "EntityNotFoundException"
    moved = glue.get_partition(**batches, PartitionValues=here)["Partition"]
    assert moved["StorageDescriptor"]["Location"] == "s3://new/"


@source(f"{API}/API_BatchDeletePartition.html")
def test_a_batch_deletes_partitions_and_names_those_that_do_not_exist(
    glue: Any, batches: dict[str, str]
) -> None:
    here, missing = ["2022-01-01", "0"], ["2022-01-02", "0"]
    glue.create_partition(**batches, PartitionInput=partition(here))

    answer = glue.batch_delete_partition(
        **batches, PartitionsToDelete=[{"Values": values} for values in (here, missing)]
    )

    assert [error["PartitionValues"] for error in answer["Errors"]] == [missing]
    refused("EntityNotFoundException", glue.get_partition, **batches, PartitionValues=here)


@source(f"{API}/API_GetPartitions.html")
@pytest.mark.parametrize(
    ("expression", "values"),
    [
        ("event_date = '2026-11-01'", VALUES[:2]),
        ("event_date > '2026-11-01' AND event_hour = 10", [VALUES[2], VALUES[4]]),
        ("event_date BETWEEN '2026-11-01' AND '2026-11-02'", VALUES[:4]),
        ("event_date IN ('2026-11-01', '2026-11-03')", [*VALUES[:2], *VALUES[4:]]),
        ("event_date LIKE '%-03'", VALUES[4:]),
        ("event_hour >= 11", VALUES[1::2]),
        ("event_hour <> 10", VALUES[1::2]),
        ("event_date = '2026-11-01' OR event_hour = 11", [*VALUES[:2], VALUES[3], VALUES[5]]),
        pytest.param("NOT event_hour = 10", VALUES[1::2], marks=differs("expression")),
        ("event_date = '1999-01-01'", []),
    ],
)
def test_an_expression_picks_partitions(
    glue: Any, table: dict[str, str], expression: str, values: list[list[str]]
) -> None:
    pages = glue.get_paginator("get_partitions").paginate(**table, Expression=expression)

    found = [each["Values"] for page in pages for each in page["Partitions"]]
    assert sorted(found) == sorted(values)


@source(f"{API}/API_GetPartitions.html")
def test_partitions_come_in_pages_without_columns_if_so_wished(
    glue: Any, table: dict[str, str]
) -> None:
    first = glue.get_partitions(**table, MaxResults=4, ExcludeColumnSchema=True)
    rest = glue.get_partitions(**table, NextToken=first["NextToken"], ExcludeColumnSchema=True)

    found = [each for page in (first, rest) for each in page["Partitions"]]
    assert len(first["Partitions"]) <= 4
    assert sorted(each["Values"] for each in found) == VALUES
    assert not any(each["StorageDescriptor"].get("Columns") for each in found)


@source(f"{API}/API_BatchGetPartition.html")
def test_several_partitions_are_read_at_once(glue: Any, table: dict[str, str]) -> None:
    wanted = [{"Values": values} for values in VALUES[:3]]

    answer = glue.batch_get_partition(**table, PartitionsToGet=wanted)

    assert sorted(each["Values"] for each in answer["Partitions"]) == VALUES[:3]
    assert answer.get("UnprocessedKeys", []) == []


@source(f"{GUIDE}/aws-glue-api-exceptions.html")
@pytest.mark.parametrize(
    ("code", "call", "request_"),
    [
        ("EntityNotFoundException", "get_table", {"Name": "missing"}),
        ("EntityNotFoundException", "delete_table", {"Name": "missing"}),
        ("EntityNotFoundException", "get_partitions", {"TableName": "missing"}),
        ("AlreadyExistsException", "create_table", {"TableInput": {"Name": TABLE}}),
        (
            "AlreadyExistsException",
            "create_partition",
            {"TableName": TABLE, "PartitionInput": partition(VALUES[0])},
        ),
        (
            "EntityNotFoundException",
            "get_partition",
            {"TableName": TABLE, "PartitionValues": ["2000-01-01", "0"]},
        ),
        (
            "InvalidInputException",
            "create_partition",
            {"TableName": TABLE, "PartitionInput": partition(["one value only"])},
        ),
    ],
)
def test_what_exists_or_does_not_is_an_error(
    glue: Any, table: dict[str, str], code: str, call: str, request_: dict[str, Any]
) -> None:
    refused(code, getattr(glue, call), DatabaseName=table["DatabaseName"], **request_)


@source(f"{API}/API_CreateDatabase.html")
def test_a_database_has_one_name_that_is_in_lower_case(glue: Any, account: Account) -> None:
    name = account.database()

    refused("AlreadyExistsException", glue.create_database, DatabaseInput={"Name": name})
    assert glue.get_database(Name=name)["Database"]["Name"] == name
    refused("EntityNotFoundException", glue.get_database, Name=f"{name}_missing")
