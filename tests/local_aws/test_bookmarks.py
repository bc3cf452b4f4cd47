from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local_aws.glue.workspace import RUNTIME

sys.path.append(str(RUNTIME))

from awsglue import _bookmark as bookmark  # noqa: E402 - the library of a job run
from awsglue._bookmark import BAND_MS, S3File  # noqa: E402
from awsglue.job import Bookmarks  # noqa: E402

NOW = 1_800_000_000_000
PATHS = ("s3://events/in/",)


def file(name: str, age_ms: int = 0, etag: str = "a") -> S3File:
    return S3File(f"s3://events/in/{name}", NOW - age_ms, etag, 10)


def state_after(*files: S3File, now: int = NOW) -> bookmark.SourceState:
    return bookmark.advanced(None, PATHS, files, now)


def test_without_a_state_every_file_is_unread() -> None:
    assert bookmark.unread(None, [file("a"), file("b")]) == [file("a"), file("b")]


def test_files_that_were_listed_are_read_old_or_new() -> None:
    old, new = file("old", age_ms=10 * BAND_MS), file("new")
    assert bookmark.unread(state_after(old, new), [old, new]) == []


def test_a_file_that_shows_up_late_within_the_band_is_read() -> None:
    late = file("late", age_ms=BAND_MS - 1)
    assert bookmark.unread(state_after(file("a")), [late, file("a")]) == [late]


def test_a_file_older_than_the_band_is_taken_for_read() -> None:
    too_late = file("late", age_ms=BAND_MS + 1)
    assert bookmark.unread(state_after(file("a")), [too_late]) == []


def test_an_object_that_was_overwritten_is_read_again() -> None:
    state = state_after(file("a", age_ms=1000))
    rewritten, same_second = file("a"), file("a", age_ms=1000, etag="b")
    assert bookmark.unread(state, [rewritten]) == [rewritten]
    assert bookmark.unread(state, [same_second]) == [same_second]


def test_a_clock_set_back_makes_nothing_unread() -> None:
    read = file("a", age_ms=2 * BAND_MS)
    state = state_after(read)
    again = bookmark.advanced(state, PATHS, [read], NOW - 10 * BAND_MS)
    assert bookmark.unread(again, [read]) == []


def test_a_file_leaves_the_band_and_stays_read() -> None:
    first = state_after(file("a"))
    later = bookmark.advanced(first, PATHS, [file("a")], NOW + 2 * BAND_MS)
    assert later.band == frozenset()
    assert bookmark.unread(later, [file("a")]) == []


@given(st.lists(st.lists(st.integers(0, BAND_MS - 1), max_size=4), max_size=6))
def test_runs_hand_every_file_on_exactly_once(arrivals: list[list[int]]) -> None:
    """Files appear up to a band late; each run lists all that there are and commits."""
    state, listed, handed_on = None, [], []
    for run, ages in enumerate(arrivals):
        now = NOW + run * BAND_MS // 3
        listed += [
            S3File(f"s3://events/in/{run}-{n}", now - age, "a", 1) for n, age in enumerate(ages)
        ]
        handed_on += bookmark.unread(state, listed)
        state = bookmark.advanced(state, PATHS, listed, now)
    assert sorted(handed_on) == sorted(listed)


def test_a_saved_bookmark_is_loaded_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "job.json"
    entry = bookmark.Entry(3, 2, 1, "jr_b", "jr_a", {"ctx": state_after(file("a b%ü"))})
    bookmark.save(path, "job", entry)
    assert bookmark.load(path) == entry
    assert [each.name for each in path.parent.iterdir()] == ["job.json"]


