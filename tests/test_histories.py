"""However events are split into files and runs, repeated, late or cut off: the tables are right."""

from __future__ import annotations

import json
import os
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from faults import Death
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from job import BookmarkedJob
from lab import Lab

import generate_sample_data
from glue_jobs import capstone_etl as etl

pytestmark = pytest.mark.slow

# Where dates and hours turn.
TURNS = [
    datetime(2026, 11, 5, 12, tzinfo=UTC),
    datetime(2026, 11, 6, tzinfo=UTC),
    datetime(2026, 12, 1, tzinfo=UTC),
    datetime(2027, 1, 1, tzinfo=UTC),
    datetime(2028, 3, 1, tzinfo=UTC),
]
DELAYS = [
    *(timedelta(microseconds=number) for number in (-1, 0, 1)),
    *(timedelta(seconds=number) for number in (1, 59)),
    *(timedelta(minutes=number) for number in (5, 61)),
    *(timedelta(hours=number) for number in (5, 24)),
    *(timedelta(days=number) for number in (2, 29, 31, -2)),
]
# The same instant, written in other ways.
NOTATIONS: list[Callable[[datetime], str]] = [
    lambda at: at.isoformat(),
    lambda at: at.replace(tzinfo=None).isoformat() + "Z",
    lambda at: at.replace(tzinfo=None).isoformat(),
    lambda at: at.astimezone(timezone(timedelta(hours=5, minutes=30))).isoformat(),
    lambda at: at.astimezone(timezone(-timedelta(hours=8))).isoformat(sep=" "),
]
BROKEN = ["garbage", "[]", '{"timestamp": "yesterday"}', '{"user_id": "u1"} {', "", " "]

Event = tuple[Any, ...]


@dataclass(frozen=True)
class Delivery:
    """A file that arrives.

    Attributes:
        minutes: Its time, from the turn of the history.
        events: What its lines hold; text is a line as it stands.
        again: Which earlier file it repeats (modulo their number): under the same name, with more
            lines, if `is_mended`, else under another name.
    """

    minutes: int
    events: tuple[Event | str, ...]
    again: int | None
    is_mended: bool


@dataclass(frozen=True)
class Chapter:
    """Files that arrive, and the run that follows; it dies before its `death`-th effect."""

    files: tuple[Delivery, ...]
    death: int | None


@dataclass(frozen=True)
class History:
    """Chapters around a turn of the calendar.

    Attributes:
        delays: By how much events may be late. A history has few, and so its events meet in the
            same hours, and a run does not write dozens of partitions with one event each.
    """

    turn: datetime
    delays: tuple[timedelta, ...]
    chapters: tuple[Chapter, ...]


# Few values, so that events of one product, user, hour and even of all nine fields meet often.
EVENTS = st.tuples(
    st.integers(0, 2),  # which of the history's delays
    st.sampled_from(["u1", "u2", "u3"]),
    st.sampled_from(["s1", "s2"]),
    st.sampled_from(["page_view", "page_view", "search", "add_to_cart", "purchase"]),
    st.integers(1, 12),
    st.integers(0, 2),
    st.sampled_from([0, 9.99, 10, "10.0", 29.990000000000002, -1]),
    st.sampled_from(range(len(NOTATIONS))),
)
DELIVERIES = st.builds(
    Delivery,
    minutes=st.sampled_from([-10, -5, 0, 5, 60]),
    events=st.lists(EVENTS | st.sampled_from(BROKEN), min_size=3, max_size=8).map(tuple),
    again=st.none() | st.integers(0, 9),
    is_mended=st.booleans(),
)
CHAPTERS = st.builds(
    Chapter,
    files=st.lists(DELIVERIES, min_size=1, max_size=3).map(tuple),
    death=st.none() | st.integers(1, 120),
)


def histories(most_chapters: int) -> st.SearchStrategy[History]:
    chapters = st.lists(CHAPTERS, min_size=2, max_size=most_chapters).map(tuple)
    delays = st.lists(st.sampled_from(DELAYS), min_size=3, max_size=3, unique=True).map(tuple)
    return st.builds(History, turn=st.sampled_from(TURNS), delays=delays, chapters=chapters)


SETTINGS = settings(
    deadline=None, database=None, print_blob=False, suppress_health_check=list(HealthCheck)
)


