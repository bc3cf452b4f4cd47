"""Runs of the whole job: in a warm session on a lab's lake, or as Glue job runs."""

from __future__ import annotations

import contextlib
import gzip
import time
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import faults
from cells import execute
from lab import Lab

from glue_jobs import capstone_etl as etl
from tools import session

SOURCE = Path(etl.__file__)
ROOT = SOURCE.parents[1]
Rows = Counter[str]
# A table's published rows by partition, without what names the run that wrote them.
State = dict[str, dict[tuple[str, ...], Rows]]


class BookmarkedJob:
    """Runs of one job, one after the other, that share a bookmark.

    Args:
        lab: The lake; its `files` are what the oracle is asked about.
        bookmark: The file that keeps the bookmark.
        arguments: More job arguments.

    Attributes:
        output: What the last run that ended well printed.
    """

    def __init__(self, lab: Lab, bookmark: Path, **arguments: Any) -> None:
        self.lab = lab
        self.bookmark = bookmark
        self.output = ""
        self._arguments = arguments
        self._runs = 0

    def put(self, key: str, lines: Iterable[str]) -> None:
        """Put a file of raw lines, or put it anew."""
        self.lab.files[key] = list(lines)
        body = gzip.compress("\n".join(self.lab.files[key]).encode(), mtime=0)
        bucket = self.lab.outputs["SourceBucketName"]
        self.lab.client("s3").put_object(Bucket=bucket, Key=key, Body=body)

    def run(self, handle: faults.Handler | None = None, **options: Any) -> None:
        """One run over what the bookmark has not handed out.

        Args:
            handle: What becomes of the run's effects; by default they take place.
            options: More of `session.run_job`, job arguments among them.
        """
        self._runs += 1
        around = [] if handle is None else [faults.Effects(str(SOURCE), handle).intercepted()]
        self.output = session.run_job(
            self.lab.outputs,
            self.lab.endpoint,
            self.bookmark,
            f"jr_{self._runs}",
            around,
            **self._arguments,
            **options,
        )

    def die(self, death: faults.Death) -> faults.Death:
        """One run that dies as is meant, if it comes to that: `death.came` says so."""
        with contextlib.suppress(faults.Killed):
            self.run(death)
        # Memory dies with its process.
        self.lab.spark.catalog.clearCache()
        return death

    def state(self) -> State:
        """What a reader sees now, all files read."""
        found: State = {}
        for name in etl.PUBLISH_ORDER:
            partitions: dict[tuple[str, ...], Rows] = {}
            keys = self.lab.keys(name)
            for row in self.lab.rows(name):
                group = tuple(row.pop(key) for key in keys if key != "run_id")
                row.pop("run_id", None) if name != etl.LEDGER else None
                partitions.setdefault(group, Counter())[repr(sorted(row.items()))] += 1
            if name == etl.VISITORS:  # twice while they are merged: a set that readers take as one
                partitions = {group: Counter(set(rows)) for group, rows in partitions.items()}
            found[name] = partitions
        return found

    def wipe(self) -> None:
        """Empty the lake, its raw files and the bookmark."""
        self.lab.wipe()
        self.bookmark.unlink(missing_ok=True)


def create_glue_job(client: Callable[[str], Any], outputs: dict[str, str]) -> None:
    """Create a stack's Glue job with the notebook's own cell, and upload the job's script."""
    upload_script(client, outputs, SOURCE.read_text(encoding="utf-8"))
    names = execute("configuration", "clients")
    names |= {"outputs": outputs, "AWS_REGION": "us-west-2"}
    names["glue"] = client("glue")
    execute("job", names=names)


def upload_script(client: Callable[[str], Any], outputs: dict[str, str], text: str) -> None:
    bucket, key = outputs["ScriptLocation"].removeprefix("s3://").split("/", 1)
    client("s3").put_object(Bucket=bucket, Key=key, Body=text.encode())


def run_glue_job(
    client: Callable[[str], Any], outputs: dict[str, str], **arguments: str
) -> dict[str, Any]:
    """One Glue job run, from start to end; returns what get_job_run says of it then."""
    glue, name = client("glue"), outputs["GlueJobName"]
    given = {f"--{key}": value for key, value in arguments.items()}
    run_id = glue.start_job_run(JobName=name, Arguments=given)["JobRunId"]
    while True:
        run: dict[str, Any] = glue.get_job_run(JobName=name, RunId=run_id)["JobRun"]
        if run["JobRunState"] not in ("STARTING", "RUNNING", "STOPPING", "WAITING"):
            return run
        time.sleep(0.1)


def mixtures(before: State, seen: State, after: State) -> list[str]:
    """The partitions in which a reader sees neither the old rows nor the new ones.

    The ledger is different: it has a row for each run that got as far, so it only grows.
    """
    wrong = [
        f"{name} {group}"
        for name in seen
        if name != etl.LEDGER
        for group in before[name].keys() | seen[name].keys() | after[name].keys()
        if seen[name].get(group) not in (before[name].get(group), after[name].get(group))
    ]
    old, now, new = (sum(one[etl.LEDGER].values(), Rows()) for one in (before, seen, after))
    return wrong if old <= now <= new else [*wrong, etl.LEDGER]
