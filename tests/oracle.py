"""What every table must hold, in plain Python, from the raw lines alone.

Shares no code with the job: it reads the data contract and the definitions of the tables a second
time, so that a mistake must be made twice to go unseen. Files are `(key, lines)`; their order and
grouping do not matter, which is the point.
"""

from __future__ import annotations

import gzip
import json
import re
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

FIELDS = (
    "timestamp",
    "user_id",
    "session_id",
    "event_type",
    "product_id",
    "category",
    "quantity",
    "price",
    "search_query",
)
TYPES = {"page_view", "add_to_cart", "remove_from_cart", "purchase", "search"}
CART = {"add_to_cart", "remove_from_cart", "purchase"}
CENT = Decimal("0.01")
# decimal(18,2) ends below it.
TOO_MUCH = Decimal(10) ** 16

Row = dict[str, Any]


@dataclass
class Tables:
    """Rows of each table, as the grain of the table demands; keys are the grain."""

    bronze: int = 0
    silver: set[tuple[Any, ...]] = field(default_factory=set)
    quarantine: Counter[tuple[str, str]] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    funnel: dict[tuple[date, str, str], Row] = field(default_factory=dict)
    hourly: dict[tuple[date, int], tuple[Decimal, int]] = field(default_factory=dict)
    totals: dict[tuple[str, str], tuple[int, ...]] = field(default_factory=dict)
    top: list[tuple[int, str, str, int]] = field(default_factory=list)
    category: dict[tuple[date, str], Row] = field(default_factory=dict)
    activity: dict[date, tuple[int, int, int]] = field(default_factory=dict)


def expected(
    files: Iterable[tuple[str, Iterable[str] | None]], max_age: int = 30, lead: int = 1
) -> Tables:
    """All tables over the given files, each `(object key, lines)`; None for no readable text."""
    tables = Tables()
    for key, lines in files:
        written = file_time(key)
        if lines is None:
            tables.bronze += 1
            tables.quarantine[(key, "unreadable_file")] += 1
            tables.reasons["unreadable_file"] += 1
            continue
        for line in lines:
            if not line.strip(" \t\r"):
                continue
            tables.bronze += 1
            event, reasons = judge(line, written, max_age, lead)
            if reasons:
                tables.quarantine[(key, ",".join(sorted(reasons)))] += 1
                tables.reasons.update(reasons)
            else:
                tables.silver.add(tuple(event[name] for name in FIELDS))
    events = [dict(zip(FIELDS, row, strict=True)) for row in tables.silver]
    fill_gold(tables, events)
    return tables


def lines_in(key: str, body: bytes) -> list[str] | None:
    """The lines of an object; None when its content is not what its name says."""
    if key.endswith(".bz2"):
        return None
    try:
        content = gzip.decompress(body) if key.endswith(".gz") else body
    except (EOFError, OSError, zlib.error):
        return None
    text = content.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace")
    return re.split("\r\n|\r|\n", text)


def file_time(key: str) -> datetime | None:
    path = re.search(r"year=(\d+)/month=(\d+)/day=(\d+)/hour=(\d+)/(?:minute=(\d+)/)?", key)
    name = re.search(r"(?:^|/)events-(\d{4})(\d\d)(\d\d)-(\d\d)(\d\d)(\d\d)", key)
    parts = path or name
    try:
        return datetime(*(int(p or 0) for p in parts.groups()), tzinfo=UTC) if parts else None
    except ValueError:
        return None


def strict_object(line: str) -> Row | None:
    def refuse(constant: str) -> None:
        raise ValueError(constant)

    try:
        value = json.loads(line, parse_constant=refuse)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def extended(line: str) -> str | None:
    """The line, if it is an object that has more than the nine fields or one of them twice."""
    if strict_object(line) is None:
        return None
    names = [name for name, _ in json.loads(line, object_pairs_hook=list)]
    return line if set(names) - set(FIELDS) or len(names) > len(set(names)) else None


def text(value: Any) -> str | None:
    """A field as received: strings as they are, everything else as JSON writes it."""
    if isinstance(value, str):
        # What Unicode cannot say, half a surrogate pair, becomes a question mark.
        return value.encode("utf-8", "replace").decode()
    if value is None:
        return value
    return json.dumps(value, separators=(",", ":"))


def judge(line: str, written: datetime | None, max_age: int, lead: int) -> tuple[Row, set[str]]:
    raw = strict_object(line)
    if raw is None:
        return {}, {"not_a_json_object"}
    got = {name: text(raw.get(name)) for name in FIELDS}
    event: Row = dict(got)
    event["timestamp"] = instant(got["timestamp"])
    event["quantity"] = whole(got["quantity"])
    event["price"] = cents(got["price"])
    kind, units, price = got["event_type"], event["quantity"], event["price"]
    bad = set()
    if written is None:
        bad.add("source_without_time")
    if event["timestamp"] is None:
        bad.add("invalid_timestamp")
    elif written and event["timestamp"] < written - timedelta(days=max_age):
        bad.add("timestamp_too_old")
    elif written and event["timestamp"] > written + timedelta(days=lead):
        bad.add("timestamp_in_future")
    bad |= {f"missing_{name}" for name in ("user_id", "session_id") if blank(got[name])}
    if kind not in TYPES:
        bad.add("unknown_event_type")
    elif kind != "search":
        bad |= {f"missing_{name}" for name in ("product_id", "category") if blank(got[name])}
    elif blank(got["search_query"]):
        bad.add("missing_search_query")
    if units is None and (kind in CART or got["quantity"] is not None):
        bad.add("invalid_quantity")
    if price is None and (kind in CART or got["price"] is not None):
        bad.add("invalid_price")
    if kind in CART and units is not None and units < 1:
        bad.add("invalid_quantity")
    if kind in CART and price is not None and price < 0:
        bad.add("invalid_price")
    if kind == "purchase" and None not in (units, price) and abs(units * price) >= TOO_MUCH:
        bad.add("revenue_out_of_range")
    return event, bad


