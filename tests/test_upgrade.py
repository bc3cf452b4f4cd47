"""An earlier version's stack, lake and bookmark go on under today's template and job."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from job import ROOT, SOURCE, BookmarkedJob, create_glue_job, run_glue_job, upload_script
from lab import NOON, Lab, event, purchase
from pyspark.sql import SparkSession
from template_schemas import TEMPLATE, table_columns
from test_pipeline import answers, expected_answers, rows
from upgrades import capstone_etl as previous

import generate_sample_data
from glue_jobs import capstone_etl as etl
from local_aws.glue.version import glue_version
from tools import session

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(glue_version() != "5.1", reason="the earlier job is for Glue 5.1 only"),
]

Client = Callable[[str], Any]

PREVIOUS = ROOT / "tests" / "upgrades" / TEMPLATE.name
ID = "upgrade"
STACK = {"StackName": f"capstone-{ID}"}
DAY, MINUTES = timedelta(days=1), timedelta(minutes=5)
# A run that reads nothing, in place of the job's, which would take Spark: it leaves a bookmark.
COMMITTING = f"""\
import types
from awsglue.job import Job
job = Job(types.SimpleNamespace(bookmarks=None))
job.init("capstone-etl-{ID}")
job.commit()
"""


@dataclass(frozen=True)
class Upgrade:
    """A lake that an earlier version has filled, before and after the update of its stack.

    Attributes:
        changes: What the change set said of each resource, by its logical id.
        before: The earlier version's ledger.
        kept: What GetJobBookmark said before and after the updates of stack and job.
    """

    job: BookmarkedJob
    changes: dict[str, dict[str, Any]]
    before: list[dict[str, Any]]
    kept: list[dict[str, Any]]


def key_of(when: datetime) -> str:
    return str(generate_sample_data.load_generator().object_key(when))


@pytest.fixture(scope="module")
def upgrade(
    spark: SparkSession,
    endpoint: str,
    data_dir: Path,
    client: Client,
    tmp_path_factory: pytest.TempPathFactory,
) -> Upgrade:
    outputs = session.deploy(client, ID, PREVIOUS)
    session.mount(spark, data_dir / "s3", outputs)
    lab = Lab(spark, endpoint, data_dir / "s3", outputs)
    job = BookmarkedJob(lab, tmp_path_factory.mktemp("upgrade") / "bookmark.json")
    run_previous(job, NOON, datetime.now(UTC) - DAY)
    create_glue_job(client, outputs)
    upload_script(client, outputs, COMMITTING)
    assert run_glue_job(client, outputs)["JobRunState"] == "SUCCEEDED"
    kept = [bookmark(client, outputs)]
    changes = update(client)
    # The stack comes first, so a schedule may start the earlier job on it once more.
    run_previous(job, NOON + MINUTES, datetime.now(UTC))
    before = lab.rows(etl.LEDGER)
    create_glue_job(client, outputs)
    kept.append(bookmark(client, outputs))
    return Upgrade(job, changes, before, kept)


def run_previous(job: BookmarkedJob, when: datetime, at: datetime) -> None:
    """A run of the earlier version on a new file; each day of runs has a ledger of its own."""
    who = {"user_id": f"u{when.minute}", "session_id": f"s{when.minute}"}
    sold = purchase(when, **who, quantity=2, price="19.99")
    job.put(key_of(when), [event(when, **who), event(when - DAY, **who), sold, sold, "garbage"])
    job.run(job=previous, at=at)


def bookmark(client: Client, outputs: dict[str, str]) -> dict[str, Any]:
    found = client("glue").get_job_bookmark(JobName=outputs["GlueJobName"])
    return dict(found["JobBookmarkEntry"])


def update(client: Client) -> dict[str, dict[str, Any]]:
    """Update the stack to today's template; returns what a change set says of it before."""
    stacks = client("cloudformation")
    (stack,) = stacks.describe_stacks(**STACK)["Stacks"]
    wanted = {
        "TemplateBody": TEMPLATE.read_text(encoding="utf-8"),
        "Parameters": [
            {"ParameterKey": one["ParameterKey"], "UsePreviousValue": True}
            for one in stack["Parameters"]
        ],
    }
    name = {"ChangeSetName": "upgrade", "ChangeSetType": "UPDATE"}
    change = {"ChangeSetName": stacks.create_change_set(**STACK, **name, **wanted)["Id"]}
    described = stacks.describe_change_set(**change)
    stacks.delete_change_set(**change)
    stacks.update_stack(**STACK, **wanted)
    stacks.get_waiter("stack_update_complete").wait(**STACK, WaiterConfig={"Delay": 1})
    found = (each["ResourceChange"] for each in described["Changes"])
    return {each["LogicalResourceId"]: each for each in found}


