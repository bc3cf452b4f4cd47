"""generate_sample_data.py, its command line, and the files of it that are committed."""

from __future__ import annotations

import gzip
import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from template_schemas import ROOT, TEMPLATE, load_template

import generate_sample_data
from generate_sample_data import Batches, hive_key, load_generator, main, write_files

SMALL = Batches(num_files=2, events_per_file=300)


def lines(path: Path) -> list[str]:
    return gzip.decompress(path.read_bytes()).decode().splitlines()


def sample() -> dict[str, list[dict[str, Any]]]:
    files = sorted((ROOT / "sample-data").iterdir())
    return {path.name: [json.loads(line) for line in lines(path)] for path in files}


def test_committed_sample_data_are_what_the_script_writes_by_default(tmp_path: Path) -> None:
    assert main(["--output-dir", str(tmp_path)]) == 0

    committed = sorted((ROOT / "sample-data").iterdir())
    assert [path.name for path in committed] == sorted(path.name for path in tmp_path.iterdir())
    # The text, not the bytes: another build of zlib packs the same text in another way.
    assert all(lines(path) == lines(tmp_path / path.name) for path in committed)


def test_sample_data_are_twelve_files_over_two_hours_of_two_dates() -> None:
    events = sample()
    times = [event["timestamp"] for file in events.values() for event in file]

    assert [len(file) for file in events.values()] == [5_000] * 12
    assert {time[:13] for time in times} == {"2026-11-01T23", "2026-11-02T00"}


def test_events_lie_in_the_five_minutes_before_the_time_that_their_file_is_named_after() -> None:
    for name, events in sample().items():
        end = datetime.strptime(name, "events-%Y%m%d-%H%M%S.jsonl.gz").replace(tzinfo=UTC)
        times = [datetime.fromisoformat(event["timestamp"]) for event in events]
        assert end - timedelta(minutes=5) <= times[0]
        assert times == sorted(times)
        assert times[-1] < end


def test_same_options_give_the_same_bytes_and_another_seed_gives_others(tmp_path: Path) -> None:
    first = write_files(SMALL, tmp_path / "first")
    again = write_files(SMALL, tmp_path / "again")
    other = write_files(Batches(2, 300, seed=43), tmp_path / "other")

    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in again]
    assert [path.name for path in first] == [path.name for path in other]
    # Bytes 4 to 8 of gzip are the time of packing, which a later run could not repeat.
    assert first[0].read_bytes()[4:8] == bytes(4)
    assert not {*lines(first[0]), *lines(first[1])} & {*lines(other[0]), *lines(other[1])}


def test_first_file_is_the_same_however_many_follow(tmp_path: Path) -> None:
    alone = write_files(Batches(1, 300), tmp_path / "alone")

    assert write_files(SMALL, tmp_path / "two")[0].read_bytes() == alone[0].read_bytes()


def test_script_executes_the_code_that_stands_in_the_template(tmp_path: Path) -> None:
    changed = tmp_path / "template.yaml"
    changed.write_text(TEMPLATE.read_text().replace('"user_id":"U', '"user_id":"changed-'))

    files = write_files(SMALL, tmp_path / "out", load_generator(changed))

    assert all(json.loads(line)["user_id"].startswith("changed-") for line in lines(files[0]))


def test_other_files_in_the_folder_stay_and_no_parts_are_left(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")

    files = write_files(SMALL, tmp_path)

    assert {*tmp_path.iterdir()} == {*files, tmp_path / "mine.txt"}


def test_hive_key_of_a_file_is_the_key_that_the_function_writes_to() -> None:
    name = "events-20261101-233500.jsonl.gz"
    key = f"events/year=2026/month=11/day=01/hour=23/minute=35/{name}"

    assert hive_key(name) == key
    assert load_generator().object_key(datetime(2026, 11, 1, 23, 35, tzinfo=UTC)) == key
    assert key.startswith(load_template()["Outputs"]["SourceDataPrefix"]["Value"])


@pytest.mark.parametrize(
    "name",
    [
        "",
        "events.jsonl.gz",
        "events-20261101-233500.jsonl",
        "events-20261301-233500.jsonl.gz",
        "events-2026111-1233500.jsonl.gz",
        "x/events-20261101-233500.jsonl.gz",
        "events-20261101-233500.jsonl.gz\n",
    ],
)
def test_hive_key_of_another_name_is_refused_by_name(name: str) -> None:
    with pytest.raises(ValueError, match=re.escape(repr(name))):
        hive_key(name)


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--num-files", "0", "must be a whole number of at least 1, not '0'"),
        ("--num-files", "2.5", "must be a whole number of at least 1, not '2.5'"),
        ("--events-per-file", "-3", "must be a whole number of at least 1, not '-3'"),
        ("--start", "yesterday", "must be an ISO 8601 time such as"),
        ("--seed", "x", "invalid int value: 'x'"),
    ],
)
def test_bad_value_is_named_with_its_option(
    capsys: pytest.CaptureFixture[str], option: str, value: str, message: str
) -> None:
    with pytest.raises(SystemExit) as exit_info:
        main([option, value])

    assert exit_info.value.code == 2
    assert f"argument {option}: {message}" in capsys.readouterr().err


def test_folder_that_cannot_be_written_to_is_named_with_the_remedy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")

    assert main(["--output-dir", str(blocked / "folder")]) == 1
    error = capsys.readouterr().err
    assert f"Cannot write to {blocked / 'folder'}" in error
    assert "--output-dir" in error


def test_start_too_late_for_the_calendar_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--start", "9999-12-31T23:30", "--output-dir", str(tmp_path)]) == 1
    assert "an earlier --start" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_template_without_the_generator_is_refused_with_the_remedy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = tmp_path / "empty.yaml"
    empty.write_text("Resources: {}")

    with pytest.raises(ValueError, match="KeyError: 'EventGenerator'.*Restore the template"):
        load_generator(empty)
    monkeypatch.setattr(generate_sample_data, "load_generator", lambda: load_generator(empty))
    assert main([]) == 1
    assert str(empty) in capsys.readouterr().err


def test_start_shifts_the_windows(tmp_path: Path) -> None:
    arguments = ["--num-files", "1", "--events-per-file", "50", "--start", "2026-01-01T01:00+01:00"]

    assert main([*arguments, "--output-dir", str(tmp_path)]) == 0
    (path,) = tmp_path.iterdir()
    assert path.name == "events-20260101-000500.jsonl.gz"
    assert json.loads(lines(path)[0])["timestamp"].startswith("2026-01-01T00:00:0")
