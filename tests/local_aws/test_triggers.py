from __future__ import annotations

import dataclasses
import itertools
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError
from glue_steps import SLEEP, Glue, error_of
from moto.glue.models import glue_backends

from local_aws import settings
from local_aws.cron import parse
from local_aws.schedules import shared

pytestmark = pytest.mark.slow

FAILING = "raise ValueError('bad price')"
_numbers = itertools.count()


@pytest.fixture(scope="module")
def jobs(glue: Glue) -> dict[str, str]:
    """Jobs that succeed, fail and take long, by what they do."""
    return {"succeed": glue.create(""), "fail": glue.create(FAILING), "last": glue.create(SLEEP)}


def create(glue: Glue, kind: str, *job_names: str, **options: Any) -> str:
    name = f"trigger-{next(_numbers)}"
    actions = options.pop("Actions", [{"JobName": job} for job in job_names])
    glue.client("glue").create_trigger(Name=name, Type=kind, Actions=actions, **options)
    return name


def after(logical: str, **states: str) -> dict[str, Any]:
    conditions = [
        {"LogicalOperator": "EQUALS", "JobName": job, "State": state}
        for job, state in states.items()
    ]
    return {"Predicate": {"Logical": logical, "Conditions": conditions}, "StartOnCreation": True}


def fire(glue: Glue, *job_names: str) -> None:
    """Start jobs by a trigger of their own."""
    glue.client("glue").start_trigger(Name=create(glue, "ON_DEMAND", *job_names))


def state_of(glue: Glue, trigger: str) -> str:
    return str(glue.client("glue").get_trigger(Name=trigger)["Trigger"]["State"])


def ended(glue: Glue, job: str, count: int = 1) -> list[dict[str, Any]]:
    """The runs of a job, newest first, once there are so many and none goes on."""
    runs: list[dict[str, Any]] = glue.wait_for(
        lambda: (
            runs
            if len(runs := glue.runs(job)) >= count and all("CompletedOn" in run for run in runs)
            else None
        )
    )
    assert len(runs) == count
    return runs


def test_a_trigger_on_demand_starts_its_jobs_now_and_stays_as_it_is(glue: Glue) -> None:
    first, second = glue.create("", DefaultArguments={"--a": "1", "--b": "1"}), glue.create("")
    actions = [{"JobName": first, "Arguments": {"--b": "2"}, "Timeout": 7}, {"JobName": second}]
    trigger = create(glue, "ON_DEMAND", Actions=actions, Description="by hand")
    glue.client("glue").start_trigger(Name=trigger)
    (run,), (other,) = ended(glue, first), ended(glue, second)
    assert (run["TriggerName"], other["TriggerName"]) == (trigger, trigger)
    assert (run["Arguments"], run["Timeout"]) == ({"--a": "1", "--b": "2"}, 7)
    assert glue.client("glue").get_trigger(Name=trigger)["Trigger"] == {
        "Name": trigger,
        "Type": "ON_DEMAND",
        "State": "CREATED",
        "Description": "by hand",
        "Actions": actions,
    }
    with pytest.raises(ClientError, match="never active"):
        glue.client("glue").stop_trigger(Name=trigger)


def test_a_trigger_on_demand_says_that_its_job_has_no_room(
    glue: Glue, jobs: dict[str, str]
) -> None:
    trigger = create(glue, "ON_DEMAND", jobs["last"])
    glue.client("glue").start_trigger(Name=trigger)
    with pytest.raises(ClientError) as failure:
        glue.client("glue").start_trigger(Name=trigger)
    assert error_of(failure)[0] == "ConcurrentRunsExceededException"
    (run,) = glue.runs(jobs["last"])
    glue.stop(jobs["last"], run["Id"])
    glue.wait(jobs["last"], run["Id"])


