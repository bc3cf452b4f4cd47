"""The cost calculator: its arithmetic by hand, what must always hold, and its document."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from template_schemas import load_template

from benchmarks import cost
from benchmarks.cost import DAYS_A_MONTH, Measured, Plan, Requests

MEASURED = Measured(
    seconds_per_million=20,
    start_up_seconds=30,
    generator_seconds_per_million=4,
    bytes_per_million={"raw": 20e6, "bronze": 10e6, "silver": 30e6, "gold": 1e6},
    log_bytes_per_run=2e6,
)
HOURLY = Plan(minutes=60, version="6.0", events_per_batch=1e6, provisioning_seconds=10)
PLANS = st.builds(
    Plan,
    minutes=st.floats(5, 1440),
    version=st.sampled_from(cost.VERSIONS),
    events_per_batch=st.floats(0, 1e9),
    workers=st.integers(2, 100),
    provisioning_seconds=st.floats(0, 300),
    bronze_days=st.floats(0, 1000),
    silver_days=st.floats(0, 1000),
)
MONTHS = st.floats(0.1, 60)


def test_a_run_lasts_its_start_up_and_its_events_on_the_cores_of_one_worker() -> None:
    # 12 million events * 20 s / 4 cores, after 10 s + 30 s.
    assert cost.run_seconds(HOURLY, MEASURED) == 10 + 30 + 60
    assert cost.run_seconds(replace(HOURLY, workers=4), MEASURED) == 10 + 30 + 20


def test_glue_is_runs_times_workers_times_hours_times_price() -> None:
    # 730 runs a month of 2 DPU * 100 s.
    assert cost.glue(HOURLY, MEASURED) == pytest.approx(730 * 2 * 100 / 3600 * 0.308)
    flex = replace(HOURLY, version="6.0 flex")
    assert cost.glue(flex, MEASURED) == pytest.approx(730 * 2 * 100 / 3600 * 0.203)


@pytest.mark.parametrize(("seconds", "billed"), [(0, 60), (59.2, 60), (60, 60), (60.1, 61)])
def test_glue_bills_whole_seconds_and_at_least_a_minute(seconds: float, billed: int) -> None:
    assert cost.billed_seconds(seconds) == billed


def test_half_of_a_run_is_start_up_at_the_break_even() -> None:
    minutes = cost.break_even_minutes(HOURLY, MEASURED)
    # 40 s of start-up against 1 s for each minute's events.
    assert minutes == pytest.approx(40)
    assert cost.run_seconds(replace(HOURLY, minutes=minutes), MEASURED) == pytest.approx(80)


def test_stored_data_grow_until_they_expire() -> None:
    # 288 million events a day. Raw stays for 38 days, bronze for 10 and 7 days twice.
    plan = replace(HOURLY, bronze_days=10)
    found = cost.storage(plan, MEASURED, 12)
    gigabytes_a_day = {name: 288 * size / 1e9 for name, size in MEASURED.bytes_per_million.items()}
    assert found["raw"] == pytest.approx(38 * gigabytes_a_day["raw"] * 0.023)
    assert found["bronze"] == pytest.approx(17 * gigabytes_a_day["bronze"] * 0.023)
    assert found["silver"] == pytest.approx((365 + 7) * gigabytes_a_day["silver"] * 0.023)
    assert found["gold"] == pytest.approx(365 * gigabytes_a_day["gold"] * 0.023)


def test_a_run_asks_s3_for_what_it_reads_and_writes() -> None:
    counted = Requests(
        of_run=(1, 2), of_hour=(1, 1), of_file=(0, 3), of_silver=(0, 2), of_path=(2, 1),
        of_read=(0, 4), of_write=(5, 6), of_replaced=(1, 0), files_in_path=2, written=7, replaced=3,
    )  # fmt: skip
    # 12 bronze files, an hour of silver, 11.5 hours of visitors.
    paths = 12 + 1 + 11.5
    assert cost.paths_read(HOURLY) == pytest.approx(paths)
    manifests, silver = 1, 60  # 12 million events, 200,000 to a file
    puts, gets = cost.requests_per_run(HOURLY, counted)
    written, read = 7 + 12 + silver, 2 * (paths - 1) + silver
    assert puts == pytest.approx(1 + 1 + 2 * paths + 5 * written + 3 + manifests)
    assert gets == pytest.approx(2 + 1 + 3 * 12 + 2 * silver + paths + 4 * read + 6 * written + 1)
    dollars = 730 * (puts * 0.005 + gets * 0.0004) / 1000
    assert cost.requests(HOURLY, counted) == pytest.approx(dollars)


def test_each_task_writes_a_silver_file_for_each_hour_unless_that_is_a_hundred_more() -> None:
    assert cost.silver_files(replace(HOURLY, minutes=90)) == 90 * 1.5
    assert cost.silver_files(replace(HOURLY, minutes=180)) == 180 + 3
    # As counted: 3 for one file of 625,000 events, 9 for three.
    small = replace(HOURLY, minutes=5, events_per_batch=625_000)
    assert round(cost.silver_files(small)) == 3
    assert round(cost.silver_files(replace(small, minutes=15))) == 9


def test_partitions_read_are_the_mean_of_a_day_run_by_run() -> None:
    def paths(run: int) -> int:
        """Of a run of the day, counted from 0: bronze, silver, visitors."""
        hour, before = divmod(run, 12)
        silver = before + 1
        # The first run of an hour reads all twelve of the last one, twice; later ones the merged.
        visitors = hour + before
        if before == 0 and hour:
            visitors += 11 + 12
        return 1 + silver + visitors

    mean = sum(map(paths, range(288))) / 288
    assert cost.paths_read(replace(HOURLY, minutes=5)) == pytest.approx(mean, rel=0.05)


def test_questions_cost_ten_megabytes_each_and_a_look_at_every_date() -> None:
    plan = replace(HOURLY, queries_a_day=1)
    once = 5 * 10e6 * 5 / 1e12 + (4 * 30 + 11) * 0.005 / 1000 + 2 * (4 * 30 + 1) * 0.0004 / 1000
    assert cost.athena(plan, 30) == pytest.approx(DAYS_A_MONTH * once)
    assert cost.athena(replace(plan, queries_a_day=24), 30) == pytest.approx(24 * 730 / 24 * once)


def test_logs_and_a_listing_by_folder_are_paid_by_the_run() -> None:
    assert cost.logs(HOURLY, MEASURED) == pytest.approx(730 * 2e6 / 1e9 * 0.50)
    folders = 30 * (1 + 24 + 288)
    assert cost.listing_by_folder(HOURLY) == pytest.approx(730 * folders * 0.005 / 1000)


def test_the_generator_is_a_lambda_of_its_own_with_a_free_tier() -> None:
    found = cost.generator(HOURLY, MEASURED)
    # 8,760 calls of 5 s at 1,769 MB are less than 400,000 GB-seconds.
    gb_seconds = 8760 * 5 * 1769 / 1024
    besides = 8760 * (0.005 / 1000 + 1e-6 * 0.5)
    assert gb_seconds < 400_000
    full = gb_seconds * 0.0000166667 + 8760 * 0.2 / 1e6 + besides
    assert found["full"] == pytest.approx(full)
    assert found["free_tier"] == pytest.approx(besides)


def test_a_month_is_the_sum_of_its_parts() -> None:
    found = cost.month(HOURLY, MEASURED, 1)
    parts = [found.glue, found.requests, found.athena, found.logs, *found.storage.values()]
    assert found.total == pytest.approx(math.fsum(parts))


def test_what_is_deployed_is_what_is_calculated() -> None:
    resources = load_template()["Resources"]
    rules = resources["SourceBucket"]["Properties"]["LifecycleConfiguration"]["Rules"][0]
    gone = rules["ExpirationInDays"] + rules["NoncurrentVersionExpiration"]["NoncurrentDays"]
    assert gone + 1 == cost.RAW_DAYS  # rules act once a day
    analytics = resources["AnalyticsBucket"]["Properties"]["LifecycleConfiguration"]["Rules"][0]
    assert analytics["NoncurrentVersionExpiration"]["NoncurrentDays"] == cost.COPY_DAYS
    assert resources["EventGenerator"]["Properties"]["MemorySize"] / 1024 == cost.LAMBDA_GB
    rate = resources["EventSchedule"]["Properties"]["ScheduleExpression"]
    assert rate == f"rate({cost.BATCH_MINUTES} minutes)"


@settings(max_examples=30)
@given(PLANS, st.floats(0, 1e9), MONTHS)
def test_more_events_never_cost_less(plan: Plan, more: float, months: float) -> None:
    larger = replace(plan, events_per_batch=plan.events_per_batch + more)
    was, now = (cost.month(one, MEASURED, months) for one in (plan, larger))
    for name in ("glue", "requests", "athena", "logs", "total"):
        assert getattr(now, name) >= getattr(was, name)
    assert all(now.storage[layer] >= was.storage[layer] for layer in was.storage)


@settings(max_examples=30)
@given(PLANS, st.floats(5, 1440))
def test_a_longer_interval_never_costs_more_start_up(plan: Plan, minutes: float) -> None:
    shorter, longer = (replace(plan, minutes=n) for n in sorted((plan.minutes, minutes)))
    assert cost.start_up(longer, MEASURED) <= cost.start_up(shorter, MEASURED)


@settings(max_examples=30)
@given(PLANS)
def test_no_run_is_billed_for_less_than_a_minute(plan: Plan) -> None:
    least = plan.runs * plan.workers * 60 / 3600 * cost.PRICES[plan.version].dollars
    assert cost.glue(plan, MEASURED) >= least * (1 - 1e-12)


@settings(max_examples=30)
@given(PLANS, MONTHS, MONTHS)
def test_a_later_month_never_costs_less(plan: Plan, one: float, other: float) -> None:
    before, after = (cost.month(plan, MEASURED, n).total for n in sorted((one, other)))
    assert before <= after


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("minutes", 4),
        ("minutes", 1441),
        ("minutes", math.nan),
        ("workers", 1),
        ("events_per_batch", -1),
        ("events_per_batch", math.inf),
        ("queries_a_day", "many"),
        ("bronze_days", -1),
        ("version", "4.0"),
    ],
)
def test_a_wrong_input_of_a_plan_is_refused_by_name(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"^{name} is {value!r}"):
        Plan(**{name: value})


def test_a_wrong_option_is_refused_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        cost.main(["--workers", "1"])
    assert "workers is 1; it must be a number from 2 up" in capsys.readouterr().err


def test_figures_of_the_benchmarks_take_the_place_of_the_defaults(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    assert Measured.from_results(path) == Measured()
    chapters = {
        "duckdb": {
            "measured": {"cores": 2, "events": 500_000},
            "b": {"job_s": 6},
            "c": {"job_s": 48},
        },
        "generator": {"measured": {"events": 500_000}, "generator": {"seconds": 1.5}},
        "storage": {
            "bytes_per_million": {"raw": 9e8, "gzipped": 2, "bronze": 3, "silver": 4, "gold": 5}
        },
    }
    path.write_text(json.dumps({"flat_day": 1.02, "chapters": chapters}))
    assert Measured.from_results(path) == replace(
        Measured(),
        seconds_per_million=2 * 4 / 0.5,
        start_up_seconds=25 + 2,
        generator_seconds_per_million=3,
        bytes_per_million={"raw": 2, "bronze": 3, "silver": 4, "gold": 5},
    )
    path.write_text(json.dumps({"chapters": {"generator": chapters["generator"]}}))
    assert Measured.from_results(path) == replace(Measured(), generator_seconds_per_million=3)
    assert '"generator_seconds_per_million": 3' in cost.answer(["--results", str(path), "--json"])


def test_the_keys_of_the_benchmarks_are_those_that_are_read() -> None:
    """results.json itself, once it is there; the names here are those that its chapters write."""
    found = Measured.from_results()
    assert found.seconds_per_million > 0
    sources = "".join(
        (cost.ROOT / "benchmarks" / f"{name}.py").read_text() for name in ("chapters", "compare")
    )
    for name in ("bytes_per_million", "gzipped", "job_s"):
        assert f'"{name}"' in sources


@pytest.mark.parametrize(
    ("chapter", "message"),
    [
        ({"raw": 1, "gzipped": -1, "bronze": 1, "silver": 1, "gold": 1}, "^raw is -1"),
        ({"raw": 1, "gzipped": 1, "bronze": "x", "silver": 1, "gold": 1}, "^bronze is 'x'"),
    ],
)
def test_a_wrong_figure_of_the_benchmarks_is_refused_by_name(
    chapter: dict[str, Any], message: str, tmp_path: Path
) -> None:
    path = tmp_path / "results.json"
    path.write_text(json.dumps({"chapters": {"storage": {"bytes_per_million": chapter}}}))
    with pytest.raises(ValueError, match=message):
        Measured.from_results(path)


def test_json_has_every_part_and_what_it_follows_from() -> None:
    found = json.loads(cost.answer(["--json", "--minutes", "60", "--version", "6.0"]))
    (plan,) = found["plans"]
    expected = cost.month(Plan(minutes=60), Measured.from_results(), 12).total
    assert plan["months"]["12"]["total"] == pytest.approx(expected)
    assert all(price["source"] and price["certainty"] for price in found["prices"].values())
    assert found["measured"]["seconds_per_million"]


def test_the_document_says_what_the_program_prints() -> None:
    text = cost.DOCUMENT.read_text(encoding="utf-8")
    assert (
        len(cost.blocks("benchmarks.cost").findall(text))
        == text.count("$ python -m benchmarks.cost")
        > 0
    )
    assert cost.brought_up_to_date(text) == text, "python -m benchmarks.cost --write"


def test_every_option_has_help_and_a_place_in_the_help(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit, match="0"):
        cost.main(["--help"])
    printed = capsys.readouterr().out
    for option in cost.parser()._actions:
        assert option.help
        assert option.option_strings[-1] in printed
