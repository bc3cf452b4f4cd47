"""The deployed pipeline: real Glue job runs in processes of their own, answers through Athena."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import lab
import oracle
import pytest
import template_schemas
from faults import Effect, Point, Site, killing_script, sites_in
from job import SOURCE, create_glue_job, run_glue_job, upload_script
from lab import event

import generate_sample_data
from tools import local

pytestmark = pytest.mark.slow

Pipeline = dict[str, str]


def put(
    client: Callable[[str], Any], outputs: Pipeline, files: dict[str, list[str] | None]
) -> None:
    for key, lines in files.items():
        body = gzip.compress("\n".join(lines or []).encode())
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
    create_glue_job(client, outputs)
    return outputs


def test_runs_read_each_file_once_and_equal_the_oracle_whatever_happens(
    job: Pipeline, client: Callable[[str], Any]
) -> None:
    """Three files, one truncated; it is mended and one more comes, and their run is killed three
    times; the bookmark is reset, and all are read again.
    """
    when = lab.NOON
    key_of = generate_sample_data.load_generator().object_key
    hostile = "events/resent/a b%20c=ü'--/events-20261105-120000.jsonl.gz"
    truncated = key_of(when + timedelta(minutes=10))
    files: dict[str, list[str] | None] = {
        key_of(when): [event(when), lab.purchase(when), event(when), "garbage"],
        hostile: [event(when, user_id="u2"), '{"user_id":"a\u0001b"}', ""],
        truncated: None,
    }
    put(client, job, files)
    client("s3").put_object(
        Bucket=job["SourceBucketName"], Key=truncated, Body=gzip.compress(b"{}")[:-1]
    )
    succeed(client, job)
    assert answers(job) == expected_answers(oracle.expected(files.items()))

    late = when + timedelta(minutes=5)
    files[key_of(late)] = [event(late, product_id="p2"), event(when - timedelta(days=3))]
    files[truncated] = [event(when, user_id="u2"), event(late, user_id="u3")]
    put(client, job, {key: files[key] for key in (key_of(late), truncated)})
    old = answers(job)
    run_killed(client, job, Point(Effect(the_only("parquet"), 4), "after"))
    assert answers(job) == old
    run_killed(client, job, Point(Effect(the_only("batch_create_partition"), 2), "after"))
    assert answers(job) == old
    run_killed(client, job, Point(Effect(the_only("commit"), 1), "before"))
    new = expected_answers(oracle.expected(files.items()))
    assert answers(job) == new

    client("glue").reset_job_bookmark(JobName=job["GlueJobName"])
    succeed(client, job)
    ledger = """
        select files, cardinality(unreadable_files), lines, quarantined, new_events,
            duplicates_in_lake
        from pipeline_runs order by run_id
        """
    # The second run that was killed had published silver, so that the third knew its events.
    assert rows(ledger, job) == [(3, 1, 7, 3, 3, 0), (2, 0, 4, 0, 0, 4), (4, 0, 10, 2, 0, 6)]
    assert answers(job) == new


def succeed(client: Callable[[str], Any], outputs: Pipeline) -> None:
    run = run_glue_job(client, outputs)
    assert run["JobRunState"] == "SUCCEEDED", run.get("ErrorMessage")


def run_killed(client: Callable[[str], Any], outputs: Pipeline, point: Point) -> None:
    """SIGKILL of the run's whole process group at a point: nothing cleans up."""
    upload_script(client, outputs, killing_script(SOURCE, point))
    run = run_glue_job(client, outputs)
    assert (run["JobRunState"], run["ErrorMessage"]) == (
        "FAILED",
        "Command failed with exit code -9",
    )
    upload_script(client, outputs, SOURCE.read_text(encoding="utf-8"))


def the_only(operation: str) -> Site:
    (found,) = [site for site in sites_in(SOURCE) if site.operation == operation]
    return found


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