def test_a_scheduled_trigger_fires_while_it_is_active(
    glue: Glue, monkeypatch: pytest.MonkeyPatch
) -> None:
    fast = dataclasses.replace(settings.current(), schedule_interval=0.4)
    monkeypatch.setattr(settings, "_current", fast)
    job = glue.create("", ExecutionProperty={"MaxConcurrentRuns": 9})
    client = glue.client("glue")
    trigger = create(glue, "SCHEDULED", job, Schedule="cron(0 3 * * ? *)")
    assert state_of(glue, trigger) == "CREATED"
    time.sleep(0.6)
    assert glue.runs(job) == []

    client.start_trigger(Name=trigger)
    assert state_of(glue, trigger) == "ACTIVATED"
    glue.wait_for(lambda: len(glue.runs(job)) >= 2)
    assert {run["TriggerName"] for run in glue.runs(job)} == {trigger}
    client.stop_trigger(Name=trigger)
    assert state_of(glue, trigger) == "DEACTIVATED"
    time.sleep(0.3)
    count = len(glue.runs(job))
    time.sleep(0.6)
    assert len(glue.runs(job)) == count

    client.start_trigger(Name=trigger)
    glue.wait_for(lambda: len(glue.runs(job)) > count)
    client.delete_trigger(Name=trigger)
    time.sleep(0.3)
    count = len(glue.runs(job))
    time.sleep(0.6)
    assert len(glue.runs(job)) == count


def test_a_scheduled_run_that_finds_no_room_is_a_failed_one(
    glue: Glue, monkeypatch: pytest.MonkeyPatch
) -> None:
    fast = dataclasses.replace(settings.current(), schedule_interval=0.3)
    monkeypatch.setattr(settings, "_current", fast)
    job = glue.create(SLEEP)
    trigger = create(glue, "SCHEDULED", job, Schedule="cron(0/5 * * * ? *)", StartOnCreation=True)
    glue.wait_for(lambda: len(glue.runs(job)) >= 2)
    glue.client("glue").delete_trigger(Name=trigger)
    running, failed, *_ = reversed(glue.runs(job))
    assert failed["JobRunState"] == "FAILED"
    assert failed["TriggerName"] == trigger
    assert failed["ErrorMessage"] == (
        f"ConcurrentRunsExceededException: Concurrent runs exceeded for {job}"
    )
    assert failed["ExecutionTime"] == 0
    glue.stop(job, running["Id"])


def test_a_job_follows_on_the_success_of_another_and_names_it(
    glue: Glue, jobs: dict[str, str]
) -> None:
    next_one, last = glue.create(""), glue.create("")
    trigger = create(
        glue, "CONDITIONAL", next_one, **after("ANY", **{jobs["succeed"]: "SUCCEEDED"})
    )
    create(glue, "CONDITIONAL", last, **after("ANY", **{next_one: "SUCCEEDED"}))
    fire(glue, jobs["succeed"])
    (run,) = ended(glue, next_one)
    ended(glue, last)
    (first, *_) = glue.runs(jobs["succeed"])
    assert (run["TriggerName"], run["PredecessorRuns"]) == (trigger, [])
    shown = glue.client("glue").get_job_run(
        JobName=next_one, RunId=run["Id"], PredecessorsIncluded=True
    )
    assert shown["JobRun"]["PredecessorRuns"] == [
        {"JobName": jobs["succeed"], "RunId": first["Id"]}
    ]


def test_only_the_state_that_is_waited_for_fires(glue: Glue, jobs: dict[str, str]) -> None:
    on_success, on_failure = glue.create(""), glue.create("")
    create(glue, "CONDITIONAL", on_success, **after("ANY", **{jobs["fail"]: "SUCCEEDED"}))
    create(glue, "CONDITIONAL", on_failure, **after("ANY", **{jobs["fail"]: "FAILED"}))
    fire(glue, jobs["fail"])
    ended(glue, on_failure)
    assert glue.runs(on_success) == []


