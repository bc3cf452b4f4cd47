"""What the benchmarks make of their figures."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import __main__ as bench
from benchmarks import questions, report
from benchmarks.chapters import CHAPTERS
from tools import local


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty place for results."""
    monkeypatch.setattr(report, "FOLDER", tmp_path)
    monkeypatch.setattr(report, "RESULTS", tmp_path / "results.json")
    monkeypatch.setattr(report, "PICTURES", tmp_path / "images")
    return tmp_path


def test_each_headline_follows_from_a_chapter_and_has_a_target() -> None:
    assert {chapter for chapter, _ in report.HEADLINES.values()} <= set(CHAPTERS)
    assert {name.partition(".")[0] for name in report.TARGETS} == set(report.HEADLINES)


def test_a_chapter_measured_again_replaces_its_own_figures_only(folder: Path) -> None:
    report.keep("year", {"ratio": [1.0, 1.1, 1.2]}, events=5)
    report.keep("day", {"ratio": [1.0, 1.3, 1.4], "batches": [2.0, 2.1]}, events=5)
    report.keep("day", {"ratio": [0.9, 1.2, 1.4], "batches": [2.0, 2.1]}, events=5)
    found = report.load()
    assert (found["flat_year"], found["flat_day"]) == (1.1, 1.2)


def test_a_target_that_is_missed_and_one_that_was_not_measured_are_said(folder: Path) -> None:
    report.keep("year", {"ratio": [1.0, 1.15, 1.2]}, events=5)
    report.keep("day", {"ratio": [1.0, 1.16, 1.4], "batches": [2.0, 2.1]}, events=5)
    report.write()
    text = (folder / "RESULTS.md").read_text()
    assert "| flat_year | batch after 365 days / after 1 | ≤ 1.15 | 1.15 ✓ |" in text
    assert "| flat_day | last batch of a day / second | ≤ 1.15 | 1.16 ✗ |" in text
    assert "| duckdb_ratio.a | one file, empty lake: times DuckDB's seconds | ≤ 2.5 | not" in text
    assert (folder / "images" / "day.png").exists()


def test_where_the_seconds_go_is_shown_by_stage_and_by_step(folder: Path) -> None:
    case = {
        "job_s": 12.5,
        "duckdb_s": 3.1,
        "ratio": [3.9, 4.0, 4.2],
        "job_stages": {"bronze": 4.04, "publish": 0.1},
        "duckdb_stages": {"bronze": 1.5},
    }
    report.keep("duckdb", dict.fromkeys("abc", case), events=5)
    report.keep("steps", {"steps": {"read lines": {"s": 0.5, "cpu_s": 0.7}}}, events=5)
    sizes = {"bytes_per_million": {"raw": 2_500_000}, "bronze_reduction": 0.9}
    report.keep("storage", sizes, events=5)
    hours = [3.0, *[2.0] * 11, 4.0, 2.5, 2.6]
    report.keep("day", {"ratio": [1.0, 1.1, 1.2], "batches": hours}, events=5)
    report.write()
    text = (folder / "RESULTS.md").read_text()
    assert "| b | job | 12.5 | 4.0 | 0.0 | 0.0 | 0.0 | 0.1 |" in text
    assert "| c | DuckDB | 3.1 | 1.5 | 0.0 | 0.0 | 0.0 | 0.0 |" in text
    assert "| read lines | 0.5 | 0.7 |" in text
    assert "| raw | 2.50 |" in text
    assert "| 1 | 4.00 | 2.55 | 2.60 |" in text


def test_the_questions_are_asked_of_both_layers_and_the_dearest_is_the_headline(
    folder: Path,
) -> None:
    found = {
        name: {"gold_bytes": 10 * place, "bronze_bytes": 900_000, "gold_s": 0.1, "bronze_s": 2.0}
        for place, name in enumerate(local.read_queries(questions.QUERIES), 1)
    }
    assert list(found) == list(local.read_queries(questions.ON_BRONZE))
    report.keep("questions", {"lines": 3_000, "questions": found}, events=5)
    report.write()
    text = (folder / "RESULTS.md").read_text()
    assert report.load()["query_bytes_max"] == 50
    assert "| user_activity | 50 | 900,000 | 0.1 | 2.0 |" in text


def test_a_chapter_that_there_is_not_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        bench.main(["dya"])
    assert "no chapter is called dya; there are duckdb, naive, day" in capsys.readouterr().err
