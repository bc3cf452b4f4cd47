"""Visitors of a date: whatever runs brought them, once each and in few partitions."""

from __future__ import annotations

import contextlib
from datetime import datetime, timedelta

import pytest
from faults import Death, Effect, Effects, Killed, Point, Site, sites_in
from job import SOURCE
from lab import NOON, Lab, event

from glue_jobs import capstone_etl as etl
from tools import session

DAY = NOON.date().isoformat()
SITES = {site.operation: site for site in sites_in(SOURCE)}
MOVE, WITHDRAW = SITES["batch_update_partition"], SITES["batch_delete_partition"]


def run_id(at: datetime) -> str:
    return f"{etl.run_stamp(at)}-00000000"


def published(*times: datetime, day: str = DAY) -> list[etl.Partition]:
    return [etl.Partition(etl.VISITORS, (day, run_id(at)), run_id(at)) for at in times]


def minutes(*numbers: int) -> list[datetime]:
    return [NOON + timedelta(minutes=number) for number in numbers]


def test_an_hour_that_is_over_becomes_the_partition_of_its_last_run() -> None:
    first, last, now = published(*minutes(0, 55, 60))
    assert etl.visitor_merges([last, now, first], run_id(NOON + timedelta(minutes=65))) == {
        first: last,
        last: last,
    }


def test_the_hour_of_the_run_is_left_alone_and_so_is_a_lone_partition() -> None:
    found = published(*minutes(0, 60, 65))
    assert etl.visitor_merges(found, run_id(NOON + timedelta(minutes=115))) == {}


def test_late_visitors_of_a_day_of_runs_become_one_partition() -> None:
    tomorrow = NOON + timedelta(days=1)
    first, last = published(tomorrow, tomorrow + timedelta(hours=9))
    own = published(NOON)
    assert etl.visitor_merges([*own, first, last], run_id(tomorrow + timedelta(hours=11))) == {}
    assert etl.visitor_merges([*own, first, last], run_id(tomorrow + timedelta(hours=13))) == {
        first: last,
        last: last,
    }


def test_dates_are_merged_by_themselves() -> None:
    (one,) = published(NOON)
    (other,) = published(NOON + timedelta(minutes=5), day="2026-11-06")
    assert etl.visitor_merges([one, other], run_id(NOON + timedelta(days=3))) == {}


def come(lab: Lab, at: datetime, death: Death | None = None) -> None:
    """One run at a time of day, over a new file: a visitor of its own, and one who always comes."""
    if not lab.pending:
        lab.put([event(at), event(at, user_id=f"u{at:%H%M}")], at)
    keys = list(lab.pending)
    session.find_awsglue()
    with contextlib.ExitStack() as stack:
        if death:
            stack.enter_context(pytest.raises(Killed))
            stack.enter_context(Effects(str(SOURCE), death).intercepted())
        lab.run(lake=lab.lake(run_id(at)))
    if death:
        lab.pending = keys
        lab.spark.catalog.clearCache()


def runs_of_visitors(lab: Lab) -> list[str]:
    return sorted(run for _, run in lab.partitions(etl.VISITORS))


@pytest.mark.slow
def test_a_date_has_a_partition_for_each_hour_and_each_run_of_the_last(lab: Lab) -> None:
    times = minutes(0, 5, 60)
    for at in times:
        come(lab, at)
    assert runs_of_visitors(lab) == [run_id(at) for at in times[1:]]
    assert lab.published() == lab.expected()
    # What a run adds up from all rollups is right as well.
    lab.client("glue").delete_partition(
        DatabaseName=lab.outputs["GoldDatabase"],
        TableName="user_activity",
        PartitionValues=[DAY],
    )
    come(lab, NOON + timedelta(minutes=120))
    assert len(runs_of_visitors(lab)) == 3
    assert lab.published() == lab.expected()


@pytest.mark.slow
@pytest.mark.soak
@pytest.mark.parametrize(
    ("site", "moment"),
    [(MOVE, "before"), (MOVE, "after"), (WITHDRAW, "torn"), (WITHDRAW, "after")],
    ids=["not begun", "nothing withdrawn", "half withdrawn", "all withdrawn"],
)
def test_a_run_killed_while_it_merges_is_healed_by_the_next(
    site: Site, moment: str, lab: Lab
) -> None:
    *before, start, healed = minutes(0, 5, 10, 60, 65)
    for at in before:
        come(lab, at)
    death = Death(Point(Effect(site, 1), moment))
    come(lab, start, death)
    assert death.came
    come(lab, healed)
    assert lab.published() == lab.expected()
    assert runs_of_visitors(lab)[0] == run_id(before[-1])