def blank(value: str | None) -> bool:
    return value is None or not value.strip(" ")


def instant(value: str | None) -> datetime | None:
    clock_form = r"(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?"
    zone_form = r"(Z|([+-])(\d\d)(?::?(\d\d))?)?"
    match = re.fullmatch(clock_form + zone_form, value or "", re.ASCII)
    if not match:
        return None
    *clock, fraction, _, sign, hours, minutes = match.groups()
    offset = timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
    if offset > timedelta(hours=18) or int(minutes or 0) > 59:
        return None
    micros = int((fraction or "0").ljust(6, "0")[:6])
    earliest, latest = (end.replace(tzinfo=UTC) for end in (datetime.min, datetime.max))
    is_year_0 = clock[0] == "0000"
    try:
        local = datetime(*map(int, ["0004" if is_year_0 else clock[0], *clock[1:]]), micros, UTC)
        moved = local + offset if sign == "-" else local - offset
    except OverflowError:
        return latest if sign == "-" else earliest
    except ValueError:
        return None
    return earliest if is_year_0 else moved


def number(value: str | None) -> Decimal | None:
    if value is None or not re.fullmatch(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*", value):
        return None
    try:
        return Decimal(value.strip())
    except InvalidOperation:
        return None


def whole(value: str | None) -> int | None:
    found = number(value)
    if found is None or abs(found) >= 2**31 + 1:
        return None
    rounded = found.quantize(Decimal("1e-18"), ROUND_HALF_UP)
    in_range = -(2**31) <= rounded < 2**31
    return int(rounded) if rounded == rounded.to_integral_value() and in_range else None


def cents(value: str | None) -> Decimal | None:
    found = number(value)
    if found is None or abs(found) > Decimal("1e9"):
        return None
    rounded = found.quantize(CENT, ROUND_HALF_UP)
    return rounded + 0 if abs(rounded) < Decimal("1e8") else None


def fill_gold(tables: Tables, events: list[Row]) -> None:
    by_product: dict[Any, list[Row]] = defaultdict(list)
    by_hour: dict[Any, list[Row]] = defaultdict(list)
    by_category: dict[Any, list[Row]] = defaultdict(list)
    by_date: dict[Any, list[Row]] = defaultdict(list)
    for event in events:
        day = event["timestamp"].date()
        if event["event_type"] != "search":
            by_product[day, event["product_id"], event["category"]].append(event)
        by_hour[day, event["timestamp"].hour].append(event)
        category = "uncategorized" if event["category"] is None else event["category"]
        by_category[day, category].append(event)
        by_date[day].append(event)
    tables.funnel = {key: funnel_row(rows) for key, rows in by_product.items()}
    tables.hourly = {key: (revenue(rows), purchases(rows)) for key, rows in by_hour.items()}
    tables.category = {key: category_row(rows) for key, rows in by_category.items()}
    tables.activity = {
        day: (len({r["user_id"] for r in rows}), len({r["session_id"] for r in rows}), len(rows))
        for day, rows in by_date.items()
    }
    tables.totals = all_time(tables.funnel)
    views = {product: counts[0] for product, counts in tables.totals.items()}
    ranking = sorted((-n, product, category) for (product, category), n in views.items() if n)
    tables.top = [(i + 1, p, c, -n) for i, (n, p, c) in enumerate(ranking[:10])]


def all_time(funnel: dict[tuple[date, str, str], Row]) -> dict[tuple[str, str], tuple[int, ...]]:
    """Views, carts and purchases of each product, all dates summed."""
    totals: dict[tuple[str, str], tuple[int, ...]] = {}
    for (_, product, category), row in funnel.items():
        counts = (row["views"], row["add_to_carts"], row["purchases"])
        before = totals.get((product, category), (0, 0, 0))
        totals[product, category] = tuple(map(sum, zip(before, counts, strict=True)))
    return totals


def count(rows: list[Row], kind: str) -> int:
    return sum(row["event_type"] == kind for row in rows)


def purchases(rows: list[Row]) -> int:
    return count(rows, "purchase")


def revenue(rows: list[Row]) -> Decimal | None:
    sold = (r["price"] * r["quantity"] for r in rows if r["event_type"] == "purchase")
    total = sum(sold, Decimal("0.00"))
    return total if total < TOO_MUCH else None


def rate(part: int, whole_count: int) -> Decimal | None:
    if not whole_count:
        return None
    return (Decimal(part) / whole_count).quantize(Decimal("0.0001"), ROUND_HALF_UP)


def funnel_row(rows: list[Row]) -> Row:
    views, carts, sold = (count(rows, kind) for kind in ("page_view", "add_to_cart", "purchase"))
    return {
        "views": views,
        "add_to_carts": carts,
        "purchases": sold,
        "view_to_cart_conversion": rate(carts, views),
        "view_to_purchase_conversion": rate(sold, views),
        "cart_to_purchase_conversion": rate(sold, carts),
    }


def category_row(rows: list[Row]) -> Row:
    return {
        "event_count": len(rows),
        "page_views": count(rows, "page_view"),
        "add_to_carts": count(rows, "add_to_cart"),
        "remove_from_carts": count(rows, "remove_from_cart"),
        "purchases": purchases(rows),
        "searches": count(rows, "search"),
        "revenue": revenue(rows),
    }