def test_a_run_that_no_trigger_started_fires_none(glue: Glue, jobs: dict[str, str]) -> None:
    dependent = glue.create("")
    create(glue, "CONDITIONAL", dependent, **after("ANY", **{jobs["succeed"]: "SUCCEEDED"}))
    glue.run(jobs["succeed"])
    time.sleep(0.3)
    assert glue.runs(dependent) == []


def test_all_conditions_must_be_met_by_one_chain(glue: Glue) -> None:
    first, second = glue.create(""), glue.create("import time; time.sleep(0.3)")
    both = glue.create("")
    create(glue, "CONDITIONAL", both, **after("AND", **{first: "SUCCEEDED", second: "SUCCEEDED"}))
    fire(glue, first)
    fire(glue, second)
    ended(glue, second)
    time.sleep(0.3)
    assert glue.runs(both) == []

    fire(glue, first, second)
    (run,) = ended(glue, both)
    shown = glue.client("glue").get_job_run(
        JobName=both, RunId=run["Id"], PredecessorsIncluded=True
    )
    assert [each["JobName"] for each in shown["JobRun"]["PredecessorRuns"]] == [first, second]

    # As when both runs end before the end of either was looked at.
    backend = glue_backends["123456789012"]["us-west-2"]
    backend._finish(backend.jobs[first], backend.jobs[first].runs[-1])
    ended(glue, both)


def test_a_condition_looks_at_the_last_attempt(glue: Glue) -> None:
    failing, dependent = glue.create(FAILING, MaxRetries=1), glue.create("")
    create(glue, "CONDITIONAL", dependent, **after("ANY", **{failing: "FAILED"}))
    fire(glue, failing)
    (run,) = ended(glue, dependent)
    last = glue.runs(failing)[0]
    assert last["Attempt"] == 1
    assert run["StartedOn"] >= last["CompletedOn"]


def test_a_conditional_trigger_that_is_not_active_does_not_fire(
    glue: Glue, jobs: dict[str, str]
) -> None:
    dependent = glue.create("")
    options = after("ANY", **{jobs["succeed"]: "SUCCEEDED"})
    trigger = create(glue, "CONDITIONAL", dependent, **{**options, "StartOnCreation": False})
    before = len(glue.runs(jobs["succeed"]))
    fire(glue, jobs["succeed"])
    ended(glue, jobs["succeed"], before + 1)
    time.sleep(0.3)
    assert glue.runs(dependent) == []
    glue.client("glue").start_trigger(Name=trigger)
    fire(glue, jobs["succeed"])
    ended(glue, dependent)


def test_an_update_replaces_the_definition_and_keeps_type_and_state(
    glue: Glue, jobs: dict[str, str]
) -> None:
    client = glue.client("glue")
    trigger = create(
        glue,
        "SCHEDULED",
        jobs["succeed"],
        Schedule="cron(0 3 * * ? *)",
        Description="old",
        StartOnCreation=True,
    )
    update = {"Schedule": "cron(0 4 * * ? *)", "Actions": [{"JobName": jobs["fail"]}]}
    updated = client.update_trigger(Name=trigger, TriggerUpdate=update)["Trigger"]
    assert updated == client.get_trigger(Name=trigger)["Trigger"]
    assert updated == {"Name": trigger, "Type": "SCHEDULED", "State": "ACTIVATED", **update}
    (schedule,) = [each for name, each in shared._schedules.items() if name.endswith(f"/{trigger}")]
    assert schedule.expression == parse(update["Schedule"])
    client.delete_trigger(Name=trigger)


