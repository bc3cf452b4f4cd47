"""Gold is added up in the driver: sums, rates and ranks as the contract has them, exactly."""

from __future__ import annotations

from collections import Counter
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glue_jobs import capstone_etl as etl

DAY = date(2026, 11, 5)
MOST = "9999999999999999.99"


def rates(pairs: list[tuple[int, int]]) -> list[Decimal | None]:
    part, whole = (
        pa.chunked_array([pa.array(one, pa.int64())]) for one in zip(*pairs, strict=True)
    )
    return list(etl.rate(part, whole).to_pylist())


def expected_rate(part: int, whole: int) -> Decimal | None:
    if whole == 0:
        return None
    found = (Decimal(part) / whole).quantize(Decimal("0.0001"), ROUND_HALF_UP)
    return found if found <= Decimal("999999.9999") else None


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 10**9), st.integers(0, 10**9)), min_size=1, max_size=5))
def test_rates_are_rounded_half_up_to_four_decimals(pairs: list[tuple[int, int]]) -> None:
    assert rates(pairs) == [expected_rate(*pair) for pair in pairs]


def test_a_rate_at_the_edge_is_rounded_and_one_that_does_not_fit_is_null() -> None:
    pairs = [(1, 20_000), (3, 20_000), (1, 0), (0, 7), (9_999_999_999, 10_000), (10**9, 1)]
    found = [None if one is None else str(one) for one in rates(pairs)]
    assert found == ["0.0001", "0.0002", None, "0.0000", "999999.9999", None]


@pytest.mark.parametrize(
    ("amounts", "total"),
    [
        (["1.10", "2.20"], "3.30"),
        ([MOST], MOST),
        ([MOST, "0.01"], None),
        ([MOST] * 200, None),
        (["1.00", None], None),
    ],
)
def test_money_that_does_not_fit_is_null_and_stays_so(
    amounts: list[str | None], total: str | None
) -> None:
    money = [None if one is None else Decimal(one) for one in amounts]
    parts = pa.table(
        {
            "event_hour": pa.array([12] * len(money), pa.int32()),
            "event_date": pa.array([DAY] * len(money), pa.date32()),
            "transaction_count": pa.array([1] * len(money), pa.int64()),
            "total_revenue": pa.array(money, etl.MONEY),
        }
    )
    (row,) = etl.hourly_revenue(parts).to_pylist()
    assert row["transaction_count"] == len(money)
    assert row["total_revenue"] == (None if total is None else Decimal(total))


def totals(views: dict[tuple[str, str], int]) -> pa.Table:
    rows = [
        {"product_id": product, "category": category, "views": count, "period": "all_time"}
        | {"add_to_carts": 0, "purchases": 0}
        for (product, category), count in views.items()
    ]
    return pa.Table.from_pylist(rows)


def test_the_ten_are_ranked_by_views_then_product_then_category() -> None:
    views = {(f"P{number:02}", "toys"): 5 for number in range(12)}
    views |= {("P03", "books"): 5, ("Z", "toys"): 9, ("A", "toys"): 0}
    found = etl.top_products(totals(views)).to_pylist()
    assert [row["rank"] for row in found] == list(range(1, 11))
    assert [(row["product_id"], row["category"]) for row in found[:6]] == [
        ("Z", "toys"),
        ("P00", "toys"),
        ("P01", "toys"),
        ("P02", "toys"),
        ("P03", "books"),
        ("P03", "toys"),
    ]
    assert all(row["view_count"] for row in found)


def test_fewer_than_ten_viewed_products_are_all_that_is_ranked() -> None:
    assert etl.top_products(totals({("A", "toys"): 0, ("B", "toys"): 1})).num_rows == 1


names = st.sampled_from(["P1", "P2", "Ü", "'; drop"])


@given(st.lists(st.tuples(names, names, st.integers(0, 9)), min_size=1, max_size=9))
def test_a_part_that_is_taken_away_was_never_there(found: list[tuple[str, str, int]]) -> None:
    parts = pa.Table.from_pylist(
        [
            {"product_id": product, "category": category}
            | {"views": count, "add_to_carts": 2 * count, "purchases": count % 2}
            for product, category, count in found
        ]
    )
    twice_less_once = etl.product_totals(pa.concat_tables([parts, parts, etl.taken_away(parts)]))
    sums: Counter[tuple[str, str]] = Counter()
    for product, category, count in found:
        sums[product, category] += count
    rows = twice_less_once.to_pylist()
    assert {(row["product_id"], row["category"]): row["views"] for row in rows} == dict(sums)
