"""The whole pipeline on the embedded AWS, start to end: `python -m tools.demo` (`make demo`).

Starts an embedded AWS of its own on a free port, deploys the template, loads the sample files,
executes the notebook, prints the five answers and the ledger, writes `build/report.html`, and stops
everything that it started.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3

import generate_sample_data
from local_aws.settings import DEFAULT_REGION
from tools import local, record
from tools.notebook import execute, write_report

ROOT = Path(__file__).parents[1]
WORK = ROOT / "build" / "demo"
REPORT = ROOT / "build" / "report.html"
# Not the one on PATH, which may be another version with a configuration of its own.
AWS_CLI = Path(sys.executable).with_name("aws")
STUDENT_ID = "demo"
STACK = f"capstone-{STUDENT_ID}"
STEPS = (
    "start the embedded AWS",
    "deploy the template",
    "load the sample files",
    "execute the notebook",
    "ask the five questions",
    "write the report",
)


class StepFailed(Exception):
    """A step of the demo failed; the message names the step and the cause."""


@contextmanager
def step(number: int) -> Iterator[None]:
    """One numbered step: its name, then its seconds.

    Raises:
        StepFailed: Anything in it failed.
    """
    name = STEPS[number - 1]
    print(f"\n[{number}/{len(STEPS)}] {name}", flush=True)
    started = time.monotonic()
    try:
        yield
    except Exception as error:
        raise StepFailed(f"Step {number}, {name}, failed. {error}") from error
    print(f"      {time.monotonic() - started:.1f} s", flush=True)


def deploy() -> dict[str, str]:
    """Create the stack with the AWS CLI, as the README does; returns its outputs."""
    template = ROOT / "capstone-starter.cfn.yaml"
    create = [
        "create-stack",
        "--template-body",
        f"file://{template}",
        "--parameters",
        f"ParameterKey=StudentId,ParameterValue={STUDENT_ID}",
    ]
    for command in (create, ["wait", "stack-create-complete"]):
        arguments = ["cloudformation", *command, "--stack-name", STACK, "--region", DEFAULT_REGION]
        done = subprocess.run([str(AWS_CLI), *arguments], capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"aws {' '.join(arguments)}: {done.stderr.strip()}")
    stack = boto3.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"][0]
    print(f"      {STACK} {stack['StackStatus']}")
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def load(bucket: str) -> None:
    s3 = boto3.client("s3")
    files = sorted((ROOT / "sample-data").glob("events-*.jsonl.gz"))
    for file in files:
        s3.upload_file(str(file), bucket, generate_sample_data.hive_key(file.name))
    print(f"      {len(files)} files to s3://{bucket}/events/")


def answer(outputs: dict[str, str]) -> None:
    """Print the five answers and the ledger, each by an Athena query."""
    ledger = (
        "select run_id, files, lines, quarantined, duplicates_in_batch, duplicates_in_lake,"
        " new_events, partitions_published from pipeline_runs order by run_id"
    )
    statements = {**local.read_queries(ROOT / "queries.sql"), "pipeline_runs": ledger}
    for name, sql in statements.items():
        frame = local.query(sql, outputs)
        print(f"\n      {name} ({len(frame)} rows)")
        print(indented(frame))


def indented(frame: Any, rows: int = 10) -> str:
    shown = frame.head(rows).to_string(index=False)
    more = f"\n... {len(frame) - rows} more" if len(frame) > rows else ""
    return "\n".join(f"      {line}" for line in (shown + more).splitlines())


def prepare() -> None:
    """An empty folder for this demo, with what the notebook reads beside itself."""
    shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir(parents=True)
    shutil.copy(ROOT / "queries.sql", WORK)


def run(is_recorded: bool) -> None:
    prepare()
    with local.embedded_aws(WORK / "aws") as aws:
        with step(1):
            endpoint = aws.wait_until_ready()
            os.environ.update(local.environment(endpoint), STUDENT_ID=STUDENT_ID)
            print(f"      {endpoint}")
        with step(2):
            outputs = deploy()
        with step(3):
            load(outputs["SourceBucketName"])
        with step(4):
            notebook = execute(ROOT / "build_pipeline.ipynb", WORK)
        with step(5):
            answer(outputs)
        with step(6):
            write_report(notebook, REPORT)
            print(f"      {REPORT}")
        if is_recorded:
            record.record(notebook, outputs, local.read_queries(ROOT / "queries.sql"))
            print(f"      {record.FOLDER}")


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="The whole pipeline on the embedded AWS.")
    parser.add_argument(
        "--record", action="store_true", help="keep what the documents show in docs/recorded/"
    )
    options = parser.parse_args(argv)
    started = time.monotonic()
    try:
        run(options.record)
    except StepFailed as failure:
        print(f"\n{failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted; everything that was started has been stopped.", file=sys.stderr)
        return 130
    finally:
        shutil.rmtree(WORK, ignore_errors=True)
    print(f"\nDone in {time.monotonic() - started:.0f} s. Everything that was started is stopped.")
    print(f"Open {REPORT.relative_to(ROOT)} in a browser.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
