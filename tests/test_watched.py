"""What is watched, by the template and by the notebook, and the schedule that is."""

from __future__ import annotations

import json
import re
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from cells import execute
from template_schemas import load_template, resources

from benchmarks import cost
from glue_jobs import capstone_etl as etl
from tools import local, session

Client = Callable[[str], Any]
Names = dict[str, Any]

STUDENT = "watched"
STEPS = ("schedule", "watch", "dashboard")
# What the job publishes at the end of a run that succeeds, by Job.
NOON = datetime(2026, 11, 5, 12, tzinfo=UTC)
JOB_METRICS = set(etl.metrics_of(etl.Ledger("r", "jr", NOON, NOON, lines=1, newest_event=NOON)))
MINUTES = {"hourly": 60, "15min": 15, "5min": 5}


@pytest.fixture(scope="module")
def outputs(deploy: Callable[[str], dict[str, str]]) -> dict[str, str]:
    return deploy(STUDENT)


@pytest.fixture(scope="module")
def notebook(outputs: dict[str, str], endpoint: str) -> Names:
    """The names of the notebook up to its job."""
    with session.environment({**local.environment(endpoint), "STUDENT_ID": STUDENT}):
        return execute("configuration", "clients", "outputs", "job")


@pytest.fixture
def made(notebook: Names) -> Callable[..., Names]:
    """Executes the notebook's next steps, or some of them, with a schedule; returns their names."""

    def make(schedule: str, *steps: str) -> Names:
        notebook["SCHEDULE"] = schedule
        return execute(*(steps or STEPS), names=notebook)

    return make


