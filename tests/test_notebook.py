"""The notebook as a file, and what it says when it cannot go on."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cells import CELLS, NOTEBOOK, execute

from tools import embed_job

ROOT = Path(__file__).parents[1]


def stopped_at(*cells: str) -> str:
    """The message that the notebook stops with."""
    with pytest.raises(Exception, match=".") as stop:
        execute(*cells)
    assert type(stop.value).__name__ == "Stop", stop.value
    return str(stop.value)


def test_the_embedded_script_equals_the_job_and_embedding_it_changes_nothing() -> None:
    script = (ROOT / "glue_jobs" / "capstone_etl.py").read_text(encoding="utf-8")
    text = (ROOT / "build_pipeline.ipynb").read_text(encoding="utf-8")
    assert CELLS["script"] + "\n" == embed_job.MAGIC + script
    assert embed_job.with_script(text, script) == text


def test_a_changed_script_would_be_noticed() -> None:
    text = (ROOT / "build_pipeline.ipynb").read_text(encoding="utf-8")
    assert embed_job.with_script(text, "print('another job')\n") != text


def test_the_notebook_carries_no_outputs_and_no_counts() -> None:
    code = [cell for cell in NOTEBOOK["cells"] if cell["cell_type"] == "code"]
    assert [cell["id"] for cell in code if cell["outputs"] or cell["execution_count"]] == []
    assert set(NOTEBOOK["metadata"]) <= {"kernelspec", "language_info"}


@pytest.mark.parametrize("wrong", ["Jane", "jane_doe", "-jane", "a" * 21, "x;drop"])
def test_a_wrong_student_id_is_named_with_the_rule(
    wrong: str, aws_env: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STUDENT_ID", wrong)
    message = stopped_at("configuration", "clients", "outputs")
    assert f"STUDENT_ID is {wrong!r}" in message
    assert "1-20 lower-case letters" in message


def test_a_stack_that_is_not_deployed_is_named_with_the_command(
    aws_env: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STUDENT_ID", "nobody")
    message = stopped_at("configuration", "clients", "outputs")
    assert "Stack capstone-nobody does not exist in us-west-2" in message
    assert "aws cloudformation create-stack --stack-name capstone-nobody" in message


def test_without_credentials_it_says_how_to_get_them(
    aws_env: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    message = stopped_at("configuration", "clients", "outputs")
    assert "Unable to locate credentials" in message
    assert "AWS Details > AWS CLI" in message


def test_a_bucket_that_is_gone_is_named(
    aws_env: dict[str, str],
    client: Callable[[str], Any],
    deploy: Callable[[str], dict[str, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bucket = deploy("bucketless")["SourceBucketName"]
    client("s3").delete_bucket(Bucket=bucket)
    monkeypatch.setenv("STUDENT_ID", "bucketless")
    message = stopped_at("configuration", "clients", "outputs")
    assert f"Bucket {bucket} of stack capstone-bucketless cannot be reached" in message


def test_a_script_that_fails_is_shown_with_its_own_error(
    aws_env: dict[str, str],
    client: Callable[[str], Any],
    deploy: Callable[[str], dict[str, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bucket = deploy("failing")["AnalyticsOutputBucket"]
    body = b"raise ValueError('no shop today')"
    client("s3").put_object(Bucket=bucket, Key="scripts/capstone_etl.py", Body=body)
    monkeypatch.setenv("STUDENT_ID", "failing")
    message = stopped_at("configuration", "clients", "outputs", "job", "run")
    assert "capstone-etl-failing ended FAILED: ValueError: no shop today" in message
    assert "/aws-glue/jobs/error" in message


def test_the_job_is_created_then_unchanged_then_updated_by_what_differs(
    aws_env: dict[str, str],
    client: Callable[[str], Any],
    deploy: Callable[[str], dict[str, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    deploy("ensure")
    monkeypatch.setenv("STUDENT_ID", "ensure")
    names = execute("configuration", "clients", "outputs", "job")
    ensure, wanted = names["ensure_job"], names["job_definition"](names["outputs"])
    assert ensure(names["JOB"], wanted) == "unchanged"
    assert ensure(names["JOB"], wanted | {"Timeout": 31}) == "updated (Timeout)"
    assert client("glue").get_job(JobName=names["JOB"])["Job"]["Timeout"] == 31


@pytest.mark.slow
def test_an_unattended_execution_that_stops_exits_with_the_message(
    aws_env: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STUDENT_ID", "nobody")
    notebook = str(ROOT / "build_pipeline.ipynb")
    command = ["nbconvert", "--to", "html", "--execute", notebook, "--output-dir", str(tmp_path)]
    done = subprocess.run(
        [sys.executable, "-m", *command], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode != 0
    assert "Stack capstone-nobody does not exist" in done.stderr
