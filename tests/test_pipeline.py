"""The deployed pipeline as its users drive it: AWS CLI, Glue job runs, Athena, the notebook."""

from __future__ import annotations

import gzip
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import generate_sample_data
import lab
import oracle
import pytest
import template_schemas
from lab import event

from tools import local
from tools.notebook import execute

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
AWS = str(Path(sys.executable).with_name("aws"))
Pipeline = dict[str, str]


def aws(*arguments: str) -> Any:
    """Run the AWS CLI against the embedded AWS; returns its JSON, or its text."""
    assert os.environ["AWS_ENDPOINT_URL"].startswith("http://127.0.0.1:")
    done = subprocess.run([AWS, *arguments], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, f"aws {' '.join(arguments)}: {done.stderr}"
    try:
        return json.loads(done.stdout)
    except ValueError:
        return done.stdout


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
def notebook_namespace() -> dict[str, Any]:
    """The notebook's own functions: its cells of definitions, executed without running a job."""
    notebook = json.loads((ROOT / "build_pipeline.ipynb").read_text(encoding="utf-8"))
    cells = {cell["id"]: "".join(cell["source"]) for cell in notebook["cells"]}
    return {"cells": cells}


@pytest.fixture(scope="module")
def outputs(deploy: Callable[[str], Pipeline], client: Callable[[str], Any]) -> Iterator[Pipeline]:
    """A deployed stack with the job as the notebook defines it."""
    yield deploy("pipeline")


@pytest.fixture
def job(
    outputs: Pipeline,
    client: Callable[[str], Any],
    notebook_namespace: dict[str, Any],
    aws_env: dict[str, str],
) -> Pipeline:
    """The same stack with its Glue job, made by the notebook's own cell."""
    script = ROOT / "glue_jobs" / "capstone_etl.py"
    bucket, key = outputs["ScriptLocation"].removeprefix("s3://").split("/", 1)
    client("s3").upload_file(str(script), bucket, key)
    names = {"glue": client("glue"), "outputs": outputs, "AWS_REGION": "us-west-2"}
    exec(notebook_namespace["cells"]["job"], names)  # noqa: S102
    return outputs


def test_three_runs_read_each_file_once_and_equal_the_oracle(
    job: Pipeline, client: Callable[[str], Any]
) -> None:
    when = lab.NOON
    key_of = generate_sample_data.load_generator().object_key
    hostile = "events/resent/a b%20c=ü'--/events-20261105-120000.jsonl.gz"
    files = {
        key_of(when): [event(when), lab.purchase(when), event(when), "garbage"],
        hostile: [event(when, user_id="u2"), '{"user_id":"a\u0001b"}', ""],
    }
    for key, lines in files.items():
        put(client, job, key, lines)
    assert run_job(client, job)["JobRunState"] == "SUCCEEDED"

    late = when + lab.timedelta(minutes=5)
    files[key_of(late)] = [event(late, product_id="p2"), event(when - lab.timedelta(days=3))]
    put(client, job, key_of(late), files[key_of(late)])
    second = run_job(client, job)
    assert second["JobRunState"] == "SUCCEEDED", second["ErrorMessage"]
    third = run_job(client, job)
    assert third["JobRunState"] == "SUCCEEDED", third["ErrorMessage"]

    ledger = rows("select files, lines, new_events from pipeline_runs order by run_id", job)
    assert ledger == [(2, 6, 3), (1, 2, 2), (0, 0, 0)]
    assert answers(job) == expected_answers(oracle.expected(files.items()))


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


def test_a_run_killed_before_its_commit_is_read_again_and_changes_nothing(
    job: Pipeline, client: Callable[[str], Any]
) -> None:
    """SIGKILL of the whole process group, once the ledger is published: nothing cleans up."""
    when = lab.NOON + lab.timedelta(hours=1)
    key = generate_sample_data.load_generator().object_key(when)
    before = len(rows("select run_id from pipeline_runs", job))
    put(client, job, key, [event(when, user_id=f"k{n}") for n in range(5)])
    glue, name = client("glue"), job["GlueJobName"]
    pause = {"--sweep_after_days": "7", "--pause_before_commit": "60"}
    run_id = glue.start_job_run(JobName=name, Arguments=pause)["JobRunId"]
    while len(rows("select run_id from pipeline_runs", job)) == before:
        assert glue.get_job_run(JobName=name, RunId=run_id)["JobRun"]["JobRunState"] != "FAILED"
        time.sleep(0.2)
    kill_run(run_id)
    while glue.get_job_run(JobName=name, RunId=run_id)["JobRun"]["JobRunState"] == "RUNNING":
        time.sleep(0.2)
    after_kill = answers(job)
    assert run_job(client, job)["JobRunState"] == "SUCCEEDED"
    last = rows(
        "select lines, new_events, duplicates_in_lake from pipeline_runs order by run_id", job
    )
    assert last[-1] == (5, 0, 5)
    assert answers(job) == after_kill


def kill_run(run_id: str) -> None:
    found = subprocess.run(["pgrep", "-f", run_id], capture_output=True, text=True).stdout.split()
    groups = {os.getpgid(int(pid)) for pid in found}
    for group in groups - {os.getpgid(0)}:
        os.killpg(group, signal.SIGKILL)
