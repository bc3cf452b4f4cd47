"""The event generator of the template: its events, and its handler executed against S3."""

from __future__ import annotations

import gzip
import json
import tracemalloc
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any

import boto3
import oracle
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


def batch(end: datetime = END, count: int = 20_000, seed: str = "7", trouble: str = "") -> Any:
    code = load_generator()
    return code.Batch(seed, end - code.WINDOW, end, count, count, trouble)


def some_lines(*args: Any, **kwargs: Any) -> list[str]:
    return "".join(batch(*args, **kwargs).texts()).splitlines()


def some_events(*args: Any, **kwargs: Any) -> list[Event]:
    return [json.loads(line) for line in some_lines(*args, **kwargs)]


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


@pytest.mark.parametrize("count", [1, 2, 7, 300, 4_999])
def test_a_batch_has_exactly_as_many_events_as_it_was_asked_for(count: int) -> None:
    assert len(some_events(count=count)) == batch(count=count).size == count


def test_events_are_spread_evenly_over_the_window_and_in_order_of_seconds() -> None:
    times = [event["timestamp"] for event in some_events(count=30_000)]
    minutes = Counter(time[:16] for time in times)

    assert [time[:19] for time in times] == sorted(time[:19] for time in times)
    assert list(minutes) == [f"2026-11-01T23:{minute}" for minute in range(30, 35)]
    assert all(5_500 < count < 6_500 for count in minutes.values())


def test_the_same_seed_and_window_give_the_same_events_whatever_was_made_before() -> None:
    first = some_lines(count=500)
    some_lines(count=300, end=END + timedelta(hours=5))
    code = load_generator()
    code.repertoire.cache_clear()

    assert some_lines(count=500) == first
    assert not {*some_lines(count=500, seed="8")} & {*first}


def test_a_session_id_never_has_two_users() -> None:
    users = defaultdict(set)
    for end in (END, END + timedelta(minutes=5)):
        for event in some_events(end):
            users[event["session_id"]].add(event["user_id"])

    assert all(len(owners) == 1 for owners in users.values())
    assert len(set.union(*users.values())) < len(users)


def test_generator_never_holds_the_whole_text_in_memory(tmp_path: Path) -> None:
    code = load_generator()
    some_lines(count=10)  # what an hour's batches share is made once, and is small
    texts = batch(count=60_000).texts()
    tracemalloc.start()
    try:
        with (tmp_path / "out.gz").open("wb") as file:
            code.write_gzip(texts, file)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    size = len(gzip.decompress((tmp_path / "out.gz").read_bytes()))
    assert size > 12_000_000
    assert peak < 0.6 * size


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


def test_sessions_go_on_from_one_scheduled_call_to_the_next(s3: Any, generator: ModuleType) -> None:
    sessions = []
    for minute in (35, 40):
        result = generator.handler({"time": f"2026-11-01T23:{minute}:00Z"}, None)
        lines = gzip.decompress(body(s3, result["key"])).splitlines()
        sessions.append({json.loads(line)["session_id"] for line in lines})

    assert len(sessions[0] & sessions[1]) > 10


def test_calls_by_hand_are_batches_of_their_own_however_close(
    s3: Any, generator: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = iter([END, END + timedelta(seconds=10)])
    clock = type("Clock", (datetime,), {"now": classmethod(lambda cls, tz: next(times))})
    monkeypatch.setattr(generator, "datetime", clock)

    first, second = (generator.handler(None, None)["key"] for _ in range(2))

    lines = [set(gzip.decompress(body(s3, key)).splitlines()) for key in (first, second)]
    assert not lines[0] & lines[1]


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


def test_trouble_comes_from_the_environment_and_a_call_can_ask_for_its_own(
    s3: Any, generator: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TROUBLE", "unknown_fields=0.5")
    generator.handler(SCHEDULED, None)
    by_environment = gzip.decompress(body(s3, KEY_OF_END)).decode().splitlines()
    generator.handler(SCHEDULED | {"trouble": ""}, None)
    by_call = gzip.decompress(body(s3, KEY_OF_END)).decode().splitlines()

    extended = [line for line in by_environment if set(json.loads(line)) > FIELDS]
    assert len(extended) / len(by_environment) == pytest.approx(0.5, abs=0.06)
    assert all(set(json.loads(line)) == FIELDS for line in by_call)


def test_handler_writes_nothing_in_a_silent_spell_and_says_so(
    s3: Any, generator: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    result = generator.handler(SCHEDULED | {"trouble": "silent=2026-11-01/2026-11-02"}, None)

    assert (result["events"], result["bytes"]) == (0, 0)
    assert json.loads(capsys.readouterr().out) == result
    assert s3.list_objects_v2(Bucket="raw")["KeyCount"] == 0


@pytest.mark.parametrize(
    "trouble",
    [
        "quakes=0.1", "late", "late=", "late=x", "late=0.6", "late=-0.1", "late=nan",
        "silent=2026-11-01", "silent=2026-11-02/2026-11-01", "silent=now/then",
        "silent=2026-11-01/2026-11-02/3", "spike=2026-11-01/2026-11-02",
        "spike=2026-11-01/2026-11-02/-1", "spike=2026-11-01/2026-11-02/inf",
    ],
)  # fmt: skip
def test_trouble_that_cannot_be_made_is_refused_by_name(trouble: str) -> None:
    with pytest.raises(ValueError, match=f"'{trouble}' is no trouble"):
        batch(trouble=f"malformed=0.01 {trouble}")


def test_duplicates_repeat_lines_some_of_them_in_the_next_batch() -> None:
    first = some_lines(trouble="duplicates=0.1")
    second = some_lines(END + timedelta(minutes=5), trouble="duplicates=0.1")

    assert len(first) == 20_000
    assert 1 - len({*first}) / len(first) == pytest.approx(0.1, abs=0.02)
    assert {*first} & {*second}


def test_late_sessions_come_whole_and_five_minutes_to_an_hour_late() -> None:
    events = some_events(trouble="late=0.1")
    start = (END - timedelta(minutes=5)).isoformat()
    late = {event["session_id"] for event in events if event["timestamp"] < start}
    of_late = [event["timestamp"] for event in events if event["session_id"] in late]

    assert 0.05 < len(of_late) / len(events) < 0.15
    assert all(time < (END - timedelta(minutes=4)).isoformat() for time in of_late)
    assert min(of_late) >= (END - timedelta(minutes=65)).isoformat()
    assert min(of_late) < (END - timedelta(minutes=50)).isoformat()


def test_malformed_lines_are_rejected_for_many_reasons_and_no_other_line_is() -> None:
    lines = some_lines(trouble="malformed=0.1")
    reasons = Counter(tuple(sorted(oracle.judge(line, END, 30, 1)[1])) for line in lines)

    assert 1 - reasons[()] / 20_000 == pytest.approx(0.1, abs=0.01)
    assert len(reasons) > 6


def test_a_spell_is_silent_to_the_second_and_a_spike_multiplies_the_traffic() -> None:
    trouble = (
        "silent=2026-11-01T23:31:00Z/2026-11-01T23:32:30Z,spike=2026-11-01T23:33/2026-11-01T23:34/5"
    )
    minutes = Counter(event["timestamp"][14:16] for event in some_events(trouble=trouble))

    assert "31" not in minutes
    assert minutes["30"] == pytest.approx(4_000, rel=0.1)
    assert minutes["32"] == pytest.approx(2_000, rel=0.1)
    assert minutes["33"] == pytest.approx(20_000, rel=0.1)
    assert minutes["34"] == pytest.approx(4_000, rel=0.15)
