"""The event generator of the template: its events, and its handler executed against S3."""

from __future__ import annotations

import gzip
import json
import tracemalloc
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any

import boto3
import pytest

from generate_sample_data import load_generator

Event = dict[str, Any]

FIELDS = {
    "timestamp", "user_id", "session_id", "event_type", "product_id", "category", "quantity",
    "price", "search_query",
}  # fmt: skip
CART = {"add_to_cart", "remove_from_cart", "purchase"}
END = datetime(2026, 11, 1, 23, 35, tzinfo=UTC)
SCHEDULED = {"time": "2026-11-01T23:35:00Z"}
KEY_OF_END = "events/year=2026/month=11/day=01/hour=23/minute=35/events-20261101-233500.jsonl.gz"


def some_events(count: int = 20_000) -> list[Event]:
    code = load_generator()
    return [json.loads(line) for line in code.generate_events(7, END - code.WINDOW, END, count)]


def is_valid(event: Event) -> bool:
    """The rules of the data contract, read a second time."""
    kind, quantity, price = event["event_type"], event["quantity"], event["price"]
    product, query = (event["product_id"], event["category"]), event["search_query"]
    if not (event["user_id"] and event["session_id"]):
        return False
    if kind == "search":
        return bool(query) and {*product, quantity, price} == {None}
    if query is not None or not all(product):
        return False
    if kind in CART:
        cents = Decimal(str(price)).as_tuple().exponent
        return type(quantity) is int and quantity >= 1 and price > 0 and int(cents) >= -2
    return kind == "page_view" and quantity is None and price is None


def test_every_line_is_a_valid_event_of_nine_fields() -> None:
    events = some_events()

    assert len(events) == 20_000
    assert all(set(event) == FIELDS for event in events)
    assert not [event for event in events if not is_valid(event)]


def test_all_kinds_of_events_occur_and_views_are_most_of_them() -> None:
    kinds = Counter(event["event_type"] for event in some_events())

    assert set(kinds) == CART | {"page_view", "search"}
    assert 0.55 < kinds["page_view"] / kinds.total() < 0.65


def test_sessions_belong_to_one_user_and_hold_several_events() -> None:
    users = defaultdict(set)
    events = some_events()
    for event in events:
        users[event["session_id"]].add(event["user_id"])

    assert all(len(owners) == 1 for owners in users.values())
    assert len(events) / len(users) > 3
    assert len(set.union(*users.values())) < len(users)


def test_a_product_has_one_category_and_one_price_and_some_sell_far_more_than_others() -> None:
    events = [event for event in some_events() if event["product_id"]]
    prices = {(e["product_id"], e["category"], e["price"]) for e in events if e["price"]}
    views = Counter(event["product_id"] for event in events).most_common()

    assert len({category for _, category, _ in prices}) == 12
    assert len({product for product, _, _ in prices}) == len(prices)
    assert len(views) >= 12 * 20
    assert views[0][1] > 5 * views[120][1]


def test_generator_never_holds_the_whole_text_in_memory(tmp_path: Path) -> None:
    code = load_generator()
    events = code.generate_events(1, END - code.WINDOW, END, 60_000)
    tracemalloc.start()
    try:
        with (tmp_path / "out.gz").open("wb") as file:
            code.write_gzip(events, file)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    size = len(gzip.decompress((tmp_path / "out.gz").read_bytes()))
    assert size > 12_000_000
    assert peak < size / 2


@pytest.fixture
def s3(aws_env: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A client, and the empty bucket `raw` that the function is told to write to."""
    for name, value in {"BUCKET": "raw", "MIN_EVENTS": "200", "MAX_EVENTS": "300"}.items():
        monkeypatch.setenv(name, value)
    client = boto3.client("s3")
    region = {"LocationConstraint": aws_env["AWS_REGION"]}
    client.create_bucket(Bucket="raw", CreateBucketConfiguration=region)
    yield client
    for entry in client.list_objects_v2(Bucket="raw").get("Contents", []):
        client.delete_object(Bucket="raw", Key=entry["Key"])
    client.delete_bucket(Bucket="raw")


@pytest.fixture
def generator() -> ModuleType:
    return load_generator()


def body(s3: Any, key: str) -> bytes:
    content: bytes = s3.get_object(Bucket="raw", Key=key)["Body"].read()
    return content


def test_handler_writes_one_object_under_the_hive_key_of_the_scheduled_time(
    s3: Any, generator: ModuleType
) -> None:
    result = generator.handler(SCHEDULED, None)

    content = body(s3, KEY_OF_END)
    events = [json.loads(line) for line in gzip.decompress(content).splitlines()]
    assert 200 <= len(events) <= 300
    assert result == {
        "bucket": "raw",
        "key": KEY_OF_END,
        "events": len(events),
        "bytes": len(content),
    }
    assert all(is_valid(event) for event in events)
    assert events[0]["timestamp"].startswith("2026-11-01T23:30:0")
    assert events[-1]["timestamp"].startswith("2026-11-01T23:34:5")
    assert s3.list_objects_v2(Bucket="raw")["KeyCount"] == 1


def test_handler_called_twice_for_one_scheduled_time_writes_the_same_object(
    s3: Any, generator: ModuleType
) -> None:
    generator.handler(SCHEDULED, None)
    first = body(s3, KEY_OF_END)
    generator.handler(SCHEDULED, None)

    assert body(s3, KEY_OF_END) == first


def test_handler_with_another_seed_writes_other_events(s3: Any, generator: ModuleType) -> None:
    generator.handler(SCHEDULED, None)
    first = body(s3, KEY_OF_END)
    generator.handler(SCHEDULED | {"seed": 1}, None)

    assert body(s3, KEY_OF_END) != first


@pytest.mark.parametrize("event", [{}, None])
def test_handler_called_by_hand_takes_the_five_minutes_before_now(
    s3: Any, generator: ModuleType, event: Any
) -> None:
    before = datetime.now(UTC)
    result = generator.handler(event, None)

    name = result["key"].rpartition("/")[2]
    end = datetime.strptime(name, "events-%Y%m%d-%H%M%S.jsonl.gz").replace(tzinfo=UTC)
    assert before.replace(microsecond=0) <= end <= datetime.now(UTC)


@pytest.mark.parametrize(("low", "high"), [("300", "200"), ("0", "5")])
def test_handler_refuses_a_range_without_a_size_and_writes_nothing(
    s3: Any, generator: ModuleType, monkeypatch: pytest.MonkeyPatch, low: str, high: str
) -> None:
    monkeypatch.setenv("MIN_EVENTS", low)
    monkeypatch.setenv("MAX_EVENTS", high)

    with pytest.raises(ValueError, match=f"MIN_EVENTS is {low} and MAX_EVENTS is {high}"):
        generator.handler(SCHEDULED, None)
    assert s3.list_objects_v2(Bucket="raw")["KeyCount"] == 0
