"""The events look like a shop: sessions, funnel, popularity and traffic, measured on what is made.

`make events` draws the same figures. The ranges and where they come from: docs/EVENTS.md.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from generate_sample_data import BUSIEST, EMPTIEST, Batches, load_generator
from tools import events as shape

MONDAY = datetime(2026, 11, 2, tzinfo=UTC)


@pytest.fixture(scope="module")
def evening() -> list[shape.Event]:
    """Six batches in a row, on a Monday evening."""
    return shape.made(MONDAY + timedelta(hours=20), files=6, events_per_file=20_000)


@pytest.fixture(scope="module")
def sessions(evening: list[shape.Event]) -> list[list[shape.Event]]:
    return shape.sessions(evening)


def test_sessions_hold_several_events_and_span_batches(
    sessions: list[list[shape.Event]],
) -> None:
    lengths = [len(events) for events in sessions]
    longer = [events for events in sessions if len(events) > 1]
    spanning = [e for e in longer if shape.window(e[0]) != shape.window(e[-1])]

    assert 3 < sum(lengths) / len(lengths) < 6
    assert 0.4 < lengths.count(1) / len(lengths) < 0.7
    assert 0.3 < len(spanning) / len(longer) < 0.7


def test_steps_of_a_session_are_taken_in_order_and_at_human_pace(
    sessions: list[list[shape.Event]],
) -> None:
    begun = shape.begun(sessions)

    assert len(begun) > 5_000
    assert not [problem for events in begun for problem in shape.disorder(events)]
    pauses = sorted(shape.pauses(sessions))
    assert pauses[0] > 0
    assert pauses[len(pauses) // 100] >= 1
    assert 10 < pauses[len(pauses) // 2] < 30


def test_conversion_rates_are_those_of_shops_and_differ_by_category() -> None:
    funnel = shape.funnel(shape.made(MONDAY, files=8, events_per_file=12_000, every=36))
    to_cart = {name: carts / views for name, (views, carts, _) in funnel.items()}
    to_purchase = {name: bought / carts for name, (_, carts, bought) in funnel.items()}

    assert len(funnel) == 12 + 1
    assert 0.05 < to_cart["all"] < 0.12
    assert 0.2 < to_purchase["all"] < 0.45
    assert all(0.045 < rate < 0.13 for rate in to_cart.values())
    assert all(0.17 < rate < 0.45 for rate in to_purchase.values())
    assert max(to_cart.values()) > 1.6 * min(to_cart.values())


def test_popularity_follows_a_power_law(evening: list[shape.Event]) -> None:
    views = shape.popularity(evening)

    assert len(views) == 240
    # A straight line in logarithms, of the slope that a Zipf distribution has.
    slope, fit = shape.power_law(views)
    assert -1.2 < slope < -0.8
    assert fit > 0.97


def test_users_come_back() -> None:
    days = [shape.made(MONDAY + timedelta(days=day), files=2) for day in range(2)]
    first, second = ({event["user_id"] for event in day} for day in days)

    assert 0.05 < len(first & second) / len(second) < 0.9


def test_traffic_follows_the_hour_and_the_weekday() -> None:
    sizes = shape.traffic(MONDAY)
    hours = [sum(sizes[hour::24]) for hour in range(24)]
    days = [sum(sizes[day * 24 : day * 24 + 24]) for day in range(7)]

    assert hours.index(max(hours)) == 20
    assert hours.index(min(hours)) == 4
    assert max(hours) > 4 * min(hours)
    assert days.index(max(days)) == 6
    assert max(days) > 1.1 * min(days)


def test_a_week_of_traffic_has_the_mean_that_was_asked_for() -> None:
    sizes = shape.traffic(MONDAY, events_per_file=10_000)

    assert sum(sizes) / len(sizes) == pytest.approx(10_000, rel=0.01)
    assert EMPTIEST * 10_000 <= min(sizes) < max(sizes) <= BUSIEST * 10_000


def test_the_functions_batches_stay_within_their_bounds_and_reach_for_both() -> None:
    code = load_generator()
    sizes = [
        code.Batch("42", end - code.WINDOW, end, 500_000, 750_000).size
        for end in Batches(num_files=7 * 288, start=MONDAY).ends()
    ]

    assert 500_000 <= min(sizes) < 520_000
    assert 740_000 < max(sizes) <= 750_000


def test_prices_belong_to_products_and_change_rarely() -> None:
    code = load_generator()
    weeks = [{p: price for p, _, price, _ in code.catalogue(week)} for week in range(2_900, 2_913)]
    changed = [sum(a[p] != b[p] for p in a) for a, b in zip(weeks, weeks[1:], strict=False)]

    assert len(weeks[0]) == 240
    assert all(0 < count < 240 / 8 for count in changed)
    assert sum(changed) > 200
    assert all(0.8 < weeks[-1][p] / price < 1.25 for p, price in weeks[0].items())
