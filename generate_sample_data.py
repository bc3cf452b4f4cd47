"""Writes files of shop events for local use, by the event generator's own code.

The logic of the events stands once, in the inline code of the function in the CloudFormation
template. This script executes that very code, so that its files cannot differ in kind from what
the function writes to S3.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import yaml
from tqdm import tqdm

TEMPLATE = Path(__file__).with_name("capstone-starter.cfn.yaml")
# Half an hour before midnight: the files span two hours and two dates.
DEFAULT_START = "2026-11-01T23:30:00+00:00"


@dataclass(frozen=True)
class Batches:
    """What to write.

    Attributes:
        num_files: Number of files; each holds one window of five minutes.
        events_per_file: Events in each file.
        seed: Same seed, same events.
        start: Beginning of the first window (UTC). A file is named after the end of its window.
    """

    num_files: int = 12
    events_per_file: int = 5_000
    seed: int = 42
    start: datetime = datetime.fromisoformat(DEFAULT_START)


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


def write_files(
    batches: Batches, output_dir: Path, generator: ModuleType | None = None
) -> list[Path]:
    """Writes the files, with a progress bar on a terminal, and returns their paths in order.

    A file of the same name is replaced; other files in the folder stay.

    Args:
        batches: What to write.
        output_dir: Made when missing.
        generator: The code that makes the events; the template's when not given.

    Raises:
        OSError: The folder cannot be written to.
        OverflowError: The windows reach beyond the year 9999.
    """
    code = generator or load_generator()
    output_dir.mkdir(parents=True, exist_ok=True)
    ends = [batches.start + code.WINDOW * (n + 1) for n in range(batches.num_files)]
    return [
        _write_file(batches, output_dir / file_name(end), end, code)
        for end in tqdm(ends, unit="file", desc="Generating events", disable=None)
    ]


def _write_file(batches: Batches, path: Path, end: datetime, code: ModuleType) -> Path:
    seed = f"{batches.seed}/{path.name}"
    lines = code.generate_events(seed, end - code.WINDOW, end, batches.events_per_file)
    part = path.with_name(f".{path.name}.part")
    try:
        with part.open("wb") as file:
            code.write_gzip(lines, file)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return path


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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description="Write gzipped JSON Lines files of shop events, five minutes each. The same"
        " options give the same events.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    option: Callable[..., Any] = parser.add_argument
    option("--num-files", type=_count, default=12, metavar="N", help="number of files")
    option("--events-per-file", type=_count, default=5_000, metavar="N", help="events in each file")
    option("--output-dir", type=Path, default=Path("sample-data"), metavar="DIR", help="folder")
    option("--seed", type=int, default=42, metavar="N", help="another seed gives other events")
    option(
        "--start",
        type=_time,
        default=DEFAULT_START,
        metavar="TIME",
        help="beginning of the first five minutes, ISO 8601, UTC when it has no offset",
    )
    return parser


def _failure(error: OSError | OverflowError, options: argparse.Namespace) -> str:
    if isinstance(error, OverflowError):
        return (
            f"{options.num_files} files from {options.start} on end after the year 9999."
            " Choose fewer files or an earlier --start."
        )
    return (
        f"Cannot write to {options.output_dir}: {error.strerror or error}."
        " Name a folder that can be written to with --output-dir."
    )


def main(argv: list[str] | None = None) -> int:
    """Runs the command line; returns the exit code."""
    try:
        load_generator()
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    options = _parser().parse_args(argv)
    batches = Batches(options.num_files, options.events_per_file, options.seed, options.start)
    try:
        files = write_files(batches, options.output_dir)
    except (OSError, OverflowError) as error:
        print(_failure(error, options), file=sys.stderr)
        return 1
    size = sum(file.stat().st_size for file in files) / 1e6
    events = len(files) * batches.events_per_file
    print(f"{len(files)} files, {events:,} events, {size:.1f} MB in {options.output_dir}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
