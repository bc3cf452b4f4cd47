"""Runs of the job against the embedded AWS: whatever happens, every table equals the oracle."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import template_schemas
from job import BookmarkedJob
from lab import NOON, Lab, event, purchase

import generate_sample_data
from glue_jobs import capstone_etl as etl

pytestmark = pytest.mark.slow

MINUTES = timedelta(minutes=5)


def shop(when: Any, users: int = 4) -> list[str]:
    """A small batch with every kind of event."""
    lines = []
    for number in range(users):
        who = {"user_id": f"u{number}", "session_id": f"s{number}"}
        at = when - timedelta(seconds=10 * number + 1)
        lines += [
            event(at, **who, product_id=f"p{number % 3}"),
            event(at, **who, event_type="search", product_id=None, category=None, search_query="q"),
            event(at, **who, event_type="add_to_cart", quantity=2, price=5, product_id="p1"),
            purchase(at, **who, quantity=number + 1, price=19.99, product_id="p1"),
        ]
    return lines


def test_runs_over_new_files_equal_the_oracle(lab: Lab) -> None:
    lab.put(shop(NOON), NOON)
    lab.put([*shop(NOON + MINUTES), "garbage", purchase(price=-1)], NOON + MINUTES)
    first = lab.run()
    assert lab.published() == lab.expected()
    assert (first.files, first.lines, first.valid, first.quarantined) == (2, 34, 32, 2)
    assert first.quarantined_by_reason == {"not_a_json_object": 1, "invalid_price": 1}
    row = lab.rows(etl.LEDGER)[0]
    assert row["lines"] == row["valid"] + row["quarantined"]
    known = row["duplicates_in_batch"] + row["duplicates_in_lake"]
    assert row["valid"] == row["new_events"] + known
    assert set(dict(row["stage_seconds"])) == {"bronze", "silver", "rollups", "gold"}

    lab.put(shop(NOON + 2 * MINUTES, users=6), NOON + 2 * MINUTES)
    second = lab.run()
    assert lab.published() == lab.expected()
    assert (second.files, second.new_events, second.duplicates_in_lake) == (1, 24, 0)


def test_a_run_without_new_files_publishes_only_its_ledger_row(lab: Lab) -> None:
    lab.put(shop(NOON))
    lab.run()
    before = {name: lab.partitions(name) for name in etl.PUBLISH_ORDER}
    ledger = lab.run()
    after = {name: lab.partitions(name) for name in etl.PUBLISH_ORDER}
    assert (ledger.files, ledger.lines, ledger.partitions_published) == (0, 0, 0)
    assert [name for name in before if before[name] != after[name]] == [etl.LEDGER]
    assert len(lab.rows(etl.LEDGER)) == 2


@pytest.mark.parametrize("looked_up", [0, pytest.param(etl.LOOKED_UP, marks=pytest.mark.soak)])
def test_the_same_batch_delivered_again_adds_no_event(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, looked_up: int
) -> None:
    monkeypatch.setattr(etl, "LOOKED_UP", looked_up)
    lines = [*shop(NOON), *shop(NOON), "garbage"]
    key = lab.put(lines)
    lab.run()
    before = lab.published()
    again = lab.run([key])
    assert lab.published() == before == lab.expected()
    assert (again.new_events, again.duplicates_in_lake, again.duplicates_in_batch) == (0, 16, 16)

    lab.put(shop(NOON), key="events/resent/events-20261105-120000-copy.jsonl.gz")
    renamed = lab.run()
    assert (renamed.new_events, renamed.duplicates_in_lake) == (0, 16)
    assert lab.published() == lab.expected()


def test_a_late_event_changes_the_old_date_only(lab: Lab) -> None:
    yesterday = NOON - timedelta(days=1)
    lab.put(shop(yesterday), yesterday)
    lab.put(shop(NOON), NOON)
    lab.run()
    before = {name: lab.partitions(name) for name in etl.PUBLISH_ORDER}
    lab.put([purchase(yesterday - timedelta(seconds=3), user_id="late")], NOON + MINUTES)
    lab.run()
    assert lab.published() == lab.expected()
    for name in (etl.FUNNEL, etl.HOURLY_REVENUE, etl.CATEGORY, etl.ACTIVITY):
        after = lab.partitions(name)
        moved = {values for values in after if after[values] != before[name].get(values)}
        assert moved == {("2026-11-04",)}, name


def test_gold_is_added_to_without_a_look_at_the_rollups_of_its_date(lab: Lab) -> None:
    lab.put(shop(NOON), NOON)
    lab.run()
    for location in lab.partitions(etl.PRODUCT_HOURLY).values():
        for file in (lab.s3_dir / location.removeprefix("s3://")).glob("*.parquet"):
            file.unlink()
    lab.put([*shop(NOON + MINUTES, users=6), *shop(NOON)], NOON + MINUTES)
    lab.run()
    assert lab.published() == lab.expected()


def test_a_run_of_known_events_leaves_gold_as_it_is(lab: Lab) -> None:
    key = lab.put(shop(NOON))
    lab.run()
    before = {name: lab.partitions(name) for name in etl.PUBLISH_ORDER}
    lab.run([key])
    for name in (*etl.DAILY_GOLD, etl.TOP_PRODUCTS):
        assert lab.partitions(name) == before[name], name


def test_a_date_without_a_product_is_right_run_after_run(lab: Lab) -> None:
    """It has no funnel, so its gold is never complete."""
    search = {"event_type": "search", "product_id": None, "category": None}
    for number in range(2):
        lab.put([event(search_query=f"q{number}", **search)], NOON + number * MINUTES)
        lab.run()
        assert lab.published() == lab.expected()


def test_a_revenue_that_does_not_fit_stays_null_when_more_is_added(lab: Lab) -> None:
    most = {"price": 99_999_999.99, "quantity": 60_000_000}
    runs = [
        [purchase(user_id=f"u{n}", **most) for n in range(2)],
        [purchase(), purchase(category="other")],
    ]
    for number, lines in enumerate(runs):
        lab.put(lines, NOON + number * MINUTES)
        lab.run()
        assert lab.published() == lab.expected()
    assert [row["total_revenue"] for row in lab.rows(etl.HOURLY_REVENUE)] == [None]


def test_a_run_whose_clock_is_behind_comes_after_those_before_it(lab: Lab, tmp_path: Path) -> None:
    """Gold says by its run id what it holds, so ids must sort as runs follow each other."""
    job = BookmarkedJob(lab, tmp_path / "bookmark.json")
    ahead = f"{etl.run_stamp(datetime.now(UTC) + timedelta(hours=1))}-0badc10c"
    bucket = lab.outputs["AnalyticsOutputBucket"]
    lab.client("s3").put_object(Bucket=bucket, Key=f"runs/{ahead}.json", Body=b"{}")
    runs = [ahead]
    for number in range(2):
        job.put(
            generate_sample_data.load_generator().object_key(NOON + number * MINUTES), shop(NOON)
        )
        job.run()
        runs = [*runs, *({row["run_id"] for row in lab.rows(etl.LEDGER)} - set(runs))]
    assert runs == sorted(runs)
    assert len(runs) == 3
    assert lab.published() == lab.expected()


def test_a_file_of_only_bad_lines_is_quarantined_and_nothing_else(lab: Lab) -> None:
    lab.put(["x", "{}", "[]"])
    ledger = lab.run()
    assert lab.published() == lab.expected()
    assert (ledger.quarantined, ledger.valid, ledger.corrupt) == (3, 0, 2)


def test_an_empty_file_is_no_input(lab: Lab) -> None:
    lab.put(["", "  "])
    ledger = lab.run()
    assert (ledger.files, ledger.lines) == (0, 0)


def test_a_key_without_a_time_is_quarantined_by_that_reason(lab: Lab) -> None:
    lab.put([event()], key="events/stray.gz")
    assert lab.run().quarantined_by_reason == {"source_without_time": 1}
    assert lab.published() == lab.expected()


def test_a_file_that_was_mended_takes_its_rejects_out_of_quarantine(lab: Lab) -> None:
    key = lab.put(["broken"])
    lab.run()
    assert len(lab.rows(etl.QUARANTINE)) == 1
    lab.files[key] = [event()]
    lab.put([], key=key)
    lab.run()
    assert lab.published() == lab.expected()
    assert lab.rows(etl.QUARANTINE) == []


def test_a_table_that_is_not_deployed_is_named_with_the_remedy(lab: Lab) -> None:
    lab.client("glue").delete_table(
        DatabaseName=lab.outputs["SilverDatabase"], Name="product_hourly"
    )
    with pytest.raises(etl.CatalogError, match=r"silver_\w+.product_hourly is not in .*Deploy"):
        lab.lake()


def test_written_schemas_equal_the_template(lab: Lab) -> None:
    lab.put([*shop(NOON), "garbage"])
    lab.run()
    for name in etl.PUBLISH_ORDER:
        columns, keys = template_schemas.table_columns(*name.split("."))
        location = next(iter(lab.partitions(name).values()))
        written = lab.spark.read.parquet(location).dtypes
        assert written == columns, name
        assert list(lab.rows(name)[0]) == [column for column, _ in (*columns, *keys)], name


def test_a_sweep_that_is_refused_does_not_fail_the_run(
    lab: Lab, capsys: pytest.CaptureFixture[str]
) -> None:
    lake = lab.lake()
    lab.client("s3").delete_bucket(Bucket=lab.outputs["AnalyticsOutputBucket"])
    etl.sweep_up(lake, etl.datetime.now(etl.UTC))
    assert "could not sweep, the next run will" in capsys.readouterr().out


def test_gold_whose_files_are_gone_fails_the_run_by_name(lab: Lab) -> None:
    lab.put([event()])
    lab.run()
    (location,) = lab.partitions(etl.ACTIVITY).values()
    bucket, prefix = etl.split_s3(location)
    lab.client("s3").delete_object(Bucket=bucket, Key=f"{prefix}part.parquet")
    lab.put([event(user_id="somebody else")], NOON + MINUTES)
    with pytest.raises(etl.CatalogError, match="user_activity/.*holds no file.*--rebuild"):
        lab.run()
