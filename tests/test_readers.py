"""Somebody asks the five questions all the time, also while a run publishes."""

from __future__ import annotations

import itertools
import os
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
import template_schemas
from faults import Effect, Perform, Request
from job import BookmarkedJob
from lab import NOON, Lab, event, purchase

import generate_sample_data

pytestmark = pytest.mark.slow

Answer = tuple[tuple[str | None, ...], ...]
QUESTIONS = template_schemas.queries()
DAILY = ("hourly_revenue", "category_performance", "user_activity")
PUBLISHING = ("batch_create_partition", "batch_update_partition", "batch_delete_partition")


class Reader:
    """Asks Athena, as any client does."""

    def __init__(self, lab: Lab) -> None:
        self._athena = lab.client("athena")
        self._where = {
            "QueryExecutionContext": {"Database": lab.outputs["GoldDatabase"]},
            "WorkGroup": lab.outputs["AthenaWorkgroup"],
        }

    def ask(self, sql: str) -> Answer:
        """All rows of the answer, as text."""
        asked = self._athena.start_query_execution(QueryString=sql, **self._where)
        one = {"QueryExecutionId": asked["QueryExecutionId"]}
        while True:
            status = self._athena.get_query_execution(**one)["QueryExecution"]["Status"]
            if status["State"] not in ("QUEUED", "RUNNING"):
                break
            time.sleep(0.005)
        assert status["State"] == "SUCCEEDED", status
        pages = self._athena.get_paginator("get_query_results").paginate(**one)
        rows = [row["Data"] for page in pages for row in page["ResultSet"]["Rows"]]
        return tuple(tuple(cell.get("VarCharValue") for cell in row) for row in rows[1:])

    def ask_all(self) -> dict[str, Answer]:
        return {name: self.ask(sql) for name, sql in QUESTIONS.items()}


class Shop:
    """Files for a job's runs, and the answers between them.

    Attributes:
        states: The five answers before the first run and after each.
    """

    def __init__(self, job: BookmarkedJob) -> None:
        self.job = job
        self.reader = Reader(job.lab)
        self.begun = 0
        self.states = [self.reader.ask_all()]

    def bring(self, *days_late: int) -> None:
        """A file whose events are as many days late."""
        at = NOON + timedelta(minutes=5 * len(self.job.lab.files))
        self.job.put(
            generate_sample_data.load_generator().object_key(at),
            [line for late in days_late for line in self._lines(at - timedelta(days=late))],
        )

    def _lines(self, at: datetime) -> list[str]:
        number = len(self.job.lab.files)
        user = {"user_id": f"u{number}", "session_id": f"s{number}", "product_id": f"p{number % 4}"}
        return [event(at, **user), purchase(at, **user), event(at, product_id="p0")]

    def run(self, handle: Any = None) -> None:
        self.begun += 1
        self.job.run(handle)
        self.states.append(self.reader.ask_all())


