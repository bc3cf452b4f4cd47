from __future__ import annotations

import itertools
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local_aws import locks, logs

REGION = "us-west-2"
Client = Callable[[str], Any]


@pytest.fixture
def group() -> str:
    return f"/test/{uuid.uuid4().hex}"


def pages(client: Any, group: str, **options: Any) -> Iterator[dict[str, Any]]:
    """As `aws logs tail` asks: page by page."""
    paginator = client.get_paginator("filter_log_events")
    for page in paginator.paginate(logGroupName=group, **options):
        yield from page["events"]


def test_streams_are_read_by_time_and_page_by_page(client: Client, group: str) -> None:
    for number in range(7):
        time.sleep(0.002)
        logs.put(group, f"stream-{number % 2}", [f"line {number}", ""], REGION)
    events = list(pages(client("logs"), group, PaginationConfig={"PageSize": 3}))
    assert [event["message"] for event in events] == [f"line {number}" for number in range(7)]
    assert len({event["eventId"] for event in events}) == 7


def test_whoever_follows_a_group_misses_no_line(client: Client, group: str) -> None:
    """Follows as `aws logs tail --follow` does: from the newest event on, less what it has seen."""
    writers = [
        threading.Thread(
            target=lambda name=name: [
                logs.put(group, f"{name}", [f"{name} {n}"], REGION) for n in range(60)
            ]
        )
        for name in range(3)
    ]
    logs.put(group, "first", ["begun"], REGION)
    for writer in writers:
        writer.start()
    seen: dict[str, str] = {}
    newest, last_look = 0, False
    while not last_look:
        last_look = not any(writer.is_alive() for writer in writers)
        for event in pages(client("logs"), group, startTime=newest):
            seen[event["eventId"]] = event["message"]
            newest = max(newest, event["timestamp"])
    expected = {f"{name} {n}" for name, n in itertools.product(range(3), range(60))}
    assert set(seen.values()) == expected | {"begun"}
    assert len(seen) == 181


def test_nothing_is_appended_while_the_service_answers(group: str) -> None:
    writer = threading.Thread(target=lambda: logs.put(group, "s", ["line"], REGION))
    with locks.of("logs"):
        writer.start()
        writer.join(0.1)
        assert writer.is_alive()
    writer.join(5)
    assert not writer.is_alive()


def test_a_group_keeps_the_retention_that_it_was_given(client: Client, group: str) -> None:
    client("logs").create_log_group(logGroupName=group)
    client("logs").put_retention_policy(logGroupName=group, retentionInDays=14)
    logs.put(group, "s", ["line"], REGION)
    (described,) = client("logs").describe_log_groups(logGroupNamePrefix=group)["logGroups"]
    assert described["retentionInDays"] == 14


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("", ["ERROR bad price", "WARN slow price"]),
        ("price", ["ERROR bad price", "WARN slow price"]),
        ("price ERROR", ["ERROR bad price"]),
        ('"bad price"', ["ERROR bad price"]),
        ("error", []),
    ],
)
def test_terms_and_phrases_are_searched_for(
    client: Client, group: str, pattern: str, found: list[str]
) -> None:
    logs.put(group, "s", ["ERROR bad price", "WARN slow price"], REGION)
    events = pages(client("logs"), group, filterPattern=pattern)
    assert [event["message"] for event in events] == found


@pytest.mark.parametrize("pattern", ["-WARN", "?ERROR ?WARN", '{ $.level = "E" }', "ERROR -x"])
def test_a_pattern_that_would_let_all_pass_is_refused(
    client: Client, group: str, pattern: str
) -> None:
    logs.put(group, "s", ["WARN"], REGION)
    with pytest.raises(ClientError, match="does not support the log filter pattern"):
        client("logs").filter_log_events(logGroupName=group, filterPattern=pattern)
