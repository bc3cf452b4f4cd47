"""Doing things again on purpose: gold from silver, files whatever the bookmark says."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from job import ROOT, BookmarkedJob
from lab import NOON, Lab, event, purchase

from glue_jobs import capstone_etl as etl

pytestmark = pytest.mark.slow

DATES = {NOON.date(), NOON.date() + timedelta(days=1)}
ROLLUPS = (etl.PRODUCT_HOURLY, etl.VISITORS)


def rebuild(lab: Lab, dates: set[date] = DATES) -> etl.Ledger:
    lake = lab.lake()
    ledger = etl.Ledger(lake.run_id, "jr_rebuild", datetime.now(UTC))
    return etl.Run(lab.spark, lake, ledger).rebuild(dates)


def rows(lab: Lab, name: str) -> list[list[tuple[str, str]]]:
    return sorted(sorted((k, str(v)) for k, v in row.items()) for row in lab.rows(name))


@pytest.fixture(scope="module")
def filled(new_lab: Callable[[], Lab]) -> Lab:
    """Two runs over two dates; the second brings an event of the first's hour and users. Each test
    leaves its tables right.
    """
    lab = new_lab()
    lab.put([event(), purchase(user_id="u2")])
    lab.run()
    tomorrow = NOON + timedelta(days=1)
    lab.put([event(product_id="p2"), purchase(tomorrow, session_id="s2")], tomorrow)
    lab.run()
    return lab


def damage(lab: Lab) -> None:
    """Lose a rollup and the visitors of a run, and point gold at a date that never was."""
    glue, outputs = lab.client("glue"), lab.outputs
    for name in ROLLUPS:
        values = sorted(lab.partitions(name))[0]
        glue.delete_partition(
            DatabaseName=outputs["SilverDatabase"],
            TableName=name.partition(".")[2],
            PartitionValues=list(values),
        )
    lab.lake()
    funnel = {"DatabaseName": outputs["GoldDatabase"], "TableName": "conversion_funnel"}
    entry = glue.get_partitions(**funnel)["Partitions"][0]
    wrong = {"Values": ["2026-11-07"], "StorageDescriptor": entry["StorageDescriptor"]}
    glue.create_partition(**funnel, PartitionInput=wrong)


def test_a_rebuild_of_tables_that_are_right_moves_their_pointers_and_changes_no_row(
    filled: Lab,
) -> None:
    before = {name: (rows(filled, name), filled.partitions(name)) for name in ROLLUPS}

    ledger = rebuild(filled)

    assert filled.published() == filled.expected()
    for name, (content, places) in before.items():
        assert rows(filled, name) == content
        assert filled.partitions(name).keys() == places.keys()
        assert all(f"/run={ledger.run_id}/" in place for place in filled.partitions(name).values())


def test_a_rebuild_makes_damaged_rollups_and_gold_right_again(filled: Lab) -> None:
    right = {name: rows(filled, name) for name in ROLLUPS}
    damage(filled)
    assert filled.published() != filled.expected()

    rebuild(filled, DATES | {date(2026, 11, 7)})

    assert filled.published() == filled.expected()
    assert {name: rows(filled, name) for name in ROLLUPS} == right
    filled.put([event(user_id="u9")], NOON + timedelta(hours=5))
    filled.run()
    assert filled.published() == filled.expected()


def test_a_dry_run_of_a_rebuild_says_what_it_would_touch_and_writes_nothing(
    filled: Lab, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path for path in filled.s3_dir.rglob("*") if path.is_file()}
    lake = filled.lake(rebuild="2026-11-05/2026-11-09", dry_run="true")
    run = etl.Run(filled.spark, lake, etl.Ledger(lake.run_id, "jr_dry", datetime.now(UTC)))
    capsys.readouterr()

    etl.do_again(run, lake.options)

    said = capsys.readouterr().out
    assert "rebuild of 2026-11-05 to 2026-11-09, dry run: nothing was written" in said
    silver = filled.partitions(etl.SILVER)
    hours = {values[:2] for values in silver}
    assert f"reads {len(silver)} partitions of silver, in {len(hours)} hours" in said
    assert "2026-11-06: 1 hours" in said
    assert {path for path in filled.s3_dir.rglob("*") if path.is_file()} == before


def again(lab: Lab, **options: str) -> etl.Ledger:
    """What a job run with these arguments does, up to its bookmark."""
    lake = lab.lake(**options)
    run = etl.Run(lab.spark, lake, etl.Ledger(lake.run_id, "jr_again", datetime.now(UTC)))
    etl.do_again(run, lake.options)
    return run.ledger


def test_a_replay_reads_the_files_of_its_hours_again_and_changes_no_row(filled: Lab) -> None:
    late = filled.put([event(user_id="u3")], NOON + timedelta(hours=1))
    silver = rows(filled, etl.SILVER)

    ledger = again(filled, replay="2026-11-05T12/2026-11-05T14")

    assert (ledger.files, ledger.lines, ledger.new_events) == (2, 3, 1)
    assert filled.published() == filled.expected()
    assert [row for row in rows(filled, etl.SILVER) if row in silver] == silver
    filled.run([late])
    assert filled.published() == filled.expected()


def test_a_dry_run_of_a_replay_says_what_it_would_read_and_writes_nothing(
    lab: Lab, capsys: pytest.CaptureFixture[str]
) -> None:
    key = lab.put([event()])
    before = {path for path in lab.s3_dir.rglob("*") if path.is_file()}

    again(lab, replay="2026-11-05T11/2026-11-05T14", dry_run="true")

    said = capsys.readouterr().out
    assert "replay of 2026-11-05T11 until 2026-11-05T14, dry run: nothing was written" in said
    assert f"would read 1 files again, 0.0 MB, from {key} to {key}" in said
    assert {path for path in lab.s3_dir.rglob("*") if path.is_file()} == before


def test_arguments_that_contradict_each_other_are_refused(lab: Lab) -> None:
    with pytest.raises(etl.OptionError, match="are two runs"):
        again(lab, replay="2026-11-05T11/2026-11-05T14", rebuild="2026-11-05/2026-11-05")
    with pytest.raises(etl.OptionError, match="--dry_run is 'yes': write true or false"):
        again(lab, rebuild="2026-11-05/2026-11-05", dry_run="yes")


def test_the_documented_commands_say_what_they_would_touch(lab: Lab, tmp_path: Path) -> None:
    """The job arguments of docs/GUARANTEES.md, handed to the job as Glue hands them."""
    text = (ROOT / "docs" / "GUARANTEES.md").read_text(encoding="utf-8")
    given = [json.loads(one) for one in re.findall(r"--arguments '(\{.*?\})'", text)]
    assert [set(one) for one in given] == [{"--rebuild", "--dry_run"}, {"--replay", "--dry_run"}]
    for one in given:
        arguments = {name.removeprefix("--"): value for name, value in one.items()}
        job = BookmarkedJob(lab, tmp_path / "bookmark.json", **arguments)
        job.run()
        assert "dry run: nothing was written" in job.output
    assert lab.stored() == set()
    assert not (tmp_path / "bookmark.json").exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("2026-11-05", "write FIRST/LAST, two event dates"),
        ("2026-11-05/tomorrow", "write FIRST/LAST, two event dates"),
        ("2026-11-05/2026-11-04", "2026-11-05 is after 2026-11-04"),
    ],
)
def test_dates_that_cannot_be_rebuilt_are_named_with_the_form(text: str, message: str) -> None:
    with pytest.raises(etl.OptionError, match=f"--rebuild is '{text}': {message}"):
        etl.dates_of(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("2026-11-05", "write FROM/UNTIL, two hours of ingestion"),
        ("2026-11-05/2026-11-06", "write FROM/UNTIL, two hours of ingestion"),
        ("2026-11-05T22/2026-11-05T22", "there is no hour from"),
    ],
)
def test_hours_that_cannot_be_replayed_are_named_with_the_form(text: str, message: str) -> None:
    with pytest.raises(etl.OptionError, match=f"--replay is '{text}': {message}"):
        etl.hours_of(text)


def test_the_dates_and_hours_of_a_range_are_all_of_it() -> None:
    assert etl.dates_of("2026-12-31/2027-01-01") == {date(2026, 12, 31), date(2027, 1, 1)}
    hours = etl.hours_of("2026-12-31T22/2027-01-01T01")
    assert [hour.isoformat() for hour in hours] == [
        "2026-12-31T22:00:00", "2026-12-31T23:00:00", "2027-01-01T00:00:00",
    ]  # fmt: skip
