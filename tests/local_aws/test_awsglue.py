from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import pytest

from local_aws import server
from local_aws.glue.workspace import RUNTIME
from tools import local

sys.path.append(str(RUNTIME))

from awsglue import _s3  # noqa: E402 - the library of a job run
from awsglue.context import DynamicFrameReader  # noqa: E402
from awsglue.dynamicframe import DynamicFrame  # noqa: E402
from awsglue.utils import GlueArgumentError, getResolvedOptions  # noqa: E402


def resolved(*argv: str, options: list[str] | None = None) -> dict[str, Any]:
    result: dict[str, Any] = getResolvedOptions(["script.py", *argv], options or ["JOB_NAME"])
    return result


def test_named_options_are_resolved_and_others_ignored() -> None:
    options = resolved("--JOB_NAME", "etl", "--else", "x", "--TempDir", "s3://tmp/")
    assert options["JOB_NAME"] == "etl"
    assert options["TempDir"] == options["RedshiftTempDir"] == "s3://tmp/"
    assert "else" not in options


def test_bookmarks_are_off_unless_the_run_says_so() -> None:
    assert resolved("--JOB_NAME", "x")["job_bookmark_option"] == "job-bookmark-disable"
    enabled = resolved("--JOB_NAME", "x", "--job-bookmark-option", "job-bookmark-enable")
    assert enabled["job_bookmark_option"] == "job-bookmark-enable"


def test_a_missing_option_is_named() -> None:
    with pytest.raises(GlueArgumentError, match="--source_path"):
        resolved("--JOB_NAME", "x", options=["JOB_NAME", "source_path"])


def test_reserved_names_cannot_be_asked_for() -> None:
    with pytest.raises(RuntimeError, match="job-bookmark-option"):
        resolved(options=["job-bookmark-option"])
    with pytest.raises(RuntimeError, match="JOB_RUN_ID"):
        resolved(options=["JOB_RUN_ID"])


def test_half_a_bookmark_range_is_refused() -> None:
    paused = ("--JOB_NAME", "x", "--job-bookmark-option", "job-bookmark-pause")
    with pytest.raises(RuntimeError, match="Missing option or value for --job-bookmark-to"):
        resolved(*paused, "--job-bookmark-from", "jr_1")
    with pytest.raises(RuntimeError, match="need job-bookmark-pause"):
        resolved("--JOB_NAME", "x", "--job-bookmark-from", "a", "--job-bookmark-to", "b")


@pytest.fixture(scope="module")
def bucket(client: Callable[[str], Any]) -> str:
    s3 = client("s3")
    s3.create_bucket(
        Bucket="awsglue-listing", CreateBucketConfiguration={"LocationConstraint": "us-west-2"}
    )
    names = ["in/a=1/x y%20+ü.gz", "in/b.txt", "in/_SUCCESS", "in/.tmp/c", "in/_x/d", "inside/e"]
    for name in names:
        s3.put_object(Bucket="awsglue-listing", Key=name, Body=b"line\n")
    return "awsglue-listing"


@pytest.fixture
def listing(
    bucket: str, embedded_aws: server.RunningServer, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., list[str]]:
    for name, value in local.environment(embedded_aws.endpoint_url).items():
        monkeypatch.setenv(name, value)
    start = f"s3://{bucket}/"
    return lambda path, recurse=True: [
        found.uri.removeprefix(start) for found in _s3.list_files((start + path,), recurse=recurse)
    ]


def test_listing_a_path_finds_its_objects_but_no_hidden_ones(
    listing: Callable[..., list[str]],
) -> None:
    assert listing("in/") == listing("in") == ["in/a=1/x y%20+ü.gz", "in/b.txt"]
    assert listing("in/b.txt") == ["in/b.txt"]
    assert listing("in/", recurse=False) == ["in/b.txt"]
    assert listing("nowhere/") == []


def test_a_glob_pattern_or_another_scheme_is_refused() -> None:
    with pytest.raises(NotImplementedError, match=r"s3://b/\*\.gz"):
        _s3.list_files(("s3://b/*.gz",), recurse=True)
    with pytest.raises(NotImplementedError, match="file:///tmp"):
        _s3.list_files(("file:///tmp",), recurse=True)


LINES = {
    "connection_type": "s3",
    "connection_options": {"paths": ["s3://b/"]},
    "format": "csv",
    "format_options": {"separator": "\x01", "quoteChar": -1},
}


@pytest.mark.parametrize(
    ("named", "changes"),
    [
        ("connection_type = 'jdbc'", {"connection_type": "jdbc"}),
        ("format = 'json'", {"format": "json"}),
        ("'groupFiles'", {"connection_options": {"paths": ["s3://b/"], "groupFiles": "none"}}),
        ("'separator'. = ','", {"format_options": {"quoteChar": -1}}),
        ("'quoteChar'", {"format_options": {"separator": "\x01"}}),
        ("'withHeader'", {"format_options": {**LINES["format_options"], "withHeader": True}}),
        ("'escaper'", {"format_options": {**LINES["format_options"], "escaper": "x"}}),
    ],
)
def test_an_option_that_is_not_carried_out_is_refused_by_name(
    named: str, changes: dict[str, Any]
) -> None:
    with pytest.raises(NotImplementedError, match=named):
        DynamicFrameReader(None).from_options(**{**LINES, **changes})


def test_what_a_dynamic_frame_lacks_is_named() -> None:
    with pytest.raises(AttributeError, match=r"DynamicFrame\.resolveChoice .* toDF"):
        DynamicFrame(None, "x").resolveChoice()
