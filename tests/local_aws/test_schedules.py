from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from local_aws import settings
from local_aws.__main__ import main
from local_aws.cron import InvalidSchedule, parse
from local_aws.schedules import Schedules

NOW = datetime(2026, 11, 23, 14, 7, 30, tzinfo=UTC)  # a Monday


def due(expression: str, count: int = 1, after: datetime = NOW) -> list[str]:
    times: list[str] = []
    when: datetime | None = after
    while len(times) < count:
        assert when is not None
        when = parse(expression).due_after(when)
        times.append(f"{when:%Y-%m-%d %H:%M}" if when else "never")
    return times


@pytest.mark.parametrize(
    ("expression", "times"),
    [
        ("cron(0 10 * * ? *)", ["2026-11-24 10:00", "2026-11-25 10:00"]),
        ("cron(7 14 * * ? *)", ["2026-11-24 14:07"]),
        ("cron(8 14 * * ? *)", ["2026-11-23 14:08"]),
        ("cron(0 18 ? * MON-FRI *)", ["2026-11-23 18:00", "2026-11-24 18:00"]),
        ("cron(0 8 1 * ? *)", ["2026-12-01 08:00", "2027-01-01 08:00"]),
        ("cron(0/15 * * * ? *)", ["2026-11-23 14:15", "2026-11-23 14:30"]),
        ("cron(5/20 9,15 * * ? *)", ["2026-11-23 15:05", "2026-11-23 15:25", "2026-11-23 15:45"]),
        ("cron(*/30 14-15 * * ? *)", ["2026-11-23 14:30", "2026-11-23 15:00"]),
        ("cron(0-30/15 20 * * ? *)", ["2026-11-23 20:00", "2026-11-23 20:15", "2026-11-23 20:30"]),
        ("cron(0 0 L * ? *)", ["2026-11-30 00:00", "2026-12-31 00:00"]),
        ("cron(0 0 31 * ? *)", ["2026-12-31 00:00", "2027-01-31 00:00", "2027-03-31 00:00"]),
        ("cron(0 0 29 FEB ? *)", ["2028-02-29 00:00"]),
        # 2026-12-05 is a Saturday, 2027-01-02 too, 2027-02-28 a Sunday, 2027-05-01 a Saturday.
        ("cron(0 0 5W 12 ? *)", ["2026-12-04 00:00", "2027-12-06 00:00"]),
        ("cron(0 0 28W 2 ? *)", ["2027-02-26 00:00"]),
        ("cron(0 0 1W 5 ? *)", ["2027-05-03 00:00"]),
        ("cron(0 0 ? * L *)", ["2026-11-28 00:00", "2026-12-05 00:00"]),
        ("cron(0 10 ? * 6L 2026-2027)", ["2026-11-27 10:00", "2026-12-25 10:00"]),
        ("cron(0 0 ? * 3#2 *)", ["2026-12-08 00:00", "2027-01-12 00:00"]),
        ("cron(0 0 ? * TUE#5 *)", ["2026-12-29 00:00", "2027-03-30 00:00"]),
        ("cron(0 0 1 1 ? 2027)", ["2027-01-01 00:00", "never"]),
        ("cron(0 0 30 2 ? *)", ["never"]),
        ("cron(0 0 1 JAN,JUL ? 2030/5)", ["2030-01-01 00:00", "2030-07-01 00:00"]),
        ("rate(5 minutes)", ["2026-11-23 14:12", "2026-11-23 14:17"]),
        ("rate(1 day)", ["2026-11-24 14:07"]),
    ],
)
def test_an_expression_is_due_at_the_times_that_aws_documents(
    expression: str, times: list[str]
) -> None:
    assert due(expression, len(times)) == times


@examples(max_examples=20, deadline=None)
@given(
    minutes=st.sets(st.integers(0, 59), min_size=1, max_size=4),
    hours=st.sets(st.integers(0, 23), min_size=1, max_size=4),
    weekdays=st.sets(st.integers(1, 7), min_size=1, max_size=3),
)
def test_no_minute_that_the_fields_allow_is_left_out(
    minutes: set[int], hours: set[int], weekdays: set[int]
) -> None:
    def allowed(when: datetime) -> bool:
        weekday = int(when.strftime("%w")) + 1
        return when.minute in minutes and when.hour in hours and weekday in weekdays

    lists = (",".join(map(str, values)) for values in (minutes, hours, weekdays))
    expression = "cron({} {} ? * {} *)".format(*lists)
    (first,) = due(expression)
    minute = NOW.replace(second=0) + timedelta(minutes=1)
    while not allowed(minute):
        minute += timedelta(minutes=1)
    assert first == f"{minute:%Y-%m-%d %H:%M}"


