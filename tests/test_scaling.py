"""What workers can keep up with: the arithmetic by hand, and its document."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import cost, scaling
from benchmarks.scaling import Rates

RATES = Rates(
    seconds_per_million=10,
    fixed_seconds=60,
    gzip_lines_per_second=1e6,
    visitors_per_core_second=1e6,
    visitors_per_event=0.5,
)
NO_VISITORS = replace(RATES, visitors_per_event=0)


def test_one_worker_drives_and_the_others_have_four_cores() -> None:
    assert [scaling.cores(n) for n in (2, 10, 100)] == [4, 36, 396]


def test_what_is_left_of_an_interval_goes_to_events() -> None:
    # 59 minutes of 4 cores at 10 s a million.
    hourly = scaling.events_per_hour(2, 60, NO_VISITORS)
    assert hourly == pytest.approx(59 * 60 * 4 / 10 * 1e6)
    # Twelve runs with four of five minutes each.
    often = scaling.events_per_hour(2, 5, NO_VISITORS)
    assert often == pytest.approx(12 * 4 * 60 * 4 / 10 * 1e6)
    assert scaling.events_per_hour(2, 1, NO_VISITORS) == 0


def test_each_run_looks_through_half_a_day_of_visitors() -> None:
    events = scaling.events_per_hour(2, 60, RATES)
    work = events * 10 / 1e6 + events * 12 * 0.5 / 1e6
    assert work == pytest.approx(59 * 60 * 4)
    assert scaling.share_of_visitors(60, RATES) == pytest.approx(6 / (6 + 10))


def test_a_file_keeps_as_many_cores_busy_as_work_takes_longer_than_reading() -> None:
    # A million lines: 1 s of reading in one task, 10 s of work on 40 cores are 0.25 s.
    assert scaling.files_to_keep_busy(11, RATES) == pytest.approx(4)


@given(st.integers(2, 1000), st.floats(5, 1440))
def test_more_workers_keep_up_with_more(workers: int, minutes: float) -> None:
    less, more = (scaling.events_per_hour(n, minutes, RATES) for n in (workers, workers + 1))
    assert less < more


def test_figures_of_the_benchmarks_take_the_place_of_the_defaults(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    assert Rates.from_results(path) == Rates()
    measured = {"cores": 2, "events": 500_000}
    chapters = {
        "duckdb": {"measured": measured, "b": {"job_s": 4}, "c": {"job_s": 30}},
        "rates": {"gzip_lines_per_second": 9, "visitors_per_core_second": 8},
    }
    path.write_text(json.dumps({"chapters": chapters}))
    assert Rates.from_results(path) == replace(
        Rates(),
        seconds_per_million=2 * 30 / (12 * 0.5),
        fixed_seconds=30 + 25 + 4 - 30 / 12,
        gzip_lines_per_second=9,
        visitors_per_core_second=8,
    )


def test_the_document_says_what_the_program_prints() -> None:
    text = scaling.DOCUMENT.read_text(encoding="utf-8")
    assert len(cost.blocks("benchmarks.scaling").findall(text)) == 1
    found = cost.up_to_date(text, "benchmarks.scaling", scaling.answer)
    assert found == text, "python -m benchmarks.scaling --write"
