"""What a run says to CloudWatch."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from job import BookmarkedJob
from lab import NOON, Lab, event, purchase

import generate_sample_data
from glue_jobs import capstone_etl as etl
from tools import local

STARTED = datetime(2026, 11, 5, 12, 10, tzinfo=UTC)


def ledger(**counts: Any) -> etl.Ledger:
    finished = STARTED + timedelta(seconds=42)
    return etl.Ledger("r", "jr", STARTED, finished, **counts)


def test_a_run_tells_its_counts_its_share_of_rejects_and_how_old_its_newest_event_is() -> None:
    found = etl.metrics_of(
        ledger(
            lines=200, quarantined=3, new_events=150, duplicates_in_batch=40,
            duplicates_in_lake=7, newest_event=STARTED - timedelta(minutes=3),
            rules_failed=["gold.user_activity: RowCount > 0 (0 rows)"],
        )
    )  # fmt: skip
    assert found == {
        "EventsIn": (200, "Count"),
        "RowsOut": (150, "Count"),
        "Quarantined": (3, "Count"),
        "Duplicates": (47, "Count"),
        "RunSeconds": (42, "Seconds"),
        "QualityRulesFailed": (1, "Count"),
        "QuarantineShare": (1.5, "Percent"),
        "FreshnessSeconds": (222, "Seconds"),
    }


def test_a_run_without_lines_has_no_share_and_nothing_fresh() -> None:
    found = etl.metrics_of(ledger())
    assert found.keys().isdisjoint({"QuarantineShare", "FreshnessSeconds"})
    assert found["EventsIn"] == (0, "Count")


def test_an_event_that_is_dated_ahead_is_not_fresher_than_now() -> None:
    found = etl.metrics_of(ledger(newest_event=STARTED + timedelta(hours=1)))
    assert found["FreshnessSeconds"] == (0, "Seconds")


@pytest.mark.slow
def test_metrics_of_a_run_are_in_cloudwatch_under_its_job(
    new_lab: Callable[[], Lab], client: Callable[[str], Any], tmp_path: Path
) -> None:
    lab = new_lab()  # CloudWatch keeps what other runs of a used one have said
    job = BookmarkedJob(lab, tmp_path / "bookmark.json")
    key = generate_sample_data.load_generator().object_key(NOON)
    job.put(key, [event(), purchase(), purchase(), "broken"])
    job.run()

    now = datetime.now(UTC)
    found = {}
    for name in ("EventsIn", "RowsOut", "Quarantined", "QuarantineShare", "Duplicates"):
        answer = client("cloudwatch").get_metric_statistics(
            Namespace="Capstone", MetricName=name,
            Dimensions=[{"Name": "Job", "Value": lab.outputs["GlueJobName"]}],
            StartTime=now - timedelta(hours=1), EndTime=now + timedelta(minutes=1),
            Period=7200, Statistics=["Sum"],
        )  # fmt: skip
        found[name] = answer["Datapoints"][0]["Sum"]
    assert found == {
        "EventsIn": 4, "RowsOut": 2, "Quarantined": 1, "QuarantineShare": 25, "Duplicates": 1,
    }  # fmt: skip
    assert lab.rows(etl.LEDGER)[0]["newest_event"] == NOON


def test_metrics_that_cannot_be_sent_do_not_fail_the_run(
    capsys: pytest.CaptureFixture[str],
) -> None:
    nobody = local.client("cloudwatch", "http://127.0.0.1:9")
    etl.send_metrics(nobody, "job", ledger())
    assert "could not send metrics to CloudWatch: Could not connect" in capsys.readouterr().out
