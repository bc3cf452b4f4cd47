"""An embedded AWS of one's own, and a client's way to it. Shared by the demo and the tests."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3

from local_aws.settings import DEFAULT_REGION

READY_SECONDS = 180


def environment(endpoint: str) -> dict[str, str]:
    """The variables that point any AWS client at an embedded AWS."""
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_DEFAULT_REGION": DEFAULT_REGION,
        "AWS_REGION": DEFAULT_REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_PAGER": "",
    }


def client(service: str, endpoint: str) -> Any:
    """A boto3 client of an embedded AWS, whatever the environment points to."""
    return boto3.client(
        service,
        endpoint_url=endpoint,
        region_name=DEFAULT_REGION,
        aws_access_key_id="local",
        aws_secret_access_key="local",  # noqa: S106 # any pair will do
    )


@dataclass(frozen=True)
class EmbeddedAws:
    """A running `python -m local_aws up`."""

    process: subprocess.Popen[str]
    data_dir: Path
    log: Path

    def wait_until_ready(self) -> str:
        """Its endpoint URL, once it answers.

        Raises:
            RuntimeError: It ended, or did not come up within a minute; the message has its output.
        """
        endpoint = self.data_dir / "endpoint"
        deadline = time.monotonic() + READY_SECONDS
        while not endpoint.exists():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(
                    f"The embedded AWS did not start: {self.log.read_text().strip()}"
                )
            time.sleep(0.05)
        return endpoint.read_text().strip()


@contextmanager
def embedded_aws(data_dir: Path, *options: str) -> Iterator[EmbeddedAws]:
    """Start an embedded AWS on a free port; stop it, and all that it started, on leaving.

    It begins empty, and no schedule is due in it: what the demo and the tests show depends on
    nothing but what they do.

    Args:
        data_dir: Where it keeps its state.
        options: More of `python -m local_aws up`.
    """
    data_dir.parent.mkdir(parents=True, exist_ok=True)
    log = data_dir.with_suffix(".log")
    given = ["--port", "0", "--data-dir", str(data_dir), "--fresh", "--no-schedules", *options]
    command = [sys.executable, "-m", "local_aws", "up", *given]
    with log.open("w") as output:
        process = subprocess.Popen(
            command,
            cwd=Path(__file__).parents[1],
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,  # Ctrl-C is for the caller, who then stops it in order
        )
    try:
        yield EmbeddedAws(process, data_dir, log)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def read_queries(path: Path) -> dict[str, str]:
    """The statements of a file of queries by the name in their `-- name:` comment."""
    statements = (part.strip() for part in path.read_text(encoding="utf-8").split(";\n"))
    named = ((re.search(r"^-- name: (\w+)$", text, re.MULTILINE), text) for text in statements)
    return {match[1]: text for match, text in named if match}


def query(sql: str, outputs: dict[str, str]) -> Any:
    """An Athena query on the gold database of a stack with these outputs, as a DataFrame."""
    import awswrangler as wr  # takes a second to import, which not every command needs

    return wr.athena.read_sql_query(
        sql,
        database=outputs["GoldDatabase"],
        workgroup=outputs["AthenaWorkgroup"],
        ctas_approach=False,
    )


def executed(athena: Any, sql: str, outputs: dict[str, str]) -> dict[str, Any]:
    """Ask Athena on a stack's gold tables, and wait; what GetQueryExecution then says.

    Args:
        athena: A boto3 client.

    Raises:
        RuntimeError: The query failed; the message has Athena's reason.
    """
    query_id = athena.start_query_execution(
        QueryString=sql,
        QueryExecutionContext={"Database": outputs["GoldDatabase"]},
        WorkGroup=outputs["AthenaWorkgroup"],
    )["QueryExecutionId"]
    while True:
        found = athena.get_query_execution(QueryExecutionId=query_id)["QueryExecution"]
        if found["Status"]["State"] == "SUCCEEDED":
            return dict(found)
        if found["Status"]["State"] not in ("QUEUED", "RUNNING"):
            raise RuntimeError(f"{sql}: {found['Status']}")
        time.sleep(0.05)
