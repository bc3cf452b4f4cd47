"""The README's quick start and the other pages' commands, word for word, on the embedded AWS."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest
from documented import ROOT, do, inline_commands, queries, steps
from template_schemas import tables

from tools import notebook, record

pytestmark = pytest.mark.slow

STACK = "capstone-student-001"
CHECKLIST = steps("docs/DEPLOYMENT_CHECKLIST.md")
PAGES = [
    "docs/DEPLOYMENT_CHECKLIST.md",
    "docs/PIPELINE_DOCUMENTATION.md",
    "docs/QUERIES_REFERENCE.md",
]
# What must come of a documented query whatever the events are.
NO_ROWS = {"unbalanced runs", "twice in silver"}
ONE_ROW = {"three routes", "freshness", "unique users of a period"}


def ensured(report: str) -> list[str]:
    """What the notebook's ensure_* steps said."""
    kinds = "Script|Job|Trigger|Rule|Alarm|Dashboard|Ruleset|Saved query"
    return re.findall(rf"(?:{kinds}) \S+ (created|updated .*|unchanged)\b", report)


def test_the_readmes_quick_start_works_word_for_word(
    aws_env: dict[str, str],
    client: Callable[[str], Any],
    commands: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", f"{commands}:{os.environ['PATH']}")
    readme = steps("README.md")
    assert list(readme) == ["deploy", "generate", "notebook", "run", "query"]
    assert do(CHECKLIST["account"]).strip().endswith(":role/LabRole")
    do(readme["deploy"])
    every_resource_exists(client)
    assert do(CHECKLIST["stack"]).startswith("CREATE_COMPLETE\n")
    few = {
        "BUCKET": f"capstone-events-student-001-{ACCOUNT}",
        "MIN_EVENTS": "300",
        "MAX_EVENTS": "400",
    }
    client("lambda").update_function_configuration(
        FunctionName="capstone-event-generator-student-001", Environment={"Variables": few}
    )
    do(readme["generate"])
    assert do(CHECKLIST["files"]).strip().endswith(".jsonl.gz")
    do(readme["notebook"])
    report = (ROOT / "build" / "build_pipeline.html").read_text()
    assert set(ensured(report)) == {"created"}
    assert len(ensured(report)) == 19
    assert "Third run: 0 files, 0 lines, 0 new events" in report
    assert do(CHECKLIST["runs"]).count("SUCCEEDED") == 3
    documented_commands_work(client)

    assert len(within_text := inline_commands("docs/DEPLOYMENT_CHECKLIST.md")) == 3
    for command in within_text:
        do(command)
    assert '"JobRunId"' in do(readme["run"])
    wait_for_run(client)
    execution = re.search(r'"QueryExecutionId": "(.*)"', do(readme["query"]))
    assert execution
    found = rows_of(client, execution[1])
    assert [row[0] for row in found] == ["rank", *map(str, range(1, len(found)))]

    again = executed_again(tmp_path)
    assert set(ensured(again)) == {"unchanged"}
    assert len(ensured(again)) == 19
    do(CHECKLIST["teardown"])
    nothing_is_left(client)


ACCOUNT = "123456789012"


def documented_commands_work(client: Callable[[str], Any]) -> None:
    """What the pages say to run on a pipeline that has run three times."""
    assert re.fullmatch(r"\d+\t\d+\n", do(CHECKLIST["bookmark"]))
    assert do(steps("docs/PIPELINE_DOCUMENTATION.md")["last-runs"]).count("SUCCEEDED") == 3
    assert do(steps("docs/QUERIES_REFERENCE.md")["ask"]).startswith("event_date\tunique_users\t20")
    stack = client("cloudformation").describe_stacks(StackName=STACK)["Stacks"][0]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    answers = {
        name: record.answer(sql, outputs) for page in PAGES for name, sql in queries(page).items()
    }
    assert len(answers) > 10
    for name, found in answers.items():
        assert found["row_count"] == 0 or name not in NO_ROWS, name
        assert found["row_count"] == 1 or name not in ONE_ROW, name
    (three,) = answers["three routes"]["rows"]
    assert len(set(three)) == 1
    assert int(three[0]) > 0
    assert answers["ledger"]["row_count"] == 3
    what_is_recorded_is_there(outputs)


def what_is_recorded_is_there(outputs: dict[str, str]) -> None:
    """What `make record` takes of a run into the pages."""
    examples = dict(record.examples(outputs))
    wanted = {f"{layer}.{name}" for layer in ("bronze", "silver", "gold") for name in tables(layer)}
    assert examples.keys() == wanted
    empty = {name for name, found in examples.items() if not found["rows"]}
    assert empty == {"silver.events_quarantine"}
    assert {name for name, found in examples.items() if not found["example"]} <= set(record.SHOWN)
    ledger = record.answer("select * from pipeline_runs order by run_id", outputs)
    first, *_ = record.runs(ledger, outputs["GlueJobName"])
    assert set(first["stage_seconds"]) == {"bronze", "silver", "rollups", "gold", "publish"}


def every_resource_exists(client: Callable[[str], Any]) -> None:
    """Each resource of the stack, asked for through its own service."""
    asked = {
        "AWS::S3::Bucket": lambda name: client("s3").head_bucket(Bucket=name),
        "AWS::S3::BucketPolicy": lambda name: client("s3").get_bucket_policy(Bucket=name),
        "AWS::Lambda::Function": lambda name: client("lambda").get_function(FunctionName=name),
        "AWS::Lambda::Permission": lambda _: client("lambda").get_policy(
            FunctionName="capstone-event-generator-student-001"
        ),
        "AWS::Logs::LogGroup": lambda name: client("logs").list_tags_log_group(logGroupName=name),
        "AWS::Logs::MetricFilter": lambda name: client("logs").describe_metric_filters(
            filterNamePrefix=name
        )["metricFilters"],
        "AWS::CloudWatch::Alarm": lambda name: client("cloudwatch").describe_alarms(
            AlarmNames=[name]
        )["MetricAlarms"],
        "AWS::SNS::Topic": lambda arn: client("sns").get_topic_attributes(TopicArn=arn),
        "AWS::SNS::TopicPolicy": lambda name: name,
        "AWS::SQS::Queue": lambda url: client("sqs").get_queue_attributes(QueueUrl=url),
        "AWS::Events::Rule": lambda name: client("events").describe_rule(Name=name),
        "AWS::Glue::Database": lambda name: client("glue").get_database(Name=name),
        "AWS::Glue::Table": lambda name: table_by_name(client, name),
        "AWS::Athena::WorkGroup": lambda name: client("athena").get_work_group(WorkGroup=name),
        "Custom::BucketCleanup": lambda name: name,
    }
    resources = client("cloudformation").describe_stack_resources(StackName=STACK)["StackResources"]
    for resource in resources:
        assert asked[resource["ResourceType"]](resource["PhysicalResourceId"]), resource
    assert {resource["ResourceType"] for resource in resources} == set(asked)


def table_by_name(client: Callable[[str], Any], name: str) -> list[dict[str, Any]]:
    databases = [f"{layer}_student_001" for layer in ("bronze", "silver", "gold")]
    tables = [t for d in databases for t in client("glue").get_tables(DatabaseName=d)["TableList"]]
    return [table for table in tables if table["Name"] == name]


def wait_for_run(client: Callable[[str], Any]) -> None:
    while True:
        runs = client("glue").get_job_runs(JobName="capstone-etl-student-001")["JobRuns"]
        if runs[0]["JobRunState"] not in ("STARTING", "RUNNING"):
            break
        time.sleep(0.3)
    assert [run["JobRunState"] for run in runs] == ["SUCCEEDED"] * 4


def rows_of(client: Callable[[str], Any], execution: str) -> list[list[str]]:
    athena = client("athena")
    while True:
        state = athena.get_query_execution(QueryExecutionId=execution)["QueryExecution"]["Status"]
        if state["State"] not in ("QUEUED", "RUNNING"):
            break
        time.sleep(0.1)
    assert state["State"] == "SUCCEEDED", state
    answer = athena.get_query_results(QueryExecutionId=execution)["ResultSet"]["Rows"]
    return [[cell.get("VarCharValue", "") for cell in row["Data"]] for row in answer]


def executed_again(folder: Path) -> str:
    """The notebook's second execution, as far as it creates and updates things."""
    whole = nbformat.read(ROOT / "build_pipeline.ipynb", as_version=4)
    ids = [cell["id"] for cell in whole.cells]
    whole.cells = whole.cells[: ids.index("saved") + 1]
    nbformat.write(whole, folder / "part.ipynb")
    (folder / "queries.sql").write_text((ROOT / "queries.sql").read_text())
    os.environ["STUDENT_ID"] = "student-001"
    executed = notebook.execute(folder / "part.ipynb", folder)
    outputs = [output for cell in executed.cells for output in cell.get("outputs", [])]
    return "".join(output["text"] for output in outputs if output["output_type"] == "stream")


def dashboards(client: Callable[[str], Any]) -> list[dict[str, Any]]:
    return list(client("cloudwatch").list_dashboards()["DashboardEntries"])


def nothing_is_left(client: Callable[[str], Any]) -> None:
    mine = "student-001", "student_001"
    names = [
        *(bucket["Name"] for bucket in client("s3").list_buckets()["Buckets"]),
        *(f["FunctionName"] for f in client("lambda").list_functions()["Functions"]),
        *(g["logGroupName"] for g in client("logs").describe_log_groups()["logGroups"]),
        *(rule["Name"] for rule in client("events").list_rules()["Rules"]),
        *(database["Name"] for database in client("glue").get_databases()["DatabaseList"]),
        *(job["Name"] for job in client("glue").get_jobs()["Jobs"]),
        *(group["Name"] for group in client("athena").list_work_groups()["WorkGroups"]),
        *(alarm["AlarmName"] for alarm in client("cloudwatch").describe_alarms()["MetricAlarms"]),
        *(board["DashboardName"] for board in dashboards(client)),
        *(topic["TopicArn"] for topic in client("sns").list_topics()["Topics"]),
        *client("sqs").list_queues().get("QueueUrls", []),
        *client("glue").list_triggers()["TriggerNames"],
        *(rules["Name"] for rules in client("glue").list_data_quality_rulesets()["Rulesets"]),
    ]
    assert [name for name in names if any(part in name for part in mine)] == []
