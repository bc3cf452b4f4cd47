"""Lines: what was sent, and whether it ends in silver or which reasons reject it.

A case's event carries its title as user and session, by which the test finds it again.
"""

from __future__ import annotations

import json
from typing import Any

SILVER = ""
NO_OBJECT = "not_a_json_object"

Case = tuple[bytes, str]


def event(title: str, **fields: Any) -> str:
    """A page view at noon, with some fields changed."""
    base: dict[str, Any] = {
        "timestamp": "2026-11-05T12:00:00+00:00",
        "user_id": title,
        "session_id": title,
        "event_type": "page_view",
        "product_id": "p1",
        "category": "books",
        "quantity": None,
        "price": None,
        "search_query": None,
    }
    return json.dumps(base | fields, ensure_ascii=False, separators=(",", ":"))


CASES: dict[str, Case] = {}


def case(title: str, outcome: str, line: str | bytes) -> None:
    assert title not in CASES, f"two cases are called {title!r}"
    CASES[title] = (line if isinstance(line, bytes) else line.encode(), outcome)


def page_view(title: str, outcome: str, **fields: Any) -> None:
    case(title, outcome, event(title, **fields))


def purchase(title: str, outcome: str, **fields: Any) -> None:
    bought = {"event_type": "purchase", "quantity": 1, "price": 9.99}
    case(title, outcome, event(title, **(bought | fields)))


def rewritten(title: str, outcome: str, old: str, new: str, **fields: Any) -> None:
    """An event whose written form is changed where JSON libraries would not do so."""
    line = event(title, **fields)
    assert old in line, (title, old)
    case(title, outcome, line.replace(old, new))


# Not one JSON object.
case("top-level array", NO_OBJECT, "[1,2]")
case("array of one event", NO_OBJECT, f"[{event('x')}]")
case("top-level number", NO_OBJECT, "42")
case("top-level string", NO_OBJECT, '"purchase"')
case("top-level null", NO_OBJECT, "null")
case("top-level true", NO_OBJECT, "true")
case("plain text", NO_OBJECT, "GET /products/1 HTTP/1.1")
case("two objects on a line", NO_OBJECT, event("x") + event("x"))
case("object and garbage", NO_OBJECT, event("x") + " #")
case("object cut short", NO_OBJECT, event("x")[:100])
case("NaN", NO_OBJECT, event("NaN").replace('"price":null', '"price":NaN'))
case("Infinity", NO_OBJECT, event("Infinity").replace('"price":null', '"price":Infinity'))
case("minus Infinity", NO_OBJECT, event("x").replace('"price":null', '"price":-Infinity'))
case("single quotes", NO_OBJECT, "{'user_id':'u1'}")
case("trailing comma", NO_OBJECT, '{"user_id":"u1",}')
case("comment", NO_OBJECT, '{"user_id":"u1"/* who */}')
case("leading zero", NO_OBJECT, '{"quantity":01}')
case("hexadecimal number", NO_OBJECT, '{"quantity":0x10}')
case("NUL inside a string", NO_OBJECT, '{"user_id":"a\0b"}')
case("U+0001 inside a string", NO_OBJECT, '{"user_id":"a\x01b"}')
case("tab inside a string", NO_OBJECT, '{"user_id":"a\tb"}')
case("NUL after the object", NO_OBJECT, event("x") + "\0")
case("no-break space after the object", NO_OBJECT, event("x") + "\u00a0")
case("byte order mark in mid-file", NO_OBJECT, "\ufeff" + event("x"))
case("invalid UTF-8 outside of strings", NO_OBJECT, b"\xff\xfe{}")
case("UTF-16", NO_OBJECT, '{"user_id":"u1"}'.encode("utf-16-le"))
case("nested 100,000 deep", NO_OBJECT, '{"deep":' + "[" * 100_000 + "]" * 100_000 + "}")

