"""The benchmarks' rival does the job's work: after each batch its tables equal the oracle's."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import oracle
import pytest

import generate_sample_data
from benchmarks import duckdb_pipeline as rival

TROUBLE = "duplicates=0.05 late=0.1 malformed=0.05 unknown_fields=0.05"
# The files end at 23:35, 23:40, ... 00:15: two dates and three hours.
BATCHES = generate_sample_data.Batches(9, 400, trouble=TROUBLE)
NOON = datetime(2026, 11, 5, 12, tzinfo=UTC)


def event(when: datetime = NOON, **fields: Any) -> str:
    """A valid page view as a raw line, with the given fields changed."""
    base: dict[str, Any] = dict.fromkeys(rival.FIELDS)
    base |= {"timestamp": when.isoformat(), "user_id": "u1", "session_id": "s1"}
    base |= {"event_type": "page_view", "product_id": "p1", "category": "books"}
    return json.dumps(base | fields)


def purchase(**fields: Any) -> str:
    return event(**({"event_type": "purchase", "quantity": 1, "price": 9.99} | fields))


class Shop:
    """A source folder and a lake, and what the oracle must be asked about."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "source"
        self.lake = rival.DuckLake(folder / "lake")
        self.files: dict[str, list[str] | None] = {}

    def put(self, lines: Iterable[str], key: str = "") -> Path:
        path = self.root / (key or generate_sample_data.load_generator().object_key(NOON))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress("\n".join(lines).encode()))
        return path

    def run(self, *paths: Path) -> None:
        """One run, after which every table must be what the oracle says of all files so far."""
        for path in paths:
            key = path.relative_to(self.root).as_posix()
            self.files[key] = oracle.lines_in(key, path.read_bytes())
        self.lake.run(paths, self.root)
        assert published(self.lake) == oracle.expected(self.files.items())


def published(lake: rival.DuckLake) -> oracle.Tables:
    """All published tables, in the oracle's form."""
    found = lake.gold()
    silver = lake.query(rival.SILVER, f"select {', '.join(rival.IDENTITY)} from rows")
    assert found[rival.SILVER] == [(len(set(silver)),)], "silver holds an event twice"
    rejected = lake.query(rival.QUARANTINE, "select source, reasons from rows")
    assert found[rival.QUARANTINE] == [(len(rejected),)]
    funnel = keyed(found[rival.FUNNEL], 3, oracle.funnel_row([]))
    return oracle.Tables(
        bronze=found[rival.BRONZE][0][0],
        silver={(row[0].replace(tzinfo=UTC), *row[1:]) for row in silver},
        quarantine=Counter((key_of(one), ",".join(sorted(why))) for one, why in rejected),
        reasons=Counter(reason for _, why in rejected for reason in why),
        funnel=funnel,
        hourly={row[:2]: row[2:] for row in found[rival.HOURLY_REVENUE]},
        totals=oracle.all_time(funnel),  # the rival reads all dates each time
        top=found[rival.TOP_PRODUCTS],
        category=keyed(found[rival.CATEGORY], 2, oracle.category_row([])),
        activity={row[0]: row[1:] for row in found[rival.ACTIVITY]},
    )


def key_of(source: str) -> str:
    return source if "/" in source else generate_sample_data.hive_key(source)


def keyed(
    rows: list[tuple[Any, ...]], grain: int, names: Iterable[str]
) -> dict[Any, dict[str, Any]]:
    """Rows by their grain, the first columns; fails when the grain does not hold."""
    found = {row[:grain]: dict(zip(names, row[grain:], strict=True)) for row in rows}
    assert len(found) == len(rows)
    return found


@pytest.fixture
def shop(tmp_path: Path) -> Iterable[Shop]:
    shop = Shop(tmp_path)
    yield shop
    shop.lake.close()


def test_runs_over_troubled_files_equal_the_oracle(shop: Shop) -> None:
    where = generate_sample_data.Folder(shop.root, hive=True)
    files = [Path(path) for path, _ in generate_sample_data.write_files(BATCHES, where)]
    shop.run(*files[:2])
    shop.run(files[2])
    shop.run(files[1], *files[3:8])
    shop.run(files[0])
    before = shop.lake.gold()
    shop.lake.close()
    shop.lake = rival.DuckLake(shop.lake.folder)
    assert shop.lake.gold() == before
    shop.run(files[8])
    assert {row[0] for row in shop.lake.gold()[rival.ACTIVITY]} == {
        date(2026, 11, 1),
        date(2026, 11, 2),
    }
    extended = "select count(extended_record), count(corrupt_record) from rows"
    assert min(shop.lake.query(rival.BRONZE, extended)[0]) > 50


def test_every_reason_to_reject_a_line_is_found(shop: Shop) -> None:
    lines = [
        event(), f" {event()}\t", "", " \t", "x", "[]", "null", "{}", event()[:-1],
        f"{event()} more", f"{event()}\u0001",
        event(timestamp="yesterday"), event(timestamp="2026-11-05"), event(timestamp=1762344000),
        event(timestamp="2026-02-30T12:00:00Z"), event(timestamp="2026-11-05T24:00:00Z"),
        event(timestamp="2026-11-05T20:30:00+0830"),
        event(timestamp="2026-11-05 12:00:00.123456789"),
        event(NOON - timedelta(days=30)), event(NOON - timedelta(days=30, microseconds=1)),
        event(NOON + timedelta(days=1)), event(NOON + timedelta(days=1, microseconds=1)),
        event(user_id=" "), event(session_id=None), event(event_type="PURCHASE"),
        event(product_id=""), event(category=None), event(user_id={"nested": [1, "two"]}),
        event(event_type="search"), event(event_type="search", search_query="a", category=""),
        event(quantity="some"), event(price="5d"), purchase(quantity=1.5), purchase(quantity=2.0),
        purchase(quantity=0), purchase(quantity=2**31), purchase(quantity="2", price="29.9"),
        purchase(price=-0.01), purchase(price=29.990000000000002), purchase(price=0.005),
        purchase(price=99999999.995), purchase(price=99999999.99, quantity=2**31 - 1),
        event(user_id="naïve ' \" \\ ; }{"), event(user_id="a", session_id=None, extra=None),
    ]  # fmt: skip
    shop.run(shop.put(lines))
    reasons = "select distinct unnest(reasons) from rows"
    found = {reason for (reason,) in shop.lake.query(rival.QUARANTINE, reasons)}
    assert found == set(rival.REJECTION_RULES) - {"source_without_time"}


def test_a_file_that_was_mended_takes_its_rejects_out_of_quarantine(shop: Shop) -> None:
    shop.run(shop.put(["broken", event(user_id=None)]))
    shop.run(shop.put([event()]))
    shop.run(shop.put([event(), purchase()], key="events/stray.gz"))
    shop.run(shop.put([event()], key="events/resent/events-20261105-120000-copy.jsonl.gz"))
    shop.run(shop.put([""], key="events/empty.gz"))


def test_a_file_that_is_cut_off_fails_the_run_and_publishes_nothing(shop: Shop) -> None:
    shop.run(shop.put([event()]))
    before = shop.lake.gold()
    path = shop.put([purchase()], key="events/cut.gz")
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(duckdb.Error):
        shop.lake.run([path], shop.root)
    assert shop.lake.gold() == before == rival.DuckLake(shop.lake.folder).gold()
