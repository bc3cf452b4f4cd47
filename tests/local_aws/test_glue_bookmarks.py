"""Bookmarks through Glue's API. The script commits them as a job does, without Spark."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore.exceptions import ClientError
from glue_steps import Glue, definition, error_of

from local_aws import settings

pytestmark = pytest.mark.slow

SCRIPT = """
import sys
from awsglue._bookmark import S3File
from awsglue.job import Bookmarks
from awsglue.utils import getResolvedOptions

args = getResolvedOptions(sys.argv, ["JOB_NAME", "files", "written", "fail"])
listed = [S3File(name, int(args["written"]), "etag", 1) for name in args["files"]]
run = Bookmarks(args["JOB_NAME"], args["job_bookmark_option"])
print("read", *(file.uri for file in run.unread("lines", ("s3://in/",), listed)))
if args["fail"] == "yes":
    raise ValueError("no commit")
run.commit()
"""


@dataclass
class Job:
    """A bookmarked job, and what its runs read of files called a, b, c, ..."""

    glue: Glue
    name: str
    written: str = field(default_factory=lambda: str(time.time_ns() // 1_000_000))

    def run(self, files: str, fail: str = "no", **arguments: str) -> tuple[str, list[str]]:
        """Returns the run's id and the files it read."""
        run = self.glue.run(self.name, files=files, written=self.written, fail=fail, **arguments)
        assert run["JobRunState"] == ("SUCCEEDED" if fail == "no" else "FAILED"), run
        (line,) = self.glue.output_of(run["Id"])
        return run["Id"], line.split()[1:]

    def read_again(self, first: str, last: str, files: str = "abcd") -> list[str]:
        """What a paused run reads, from one run until another."""
        ends = {"job-bookmark-from": first, "job-bookmark-to": last}
        return self.run(files, **{"job-bookmark-option": "job-bookmark-pause", **ends})[1]

    def bookmark(self, **options: str) -> dict[str, Any]:
        answer = self.glue.client("glue").get_job_bookmark(JobName=self.name, **options)
        entry: dict[str, Any] = answer["JobBookmarkEntry"]
        return entry

    def reset(self, **options: str) -> dict[str, Any]:
        answer = self.glue.client("glue").reset_job_bookmark(JobName=self.name, **options)
        entry: dict[str, Any] = answer["JobBookmarkEntry"]
        return entry


@pytest.fixture
def job(glue: Glue) -> Job:
    enabled = {"--job-bookmark-option": "job-bookmark-enable"}
    return Job(glue, glue.create(SCRIPT, DefaultArguments=enabled))


def test_each_run_that_commits_leaves_a_bookmark_of_its_own(job: Job) -> None:
    with pytest.raises(ClientError, match="Continuation for job"):
        job.bookmark()
    first, read = job.run("a")
    assert read == ["a"]
    failed, read = job.run("ab", fail="yes")
    assert read == ["b"]
    second, read = job.run("ab")
    assert read == ["b"]

    entry = job.bookmark()
    assert entry.pop("JobBookmark").startswith("{")
    assert entry == {
        "JobName": job.name,
        "Version": 2,
        "Run": 2,
        "Attempt": 1,  # the second to read what the first, failed one had read
        "RunId": second,
        "PreviousRunId": first,
    }
    assert (job.bookmark(RunId=first)["Run"], job.bookmark(RunId=second)["Run"]) == (1, 2)
    with pytest.raises(ClientError) as failure:
        job.bookmark(RunId=failed)
    assert error_of(failure)[0] == "EntityNotFoundException"


def test_a_paused_run_reads_what_other_runs_read_and_moves_nothing(job: Job) -> None:
    first, _ = job.run("a")
    failed, _ = job.run("ab", fail="yes")
    second, _ = job.run("ab")
    third, _ = job.run("abc")
    assert job.read_again(first, second) == ["b"]
    # "The last successful run before and including the specified run ID."
    assert job.read_again(failed, third) == ["b", "c"]
    assert job.bookmark()["RunId"] == third
    assert job.run("abcd")[1] == ["d"]


def test_one_end_of_a_range_fails_the_run_and_an_unknown_run_is_refused(job: Job) -> None:
    first, _ = job.run("a")
    paused = {"job-bookmark-option": "job-bookmark-pause", "job-bookmark-from": first}
    files = {"files": "a", "written": "1", "fail": "no"}
    run = job.glue.run(job.name, **files, **paused)
    assert run["ErrorMessage"] == "RuntimeError: Missing option or value for --job-bookmark-to"
    with pytest.raises(ClientError) as failure:
        job.read_again(first, "jr_none")
    assert error_of(failure) == ("EntityNotFoundException", "Job run jr_none not found.")


def test_a_bookmark_is_rewound_to_a_run_or_to_the_beginning(job: Job) -> None:
    first, _ = job.run("a")
    second, _ = job.run("ab")
    rewound = job.reset(RunId=first)
    assert (rewound["Run"], rewound["RunId"], rewound["Version"]) == (1, first, 3)
    third, read = job.run("abc")
    assert read == ["b", "c"]
    assert job.bookmark()["PreviousRunId"] == first
    assert job.read_again(first, second) == ["b"]

    with pytest.raises(ClientError, match="Job run jr_none not found"):
        job.reset(RunId="jr_none")
    assert job.bookmark()["RunId"] == third
    assert job.reset() == {"JobName": job.name, "Version": 4, "Run": 0, "Attempt": 0}
    with pytest.raises(ClientError, match="Continuation for job"):
        job.bookmark()
    with pytest.raises(ClientError, match="Continuation for job"):
        job.reset()
    assert job.run("abc")[1] == ["a", "b", "c"]


def test_rewinding_to_a_run_before_the_first_bookmark_forgets_everything(job: Job) -> None:
    failed, _ = job.run("a", fail="yes")
    job.run("a")
    assert job.reset(RunId=failed)["Run"] == 0
    assert job.run("a")[1] == ["a"]


def test_a_bookmark_is_deleted_with_its_job(job: Job) -> None:
    job.run("a")
    folder = settings.current().data_dir / "glue" / "bookmarks"
    before = len(list(folder.iterdir()))
    client = job.glue.client("glue")
    client.delete_job(JobName=job.name)
    assert len(list(folder.iterdir())) == before - 1
    client.create_job(Name=job.name, **definition(f"scripts/{job.name}.py"))
    with pytest.raises(ClientError, match="Continuation for job"):
        job.bookmark()
    client.delete_job(JobName=job.name)