def test_the_change_set_adds_and_modifies_and_neither_removes_nor_replaces(
    upgrade: Upgrade,
) -> None:
    actions = {each["Action"] for each in upgrade.changes.values()}
    assert actions == {"Add", "Modify"}
    assert upgrade.changes["GoldPipelineRuns"]["Action"] == "Modify"
    assert upgrade.changes["AlarmTopic"]["Action"] == "Add"
    replaced = {name for name, each in upgrade.changes.items() if each.get("Replacement") == "True"}
    assert replaced == set()
    may_be = {
        name for name, each in upgrade.changes.items() if each.get("Replacement") == "Conditional"
    }
    holding = ("AWS::S3::Bucket", "AWS::Glue::Database", "AWS::Glue::Table")
    assert not {name for name in may_be if upgrade.changes[name]["ResourceType"] in holding}


def test_the_jobs_bookmark_is_there_after_stack_and_job_were_updated(
    upgrade: Upgrade, client: Client
) -> None:
    before, after = upgrade.kept
    assert after == before
    script = upgrade.job.lab.outputs["ScriptLocation"].removeprefix("s3://").split("/", 1)
    body = client("s3").get_object(Bucket=script[0], Key=script[1])["Body"].read()
    assert body == SOURCE.read_bytes()


def test_todays_job_reads_only_new_files_and_every_table_equals_the_oracle(
    upgrade: Upgrade, aws_env: dict[str, str]
) -> None:
    job, lab = upgrade.job, upgrade.job.lab
    assert lab.published() == lab.expected()
    late, again = NOON + timedelta(minutes=10), sorted(lab.files)[0]
    known = list(lab.files[again] or [])
    job.put(key_of(late), [*known, purchase(late, user_id="u9"), event(NOON - DAY, user_id="u9")])
    job.run()
    assert lab.published() == lab.expected()

    added = columns_added()
    assert "newest_event" in added
    ledger = f"select files, lines, {', '.join(added)} from pipeline_runs order by started_at"
    old, same_day, new = rows(ledger, lab.outputs)
    assert (old[:2], same_day[:2], new[:2]) == ((1, 5), (1, 5), (1, 7))
    assert set(old[2:]) == set(same_day[2:]) == {None}
    assert new[2 + added.index("newest_event")] == NOON.replace(tzinfo=None) + 2 * MINUTES
    assert answers(lab.outputs) == expected_answers(lab.expected())
    now = {row["run_id"]: row for row in lab.rows(etl.LEDGER)}
    for row in upgrade.before:
        assert {name: now[row["run_id"]][name] for name in row} == row


def test_todays_job_makes_gold_of_the_earlier_versions_days_again_and_sweeps_its_files(
    upgrade: Upgrade,
) -> None:
    job, lab = upgrade.job, upgrade.job.lab
    moved = lab.partitions(etl.FUNNEL)
    job.run(rebuild=f"{NOON - DAY:%Y-%m-%d}/{NOON:%Y-%m-%d}")
    assert all(lab.partitions(etl.FUNNEL)[day] != moved[day] for day in moved)
    assert lab.published() == lab.expected()
    lab.lake(sweep_after_days=0).sweep(datetime.now(UTC) + timedelta(minutes=1))
    assert lab.stored() == lab.pointed()
    assert lab.published() == lab.expected()


def columns_added() -> list[str]:
    """The ledger's columns that the earlier version did not have."""
    columns, _ = table_columns("gold", "pipeline_runs")
    earlier = previous.LEDGER_SCHEMA.names
    return [name for name, _ in columns if name not in earlier]
