"""Writes files of shop events, by the event generator's own code.

The logic of the events stands once, in the inline code of the function in the CloudFormation
template. This script executes that very code, so that its files cannot differ in kind from what
the function writes to S3.

Without --hours it writes a few files of equal size into a folder, as `sample-data/` is made. With
--hours it fills a lake: every five minutes of those hours, under the keys that the function uses,
in a folder or in a bucket, with more events by day than by night.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, BinaryIO, Protocol

import yaml
from botocore.exceptions import BotoCoreError, ClientError
from tqdm import tqdm

TEMPLATE = Path(__file__).with_name("capstone-starter.cfn.yaml")
# Half an hour before midnight: the files span two hours and two dates.
DEFAULT_START = "2026-11-01T23:30:00+00:00"


# Of the mean number of events in a file: in the emptiest moment, and in the busiest. Between them
# the traffic of the generator's hours and weekdays has a mean of 1 over a week.
EMPTIEST, BUSIEST = 0.25, 1.85
PARALLEL_FROM = 1_000_000  # events; fewer are written sooner than processes start


@dataclass(frozen=True)
class Batches:
    """What to write.

    Attributes:
        num_files: Number of files; each holds one window of five minutes.
        events_per_file: Events in each file, or, with `traffic`, in one on average.
        seed: Same seed, same events.
        start: Beginning of the first window (UTC). A file is named after the end of its window.
        trouble: Faults on purpose, in the words of the function's TROUBLE: see docs/EVENTS.md.
        traffic: Whether the number of events follows the hour and the weekday.
    """

    num_files: int = 12
    events_per_file: int = 5_000
    seed: int = 42
    start: datetime = datetime.fromisoformat(DEFAULT_START)
    trouble: str = ""
    traffic: bool = False

    def ends(self) -> list[datetime]:
        """The end of each window.

        Raises:
            OverflowError: The windows reach beyond the year 9999.
        """
        window = load_generator().WINDOW
        return [self.start + window * (number + 1) for number in range(self.num_files)]

    def batch(self, end: datetime, code: ModuleType) -> Any:
        """The generator's batch of the window that ends then."""
        low = high = self.events_per_file
        if self.traffic:
            low, high = max(1, round(low * EMPTIEST)), max(1, round(high * BUSIEST))
        return code.Batch(str(self.seed), end - code.WINDOW, end, low, high, self.trouble)


class _TemplateLoader(yaml.SafeLoader):
    """YAML with CloudFormation's short forms, `!Ref` and the like."""


def _intrinsic(loader: _TemplateLoader, name: str, node: yaml.Node) -> dict[str, Any]:
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
        value = value.split(".", 1) if name == "GetAtt" else value
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    return {name if name in ("Ref", "Condition") else f"Fn::{name}": value}


_TemplateLoader.add_multi_constructor("!", _intrinsic)


def load_template(path: Path = TEMPLATE) -> dict[str, Any]:
    """Reads a CloudFormation template, short forms turned into long ones.

    Raises:
        OSError: The file cannot be read.
        yaml.YAMLError: It is not YAML.
    """
    text = path.read_text(encoding="utf-8")
    template: dict[str, Any] = yaml.load(text, _TemplateLoader)  # noqa: S506 # a SafeLoader
    return template


@cache
def load_generator(template_path: Path = TEMPLATE) -> ModuleType:
    """Executes the event generator's inline code and returns it as a module.

    Raises:
        ValueError: The template cannot be read, or has no such code.
    """
    try:
        function = load_template(template_path)["Resources"]["EventGenerator"]
        code = function["Properties"]["Code"]["ZipFile"]
    except (OSError, yaml.YAMLError, KeyError, TypeError) as error:
        problem = f"{type(error).__name__}: {error}"
        raise ValueError(
            f"{template_path} has no inline code of EventGenerator that can be read ({problem})."
            " Restore the template from git."
        ) from error
    module = ModuleType("event_generator")
    exec(compile(code, f"{template_path}:EventGenerator", "exec"), module.__dict__)  # noqa: S102
    return module


def file_name(window_end: datetime) -> str:
    """The name of the file of the window that ends then."""
    key: str = load_generator().object_key(window_end)
    return key.rpartition("/")[2]


def hive_key(name: str) -> str:
    """The key in the source bucket of the file with this name.

    Raises:
        ValueError: The name is not one that the generator gives.
    """
    try:
        if not re.fullmatch(r"events-\d{8}-\d{6}\.jsonl\.gz", name, re.ASCII):
            raise ValueError("wrong form")
        window_end = datetime.strptime(name, "events-%Y%m%d-%H%M%S.jsonl.gz")
    except ValueError as error:
        raise ValueError(
            f"{name!r} is not the name of a file of events, which is like"
            " events-20261101-233500.jsonl.gz"
        ) from error
    key: str = load_generator().object_key(window_end)
    return key


