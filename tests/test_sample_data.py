"""generate_sample_data.py, its command line, and the files of it that are committed."""

from __future__ import annotations

import gzip
import json
import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import boto3
import oracle
import pytest
from template_schemas import ROOT, TEMPLATE, load_template

import generate_sample_data
from generate_sample_data import (
    Batches,
    Folder,
    destination,
    hive_key,
    load_generator,
    main,
    write_files,
)

SMALL = Batches(num_files=2, events_per_file=300)


def lines(path: Path | str) -> list[str]:
    return gzip.decompress(Path(path).read_bytes()).decode().splitlines()


def written(folder: Path, batches: Batches = SMALL, template: Path = TEMPLATE) -> list[Path]:
    return [Path(path) for path, _ in write_files(batches, Folder(folder), template)]


def sample() -> dict[str, list[str]]:
    return {path.name: lines(path) for path in sorted((ROOT / "sample-data").iterdir())}


def test_committed_sample_data_are_what_make_sample_data_writes(tmp_path: Path) -> None:
    recipe = re.search(r"generate_sample_data.py (--.*)", (ROOT / "Makefile").read_text())
    assert recipe
    assert main([*recipe[1].split(), "--output-dir", str(tmp_path)]) == 0

    committed = sorted((ROOT / "sample-data").iterdir())
    assert [path.name for path in committed] == sorted(path.name for path in tmp_path.iterdir())
    # The text, not the bytes: another build of zlib packs the same text in another way.
    assert all(lines(path) == lines(tmp_path / path.name) for path in committed)


def test_sample_data_are_twelve_files_over_two_hours_with_a_little_trouble() -> None:
    files = sample()
    judged = [
        oracle.judge(line, oracle.file_time(name), 30, 1)
        for name, found in files.items()
        for line in found
    ]
    hours = Counter(event["timestamp"].strftime("%d %H") for event, wrong in judged if not wrong)
    rejected = sum(bool(wrong) for _, wrong in judged)

    assert [len(found) for found in files.values()] == [5_000] * 12
    assert hours["01 23"] + hours["02 00"] > 0.98 * (60_000 - rejected)
    assert {"01 23", "02 00"} <= {*hours} <= {"01 22", "01 23", "02 00"}
    assert 60 <= rejected <= 180
    assert len({frozenset(wrong) for _, wrong in judged}) > 6
    assert 200 < 60_000 - len({line for found in files.values() for line in found}) < 1_000


def test_events_lie_in_the_five_minutes_before_the_time_that_their_file_is_named_after(
    tmp_path: Path,
) -> None:
    for path in written(tmp_path):
        end = datetime.strptime(path.name, "events-%Y%m%d-%H%M%S.jsonl.gz").replace(tzinfo=UTC)
        times = [datetime.fromisoformat(json.loads(line)["timestamp"]) for line in lines(path)]
        assert end - timedelta(minutes=5) <= min(times)
        assert max(times) < end


def test_same_options_give_the_same_bytes_and_another_seed_gives_others(tmp_path: Path) -> None:
    first = written(tmp_path / "first")
    again = written(tmp_path / "again")
    other = written(tmp_path / "other", Batches(2, 300, seed=43))

    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in again]
    assert [path.name for path in first] == [path.name for path in other]
    # Bytes 4 to 8 of gzip are the time of packing, which a later run could not repeat.
    assert first[0].read_bytes()[4:8] == bytes(4)
    assert not {*lines(first[0]), *lines(first[1])} & {*lines(other[0]), *lines(other[1])}


def test_first_file_is_the_same_however_many_follow(tmp_path: Path) -> None:
    (alone,) = written(tmp_path / "alone", Batches(1, 300))

    assert written(tmp_path / "two")[0].read_bytes() == alone.read_bytes()


def test_script_executes_the_code_that_stands_in_the_template(tmp_path: Path) -> None:
    changed = tmp_path / "template.yaml"
    changed.write_text(TEMPLATE.read_text().replace('"user_id":"U', '"user_id":"changed-'))

    files = written(tmp_path / "out", template=changed)

    assert all(json.loads(line)["user_id"].startswith("changed-") for line in lines(files[0]))