def test_triggers_are_listed_by_job_by_tag_and_page_by_page(glue: Glue) -> None:
    client = glue.client("glue")
    job = glue.create("")
    names = [create(glue, "ON_DEMAND", job, Tags={"n": str(n)}) for n in range(3)]
    first = client.list_triggers(DependentJobName=job, MaxResults=2)
    second = client.list_triggers(DependentJobName=job, NextToken=first["NextToken"])
    assert first["TriggerNames"] + second["TriggerNames"] == names
    assert client.list_triggers(Tags={"n": "1"}, DependentJobName=job)["TriggerNames"] == [names[1]]
    shown = client.get_triggers(DependentJobName=job)["Triggers"]
    assert [trigger["Name"] for trigger in shown] == names
    found = client.batch_get_triggers(TriggerNames=[names[0], "none"])
    assert (found["Triggers"][0]["Name"], found["TriggersNotFound"]) == (names[0], ["none"])
    client.delete_trigger(Name=names[0])
    client.delete_trigger(Name=names[0])
    with pytest.raises(client.exceptions.EntityNotFoundException):
        client.get_trigger(Name=names[0])
    with pytest.raises(client.exceptions.EntityNotFoundException):
        client.start_trigger(Name=names[0])


@pytest.mark.parametrize(
    ("code", "named", "kind", "options"),
    [
        ("InvalidInputException", "Schedule cannot be null", "SCHEDULED", {}),
        ("InvalidInputException", "6L3", "SCHEDULED", {"Schedule": "cron(0 0 ? * 6L3 *)"}),
        ("InvalidInputException", "cron", "SCHEDULED", {"Schedule": "rate(1 day)"}),
        (
            "InvalidInputException",
            "more often than every 5",
            "SCHEDULED",
            {"Schedule": "cron(0/4 * * * ? *)"},
        ),
        (
            "InvalidInputException",
            "more often than every 5",
            "SCHEDULED",
            {"Schedule": "cron(0,58 0,23 * * ? *)"},
        ),
        ("InvalidInputException", "Schedule cannot be set", "ON_DEMAND", {"Schedule": "cron(1)"}),
        ("InvalidInputException", "StartOnCreation", "ON_DEMAND", {"StartOnCreation": True}),
        ("InvalidInputException", "Predicate cannot be null", "CONDITIONAL", {}),
        (
            "InvalidInputException",
            "listen for",
            "CONDITIONAL",
            {"Predicate": {"Conditions": [{"JobName": "x", "State": "RUNNING"}]}},
        ),
        (
            "InvalidInputException",
            "AND or ANY",
            "CONDITIONAL",
            {"Predicate": {"Conditions": [{"JobName": "x", "State": "FAILED"}] * 2}},
        ),
        (
            "EntityNotFoundException",
            "no-such-job",
            "CONDITIONAL",
            {"Predicate": {"Conditions": [{"JobName": "no-such-job", "State": "FAILED"}]}},
        ),
        ("EntityNotFoundException", "gone", "ON_DEMAND", {"Actions": [{"JobName": "gone"}]}),
        ("NotSupportedByEmbeddedAws", "'EVENT'", "EVENT", {}),
        ("NotSupportedByEmbeddedAws", "WorkflowName", "ON_DEMAND", {"WorkflowName": "w"}),
        (
            "NotSupportedByEmbeddedAws",
            "CrawlerName",
            "ON_DEMAND",
            {"Actions": [{"CrawlerName": "c"}]},
        ),
    ],
)
def test_a_trigger_that_could_not_fire_is_refused(
    glue: Glue, jobs: dict[str, str], code: str, named: str, kind: str, options: dict[str, Any]
) -> None:
    with pytest.raises(ClientError) as failure:
        create(glue, kind, jobs["succeed"], **options)
    assert error_of(failure)[0] == code
    assert named in error_of(failure)[1]


def test_a_trigger_name_is_taken_once(glue: Glue, jobs: dict[str, str]) -> None:
    trigger = create(glue, "ON_DEMAND", jobs["succeed"])
    with pytest.raises(ClientError) as failure:
        glue.client("glue").create_trigger(
            Name=trigger, Type="ON_DEMAND", Actions=[{"JobName": jobs["succeed"]}]
        )
    assert error_of(failure) == ("AlreadyExistsException", f"Trigger {trigger} already exists.")