class Destination(Protocol):
    """Where files go."""

    def put(self, key: str, body: BinaryIO) -> str:
        """Stores a file under a Hive-style key; returns where it is now."""


@dataclass(frozen=True)
class Folder:
    """A folder, which is made when missing; Hive-style with `hive`, else all files side by side."""

    path: Path
    hive: bool = False

    def put(self, key: str, body: BinaryIO) -> str:
        """Writes the file under its name in one step; a file of that name is replaced.

        Raises:
            OSError: The folder cannot be written to.
        """
        path = self.path / (key if self.hive else key.rpartition("/")[2])
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f".{path.name}.part")
        try:
            with part.open("wb") as file:
                shutil.copyfileobj(body, file)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
        return str(path)

    def __str__(self) -> str:
        return str(self.path)


@dataclass(frozen=True)
class Bucket:
    """A bucket, or what lies below a prefix of it."""

    name: str
    prefix: str = ""

    def put(self, key: str, body: BinaryIO) -> str:
        """Uploads the file.

        Raises:
            botocore.exceptions.BotoCoreError: There are no credentials, or no way to S3.
            botocore.exceptions.ClientError: S3 refuses it.
        """
        _s3().put_object(
            Bucket=self.name, Key=self.prefix + key, Body=body, ContentType="application/gzip"
        )
        return f"s3://{self.name}/{self.prefix}{key}"

    def __str__(self) -> str:
        return f"s3://{self.name}/{self.prefix}"


@cache
def _s3() -> Any:
    import boto3  # here, since files for a folder need nothing of AWS

    return boto3.client("s3")


