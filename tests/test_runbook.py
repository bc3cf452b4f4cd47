"""Every command of docs/RUNBOOK.md, word for word, on the embedded AWS."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cells import CELLS, execute
from template_schemas import ROOT, TEMPLATE, load_template

from glue_jobs import capstone_etl as etl
from tools.session import SMALL

Client = Callable[[str], Any]

RUNBOOK = (ROOT / "docs" / "RUNBOOK.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## (.+)\n((?:(?!## ).*\n)*)", RUNBOOK, re.MULTILINE))
BLOCK = re.compile(r"^```bash\n(.*?)^```", re.MULTILINE | re.DOTALL)
ID, NEW = "on-call", "on-call-2"
# In place of the job's script, which other tests run: it says what it was told, commits, no more.
SCRIPT = """\
import sys, types
from awsglue.job import Job
print("stage 1/5", *sys.argv)
job = Job(types.SimpleNamespace(bookmarks=None))  # a context without Spark
job.init("capstone-etl-on-call")
"""
WORKING = f"{SCRIPT}job.commit()\n"
FAILING = f"{SCRIPT}raise ValueError('no shop today')\n"


def blocks(section: str) -> list[str]:
    return BLOCK.findall(SECTIONS[section])


def alarms() -> set[str]:
    """What alarms are about: the middle of their names, in the template and in the notebook."""
    resources = load_template()["Resources"].values()
    named = [body["Properties"] for body in resources if body["Type"] == "AWS::CloudWatch::Alarm"]
    text = " ".join([*(each["AlarmName"]["Fn::Sub"] for each in named), CELLS["watch"]])
    about = set(re.findall(r"capstone-([a-z-]+)-\$?\{S", text))
    return about | set(re.findall(r'return \{"(.+)": .*, "(.+)": .*\}', CELLS["watch"])[0])


def test_each_alarm_has_a_section_that_says_what_it_means_and_what_to_do() -> None:
    assert alarms() == {
        "job-failed", "lake-behind", "quarantine", "source-silent", "generator-errors",
        "generator-throttles", "batch-lost",
    }  # fmt: skip
    for about in alarms():
        parts = re.findall(r"^\*\*(Means|Look|Do|Over)\*\*", SECTIONS[about], re.MULTILINE)
        assert parts == ["Means", "Look", "Do", "Over"], about
        assert blocks(about), about
    table = re.findall(r"^\| \[(.+)\]\(#(.+)\) \|", RUNBOOK, re.MULTILINE)
    assert {name for name, _ in table} == alarms() | {"budget"}
    assert all(f"#{anchor(name)}" in RUNBOOK for name in alarms())


def anchor(heading: str) -> str:
    return heading.lower().replace(" ", "-")


def test_links_within_the_runbook_lead_somewhere() -> None:
    anchors = {anchor(heading) for heading in SECTIONS}
    assert set(re.findall(r"\]\(#([\w-]+)\)", RUNBOOK)) <= anchors


def test_what_was_computed_for_the_threshold_is_what_the_notebook_has() -> None:
    assert "QUARANTINE_PERCENT = 1 " in CELLS["watch"]
    assert RUNBOOK.count("more than 1 %") == 2


def test_job_arguments_of_the_runbook_are_those_that_the_job_takes() -> None:
    given = [json.loads(text) for text in re.findall(r"--arguments '(\{.*?\})'", RUNBOOK)]
    assert len(given) == 4
    for arguments in given:
        options = {name.removeprefix("--"): value for name, value in arguments.items()}
        found = etl.Options("s3://b/events/", "b", "s", "g", "us-west-2", **options)
        assert etl.hours_of(found.replay) if found.replay else etl.dates_of(found.rebuild)


def deployed(client: Client) -> None:
    """A stack of an earlier template, which lacks a column, with trouble on purpose."""
    column = "{Name: newest_event, Type: timestamp}, "
    body = TEMPLATE.read_text(encoding="utf-8")
    assert body.count(column) == 1
    values = {**SMALL, "StudentId": ID, "Trouble": "late=0.01"}
    parameters = [{"ParameterKey": k, "ParameterValue": v} for k, v in values.items()]
    stacks, name = client("cloudformation"), f"capstone-{ID}"
    stacks.create_stack(
        StackName=name, TemplateBody=body.replace(column, ""), Parameters=parameters
    )
    waiter = stacks.get_waiter("stack_create_complete")
    waiter.wait(StackName=name, WaiterConfig={"Delay": 1})


def built(outputs: dict[str, str], client: Client) -> None:
    """A run that failed for a cause that is away since, and two calls that were given up."""

    def put(script: str) -> None:
        place = {"Bucket": outputs["AnalyticsOutputBucket"], "Key": "scripts/capstone_etl.py"}
        client("s3").put_object(**place, Body=script.encode())

    put(FAILING)
    glue, job = client("glue"), {"JobName": outputs["GlueJobName"]}
    run = job | {"RunId": glue.start_job_run(**job)["JobRunId"]}
    while glue.get_job_run(**run)["JobRun"]["JobRunState"] in ("STARTING", "RUNNING"):
        time.sleep(0.1)
    put(WORKING)
    queue = client("sqs").get_queue_url(QueueName=f"capstone-dead-letters-{ID}")["QueueUrl"]
    for minute in (5, 10):
        call = {"source": "aws.events", "time": f"2026-11-01T09:{minute:02d}:00Z"}
        client("sqs").send_message(QueueUrl=queue, MessageBody=json.dumps(call))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What the commands read beside themselves."""
    folder = tmp_path / "repository"
    folder.mkdir()
    for name in ("capstone-starter.cfn.yaml", "generate_sample_data.py"):
        shutil.copy(ROOT / name, folder)
    return folder