# Objects of unusual shape.
case(
    "empty object",
    "invalid_timestamp,missing_session_id,missing_user_id,unknown_event_type",
    "{}",
)
page_view("nested 100 deep", SILVER, deep=json.loads("[" * 100 + "]" * 100))
page_view("10,000 keys", SILVER, **{f"key_{number}": number for number in range(10_000)})
page_view("10 MB line", SILVER, blob="0123456789abcdef" * 655_360)
page_view("unknown extra field", SILVER, app_version="2.1.0")
page_view("extra field called as a column", SILVER, corrupt_record="x", extended_record="y", line=1)
rewritten("duplicate key: the last counts", SILVER, '"p1"', '"p0","product_id":"p1"')
rewritten(
    "duplicate key: a null at last",
    "missing_product_id",
    '"p1"',
    '"p1","product_id":null',
)
rewritten("case-changed field names", "missing_product_id", "product_id", "Product_ID")
rewritten("missing field", "missing_category", '"category":"books",', "")
rewritten("optional fields missing", SILVER, ',"quantity":null,"price":null', "")
rewritten("escaped field name", SILVER, "product_id", "product\\u005fid")
case(
    "blanks around everything",
    SILVER,
    json.dumps(json.loads(event("blanks around everything")), separators=(" ,\t", "\t: ")),
)
rewritten("blanks before and behind", SILVER, "{", " \t{")

# Numbers.
purchase("price with a float's tail", SILVER, price=29.990000000000002)
purchase("price as a string", SILVER, price="29.99")
purchase("price and quantity in quotes with blanks", SILVER, price=" 29.99 ", quantity=" 2 ")
purchase("negative zero price", SILVER, price=-0.0)
purchase("negative price", "invalid_price", price=-0.01)
purchase("negative price that rounds to nothing", SILVER, price=-0.004)
rewritten(
    "price of 1e400",
    "invalid_price",
    "9.99",
    "1e400",
    event_type="purchase",
    quantity=1,
    price=9.99,
)
rewritten(
    "price of 1e-400", SILVER, "9.99", "1e-400", event_type="purchase", quantity=1, price=9.99
)
purchase("price of 1e30", "invalid_price", price=1e30)
purchase("price with an exponent", SILVER, price="1.5e1")
purchase("price with a comma", "invalid_price", price="1,299.00")
purchase("price with a currency", "invalid_price", price="€5")
purchase("price as an object", "invalid_price", price={"amount": 5})
purchase("price as true", "invalid_price", price=True)
purchase("empty price", "invalid_price", price="")
purchase("NaN as a string", "invalid_price", price="NaN")
purchase("quantity beyond 32 bits", "invalid_quantity", quantity=2**31)
purchase("quantity beyond 64 bits", "invalid_quantity", quantity=2**64 + 1)
purchase("quantity of a hundred digits", "invalid_quantity", quantity=10**100)
purchase("quantity as 2.0", SILVER, quantity=2.0)
purchase("quantity as 1.5", "invalid_quantity", quantity=1.5)
purchase("quantity of negative zero", "invalid_quantity", quantity=-0.0)
purchase("quantity as true", "invalid_quantity", quantity=True)
purchase("quantity as an array", "invalid_quantity", quantity=[1])
purchase("quantity in Arabic digits", SILVER, quantity="٢")
page_view("user id beyond 64 bits", SILVER, user_id=2**80)
page_view("user id as an object", SILVER, user_id={"id": 1})