def destination(text: str, hive: bool) -> Destination:
    """Reads `DIR`, `s3://BUCKET` or `s3://BUCKET/PREFIX/`.

    The prefix of the events themselves may stand at its end, as in the stack's outputs; it is not
    repeated.

    Raises:
        ValueError: It begins with s3:// and names no bucket.
    """
    if not text.startswith("s3://"):
        return Folder(Path(text), hive)
    bucket, _, prefix = text.removeprefix("s3://").partition("/")
    if not re.fullmatch(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", bucket):
        raise ValueError(f"{text!r} names no bucket; write s3://BUCKET or s3://BUCKET/PREFIX/")
    parts = [part for part in prefix.split("/") if part]
    parts = parts[:-1] if parts[-1:] == ["events"] else parts
    return Bucket(bucket, "".join(f"{part}/" for part in parts))


def write_files(
    batches: Batches, where: Destination, template: Path = TEMPLATE
) -> list[tuple[str, int]]:
    """Writes the files, with a progress bar on a terminal.

    A file of the same name is replaced; other files stay. Many events are made by as many processes
    as there are cores.

    Args:
        batches: What to write.
        where: Where to write it.
        template: Whose code makes the events.

    Returns:
        For each file, in order of time, where it is, and its number of events. A window that falls
        into a silent spell has no file.

    Raises:
        OSError: The folder cannot be written to.
        OverflowError: The windows reach beyond the year 9999.
    """
    ends = batches.ends()
    total = batches.num_files * batches.events_per_file
    written: dict[datetime, tuple[str, int]] = {}
    with tqdm(total=total, unit=" events", unit_scale=True, disable=None) as bar:
        for end, path, events in _written(batches, ends, where, template):
            bar.update(events)
            if events:
                written[end] = path, events
    return [written[end] for end in ends if end in written]


def _written(
    batches: Batches, ends: list[datetime], where: Destination, template: Path
) -> Iterator[tuple[datetime, str, int]]:
    workers = min(os.cpu_count() or 1, len(ends))
    if workers == 1 or len(ends) * batches.events_per_file < PARALLEL_FROM:
        yield from (_write_file(batches, end, where, template) for end in ends)
        return
    with ProcessPoolExecutor(workers) as pool:
        try:
            tasks = [pool.submit(_write_file, batches, end, where, template) for end in ends]
            for task in as_completed(tasks):
                yield task.result()
        finally:
            pool.shutdown(cancel_futures=True)


def _write_file(
    batches: Batches, end: datetime, where: Destination, template: Path
) -> tuple[datetime, str, int]:
    code = load_generator(template)
    batch = batches.batch(end, code)
    if not batch.size:
        return end, "", 0
    with tempfile.TemporaryFile() as body:
        code.write_gzip(batch.texts(), body)
        body.seek(0)
        return end, where.put(code.object_key(end), body), batch.size


def _count(text: str) -> int:
    if not (text.isdecimal() and int(text) > 0):
        raise argparse.ArgumentTypeError(f"must be a whole number of at least 1, not {text!r}")
    return int(text)


def _time(text: str) -> datetime:
    try:
        when: datetime = load_generator().parse_time(text)
    except (ValueError, OverflowError) as error:
        raise argparse.ArgumentTypeError(
            f"must be an ISO 8601 time such as {DEFAULT_START}, not {text!r}"
        ) from error
    return when.replace(microsecond=0)


def _trouble(name: str) -> Callable[[str], str]:
    """A reader of an option's value, by the rules of the function's own TROUBLE."""

    def read(text: str) -> str:
        option = f"{name}={text}"
        try:
            load_generator().parse_trouble(option)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from error
        return option

    return read


TROUBLES = {
    "duplicates": ("SHARE", "share of the lines that are there twice"),
    "late": ("SHARE", "share of the sessions whose events come 5 to 60 minutes late"),
    "malformed": ("SHARE", "share of the lines that are no valid events"),
    "unknown_fields": ("SHARE", "share of the lines with fields that nobody knows"),
    "silent": ("START/END", "a spell without events, ISO 8601 times"),
    "spike": ("START/END/FACTOR", "a spell with so many times the events"),
}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description="Write gzipped JSON Lines files of shop events, five minutes each. The same"
        " options give the same events.",
        epilog="A day of history into the stack's bucket: generate_sample_data.py --hours 24"
        " --output-dir s3://capstone-events-student-001-123456789012",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    option: Callable[..., Any] = parser.add_argument
    number = parser.add_mutually_exclusive_group()
    number.add_argument("--num-files", type=_count, metavar="N", default=12, help="number of files")
    number.add_argument(
        "--hours",
        type=_count,
        metavar="N",
        default=argparse.SUPPRESS,
        help="write all files of N hours instead, under Hive-style keys, with the traffic of each"
        " hour and weekday; up to now unless there is a --start",
    )
    option(
        "--events-per-file",
        type=_count,
        default=5_000,
        metavar="N",
        help="events in each file; with --hours on average over a week",
    )
    option("--output-dir", default="sample-data", metavar="DIR", help="folder, or s3://BUCKET")
    option("--seed", type=int, default=42, metavar="N", help="another seed gives other events")
    option(
        "--start",
        type=_time,
        metavar="TIME",
        default=argparse.SUPPRESS,
        help="beginning of the first five minutes, ISO 8601, UTC when it has no offset (default:"
        f" {DEFAULT_START})",
    )
    troubles = parser.add_argument_group("trouble on purpose (see docs/EVENTS.md)")
    for name, (metavar, text) in TROUBLES.items():
        flag = f"--{name.replace('_', '-')}"
        troubles.add_argument(
            flag,
            dest=name,
            type=_trouble(name),
            metavar=metavar,
            default=argparse.SUPPRESS,
            help=text,
        )
    return parser


def _batches(options: argparse.Namespace) -> Batches:
    window = load_generator().WINDOW
    given = vars(options)
    trouble = " ".join(given[name] for name in TROUBLES if name in given)
    start, files = datetime.fromisoformat(DEFAULT_START), options.num_files
    if hours := timedelta(hours=given.get("hours", 0)):
        now = datetime.now(UTC)
        start = now - timedelta(seconds=now.timestamp() % window.total_seconds()) - hours
        files = hours // window
    start = given.get("start", start).replace(microsecond=0)
    return Batches(files, options.events_per_file, options.seed, start, trouble, bool(hours))


def _failure(error: Exception, batches: Batches, where: Destination) -> str:
    if isinstance(error, OverflowError):
        return (
            f"{batches.num_files} files from {batches.start} on end after the year 9999."
            " Choose fewer files or an earlier --start."
        )
    if isinstance(where, Bucket):
        return (
            f"Cannot write to {where}: {error} Name a bucket that exists and that your credentials"
            " may write to with --output-dir; the stack's is its output SourceBucketName."
        )
    reason = error.strerror if isinstance(error, OSError) else None
    return (
        f"Cannot write to {where}: {reason or error}."
        " Name a folder that can be written to with --output-dir."
    )


def main(argv: list[str] | None = None) -> int:
    """Runs the command line; returns the exit code."""
    try:
        load_generator()
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    parser = _parser()
    options = parser.parse_args(argv)
    try:
        where = destination(options.output_dir, hive="hours" in options)
        batches = _batches(options)
    except ValueError as error:
        parser.error(f"argument --output-dir: {error}")
    try:
        files = write_files(batches, where)
    except (OSError, OverflowError, BotoCoreError, ClientError) as error:
        print(_failure(error, batches, where), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Interrupted. The same options write the same files again.", file=sys.stderr)
        return 130
    events = sum(count for _, count in files)
    print(f"{len(files):,} files, {events:,} events in {where}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