def test_other_files_in_the_folder_stay_and_no_parts_are_left(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")

    files = written(tmp_path)

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
        ("--hours", "0", "must be a whole number of at least 1, not '0'"),
        ("--late", "2", "'late=2' is no trouble that can be made"),
        ("--unknown-fields", "some", "'unknown_fields=some' is no trouble that can be made"),
        ("--spike", "2026-11-01/2026-11-02", "'spike=2026-11-01/2026-11-02' is no trouble"),
        ("--output-dir", "s3://", "'s3://' names no bucket; write s3://BUCKET"),
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


def test_hours_of_history_go_under_the_functions_keys_with_the_traffic_of_each_hour(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--hours", "2", "--events-per-file", "400", "--start", "2026-11-02T03:00"]

    assert main([*arguments, "--output-dir", str(tmp_path)]) == 0
    files = sorted(path for path in tmp_path.rglob("*") if path.is_file())
    names = [str(path.relative_to(tmp_path)) for path in files]
    assert len(files) == 24
    assert names[0] == "events/year=2026/month=11/day=02/hour=03/minute=05/" + files[0].name
    assert all(hive_key(path.name) == name for path, name in zip(files, names, strict=True))
    counts = [len(lines(path)) for path in files]
    assert all(100 <= count < 200 for count in counts)
    assert f"24 files, {sum(counts):,} events in {tmp_path}" in capsys.readouterr().out


def test_hours_without_a_start_end_with_the_last_five_minutes_that_are_over(
    tmp_path: Path,
) -> None:
    before = datetime.now(UTC)
    assert main(["--hours", "1", "--events-per-file", "5", "--output-dir", str(tmp_path)]) == 0

    last = max(path.name for path in tmp_path.rglob("*.gz"))
    end = datetime.strptime(last, "events-%Y%m%d-%H%M%S.jsonl.gz").replace(tzinfo=UTC)
    assert before - timedelta(minutes=5) < end <= datetime.now(UTC)
    assert end.minute % 5 == end.second == 0


def test_hours_and_a_number_of_files_exclude_each_other(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        main(["--hours", "1", "--num-files", "3"])
    assert "not allowed with argument" in capsys.readouterr().err


def test_history_is_written_straight_to_a_bucket(
    aws_env: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    s3 = boto3.client("s3")
    region = {"LocationConstraint": aws_env["AWS_REGION"]}
    s3.create_bucket(Bucket="backfill", CreateBucketConfiguration=region)
    arguments = ["--hours", "1", "--events-per-file", "20", "--start", "2026-11-02T03:00"]

    assert main([*arguments, "--output-dir", "s3://backfill"]) == 0
    assert main([*arguments, "--output-dir", str(tmp_path)]) == 0
    found = [item["Key"] for item in s3.list_objects_v2(Bucket="backfill")["Contents"]]
    assert found == sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.gz"))
    content = s3.get_object(Bucket="backfill", Key=found[0])["Body"].read()
    assert content == (tmp_path / found[0]).read_bytes()

    assert main([*arguments, "--output-dir", "s3://not-there"]) == 1
    error = capsys.readouterr().err
    assert "Cannot write to s3://not-there/" in error
    assert "SourceBucketName" in error
    for key in found:
        s3.delete_object(Bucket="backfill", Key=key)
    s3.delete_bucket(Bucket="backfill")


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("s3://lake", "s3://lake/"),
        ("s3://lake/", "s3://lake/"),
        ("s3://lake/events/", "s3://lake/"),
        ("s3://lake/raw/eu/", "s3://lake/raw/eu/"),
        ("s3://lake/raw/events", "s3://lake/raw/"),
        ("folder", "folder"),
    ],
)
def test_the_folder_of_the_events_is_not_repeated(text: str, where: str) -> None:
    assert str(destination(text, hive=True)) == where


def test_many_events_are_made_by_several_processes_and_are_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = written(tmp_path / "alone")
    monkeypatch.setattr(generate_sample_data, "PARALLEL_FROM", 1)
    together = written(tmp_path / "together")

    assert [path.name for path in together] == [path.name for path in alone]
    assert [path.read_bytes() for path in together] == [path.read_bytes() for path in alone]


def test_a_silent_window_has_no_file(tmp_path: Path) -> None:
    silent = "silent=2026-11-01T23:30/2026-11-01T23:35"

    assert [path.name for path in written(tmp_path, Batches(2, 300, trouble=silent))] == [
        "events-20261101-234000.jsonl.gz"
    ]
