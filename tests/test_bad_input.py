"""Every kind of bad input through the job: nothing is lost, nothing blocks what is beside it."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import oracle
import pytest
from botocore.exceptions import ClientError
from corpus import files, lines
from lab import NOON, Lab, event
from py4j.protocol import Py4JJavaError

from glue_jobs import capstone_etl as etl

pytestmark = pytest.mark.slow

LINES_KEY = f"{files.FOLDER}events-20261105-120000.jsonl.gz"
BAD_KEY = f"{files.FOLDER}bad.gz"


def test_every_case_of_the_corpus_ends_where_it_should(new_lab: Callable[[], Lab]) -> None:
    """A run over all lines and readable files; one that finds those which break the reader."""
    lab = new_lab()
    lab.put_object(LINES_KEY, files.gz(b"\n".join(line for line, _ in lines.CASES.values())))
    for file in files.READABLE.values():
        lab.put_object(f"{files.FOLDER}{file.name}", file.body)
    assert lab.run().unreadable_files == []
    assert_lines_end_as_titled(lab)
    assert lab.published() == lab.expected()

    # Again under other names: reading file by file must find the same lines.
    for file in (*files.READABLE.values(), *files.HOSTILE_NAMES.values()):
        lab.put_object(f"{files.FOLDER}again/{file.name}", file.body)
    for file in files.UNREADABLE.values():
        lab.put_object(f"{files.FOLDER}{file.name}", file.body)
    salvaged = lab.run()
    assert lab.published() == lab.expected()
    assert_counts_add_up(lab)
    unreadable = sorted(f"{files.FOLDER}{file.name}" for file in files.UNREADABLE.values())
    assert sorted(salvaged.unreadable_files) == unreadable
    assert salvaged.quarantined_by_reason["unreadable_file"] == len(unreadable)
    per_file = lines_per_file(lab)
    for title, file in {**files.READABLE, **files.HOSTILE_NAMES}.items():
        assert per_file.get(f"{files.FOLDER}again/{file.name}", 0) == file.lines, title


def assert_lines_end_as_titled(lab: Lab) -> None:
    silver = {name for row in lab.rows(etl.SILVER) for name in (row["user_id"], row["session_id"])}
    rejected: dict[str | None, str] = {}
    for row in lab.rows(etl.QUARANTINE):
        names = {row["user_id"], row["session_id"], row["corrupt_record"]} - {None}
        reasons = ",".join(sorted(row["reasons"]))
        rejected |= dict.fromkeys(names or {"empty object"}, reasons)
    found = {
        title: lines.SILVER
        if title in silver
        else rejected.get(line.decode("utf-8", "replace")) or rejected.get(title, "lost")
        for title, (line, _) in lines.CASES.items()
    }
    assert found == {title: outcome for title, (_, outcome) in lines.CASES.items()}
    sent = [line.decode("utf-8", "replace") for line, _ in lines.CASES.values()]
    kept = {row["extended_record"] for row in lab.rows(etl.BRONZE)} - {None}
    assert kept == {oracle.extended(line) for line in sent} - {None}


def assert_counts_add_up(lab: Lab) -> None:
    for row in lab.rows(etl.LEDGER):
        known = row["duplicates_in_batch"] + row["duplicates_in_lake"]
        assert row["lines"] == row["valid"] + row["quarantined"]
        assert row["valid"] == row["new_events"] + known


def lines_per_file(lab: Lab) -> dict[str, int]:
    sources = [row["source"] for row in lab.rows(etl.BRONZE)]
    return {source: sources.count(source) for source in set(sources)}


def test_an_unreadable_file_gives_way_to_its_events_once_it_is_mended(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab.put_object(BAD_KEY, files.gz(event().encode())[:-9])
    lab.put([event(user_id="u2")])
    lab.run()
    assert [row["reasons"] for row in lab.rows(etl.QUARANTINE)] == [["unreadable_file"]]
    assert lab.published() == lab.expected()

    # The bookmark hands it out again, as it does after a crash before the commit.
    monkeypatch.setattr(etl, "CLOCK_MARGIN", timedelta(0))
    again = lab.run([BAD_KEY])
    assert (again.files, again.partitions_published) == (0, 0)
    assert lab.published() == lab.expected()

    lab.put_object(BAD_KEY, files.gz(event().encode()))
    lab.run()
    assert lab.rows(etl.QUARANTINE) == []
    assert lab.published() == lab.expected()


def dying_after(table: str) -> Callable[[etl.Lake, str, Any], int]:
    """A `Lake.publish` with which any run dies right after it published this table."""
    real = etl.Lake.publish

    def publish(lake: etl.Lake, name: str, superseded: Any) -> int:
        done = real(lake, name, superseded)
        if name == table:
            raise KeyboardInterrupt
        return done

    return publish


@pytest.mark.parametrize(
    "table",
    [
        etl.BRONZE,
        *(pytest.param(name, marks=pytest.mark.soak) for name in etl.PUBLISH_ORDER[1:]),
    ],
)
def test_a_run_that_dies_while_salvaging_is_healed_by_the_next(
    table: str, lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only a run with a ledger row has read a file, whatever is published before that."""
    monkeypatch.setattr(etl, "CLOCK_MARGIN", timedelta(0))
    lab.put_object(BAD_KEY, b"no gzip")
    lab.put([event(), "garbage"])
    keys = list(lab.pending)
    with monkeypatch.context() as dying:
        dying.setattr(etl.Lake, "publish", dying_after(table))
        with pytest.raises(KeyboardInterrupt):
            lab.run(keys)
    lab.run(keys)
    assert lab.published() == lab.expected()