def said(capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    """What became of each thing that the steps speak of."""
    kinds = r"Job|Trigger|Rule|Alarm|Dashboard|Ruleset"
    found = re.findall(rf"^({kinds}) (\S+) (\S.*)$", capsys.readouterr().out, re.MULTILINE)
    return {f"{kind} {name}": what for kind, name, what in found}


# The source.


def fields_of(pattern: str) -> list[tuple[str, str, str]]:
    """The (field, operator, operand) that a filter pattern asks for, all of which must hold."""
    parts = pattern.strip("{ }").split(" && ")
    found = [re.fullmatch(r"\$\.(\w+) (=|>) (\*|\d+)", part) for part in parts]
    assert all(found), pattern
    return [match.groups() for match in found if match]  # type: ignore[misc]


def matches(pattern: str, line: str) -> bool:
    try:
        fields = json.loads(line)
    except ValueError:
        return False
    return all(
        name in fields and (operator == "=" or fields[name] > int(operand))
        for name, operator, operand in fields_of(pattern)
    )


def test_what_the_generator_has_written_is_counted_by_its_own_log(
    outputs: dict[str, str], client: Client
) -> None:
    (declared,) = resources("AWS::Logs::MetricFilter").values()
    name, pattern = outputs["LambdaFunctionName"], declared["FilterPattern"]
    (transformation,) = declared["MetricTransformations"]
    (dimension,) = transformation["Dimensions"]
    fields = {f"$.{field}" for field, _, _ in fields_of(pattern)}
    # CloudWatch takes values from fields that the pattern matches.
    assert fields == {transformation["MetricValue"], dimension["Value"]}

    silent = {"trouble": "silent=2020-01-01/2040-01-01"}
    for event in ({}, silent):
        client("lambda").invoke(FunctionName=name, Payload=json.dumps(event))
    events = client("logs").filter_log_events(logGroupName=f"/aws/lambda/{name}")["events"]
    lines = [each["message"] for each in events if each["message"].startswith("{")]

    assert [matches(pattern, line) for line in lines] == [True, False]
    assert json.loads(lines[0])["bucket"] == outputs["SourceBucketName"]
    assert json.loads(lines[1])["events"] == 0


def test_the_source_is_silent_after_15_minutes_and_only_watched_when_it_should_speak() -> None:
    resource = load_template()["Resources"]["SourceSilent"]
    alarm = resource["Properties"]
    (declared,) = resources("AWS::Logs::MetricFilter").values()
    (transformation,) = declared["MetricTransformations"]

    assert resource["Condition"] == "IsScheduled"
    assert alarm["Period"] * alarm["EvaluationPeriods"] == 15 * 60
    assert (alarm["Namespace"], alarm["MetricName"]) == (
        transformation["MetricNamespace"],
        transformation["MetricName"],
    )
    assert alarm["Dimensions"] == [{"Name": "Bucket", "Value": {"Ref": "SourceBucket"}}]
    assert alarm["TreatMissingData"] == "breaching"


def test_the_stack_watches_metrics_that_aws_publishes() -> None:
    alarms = resources("AWS::CloudWatch::Alarm")
    watched = {
        name: (alarm["Namespace"], alarm["MetricName"], alarm["Dimensions"][0]["Name"])
        for name, alarm in alarms.items()
    }

    assert watched == {
        "GeneratorErrors": ("AWS/Lambda", "Errors", "FunctionName"),
        "GeneratorThrottles": ("AWS/Lambda", "Throttles", "FunctionName"),
        "BatchLost": ("AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName"),
        "SourceSilent": ("Capstone", "EventsWritten", "Bucket"),
    }
    assert {json.dumps(a["AlarmActions"]) for a in alarms.values()} == {'[{"Ref": "AlarmTopic"}]'}


# The schedule.


@pytest.mark.parametrize("schedule", MINUTES)
def test_each_schedule_is_due_that_often_and_its_dollars_are_the_calculators(
    schedule: str, made: Callable[..., Names]
) -> None:
    names = made("off", "schedule")
    found = names["SCHEDULES"][schedule]
    steps = {"hourly": "0", "15min": "0/15", "5min": "0/5"}

    assert found == {"minutes": MINUTES[schedule], "cron": f"cron({steps[schedule]} * * * ? *)"}
    for version, dollars in names["DOLLARS"].items():
        plan = cost.Plan(minutes=found["minutes"], version=version)
        measured = cost.Measured.from_results()
        months = [cost.month(plan, measured, months).total for months in (1, 12)]
        assert dollars[schedule] == tuple(map(round, months)), "correct DOLLARS in the notebook"


def test_a_schedule_is_created_then_unchanged_then_changed_then_taken_away(
    made: Callable[..., Names], client: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    def trigger() -> Any:
        return client("glue").get_trigger(Name=names["JOB"])["Trigger"]

    names = made("hourly", "schedule")
    printed = capsys.readouterr().out
    assert f"Trigger {names['JOB']} created" in printed
    first, twelfth = names["DOLLARS"][names["GLUE_VERSION"]]["hourly"]
    assert f"hourly: some ${first} in the first month, ${twelfth} in the twelfth" in printed
    assert (trigger()["State"], trigger()["Actions"]) == ("ACTIVATED", [{"JobName": names["JOB"]}])

    made("hourly", "schedule")
    assert said(capsys)[f"Trigger {names['JOB']}"] == "unchanged"
    client("glue").stop_trigger(Name=names["JOB"])
    made("15min", "schedule")
    assert said(capsys)[f"Trigger {names['JOB']}"] == "updated (Schedule, State)"
    assert (trigger()["Schedule"], trigger()["State"]) == ("cron(0/15 * * * ? *)", "ACTIVATED")

    made("off", "schedule")
    assert said(capsys)[f"Trigger {names['JOB']}"] == "deleted"
    made("off", "schedule")
    assert said(capsys)[f"Trigger {names['JOB']}"] == "none"


def test_a_schedule_that_is_none_is_named_with_those_that_are(made: Callable[..., Names]) -> None:
    with pytest.raises(Exception, match="must be off, hourly, 15min, 5min") as stop:
        made("daily", "schedule")
    assert type(stop.value).__name__ == "Stop"
    assert "SCHEDULE is 'daily'" in str(stop.value)


# The job.


def alarm(client: Client, name: str) -> dict[str, Any] | None:
    found = client("cloudwatch").describe_alarms(AlarmNames=[name])["MetricAlarms"]
    return next(iter(found), None)


def test_a_lake_is_behind_after_two_periods_without_a_run_that_succeeds(
    made: Callable[..., Names], client: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    name = f"capstone-lake-behind-{STUDENT}"
    for schedule, minutes in MINUTES.items():
        made(schedule)
        behind = alarm(client, name)
        assert behind
        assert behind["Period"] * behind["EvaluationPeriods"] == 2 * minutes * 60
        assert (behind["MetricName"], behind["Statistic"]) == ("RunSeconds", "SampleCount")
        assert (behind["ComparisonOperator"], behind["Threshold"]) == ("LessThanThreshold", 1)
        assert behind["TreatMissingData"] == "breaching"
    made("off")
    assert said(capsys)[f"Alarm {name}"] == "deleted"
    assert alarm(client, name) is None


def test_what_watches_the_job_is_made_once_and_then_unchanged(
    made: Callable[..., Names],
    client: Client,
    outputs: dict[str, str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    names = made("5min")
    made("5min")
    assert set(said(capsys).values()) == {"unchanged"}

    wanted = names["job_alarms"](names["JOB"], outputs["AlarmTopicArn"], names["schedule"])
    by_job = [{"Name": "Job", "Value": outputs["GlueJobName"]}]
    for about, made_of in wanted.items():
        found = alarm(client, f"capstone-{about}-{STUDENT}")
        assert found
        assert {name: found[name] for name in made_of} == made_of
        assert found["AlarmActions"] == [outputs["AlarmTopicArn"]]
        assert (found["Namespace"], found["Dimensions"]) == ("Capstone", by_job)
        assert found["MetricName"] in JOB_METRICS

    client("cloudwatch").disable_alarm_actions(AlarmNames=[f"capstone-quarantine-{STUDENT}"])
    changed = {"quarantine": wanted["quarantine"] | {"Threshold": 2}}["quarantine"]
    again = names["ensure_alarm"](f"capstone-quarantine-{STUDENT}", changed)
    assert again == "updated (Threshold)"
    made("off")


def test_runs_that_end_badly_are_told_in_a_sentence_and_no_others(
    made: Callable[..., Names], client: Client, outputs: dict[str, str]
) -> None:
    names = made("off")
    pattern = json.loads(client("events").describe_rule(Name=names["RULE"])["EventPattern"])
    assert pattern["detail"]["state"] == ["FAILED", "TIMEOUT", "STOPPED"]
    sqs, queue = client("sqs"), f"told-{uuid.uuid4().hex}"
    url = sqs.create_queue(QueueName=queue)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
    client("sns").subscribe(
        TopicArn=outputs["AlarmTopicArn"], Protocol="sqs", Endpoint=arn["QueueArn"]
    )

    ended(client, outputs, "print('all is well')")
    failed = ended(client, outputs, "raise ValueError('no \"shop\" today')")
    stopped = ended(client, outputs, "import time; time.sleep(60)", stop=True)

    # EventBridge hands a sentence over as JSON text.
    told = [json.loads(text) for text in received(sqs, url, 2)]
    assert [text.split()[1] for text in told] == [failed, stopped]
    assert told[0].startswith(f"Run {failed} of {names['JOB']} ended FAILED: ")
    assert "ValueError: no " in told[0]
    assert told[1].startswith(f"Run {stopped} of {names['JOB']} ended STOPPED: ")
    assert all(text.endswith("- see job-failed in docs/RUNBOOK.md") for text in told)


def ended(client: Client, outputs: dict[str, str], script: str, stop: bool = False) -> str:
    """A run of the job with another script, to its end; returns its id."""
    glue, job = client("glue"), outputs["GlueJobName"]
    place = {"Bucket": outputs["AnalyticsOutputBucket"], "Key": "scripts/capstone_etl.py"}
    client("s3").put_object(**place, Body=script.encode())
    run: str = glue.start_job_run(JobName=job)["JobRunId"]
    if stop:
        glue.batch_stop_job_run(JobName=job, JobRunIds=[run])
    unfinished = ("STARTING", "RUNNING", "STOPPING")
    while glue.get_job_run(JobName=job, RunId=run)["JobRun"]["JobRunState"] in unfinished:
        time.sleep(0.1)
    return run


def received(sqs: Any, queue: str, count: int) -> list[str]:
    """The texts that a topic has sent to a queue: so many, and no more a moment later."""
    texts: list[str] = []
    deadline = time.monotonic() + 10
    while len(texts) < count and time.monotonic() < deadline:
        texts += received_now(sqs, queue)
    time.sleep(0.2)
    return texts + received_now(sqs, queue)


def received_now(sqs: Any, queue: str) -> list[str]:
    found = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
    return [json.loads(message["Body"])["Message"] for message in found]


def test_logs_of_runs_expire_and_keep_what_somebody_else_has_set(
    made: Callable[..., Names], client: Client
) -> None:
    logs, group = client("logs"), f"/test/{uuid.uuid4().hex}"
    ensure = made("off")["ensure_retention"]

    def days() -> int:
        return int(
            logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"][0]["retentionInDays"]
        )

    assert (ensure(group, 30), days()) == ("created", 30)
    logs.put_retention_policy(logGroupName=group, retentionInDays=90)
    assert (ensure(group, 30), days()) == ("unchanged", 90)
    logs.delete_retention_policy(logGroupName=group)
    assert (ensure(group, 30), days()) == ("updated (retentionInDays)", 30)
    for name in ("output", "error"):
        (found,) = logs.describe_log_groups(logGroupNamePrefix=f"/aws-glue/jobs/{name}")[
            "logGroups"
        ]
        assert found["retentionInDays"] == 30


def test_rules_of_data_quality_are_declared_once_and_then_unchanged(
    made: Callable[..., Names],
    client: Client,
    outputs: dict[str, str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    glue, name = client("glue"), f"capstone-{STUDENT}_gold_hourly_revenue"
    names = [f"Ruleset capstone-{STUDENT}_{table.replace('.', '_')}" for table in etl.DATA_QUALITY]
    for outcome in ("created", "unchanged"):
        made("off", "quality")
        assert said(capsys) == dict.fromkeys(names, outcome)
    found = glue.get_data_quality_ruleset(Name=name)
    assert found["Ruleset"] == etl.DATA_QUALITY[etl.HOURLY_REVENUE]
    assert found["TargetTable"] == {
        "DatabaseName": outputs["GoldDatabase"],
        "TableName": "hourly_revenue",
    }

    glue.update_data_quality_ruleset(Name=name, Ruleset="Rules = [ RowCount > 1 ]")
    made("off", "quality")
    changed = {each: what for each, what in said(capsys).items() if what != "unchanged"}
    assert changed == {f"Ruleset {name}": "updated (Ruleset)"}
    assert glue.get_data_quality_ruleset(Name=name)["Ruleset"] == found["Ruleset"]


# The dashboard.


@pytest.fixture
def board(made: Callable[..., Names], client: Client) -> dict[str, Any]:
    made("hourly")
    text = client("cloudwatch").get_dashboard(DashboardName=f"capstone-{STUDENT}")["DashboardBody"]
    body: dict[str, Any] = json.loads(text)
    return body


def graphs(board: dict[str, Any]) -> dict[str, dict[str, Any]]:
    metric = [widget for widget in board["widgets"] if widget["type"] == "metric"]
    return {widget["properties"]["title"]: widget["properties"] for widget in metric}


def test_the_dashboard_shows_every_alarm_that_there_is(
    board: dict[str, Any], client: Client
) -> None:
    (states,) = [widget for widget in board["widgets"] if widget["type"] == "alarm"]
    alarms = client("cloudwatch").describe_alarms(AlarmNamePrefix="capstone-")["MetricAlarms"]
    mine = [each["AlarmArn"] for each in alarms if each["AlarmName"].endswith(f"-{STUDENT}")]

    assert states["properties"]["alarms"] == sorted(mine)
    assert len(mine) == 5  # the generator's schedule is off in tests, so a silent source is none


def test_the_dashboards_widgets_lie_side_by_side(board: dict[str, Any]) -> None:
    cells = [
        (x, y)
        for widget in board["widgets"]
        for x in range(widget["x"], widget["x"] + widget["width"])
        for y in range(widget["y"], widget["y"] + widget["height"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24


def test_the_dashboard_asks_for_what_is_published(
    board: dict[str, Any], outputs: dict[str, str]
) -> None:
    job, function = outputs["GlueJobName"], outputs["LambdaFunctionName"]
    bucket = outputs["SourceBucketName"]
    published = {(etl.METRICS, metric, "Job", job) for metric in JOB_METRICS}
    published |= {("Capstone", "EventsWritten", "Bucket", bucket)}
    of_lambda = ("Invocations", "Errors", "Throttles")
    published |= {("AWS/Lambda", metric, "FunctionName", function) for metric in of_lambda}

    asked = {
        tuple(metric[:4])
        for graph in graphs(board).values()
        for metric in graph["metrics"]
        if len(metric) > 1
    }
    assert asked == published
    assert {graph["region"] for graph in graphs(board).values()} == {outputs["Region"]}
    assert list(graphs(board)) == [
        "Events in", "Rows out", "Quarantine", "Duplicates", "Run time", "Freshness", "Generator",
        "Data quality",
    ]  # fmt: skip


def test_the_dashboards_expressions_use_metrics_of_their_own_graph(board: dict[str, Any]) -> None:
    used = 0
    for graph in graphs(board).values():
        options = [metric[-1] for metric in graph["metrics"] if isinstance(metric[-1], dict)]
        ids = {option["id"] for option in options if "id" in option}
        for option in options:
            if "expression" in option:
                names = set(re.findall(r"[a-z]\w*", option["expression"]))
                assert names
                assert names <= ids
                used += len(names)
    assert used == 3
