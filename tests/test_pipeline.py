"""The deployed pipeline: real Glue job runs in processes of their own, answers through Athena."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import lab
import oracle
import pytest
import template_schemas
from lab import event

import generate_sample_data
from tools import local

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
SCRIPT = ROOT / "glue_jobs" / "capstone_etl.py"
Pipeline = dict[str, str]


def run_job(client: Callable[[str], Any], outputs: Pipeline) -> dict[str, Any]:
    glue, name = client("glue"), outputs["GlueJobName"]
    run_id = glue.start_job_run(JobName=name)["JobRunId"]
    while True:
        run: dict[str, Any] = glue.get_job_run(JobName=name, RunId=run_id)["JobRun"]
        if run["JobRunState"] not in ("STARTING", "RUNNING", "STOPPING", "WAITING"):
            return run
        time.sleep(0.3)


def put(client: Callable[[str], Any], outputs: Pipeline, key: str, lines: list[str]) -> None:
    body = gzip.compress("\n".join(lines).encode())
    client("s3").put_object(Bucket=outputs["SourceBucketName"], Key=key, Body=body)


def rows(sql: str, outputs: Pipeline) -> list[tuple[Any, ...]]:
    frame = local.query(sql, outputs)
    cleaned = frame.astype(object).where(frame.notna(), None)
    return [tuple(row) for row in cleaned.itertuples(index=False)]


@pytest.fixture(scope="module")
def outputs(deploy: Callable[[str], Pipeline]) -> Pipeline:
    return deploy("pipeline")


@pytest.fixture
def job(outputs: Pipeline, client: Callable[[str], Any], aws_env: dict[str, str]) -> Pipeline:
    """A deployed stack with its Glue job, made by the notebook's own cell."""
    upload_script(client, outputs, SCRIPT.read_text(encoding="utf-8"))
    notebook = json.loads((ROOT / "build_pipeline.ipynb").read_text(encoding="utf-8"))
    cells = {cell["id"]: "".join(cell["source"]) for cell in notebook["cells"]}
    names = {"glue": client("glue"), "outputs": outputs, "AWS_REGION": "us-west-2"}
    exec(cells["job"], names)  # noqa: S102
    return outputs


def upload_script(client: Callable[[str], Any], outputs: Pipeline, text: str) -> None:
    bucket, key = outputs["ScriptLocation"].removeprefix("s3://").split("/", 1)
    client("s3").put_object(Bucket=bucket, Key=key, Body=text.encode())


def test_runs_read_each_file_once_and_equal_the_oracle_whatever_happens(
    job: Pipeline, client: Callable[[str], Any]
) -> None:
    """Two files; one more, and the run killed before its commit; the same again."""
    when = lab.NOON
    key_of = generate_sample_data.load_generator().object_key
    hostile = "events/resent/a b%20c=ü'--/events-20261105-120000.jsonl.gz"
    files = {
        key_of(when): [event(when), lab.purchase(when), event(when), "garbage"],
        hostile: [event(when, user_id="u2"), '{"user_id":"a\u0001b"}', ""],
    }
    for key, lines in files.items():
        put(client, job, key, lines)
    succeed(client, job)
    assert answers(job) == expected_answers(oracle.expected(files.items()))

    late = when + timedelta(minutes=5)
    files[key_of(late)] = [event(late, product_id="p2"), event(when - timedelta(days=3))]
    put(client, job, key_of(late), files[key_of(late)])
    run_and_kill_before_commit(client, job)
    assert answers(job) == expected_answers(oracle.expected(files.items()))
    succeed(client, job)

    ledger = (
        "select files, lines, new_events, duplicates_in_lake from pipeline_runs order by run_id"
    )
    assert rows(ledger, job) == [(2, 6, 3, 0), (1, 2, 2, 0), (1, 2, 0, 2)]
    assert answers(job) == expected_answers(oracle.expected(files.items()))
    rejected = rows("select files, corrupt, quarantined from pipeline_runs order by run_id", job)
    assert rejected[0] == (2, 2, 2)


def succeed(client: Callable[[str], Any], outputs: Pipeline) -> None:
    run = run_job(client, outputs)
    assert run["JobRunState"] == "SUCCEEDED", run.get("ErrorMessage")


def run_and_kill_before_commit(client: Callable[[str], Any], outputs: Pipeline) -> None:
    """SIGKILL of the whole process group, once the ledger is published: nothing cleans up."""
    script = SCRIPT.read_text(encoding="utf-8")
    assert script.count("    job.commit()\n") == 1
    pausing = script.replace("    job.commit()\n", "    time.sleep(600)\n    job.commit()\n")
    upload_script(client, outputs, pausing)
    before = ledger_pointers(client, outputs)
    run_id = client("glue").start_job_run(JobName=outputs["GlueJobName"])["JobRunId"]
    while ledger_pointers(client, outputs) == before:
        assert state_of(client, outputs, run_id) in ("STARTING", "RUNNING")
        time.sleep(0.2)
    kill_run(run_id)
    while state_of(client, outputs, run_id) == "RUNNING":
        time.sleep(0.2)
    assert state_of(client, outputs, run_id) == "FAILED"
    upload_script(client, outputs, script)


def answers(outputs: Pipeline) -> dict[str, list[tuple[Any, ...]]]:
    return {name: rows(sql, outputs) for name, sql in template_schemas.queries().items()}


def expected_answers(tables: oracle.Tables) -> dict[str, list[tuple[Any, ...]]]:
    """The five answers by the oracle, in the order that queries.sql gives them."""
    totals: dict[tuple[str, str], list[int]] = {}
    for (_, product, category), row in tables.funnel.items():
        total = totals.setdefault((product, category), [0, 0, 0])
        for place, name in enumerate(("views", "add_to_carts", "purchases")):
            total[place] += row[name]
    funnel = [
        (*key, v, a, p, oracle.rate(a, v), oracle.rate(p, v), oracle.rate(p, a))
        for key, (v, a, p) in sorted(totals.items(), key=lambda item: (-item[1][0], item[0]))
    ]
    return {
        "conversion_funnel": funnel,
        "hourly_revenue": [(*key, *row) for key, row in sorted(tables.hourly.items())],
        "top_products": tables.top,
        "category_performance": [
            (*key, *row.values()) for key, row in sorted(tables.category.items())
        ],
        "user_activity": [(day, *row) for day, row in sorted(tables.activity.items())],
    }


def ledger_pointers(client: Callable[[str], Any], outputs: Pipeline) -> list[str]:
    table = {"DatabaseName": outputs["GoldDatabase"], "TableName": "pipeline_runs"}
    found = client("glue").get_partitions(**table)["Partitions"]
    return [partition["StorageDescriptor"]["Location"] for partition in found]


def state_of(client: Callable[[str], Any], outputs: Pipeline, run_id: str) -> str:
    run = client("glue").get_job_run(JobName=outputs["GlueJobName"], RunId=run_id)
    return str(run["JobRun"]["JobRunState"])


def kill_run(run_id: str) -> None:
    found = subprocess.run(["pgrep", "-f", run_id], capture_output=True, text=True).stdout.split()
    groups = {os.getpgid(int(pid)) for pid in found} - {os.getpgid(0)}
    assert groups, f"no process of {run_id}"
    for group in groups:
        os.killpg(group, signal.SIGKILL)