def test_a_file_that_s3_refuses_while_salvaging_fails_the_run_and_the_next_reads_it(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not taken for unreadable: what S3 refuses says nothing of what the file holds."""
    lab.put_object(BAD_KEY, b"no gzip")
    lab.put([event()])
    keys = list(lab.pending)
    with monkeypatch.context() as replaced:
        stale = [(key, '"of another version"') for key in keys]
        replaced.setattr(etl, "pending_files", lambda lake: stale)
        with pytest.raises(Py4JJavaError, match="PreconditionFailed"):
            lab.run(keys)
    assert all(lab.partitions(name) == {} for name in etl.PUBLISH_ORDER)
    lab.run(keys)
    assert lab.published() == lab.expected()


def test_a_bucket_that_cannot_be_listed_fails_the_run(lab: Lab) -> None:
    lab.put_object(BAD_KEY, b"no gzip")
    lake = lab.lake()
    lake.options = replace(lake.options, source_path="s3://no-such-bucket-here/events/")
    with pytest.raises(ClientError, match="NoSuchBucket"):
        lab.run(lake=lake)
    assert lab.partitions(etl.BRONZE) == lab.partitions(etl.LEDGER) == {}


def test_lines_are_split_alike_wherever_a_read_ends() -> None:
    text = b"\xef\xbb\xbfa\r\n\r\nb\rc\n\r\r\n\nd\xe2\x80\xa8e\x0b\x0c\x85\x1cf\r"
    expected = re.split(rb"\r\n|\r|\n", text.removeprefix(b"\xef\xbb\xbf"))[:-1]
    for size in (4, 5, 7, 100):
        stream = io.BytesIO(text)
        assert list(etl.split_lines(lambda _: stream.read(size))) == expected  # noqa: B023


def test_a_line_that_does_not_fit_makes_its_file_unreadable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(etl, "LONGEST_LINE", 1000)
    short, long = io.BytesIO(b"x\n" * 2000), io.BytesIO(b"x" * 2000)
    assert len(list(etl.split_lines(lambda _: short.read(100)))) == 2000
    with pytest.raises(etl.UnreadableFileError, match="longer than 1000 bytes"):
        list(etl.split_lines(lambda _: long.read(100)))


def test_a_listed_key_has_the_source_that_its_lines_have() -> None:
    name = "events-20261105-120000.jsonl.gz"
    odd = [
        f"events/{name}",
        f"events/year=2026/month=11/day=05/hour=13/minute=00/{name}",
        *(f"{files.FOLDER}{file.name}" for file in files.HOSTILE_NAMES.values()),
        "events/x",
    ]
    for key, source in {LINES_KEY: name, **dict(zip(odd, odd, strict=True))}.items():
        assert etl.source_of(key, "events/") == source
        for scheme in ("s3", "s3a"):
            assert etl.source_of_file(f"{scheme}://shop/{key}", "s3://shop/events/") == source
    elsewhere = f"s3://another/{LINES_KEY}"
    assert etl.source_of_file(elsewhere, "s3://shop/events/") == elsewhere
    assert etl.source_time(name) == NOON