@pytest.fixture(scope="module")
def shop(new_lab: Callable[[], Lab], tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """After a first run over three dates, whose tables all tests add to."""
    shop = Shop(BookmarkedJob(new_lab(), tmp_path_factory.mktemp("shop") / "bookmark.json"))
    shop.bring(0, 1, 2)
    shop.run()
    return shop


class Poll:
    """Asks the five questions at each step of the publication."""

    def __init__(self, reader: Reader) -> None:
        self.answers: dict[str, list[Answer]] = defaultdict(list)
        self._reader = reader

    def __call__(self, effect: Effect, request: Request, perform: Perform) -> Any:
        answer = perform(None)
        if effect.site.operation in PUBLISHING:
            for name, found in self._reader.ask_all().items():
                self.answers[name].append(found)
        return answer


def test_every_answer_is_a_state_between_two_runs_at_each_step_of_publishing(shop: Shop) -> None:
    shop.bring(0)
    poll = Poll(shop.reader)
    shop.run(poll)
    before, after = shop.states[-2:]
    for name, answers in poll.answers.items():
        assert before[name] != after[name]
        switch = answers.index(after[name])
        steps = len(answers)
        assert answers == [before[name]] * switch + [after[name]] * (steps - switch), name


def test_each_date_is_old_or_new_at_each_step_of_publishing_several(shop: Shop) -> None:
    """A table's dates are published one by one: what adds them up may have some of each."""
    shop.bring(0, 1, 2)
    daily_funnel = (
        "select event_date, product_id, category, views, add_to_carts, purchases"
        " from conversion_funnel"
    )
    old = by_date(shop.reader.ask(daily_funnel))
    poll = Poll(shop.reader)
    shop.run(poll)
    new = by_date(shop.reader.ask(daily_funnel))
    before, after = shop.states[-2:]
    for name in DAILY:
        seen, was, will = poll.answers[name], by_date(before[name]), by_date(after[name])
        assert len(seen) > 5
        for answer in map(by_date, seen):
            assert all(answer[day] in (was[day], will[day]) for day in was), name
    assert set(poll.answers["top_products"]) == {before["top_products"], after["top_products"]}
    mixes = [
        added_up([(old, new)[choice][day] for day, choice in zip(old, choices, strict=True)])
        for choices in itertools.product((0, 1), repeat=len(old))
    ]
    for found in poll.answers["conversion_funnel"]:
        assert {row[:2]: tuple(map(int, row[2:5])) for row in found} in mixes


def by_date(rows: Answer) -> dict[str | None, Counter[tuple[str | None, ...]]]:
    found: dict[str | None, Counter[tuple[str | None, ...]]] = defaultdict(Counter)
    for day, *row in rows:
        found[day][tuple(row)] += 1
    return dict(found)


def added_up(days: list[Counter[tuple[Any, ...]]]) -> dict[Any, tuple[int, ...]]:
    """Views, carts and purchases per product over the dates."""
    totals: dict[Any, tuple[int, ...]] = {}
    for product, category, *counts in itertools.chain(*days):
        total = totals.get((product, category), (0, 0, 0))
        totals[product, category] = tuple(t + int(c) for t, c in zip(total, counts, strict=True))
    return totals


class Poller(threading.Thread):
    """Asks the five questions in turn until it is told to stop.

    Attributes:
        polls: How many answers came.
        violations: Those that were no state between two runs, or went back to an older one.
    """

    def __init__(self, shop: Shop) -> None:
        super().__init__(daemon=True)
        self.polls = 0
        self.stop = threading.Event()
        self._reader = Reader(shop.job.lab)
        self._shop = shop
        self._seen: list[tuple[str, Answer, int, int]] = []

    def run(self) -> None:
        for name, sql in itertools.cycle(QUESTIONS.items()):
            done = len(self._shop.states) - 1
            answer = self._reader.ask(sql)
            self._seen.append((name, answer, done, self._shop.begun))
            self.polls += 1
            if self.stop.is_set():
                return

    @property
    def violations(self) -> list[str]:
        found, last = [], Counter[str]()
        for name, answer, done, begun in self._seen:
            possible = range(max(done, last[name]), begun + 1)
            states = [number for number in possible if self._shop.states[number][name] == answer]
            if states:
                last[name] = states[0]
            else:
                found.append(f"{name} between runs {done} and {begun}: {answer}")
        return found


def poll_during(shop: Shop, runs: int) -> Poller:
    poller = Poller(shop)
    poller.start()
    for _ in range(runs):
        shop.bring(0)
        shop.run()
    poller.stop.set()
    poller.join(60)
    assert not poller.is_alive()
    return poller


def test_a_client_that_asks_all_the_time_sees_only_states_between_two_runs(shop: Shop) -> None:
    poller = poll_during(shop, runs=2)
    assert poller.violations == []
    assert poller.polls >= 10


@pytest.mark.soak
def test_a_client_that_asks_for_long_sees_only_states_between_two_runs(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    """SOAK_RUNS chooses how many runs publish meanwhile."""
    poller = poll_during(shop, runs=int(os.environ.get("SOAK_RUNS", "50")))
    with capsys.disabled():
        print(f"\n{poller.polls} polls, {len(poller.violations)} violations", flush=True)
    assert poller.violations == []