# Times. The file is of 2026-11-05 12:00.
for title, outcome, value in [
    ("offset Z", SILVER, "2026-11-05T12:00:00Z"),
    ("offset with a colon", SILVER, "2026-11-05T17:30:00+05:30"),
    ("offset without a colon", SILVER, "2026-11-05T17:30:00+0530"),
    ("offset of hours", SILVER, "2026-11-05T07:00:00-05"),
    ("offset of minus zero", SILVER, "2026-11-05T12:00:00-00:00"),
    ("offset of 18 hours", SILVER, "2026-11-06T06:00:00+18:00"),
    ("offset of 18 hours and a minute", "invalid_timestamp", "2026-11-06T06:01:00+18:01"),
    ("offset of 60 minutes", "invalid_timestamp", "2026-11-05T13:00:00+00:60"),
    ("offset of one digit", "invalid_timestamp", "2026-11-05T12:00:00+5"),
    ("offset by name", "invalid_timestamp", "2026-11-05T12:00:00 Europe/Paris"),
    ("offset UTC", "invalid_timestamp", "2026-11-05T12:00:00 UTC"),
    ("local time without offset", SILVER, "2026-11-05T12:00:00"),
    ("blank instead of T", SILVER, "2026-11-05 12:00:00.5"),
    ("nanoseconds", SILVER, "2026-11-05T12:00:00.123456789Z"),
    ("year 0000", "timestamp_too_old", "0000-01-01T00:00:00Z"),
    ("year 0001 with an offset", "timestamp_too_old", "0001-01-01T00:00:00+18:00"),
    ("year 9999", "timestamp_in_future", "9999-12-31T23:59:59-18:00"),
    ("five-digit year", "invalid_timestamp", "12026-11-05T12:00:00Z"),
    ("leap second", "invalid_timestamp", "2016-12-31T23:59:60Z"),
    ("hour 24", "invalid_timestamp", "2026-11-05T24:00:00Z"),
    ("February 30", "invalid_timestamp", "2026-02-30T12:00:00Z"),
    ("February 29 of no leap year", "invalid_timestamp", "2026-02-29T12:00:00Z"),
    ("date only", "invalid_timestamp", "2026-11-05"),
    ("no seconds", "invalid_timestamp", "2026-11-05T12:00Z"),
    ("week date", "invalid_timestamp", "2026-W45-4T12:00:00Z"),
    ("American date", "invalid_timestamp", "11/05/2026 12:00:00"),
    ("seconds since 1970", "invalid_timestamp", 1793880000),
    ("digits of another script", "invalid_timestamp", "２０２６-11-05T12:00:00Z"),
    ("word for a time", "invalid_timestamp", "now"),
    ("31 days late", "timestamp_too_old", "2026-10-05T12:00:00Z"),
    ("two days early", "timestamp_in_future", "2026-11-07T12:00:00Z"),
]:
    page_view(title, outcome, timestamp=value)

# Text.
for title, value in {
    "combining and precomposed": "e\u0301 \u00e9",
    "emoji": "👩‍👩‍👧 😀",
    "right to left": "\u202eשלום مرحبا",
    "line separators of Unicode": "a\u2028b\u2029c\u0085d",
    "delete and other controls": "a\u007fb\u0080c",
    "noncharacters": "\ufffe\uffff\U0010ffff",
    "quotes": "\"double\" 'single' `back`",
    "backslashes": "C:\\temp\\new\\\\",
    "slashes": "/etc/passwd",
    "parent folders": "../../../etc/passwd",
    "equals and percent": "a=b%2Fc%00=%",
    "partition of Hive": "__HIVE_DEFAULT_PARTITION__",
    "braces": "{events} ${jndi:ldap://x} {{7*7}}",
    "SQL": "'; drop table events_cleaned; --",
    "SQL with a comment": "1/**/or/**/1=1 --",
    "formula with equals": "=cmd|' /C calc'!A0",
    "formula with at": "@SUM(1+1)*cmd|' /C calc'!A0",
    "formula with plus": "+1+1",
    "formula with minus": "-2+3",
    "markup": "<script>alert(1)</script>",
    "the word null": "null",
    "escaped control characters": "a\u0000b\u0001c\nd\re\tf",
    "a thousand characters": "x" * 1000,
}.items():
    page_view(title, SILVER, product_id=value, category=value)
page_view("every field in Cyrillic", SILVER, product_id="товар", category="книги")
page_view("search in Chinese", SILVER, event_type="search", search_query="红色 鞋子")
rewritten("half a surrogate pair", SILVER, '"p1"', '"\\ud800"')
rewritten("surrogate pair as escapes", SILVER, '"p1"', '"\\ud83d\\ude00"')
case(
    "invalid UTF-8 in a field",
    SILVER,
    event("invalid UTF-8 in a field", product_id="<>").encode().replace(b"<>", b"a\xffb\xc3"),
)

# Fields.
page_view("unknown event type", "unknown_event_type", event_type="checkout")
page_view("event type in capitals", "unknown_event_type", event_type="PAGE_VIEW")
page_view("event type as a number", "unknown_event_type", event_type=1)
page_view("empty user id", "missing_user_id", user_id="")
page_view("blank session id", "missing_session_id", session_id="   ")
page_view("null product id", "missing_product_id", product_id=None)
page_view("search without a query", "missing_search_query", event_type="search")
page_view(
    "several faults",
    "invalid_timestamp,missing_category,missing_user_id",
    timestamp="never",
    user_id=None,
    category="",
)
purchase("revenue out of range", "revenue_out_of_range", price=99999999.99, quantity=2**31 - 1)
