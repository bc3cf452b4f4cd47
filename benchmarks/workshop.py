"""Lakes that the job fills in one warm session, and that can be put back to where they were."""

from __future__ import annotations

import contextlib
import re
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import pyarrow.parquet as pq
from pyspark.sql import SparkSession

import generate_sample_data as samples
from glue_jobs import capstone_etl as etl
from tools import local, session

# A day of the shop at noon: the files of one hour have their hour's traffic and one date.
NOON = datetime(2026, 11, 4, 12, tzinfo=UTC)
# Some of everything that a run must deal with.
TROUBLE = "duplicates=0.01,late=0.01,malformed=0.002,unknown_fields=0.01"
# What the job's JVM and DuckDB may have each, for two cores; a Glue G.1X worker has 16 for four.
MEMORY_GB = 4
State = tuple[dict[str, list[etl.Partition]], bytes | None]


@dataclass
class JobLake:
    """The lake of a deployed stack.

    Attributes:
        output: What the last run printed.
    """

    spark: SparkSession
    endpoint: str
    s3_dir: Path
    outputs: dict[str, str]
    bookmark: Path
    output: str = ""
    runs: int = 0

    def client(self, service: str) -> Any:
        return local.client(service, self.endpoint)

    def put(self, root: Path, files: Iterable[Path]) -> None:
        """Upload raw files, each under its path below `root`."""
        s3 = self.client("s3")
        for file in files:
            s3.upload_file(
                str(file), self.outputs["SourceBucketName"], file.relative_to(root).as_posix()
            )

    def run(self, at: datetime | None = None, **arguments: str) -> float:
        """One whole run of the job over what is new; returns its seconds.

        Args:
            at: What the job's clock shows.
            arguments: More job arguments.
        """
        self.runs += 1
        started = time.perf_counter()
        self.output = session.run_job(
            self.outputs, self.endpoint, self.bookmark, f"jr_{self.runs}", at=at, **arguments
        )
        return time.perf_counter() - started

    def stages(self) -> dict[str, float]:
        """Seconds of each stage of the last run."""
        found = re.findall(r"^stage \d/\d (\w+): ([\d.]+) s$", self.output, re.MULTILINE)
        return {name: float(seconds) for name, seconds in found}

    def lake(self) -> etl.Lake:
        """The job's own view of this lake."""
        options = etl.Options(**session.job_options(self.outputs))
        run_id = f"{etl.run_stamp(datetime.now(UTC))}-bench"
        return etl.Lake(run_id, options, self.client("glue"), self.client("s3"))

    def state(self) -> State:
        """What is published, and the bookmark."""
        lake = self.lake()
        published = {name: lake.published(name) for name in etl.PUBLISH_ORDER}
        return published, self.bookmark.read_bytes() if self.bookmark.exists() else None

    def restore(self, state: State) -> None:
        """Publish what was published then, and nothing else; files stay where they are."""
        lake, (published, bookmark) = self.lake(), state
        for name, old in published.items():
            now = {found.values: found for found in lake.published(name)}
            kept = {found.values for found in old}
            lake.withdraw(found for found in now.values() if found.values not in kept)
            moved = tuple(found for found in old if now.get(found.values) != found)
            lake.staged[name] = etl.Written(moved)
            lake.publish(name, now)
        if bookmark is None:
            self.bookmark.unlink(missing_ok=True)
        else:
            self.bookmark.write_bytes(bookmark)

    def again(self, at: datetime | None = None) -> Callable[[], float]:
        """A run over what is new now, that can be had again and again; returns its seconds."""
        start = self.state()

        def run() -> float:
            self.restore(start)
            return self.run(at)

        return run

    def rows(self, name: str) -> list[dict[str, Any]]:
        """The published rows of `<layer>.<table>`, partition values (as text) included."""
        lake = self.lake()
        keys = list(lake.tables[name].keys)
        return [
            {**row, **dict(zip(keys, found.values, strict=True))}
            for found in lake.published(name)
            for file in self.files(found)
            for row in pq.read_table(file, partitioning=None).to_pylist()
        ]

    def count(self, name: str) -> int:
        """How many rows of a table are published, by the footers of its files."""
        return sum(pq.read_metadata(file).num_rows for file in self.published_files(name))

    def size(self, name: str) -> int:
        """Bytes of the published files of a table."""
        return sum(file.stat().st_size for file in self.published_files(name))

    def published_files(self, name: str) -> Iterator[Path]:
        """The data files that published partitions of a table point to."""
        for found in self.lake().published(name):
            yield from self.files(found)

    def files(self, partition: etl.Partition) -> list[Path]:
        """The data files of a partition."""
        return sorted((self.s3_dir / partition.location.removeprefix("s3://")).glob("*.parquet"))


@dataclass
class Workshop:
    """An embedded AWS, one warm session on it, and a folder of raw files."""

    spark: SparkSession
    endpoint: str
    s3_dir: Path
    scratch: Path
    stacks: int = 0

    def lake(self) -> JobLake:
        """An empty lake of its own."""
        self.stacks += 1
        client = partial(local.client, endpoint=self.endpoint)
        outputs = session.deploy(client, f"bench-{self.stacks}")
        session.mount(self.spark, self.s3_dir, outputs)
        bookmark = self.scratch / f"bookmark-{self.stacks}.json"
        return JobLake(self.spark, self.endpoint, self.s3_dir, outputs, bookmark)

    def filled(self, events: int) -> tuple[JobLake, Path]:
        """A lake that one file was taken into, and that file."""
        root, (file,) = self.raw(1, events)
        lake = self.lake()
        lake.put(root, [file])
        lake.run()
        return lake, file

    def raw(self, files: int, events: int, start: datetime = NOON) -> tuple[Path, list[Path]]:
        """Raw files of five minutes each, under their keys below a folder, in order of time."""
        root = self.scratch / f"raw-{start:%Y%m%dT%H%M}-{files}-{events}"
        batches = samples.Batches(files, events, start=start, trouble=TROUBLE)
        made = samples.write_files(batches, samples.Folder(root, hive=True))
        return root, [Path(path) for path, _ in made]


@contextlib.contextmanager
def workshop() -> Iterator[Workshop]:
    """An embedded AWS and a session with a Glue run's own settings; all is deleted at the end."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        scratch = Path(folder)
        with local.embedded_aws(scratch / "aws") as aws:
            endpoint = aws.wait_until_ready()
            s3_dir = aws.data_dir / "s3"
            heap = {"LOCAL_AWS_DRIVER_MEMORY": f"{MEMORY_GB}g"}
            with session.environment(heap), session.warm_session(s3_dir) as spark:
                yield Workshop(spark, endpoint, s3_dir, scratch)


def in_turn(repeats: int, programs: dict[str, Callable[[], float]]) -> dict[str, list[float]]:
    """Run programs one after the other, several times, each time the other way round.

    What one leaves behind, and what the JVM learns, is then no program's gain alone.

    Returns:
        The seconds of each program.
    """
    found: dict[str, list[float]] = {name: [] for name in programs}
    for number in range(repeats):
        for name in list(programs)[:: -1 if number % 2 else 1]:
            found[name].append(programs[name]())
            say(f"  {number + 1}/{repeats} {name}: {found[name][-1]:.2f} s")
    return found


def ratio(slow: Sequence[float], fast: Sequence[float]) -> list[float]:
    """How many times longer: least, median and most of the pairs that ran in turn."""
    found = sorted(a / b for a, b in zip(slow, fast, strict=True))
    return [round(value, 3) for value in (found[0], median(found), found[-1])]


def say(text: str) -> None:
    print(text, flush=True)