def line_of(event: Event | str, history: History) -> str:
    if isinstance(event, str):
        return event
    delay, user, session, kind, product, quantity, price, notation = event
    at = history.turn - history.delays[delay]
    is_cart, is_search = kind in ("add_to_cart", "purchase"), kind == "search"
    return json.dumps(
        {
            "timestamp": NOTATIONS[notation](at),
            "user_id": user,
            "session_id": session,
            "event_type": kind,
            "product_id": None if is_search else f"p{product}",
            "category": None if is_search else f"c{product % 3}",
            "quantity": quantity if is_cart else None,
            "price": price if is_cart else None,
            "search_query": f"q{quantity}" if is_search else None,
        }
    )


class Teller:
    """Lets histories happen, one after the other, and counts what happened."""

    def __init__(self, job: BookmarkedJob) -> None:
        self.job = job
        self.told: Counter[str] = Counter()

    def tell(self, history: History) -> None:
        """Let it happen in an empty lake; at its end every table equals the oracle."""
        self.job.wipe()
        for chapter in history.chapters:
            for delivery in chapter.files:
                self._deliver(delivery, history)
            is_dead = self._run(chapter.death)
        if is_dead:
            self._run(None)
        self.told["histories"] += 1
        self.told["lines"] += sum(map(len, self.job.lab.files.values()))
        assert self.job.lab.published() == self.job.lab.expected()
        for row in self.job.lab.rows(etl.LEDGER):
            known = row["duplicates_in_batch"] + row["duplicates_in_lake"]
            assert row["lines"] == row["valid"] + row["quarantined"]
            assert row["valid"] == row["new_events"] + known
            assert row["rules_failed"] == []
        self.job.lab.lake(sweep_after_days=0).sweep(datetime.now(UTC))
        assert self.job.lab.stored() == self.job.lab.pointed()

    def _deliver(self, delivery: Delivery, history: History) -> None:
        files = self.job.lab.files
        lines = [line_of(event, history) for event in delivery.events]
        # Seconds make the name one of its own.
        at = history.turn + timedelta(minutes=delivery.minutes, seconds=len(files))
        key = generate_sample_data.load_generator().object_key(at)
        if files and delivery.again is not None:
            earlier = list(files)[delivery.again % len(files)]
            lines = [*files[earlier], *lines]
            if delivery.is_mended:
                self.told["mended"] += 1
                self.job.put(earlier, lines)
                return
            self.told["redelivered"] += 1
            key = key.replace("events/", "events/again/", 1)
        self.told["files"] += 1
        self.job.put(key, lines)

    def _run(self, death: int | None) -> bool:
        """Run, and die if so meant; returns whether it did."""
        self.told["runs"] += 1
        if death is None:
            self.job.run()
            return False
        came = self.job.die(Death(death)).came
        self.told["deaths"] += came
        return came


@pytest.fixture(scope="module")
def teller(new_lab: Callable[[], Lab], tmp_path_factory: pytest.TempPathFactory) -> Teller:
    bookmark = tmp_path_factory.mktemp("histories") / "bookmark.json"
    return Teller(BookmarkedJob(new_lab(), bookmark, sweep_after_days=0))


def test_after_any_history_every_table_equals_the_oracle(teller: Teller) -> None:
    @settings(SETTINGS, max_examples=15, derandomize=True)
    @given(history=histories(2))
    def holds(history: History) -> None:
        teller.tell(history)

    holds()
    # What is drawn is the same each time: it must have been worth it.
    assert min(teller.told[what] for what in ("deaths", "mended", "redelivered")) >= 1, teller.told


@pytest.mark.soak
def test_after_hundreds_of_histories_every_table_equals_the_oracle(
    teller: Teller, capsys: pytest.CaptureFixture[str]
) -> None:
    """SOAK_HISTORIES and SOAK_SEED choose how many and which."""
    number = int(os.environ.get("SOAK_HISTORIES", "300"))
    chosen = int(os.environ.get("SOAK_SEED") or random.SystemRandom().randrange(1 << 32))
    with capsys.disabled():
        print(f"\n{number} histories from SOAK_SEED={chosen}", flush=True)

    @seed(chosen)
    @settings(SETTINGS, max_examples=number)
    @given(history=histories(4))
    def holds(history: History) -> None:
        teller.tell(history)
        with capsys.disabled():
            print(f"\r{teller.told['histories']} of {number} histories", end="", flush=True)

    teller.told.clear()
    holds()
    with capsys.disabled():
        print(f"\nno difference to the oracle: {dict(teller.told)}", flush=True)