@pytest.mark.parametrize(
    ("expression", "named"),
    [
        ("cron(0 10 * * *)", "5 fields"),
        ("cron(0 10 * * * *)", "exactly one of them"),
        ("cron(0 10 ? * ? *)", "exactly one of them"),
        ("cron(60 10 * * ? *)", "minutes is '60'"),
        ("cron(0 10 0 * ? *)", "day-of-month is '0'"),
        ("cron(0 L * * ? *)", "hours holds 'L'"),
        ("cron(0 0 LW * ? *)", "'LW'"),
        ("cron(0 0 L-3 * ? *)", "'L'"),
        ("cron(0 0 H * ? *)", "'H'"),
        ("cron(0 0 ? * 3#1,6#3 *)", "# stands alone"),
        ("cron(0 0 ? * SUNDAY *)", "'SUNDAY'"),
        ("cron(0 0 ? * FRI-MON *)", "not within"),
        ("cron(0/0 0 * * ? *)", "'0/0'"),
        ("cron(0 0 * * ? 2200)", "1970-2199"),
        ("rate(1 minutes)", "rate\\(1 minute\\)"),
        ("rate(5 minute)", "rate\\(2 minutes\\)"),
        ("rate(0 minutes)", "not a schedule"),
        ("at(2026-11-23T14:00:00)", "not a schedule"),
        ("5 minutes", "not a schedule"),
    ],
)
def test_what_aws_does_not_document_is_refused_by_name(expression: str, named: str) -> None:
    with pytest.raises(InvalidSchedule, match=named):
        parse(expression)


@pytest.fixture
def schedules(monkeypatch: pytest.MonkeyPatch) -> Iterator[Schedules]:
    fast = settings.Settings(Path("unused"), 0, schedule_interval=0.1)
    monkeypatch.setattr(settings, "_current", fast)
    mine = Schedules()
    yield mine
    mine.stop()


def test_a_schedule_is_due_again_and_again_until_it_is_removed(schedules: Schedules) -> None:
    times: list[datetime] = []
    third = threading.Event()

    def action(when: datetime) -> None:
        times.append(when)
        if len(times) == 3:
            third.set()

    schedules.add("mine", "rate(5 minutes)", action)
    assert third.wait(5)
    assert times[1] - times[0] == timedelta(seconds=0.1)
    schedules.remove("mine")
    time.sleep(0.05)
    before = len(times)
    time.sleep(0.25)
    assert len(times) == before
    assert schedules._thread is None


def test_an_action_that_fails_or_lasts_holds_up_no_other(
    schedules: Schedules, capsys: pytest.CaptureFixture[str]
) -> None:
    over = threading.Event()
    done = threading.Semaphore(0)

    def fails(when: datetime) -> None:
        raise ValueError("no such job")

    schedules.add("lasting", "rate(1 day)", lambda when: over.wait(5) and None)
    schedules.add("failing", "rate(1 day)", fails)
    schedules.add("working", "cron(0 0 1 1 ? 2199)", lambda when: done.release())
    for _ in range(3):
        assert done.acquire(timeout=5)
    over.set()
    schedules.stop()
    assert schedules._thread is None
    assert "no such job" in capsys.readouterr().err


def test_a_schedule_of_the_same_name_takes_the_place_of_the_first(schedules: Schedules) -> None:
    first, second = threading.Event(), threading.Event()
    schedules.add("mine", "rate(1 day)", lambda when: first.set())
    schedules.add("mine", "rate(1 day)", lambda when: second.set())
    assert second.wait(5)
    assert not first.is_set()


@pytest.mark.parametrize("given", ["0", "fast", "nan", "1e9"])
def test_an_interval_that_is_none_is_refused(
    given: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["up", "--schedule-interval", given])
    assert f"{given!r} is not a number of seconds" in capsys.readouterr().err
