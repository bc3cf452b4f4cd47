# ruff: noqa: S608 - the statements are literals of this file
"""What Athena asks of the catalog and of S3 with the rights of whoever runs a statement."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from athena_lake import BUCKET, DATABASE, WORKGROUP, Athena, sales, write

from local_aws import server, settings
from local_aws.iam import enforcement

GLUE = "arn:aws:glue:us-west-2:123456789012:"
EVERYTHING = {"Effect": "Allow", "Action": "*", "Resource": "*"}
DAY = ["2026-11-01", "9", "r1"]
PARTITION = "partition (event_date='2026-11-03', event_hour=1, run_id='r')"
People = Callable[..., tuple[str, Athena]]


@pytest.fixture
def person(
    lake: Athena, client: Callable[[str], Any], embedded_aws: server.RunningServer
) -> People:
    """Makes people who may do everything but some actions; their ARN, and Athena in their name."""

    def create(*denied: str) -> tuple[str, Athena]:
        iam, name = client("iam"), f"asks-{uuid.uuid4().hex[:8]}"
        # Whoever may do all is not restricted, and not asked.
        deny = {"Effect": "Deny", "Action": list(denied) or "iam:*", "Resource": "*"}
        document = {"Version": "2012-10-17", "Statement": [EVERYTHING, deny]}
        arn = iam.create_user(UserName=name)["User"]["Arn"]
        iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=json.dumps(document))
        key = iam.create_access_key(UserName=name)["AccessKey"]
        session = boto3.session.Session(
            key["AccessKeyId"], key["SecretAccessKey"], region_name="us-west-2"
        )
        url = embedded_aws.endpoint_url
        return arn, Athena(lambda service: session.client(service, endpoint_url=url))

    return create


@pytest.fixture
def copy(lake: Athena, client: Callable[[str], Any]) -> str:
    """A table as `sales`, with one partition of its own."""
    name = f"copy_{uuid.uuid4().hex[:8]}"
    described = client("glue").get_table(DatabaseName=DATABASE, Name="sales")["Table"]
    table = {key: described[key] for key in ("TableType", "StorageDescriptor", "PartitionKeys")}
    table["StorageDescriptor"]["Location"] = f"s3://{BUCKET}/gold/{name}/"
    client("glue").create_table(DatabaseName=DATABASE, TableInput={"Name": name, **table})
    prefix = f"gold/{name}/event_date=2026-11-01/event_hour=9/run_id=r1/"
    write(prefix, sales(0, 2))
    lake.publish(name, DAY, prefix)
    return name


def asked(arn: str) -> set[str]:
    """The actions on the catalog and on objects that were decided for someone, and on what."""
    lines = map(json.loads, enforcement.log_path().read_text().splitlines())
    return {
        f"{line['action']} {_short(line)}"
        for line in lines
        if line["principal"] == arn and not line["action"].startswith("athena:")
    }


def _short(line: dict[str, Any]) -> str:
    prefix = line["context"].get("s3:prefix")
    resource = line["resource"].removeprefix(GLUE).removeprefix(f"arn:aws:s3:::{BUCKET}")
    return str(resource if prefix is None else f"below {prefix}")


def on_database(database: str, *actions: str) -> set[str]:
    """What every statement asks, and actions on a database."""
    found = {f"glue:GetDatabase {level}" for level in ("catalog", "database/default")}
    for action in actions:
        found |= {f"glue:{action} catalog", f"glue:{action} database/{database}"}
    return found


def on_table(table: str, *actions: str) -> set[str]:
    found = on_database(DATABASE, "GetDatabase", *actions)
    return found | {f"glue:{action} table/{DATABASE}/{table}" for action in actions}


def left(athena: Athena, sql: str) -> tuple[str, set[str]]:
    """Runs a statement that succeeds: its id, and the access that leaves its result."""
    execution = athena.run(sql)
    assert execution["Status"]["State"] == "SUCCEEDED", execution["Status"]
    location = execution["ResultConfiguration"]["OutputLocation"]
    key = location.removeprefix(f"s3://{BUCKET}")
    return execution["QueryExecutionId"], {f"s3:PutObject {key}", "s3:GetBucketLocation "}


READING = ("GetTable", "GetPartitions")


def reading(copy: str) -> set[str]:
    prefix = f"gold/{copy}/event_date=2026-11-01/event_hour=9/run_id=r1/"
    return {f"s3:ListBucket below {prefix}", f"s3:GetObject /{prefix}part-0.parquet"}


def test_a_query_reads_the_table_and_the_files_of_its_partitions(person: People, copy: str) -> None:
    arn, athena = person()
    _, result = left(athena, f"select count(views) from {copy}")
    assert asked(arn) == on_table(copy, *READING) | reading(copy) | result


def test_a_view_takes_the_rights_to_what_it_reads(person: People, lake: Athena, copy: str) -> None:
    view = f"v_{copy}"
    arn, athena = person()
    _, result = left(athena, f"create view {view} as select views from {copy}")
    assert asked(arn) == (
        on_table(copy, *READING) | on_table(view, "GetTable", "CreateTable") | result
    )
    arn, athena = person()
    _, result = left(athena, f"select * from {view}")
    of_view = on_table(view, "GetTable")
    assert asked(arn) == of_view | on_table(copy, *READING) | reading(copy) | result
    lake.rows(f"drop view {view}")


@pytest.mark.parametrize(
    ("sql", "actions"),
    [
        ("show partitions {}", READING),
        ("describe {}", ["GetTable"]),
        (f"alter table {{}} add {PARTITION}", [*READING, "BatchCreatePartition"]),
        (
            "alter table {} drop partition (event_date='2026-11-01', event_hour=9, run_id='r1')",
            [*READING, "DeletePartition"],
        ),
        ("drop table {}", [*READING, "DeleteTable", "GetPartition", "DeletePartition"]),
    ],
)
def test_a_statement_about_a_table_asks_for_the_actions_of_glue(
    person: People, copy: str, sql: str, actions: list[str]
) -> None:
    arn, athena = person()
    _, result = left(athena, sql.format(copy))
    assert asked(arn) == on_table(copy, *actions) | result


def test_a_repair_lists_the_table_and_adds_what_it_finds(person: People, copy: str) -> None:
    root = f"gold/{copy}/"
    write(f"{root}event_date=2026-11-02/event_hour=1/run_id=r/", sales(0, 1))
    arn, athena = person()
    _, result = left(athena, f"msck repair table {copy}")
    listing = {f"s3:ListBucket below {root}"}
    assert asked(arn) == on_table(copy, *READING, "BatchCreatePartition") | listing | result


def test_databases_and_lists_of_tables_have_actions_of_their_own(
    person: People, lake: Athena
) -> None:
    name = f"d_{uuid.uuid4().hex[:8]}"
    arn, athena = person()
    _, result = left(athena, f"create database {name}")
    assert asked(arn) == on_database(name, "GetDatabase", "CreateDatabase") | result
    arn, athena = person()
    _, result = left(athena, "show databases")
    assert asked(arn) == on_database("*", "GetDatabases") | result
    for sql in (f"show tables in {name}", f"show views in {name}"):
        arn, athena = person()
        _, result = left(athena, sql)
        tables = {f"glue:GetTables table/{name}/*"}
        assert asked(arn) == on_database(name, "GetDatabase", "GetTables") | tables | result
    arn, athena = person()
    _, result = left(athena, f"drop database {name} cascade")
    below = {f"glue:DeleteDatabase {kind}/{name}/*" for kind in ("table", "userDefinedFunction")}
    listed = on_database(name, "GetDatabase", "GetTables", "DeleteDatabase")
    assert asked(arn) == listed | {f"glue:GetTables table/{name}/*"} | below | result


def test_statements_that_write_ask_for_each_object_and_partition(
    person: People, lake: Athena, copy: str
) -> None:
    written = f"w_{uuid.uuid4().hex[:8]}"
    arn, athena = person()
    query, _ = left(
        athena, f"create table {written} with (partitioned_by = array['d']) as select 1 n, 'x' d"
    )
    folder = f"results/tables/{query}"
    found = asked(arn)
    objects = {each for each in found if each.startswith("s3:PutObject")}
    assert len([each for each in objects if f"/{folder}/d=x/" in each]) == 1
    assert [each for each in objects if f"/{folder}/" not in each] == [
        f"s3:PutObject /{folder}-manifest.csv"
    ]
    assert found - objects == (
        on_table(written, "GetTable", "CreateTable", "BatchCreatePartition")
        | {f"s3:ListBucket below {folder}", "s3:GetBucketLocation "}
    )

    arn, athena = person()
    left(athena, f"insert into {written} select quantity, 'y' from {copy}")
    found = asked(arn)
    assert len([each for each in found if f"PutObject /{folder}/d=y/" in each]) == 1
    assert {each for each in found if not each.startswith("s3:PutObject")} == (
        on_table(written, *READING, "BatchCreatePartition")
        | on_table(copy, *READING)
        | reading(copy)
        | {"s3:GetBucketLocation "}
    )

    arn, athena = person()
    target = f"out/{uuid.uuid4().hex}/"
    left(athena, f"unload (select 1 n) to 's3://{BUCKET}/{target}' with (format = 'PARQUET')")
    found = asked(arn)
    assert len([each for each in found if f"PutObject /{target}" in each]) == 1
    assert f"s3:ListBucket below {target}" in found
    lake.rows(f"drop table {written}")


@pytest.mark.parametrize(
    ("action", "sql"),
    [
        ("glue:CreateTable", "create table denied as select 1 n"),
        ("glue:CreateTable", "create view denied as select 1 n"),
        ("s3:PutObject", f"unload (select 1 n) to 's3://{BUCKET}/denied/' with (format='PARQUET')"),
        (
            "s3:ListBucket",
            f"unload (select 1 n) to 's3://{BUCKET}/denied/' with (format='PARQUET')",
        ),
        ("glue:BatchCreatePartition", "msck repair table sales"),
        ("s3:GetObject", "select count(views) from sales"),
    ],
)
def test_what_is_denied_fails_with_the_reason_and_leaves_nothing(
    person: People, lake: Athena, action: str, sql: str
) -> None:
    stray = "event_date=2030-01-01/event_hour=1/run_id=r"
    if sql.startswith("msck"):
        write(f"gold/sales/{stray}/", sales(0, 1))
    _, athena = person(action)
    assert f"is not authorized to perform: {action}" in athena.failure(sql)
    assert [["denied"]] not in lake.rows("show tables")
    assert [stray] not in lake.rows("show partitions sales")
    folder = settings.current().s3_dir / BUCKET / "denied"
    assert not [each for each in folder.rglob("*") if each.is_file()]


def test_the_metadata_of_athenas_api_is_read_with_the_same_rights(person: People) -> None:
    arn, athena = person()
    metadata = {"CatalogName": "AwsDataCatalog", "DatabaseName": DATABASE}
    tables = athena.athena.list_table_metadata(**metadata)["TableMetadataList"]
    assert "sales" in [table["Name"] for table in tables]
    athena.athena.get_table_metadata(**metadata, TableName="sales")
    athena.athena.get_database(**metadata)
    athena.athena.list_databases(CatalogName="AwsDataCatalog")
    assert asked(arn) == (
        on_table("sales", "GetTable")
        | on_database("*", "GetDatabases")
        | on_database(DATABASE, "GetTables")
        | {f"glue:GetTables table/{DATABASE}/*"}
    )
    _, athena = person("glue:GetTable")
    with pytest.raises(athena.athena.exceptions.ClientError, match="perform: glue:GetTable on"):
        athena.athena.get_table_metadata(**metadata, TableName="sales")


def test_prepared_statements_and_batches_are_of_the_workgroup(person: People) -> None:
    arn, athena = person()
    query = athena.run("select 1")["QueryExecutionId"]
    athena.athena.batch_get_query_execution(QueryExecutionIds=[query])
    athena.athena.get_query_runtime_statistics(QueryExecutionId=query)
    athena.athena.create_prepared_statement(
        StatementName="p", WorkGroup=WORKGROUP, QueryStatement="select 1"
    )
    athena.athena.delete_prepared_statement(StatementName="p", WorkGroup=WORKGROUP)
    lines = map(json.loads, enforcement.log_path().read_text().splitlines())
    mine = [each for each in lines if each["principal"] == arn]
    found = {each["action"]: each["resource"] for each in mine if "athena" in each["action"]}
    assert found.keys() == {
        f"athena:{action}"
        for action in (
            *("StartQueryExecution", "GetQueryExecution", "BatchGetQueryExecution"),
            *("GetQueryRuntimeStatistics", "CreatePreparedStatement", "DeletePreparedStatement"),
        )
    }
    assert {each.rpartition(":")[2] for each in found.values()} == {f"workgroup/{WORKGROUP}"}