@pytest.fixture
def run_env(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "job.json"
    monkeypatch.setenv("LOCAL_AWS_BOOKMARK_FILE", str(path))
    monkeypatch.setenv("LOCAL_AWS_JOB_RUN_ID", "jr_1")
    return path


def read(option: str = "enable", ctx: str = "lines", commit: bool = True) -> list[S3File]:
    run = Bookmarks("job", f"job-bookmark-{option}")
    unread: list[S3File] = run.unread(ctx, PATHS, [file("a")])
    if commit:
        run.commit()
    return unread


@pytest.mark.usefixtures("run_env")
def test_a_run_that_does_not_commit_leaves_its_files_to_the_next() -> None:
    assert read(commit=False) == [file("a")]
    assert read() == [file("a")]
    assert read() == []


@pytest.mark.usefixtures("run_env")
def test_each_context_has_a_bookmark_of_its_own() -> None:
    read(ctx="one")
    assert read(ctx="two") == [file("a")]
    assert read(ctx="one") == []


def test_a_source_without_context_or_with_bookmarks_disabled_saves_nothing(run_env: Path) -> None:
    assert read(option="disable") == read(option="disable") == [file("a")]
    assert not run_env.exists()
    assert read(ctx="") == read(ctx="") == [file("a")]


@pytest.mark.usefixtures("run_env")
def test_pause_reads_what_is_new_and_does_not_move_on() -> None:
    assert read(option="pause") == read(option="pause") == [file("a")]
    read()
    assert read(option="pause") == []


@pytest.mark.usefixtures("run_env")
def test_other_paths_under_the_same_context_start_anew() -> None:
    read()
    run = Bookmarks("job", "job-bookmark-enable")
    assert run.unread("lines", ("s3://events/other/",), [file("a")]) == [file("a")]


def test_a_bookmark_that_was_reset_during_a_run_is_not_brought_back(run_env: Path) -> None:
    read()
    run = Bookmarks("job", "job-bookmark-enable")
    run.unread("lines", PATHS, [file("b")])
    run_env.unlink()
    with pytest.raises(RuntimeError, match="changed while this run was reading"):
        run.commit()
    assert not run_env.exists()


@pytest.mark.usefixtures("run_env")
def test_one_context_for_two_sources_is_refused() -> None:
    run = Bookmarks("job", "job-bookmark-enable")
    run.unread("lines", PATHS, [])
    with pytest.raises(ValueError, match="'lines' is used twice"):
        run.unread("lines", PATHS, [])


def commit_run(run_id: str, *files: S3File, ctx: str = "lines") -> None:
    os.environ["LOCAL_AWS_JOB_RUN_ID"] = run_id
    run = Bookmarks("job", "job-bookmark-enable")
    run.unread(ctx, PATHS, files)
    run.commit()


@pytest.mark.parametrize(
    ("first", "last", "ctx", "names"),
    [
        ("jr_1", "jr_2", "lines", ["b"]),
        ("jr_1", "jr_3", "lines", ["b", "c"]),
        ("", "jr_3", "lines", ["a", "b", "c"]),
        ("jr_3", "jr_3", "lines", []),
        ("jr_1", "", "lines", []),
        ("jr_1", "jr_3", "other", []),
    ],
)
def test_pause_with_a_range_reads_what_the_runs_in_it_read(
    run_env: Path,
    monkeypatch: pytest.MonkeyPatch,
    first: str,
    last: str,
    ctx: str,
    names: list[str],
) -> None:
    a, b, c, d = (file(name) for name in "abcd")
    commit_run("jr_1", a)
    commit_run("jr_2", a, b)
    commit_run("jr_3", a, b, c)
    before = run_env.read_text()

    monkeypatch.setenv("LOCAL_AWS_BOOKMARK_FROM", first)
    monkeypatch.setenv("LOCAL_AWS_BOOKMARK_TO", last)
    run = Bookmarks("job", "job-bookmark-pause")
    read_again = run.unread(ctx, PATHS, [a, b, c, d])
    run.commit()
    assert [each.uri.rsplit("/")[-1] for each in read_again] == names
    assert run_env.read_text() == before


def test_a_file_that_was_changed_after_a_range_does_not_belong_to_it() -> None:
    first, last = state_after(), state_after(file("a", age_ms=5))
    assert bookmark.read_between(first, last, [file("a", age_ms=5)]) == [file("a", age_ms=5)]
    assert bookmark.read_between(first, last, [file("a")]) == []