@pytest.mark.slow
def test_every_command_does_what_the_runbook_says(
    aws_env: dict[str, str],
    client: Client,
    folder: Path,
    commands: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    deployed(client)
    monkeypatch.setenv("STUDENT_ID", ID)
    monkeypatch.setenv("SCHEDULE", "hourly")
    steps = ("configuration", "clients", "outputs", "job", "schedule", "watch")
    steps += ("dashboard", "quality")
    built(execute(*steps)["outputs"], client)

    said = carried_out(folder, commands)
    client("cloudformation").delete_stack(StackName=f"capstone-{NEW}")

    assert "started_at\tfiles\tlines" in said["First"]
    assert "email\ton-call@example.com" in said["Before the first night"]
    assert "FAILED\t" in said["job-failed"]
    assert "ValueError: no shop today" in said["job-failed"]
    assert said["job-failed"].endswith(" SUCCEEDED\n")
    assert said["lake-behind"].startswith("ACTIVATED\tcron(0 * * * ? *)")
    assert "quarantined_by_reason" in said["quarantine"]
    assert re.search(r'"key": "events/.*-\d\d0000.jsonl.gz"', said["source-silent"])
    for minute in ("05", "10"):
        assert f'"time": "2026-11-01T09:{minute}:00Z"' in said["batch-lost"]
    assert said["Backfill"].count("upload: ") == 24
    assert "--replay 2026-11-01T10/2026-11-01T12 --dry_run true" in said["Replay"]
    assert said["Replay"].count(" SUCCEEDED\n") == 4
    assert said["Upgrading"].count("Modify\tFalse\tAWS::Glue::Table\tGoldPipelineRuns\n") == 1
    assert "source\tstring" in said["Schema change"]
    assert said["Rotating the student id"].count("copy: ") >= 24
    assert "DEACTIVATED" not in said["Costs explode"].splitlines()[0]
    nothing_is_left(client)


def carried_out(folder: Path, commands: str) -> dict[str, str]:
    """Runs all blocks in one shell, section by section; returns what each section printed."""
    assert os.environ["AWS_ENDPOINT_URL"].startswith("http://127.0.0.1:")
    mark = "=== section "
    script = "".join(
        f"echo '{mark}{name}'\n{''.join(blocks(name))}" for name in SECTIONS if blocks(name)
    )
    path = f"{commands}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        capture_output=True, text=True, cwd=folder, timeout=600,
        env={**os.environ, "PATH": path, "ID": ID, "NEW": NEW, "PAUSE": "0.2"},
    )  # fmt: skip
    assert done.returncode == 0, f"{done.stdout[-3000:]}{done.stderr}"
    parts = done.stdout.split(mark)[1:]
    return {part.partition("\n")[0]: part.partition("\n")[2] for part in parts}


def nothing_is_left(client: Client) -> None:
    names = [
        *(bucket["Name"] for bucket in client("s3").list_buckets()["Buckets"]),
        *(rule["Name"] for rule in client("events").list_rules()["Rules"]),
        *(job["Name"] for job in client("glue").get_jobs()["Jobs"]),
        *client("glue").list_triggers()["TriggerNames"],
        *(rules["Name"] for rules in client("glue").list_data_quality_rulesets()["Rulesets"]),
        *(alarm["AlarmName"] for alarm in client("cloudwatch").describe_alarms()["MetricAlarms"]),
        *(topic["TopicArn"] for topic in client("sns").list_topics()["Topics"]),
        *client("sqs").list_queues().get("QueueUrls", []),
    ]
    assert [name for name in names if ID in name] == []
