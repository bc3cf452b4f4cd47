"""Turn raw shop events into bronze, silver and gold tables: one run of a bookmarked Glue job.

A run writes, audits and only then publishes:

1. Write.   Every table's new rows go below that run's own prefix, `<table>/run=<run_id>/`.
2. Audit.   Counts taken on the way must agree with the row counts in the written files' footers.
3. Publish. The Glue Data Catalog is the pointer: one call creates a partition or moves it to the
            new prefix. Readers see old files or new ones, never a mixture.
4. Sweep.   Prefixes that no partition points to are deleted after a grace period.

A bookmark is at-least-once (a crash before `job.commit()` hands the same files to the next run), so
what a run publishes is a function of what is published already and of its own input: running again
after a crash at any point heals it. Grains are stated in the template, table by table.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import operator
import re
import sys
import threading
import time
import urllib.parse
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import MISSING, asdict, dataclass, field, fields
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import partial, reduce
from typing import Any

import boto3
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import Column, DataFrame, Observation, SparkSession
from pyspark.sql import functions as F

RAW_FIELDS = (
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

BRONZE = "bronze.events"
SILVER = "silver.events_cleaned"
QUARANTINE = "silver.events_quarantine"
PRODUCT_HOURLY = "silver.product_hourly"
VISITORS = "silver.daily_visitors"
PRODUCT_TOTALS = "silver.product_totals"
FUNNEL = "gold.conversion_funnel"
HOURLY_REVENUE = "gold.hourly_revenue"
TOP_PRODUCTS = "gold.top_products"
CATEGORY = "gold.category_performance"
ACTIVITY = "gold.user_activity"
LEDGER = "gold.pipeline_runs"
PUBLISH_ORDER = (
    BRONZE,
    SILVER,
    QUARANTINE,
    PRODUCT_HOURLY,
    VISITORS,
    FUNNEL,
    PRODUCT_TOTALS,
    HOURLY_REVENUE,
    TOP_PRODUCTS,
    CATEGORY,
    ACTIVITY,
    LEDGER,
)

DAILY_GOLD = (FUNNEL, HOURLY_REVENUE, CATEGORY, ACTIVITY)

UNKNOWN_HOUR = ("0000", "00", "00", "00")
# RFC 3339, offset optional; stricter than Spark's cast, which also takes '2026' and region names.
TIMESTAMP_FORM = r"^\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d([.]\d{1,9})?(Z|[+-]\d\d(:?\d\d)?)?$"
HIVE_KEY = re.compile(r"year=(\d{4})/month=(\d\d)/day=(\d\d)/hour=(\d\d)/(?:minute=(\d\d)/)?")
FILE_NAME = re.compile(r"(?:^|/)events-(\d{8})-(\d{6})[^/]*$")


class AuditError(Exception):
    """What was written is not what was meant: the run fails and publishes nothing."""


class OptionError(Exception):
    """A job argument says nothing that can be done."""


class CatalogError(Exception):
    """The Glue Data Catalog lacks what the job needs, or refused what it was asked to publish."""


class SourceError(Exception):
    """The bookmarked reader returned columns that this job does not know."""


class ReadError(Exception):
    """The new lines could not be read and written to bronze: a file of them may be damaged."""


class UnreadableFileError(Exception):
    """A source file's content is no text that can be read to its end."""


@dataclass(frozen=True)
class Options:
    """What a run is told by its job arguments. Days are whole days.

    `rebuild` is FIRST/LAST, two event dates: make rollups and gold of these days again from silver.
    `replay` is FROM/UNTIL, two hours of ingestion: take the source files of these hours again,
    whatever the bookmark says. With `dry_run` "true" either only says what it would do.
    """

    source_path: str
    bronze_database: str
    silver_database: str
    gold_database: str
    aws_region: str
    max_event_age_days: int = 30
    max_event_lead_days: int = 1
    sweep_after_days: int = 7
    rebuild: str = ""
    replay: str = ""
    dry_run: str = "false"

    def database(self, layer: str) -> str:
        return str(getattr(self, f"{layer}_database"))


# Steps are SQL over frames: what they cost a small run is the calls from Python to the JVM, and a
# statement is one call where an expression built of functions is hundreds.


def sql(statement: str, **frames: DataFrame) -> DataFrame:
    """A frame by a statement that names its input frames in braces.

    The views stay until the statement is made again: to drop one, as `spark.sql` with frames does,
    also drops what is persisted of its frame.
    """
    spark = next(iter(frames.values())).sparkSession
    digest = hashlib.sha256(statement.encode()).hexdigest()[:16]
    views = {name: f"{name}_{digest}" for name in frames}
    for name, frame in frames.items():
        frame.createOrReplaceTempView(views[name])
    return spark.sql(statement.format(**views))


# Bronze: one row per line received.


def lines_of(frame: DataFrame) -> DataFrame:
    """The raw lines of a bookmarked read, as `line` and `source_file`.

    The reader is Glue's CSV reader with a separator that JSON cannot hold unescaped, so a line is
    one column; a malformed line that does hold it comes back as several, and is put together.

    Raises:
        SourceError: The columns are not `col0`, `col1`, ... and `source_file`.
    """
    parts = [name for name in frame.columns if re.fullmatch(r"col\d+", name)]
    if set(frame.columns) != {*parts, "source_file"} or not parts:
        raise SourceError(
            f"The reader returned the columns {frame.columns}; expected col0 and source_file. "
            "Check the format_options of read_new_lines against the Glue version of this job."
        )
    line = parts[0] if len(parts) == 1 else f"concat_ws('\u0001', {', '.join(parts)})"
    return frame.selectExpr(f"{line} as line", "source_file").where(
        "startswith(line, '{') or trim(both ' \t\r' from line) != ''"
    )


def source_of_file(uri: str, source_path: str) -> str:
    """The identity of a line's file, by the URI that the reader attached."""
    bucket, prefix = split_s3(source_path)
    for root in (f"s3://{bucket}/", f"s3a://{bucket}/"):
        if uri.startswith(root):
            return source_of(uri.removeprefix(root), prefix)
    return uri


def source_of(key: str, prefix: str) -> str:
    """The identity of a source file: its name where the key follows from it, else its whole key."""
    name = key.rpartition("/")[2]
    folders = (("year", 7, 11), ("month", 11, 13), ("day", 13, 15), ("hour", 16, 18))
    path = "".join(f"{label}={name[start:end]}/" for label, start, end in folders)
    return name if key == f"{prefix}{path}minute={name[18:20]}/{name}" else key


def parsed(lines: DataFrame, nonce: str) -> DataFrame:
    """The nine fields as received, or the whole line where it is not one JSON object.

    `source` is the file's URI: to cut a name out of it, line by line, costs as much as parsing.

    A line that holds more than the nine fields, or one of them twice, is also kept whole, as
    `extended_record`. What JSON writes as a number with a fraction or an exponent, Spark keeps as
    the nearest double (1e400 becomes Infinity, which no rule takes for a number).

    Spark's parser stops after the first JSON value and drops what follows it. Where the first `}`
    is not the end of the line, the line must therefore parse as the first of two array elements,
    the second holding a value that the line's author cannot know.
    """
    schema = ", ".join(f"`{name}` string" for name in (*RAW_FIELDS, "corrupt_record"))
    strict = "map('allowSingleQuotes', 'false', 'allowNonNumericNumbers', 'false'"
    flat = "instr(line, '}') = length(trim(trailing ' \t\r' from line))"
    pair = f"""from_json(concat('[', line, ',{{"nonce":"{nonce}"}}]'),"""
    framed = f"{pair} 'array<struct<nonce: string>>', {strict}))"
    # By cases, not by `or`: Spark works out beforehand what it finds twice in the other.
    is_object = f"""case
        when is_plain then true
        when json is null or json.corrupt_record is not null then false
        when not startswith(trim(leading ' \t' from line), '{{') then false
        when {flat} then true
        else coalesce(size({framed}) = 2 and {framed}[1].nonce = '{nonce}', false) end"""
    extended = (
        f"case when is_plain or not is_object then null when {MORE_THAN_NINE} then {TEXT} end"
    )
    json = f"from_json(line, '{schema}', {strict}, 'columnNameOfCorruptRecord', 'corrupt_record'))"
    return (
        lines.selectExpr("line", "source_file as source", f"{json} as json")
        .selectExpr("*", f"line = {written_out('json')} as is_plain")
        .selectExpr("*", f"{is_object} as is_object")
        .selectExpr(
            *(f"if(is_object, json.`{name}`, null) as `{name}`" for name in RAW_FIELDS),
            f"if(is_object, null, {TEXT}) as corrupt_record",
            f"{extended} as extended_record",
            "source",
        )
    )


# The line as UTF-8, whatever bytes came: what is none of it becomes U+FFFD, as in parsed fields.
TEXT = r"regexp_replace(line, '\uFFFD', '\uFFFD')"
# array_intersect keeps each name once; a line whose names cannot be told is kept.
MORE_THAN_NINE = f"""coalesce(array_size(json_object_keys(line)) != array_size(array_intersect(
    json_object_keys(line), array({", ".join(f"'{name}'" for name in RAW_FIELDS)}))), true)"""


def written_out(record: str) -> str:
    """The line that holds just these nine fields, as the shop's event generator writes it.

    A line that equals it holds nothing else: every escape is longer than what it stands for, so
    no other line can read the same. Comparing costs a fraction of looking at the line's names.
    """
    parts = []
    for position, name in enumerate(RAW_FIELDS):
        label, value = f'{"," if position else "{"}"{name}":', f"{record}.`{name}`"
        if name in ("quantity", "price"):
            parts += [f"'{label}'", f"coalesce({value}, 'null')"]
        else:
            parts.append(
                f"""if({value} is null, '{label}null', concat('{label}"', {value}, '"'))"""
            )
    return f"concat({', '.join(parts)}, '}}')"


def quoted(text: str) -> str:
    """A text as a SQL literal."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


# Files: what a source's name says.


def source_time(source: str) -> datetime | None:
    """When a source file was written, UTC, by its key's folders or else its name."""
    folders = HIVE_KEY.search(source)
    name = FILE_NAME.search(source)
    try:
        if folders:
            year, month, day, hour, minute = (int(part or 0) for part in folders.groups())
            return datetime(year, month, day, hour, minute, tzinfo=UTC)
        if name:
            return datetime.strptime("".join(name.groups()), "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        pass
    return None


def source_partition(source: str) -> tuple[str, ...]:
    """The partition (year, month, day, hour, source) that a source file's rows belong to."""
    when = source_time(source)
    hour = when.strftime("%Y %m %d %H").split() if when else UNKNOWN_HOUR
    return (*hour, source)


def files_frame(spark: SparkSession, files: dict[str, str], options: Options) -> DataFrame:
    """One row per file: its URI as `source`, its position `file_id`, the bounds of a valid time.

    Args:
        files: The identity of each file by its URI.
    """
    rows: list[dict[str, Any]] = []
    for file_id, (uri, source) in enumerate(files.items()):
        row: dict[str, Any] = {"source": uri, "file_id": file_id}
        if when := source_time(source):
            row["earliest"] = when - timedelta(days=options.max_event_age_days)
            row["latest"] = when + timedelta(days=options.max_event_lead_days)
        rows.append(row)
    schema = "source: string, file_id: int, earliest: timestamp, latest: timestamp"
    return small_frame(spark, schema, rows)


def small_frame(spark: SparkSession, schema: str, rows: Sequence[dict[str, Any]]) -> DataFrame:
    """A frame of the driver's rows.

    Not createDataFrame: evaluating its rows takes Python workers, which take a second to start.
    """
    document = json.dumps(rows, default=datetime.isoformat)
    statement = f"select inline(from_json(:rows, 'array<struct<{schema}>>'))"
    return spark.sql(statement, args={"rows": document})


# Silver: one row per distinct valid event.


def typed(bronze: DataFrame) -> DataFrame:
    """Add `event_timestamp`, `units`, `amount` and `revenue`: null where a value does not fit."""
    # Without its offset a UTC timestamp casts in half the time.
    naive = """
        case when endswith(timestamp, '+00:00') then left(timestamp, length(timestamp) - 6)
             when endswith(timestamp, 'Z') then left(timestamp, length(timestamp) - 1)
             else timestamp end"""
    exact = "try_cast(quantity as decimal(38,18))"
    return bronze.selectExpr(
        "*",
        f"case when rlike(timestamp, r'{TIMESTAMP_FORM}') then try_cast({naive} as timestamp) end"
        " as event_timestamp",
        "coalesce(try_cast(quantity as int),"
        f" case when {exact} = floor({exact}) then try_cast({exact} as int) end) as units",
        "try_cast(price as decimal(10,2)) as amount",
    ).selectExpr(
        "*",
        "if(event_type = 'purchase', amount * units, cast(0 as decimal(21,2))) as revenue",
    )


CART = "event_type in ('add_to_cart', 'remove_from_cart', 'purchase')"
PRODUCT = "event_type in ('page_view', 'add_to_cart', 'remove_from_cart', 'purchase')"
# Each reason to reject a line that is a JSON object, and when it applies; null is no.
REJECTION_RULES = {
    "source_without_time": "earliest is null",
    "invalid_timestamp": "event_timestamp is null",
    "timestamp_too_old": "event_timestamp < earliest",
    "timestamp_in_future": "event_timestamp > latest",
    "missing_user_id": "coalesce(trim(user_id), '') = ''",
    "missing_session_id": "coalesce(trim(session_id), '') = ''",
    "unknown_event_type": f"event_type is null or not ({PRODUCT} or event_type = 'search')",
    "missing_product_id": f"{PRODUCT} and coalesce(trim(product_id), '') = ''",
    "missing_category": f"{PRODUCT} and coalesce(trim(category), '') = ''",
    "invalid_quantity": f"({CART} and coalesce(units, 0) < 1)"
    " or (quantity is not null and units is null)",
    "invalid_price": f"({CART} and coalesce(amount, -1) < 0)"
    " or (price is not null and amount is null)",
    "missing_search_query": "event_type = 'search' and coalesce(trim(search_query), '') = ''",
    "revenue_out_of_range": "abs(revenue) > 9999999999999999.99",
}


REASONS = ("unreadable_file", "not_a_json_object", *REJECTION_RULES)


def judged(events: DataFrame) -> DataFrame:
    """Add `is_valid`, and `rejected`: what quarantine keeps of a line that is not, else null.

    A line is valid if it is a JSON object and no rejection rule applies.
    """
    broken = " or ".join(f"coalesce({rule}, false)" for rule in REJECTION_RULES.values())
    named = ", ".join(f"if({rule}, '{name}', null)" for name, rule in REJECTION_RULES.items())
    fields = ", ".join(f"`{name}`" for name in (*RAW_FIELDS, "corrupt_record"))
    reasons = f"""case when corrupt_record = '' then array('unreadable_file')
        when corrupt_record is not null then array('not_a_json_object')
        else array_compact(array({named})) end"""
    rejected = f"case when not is_valid then struct({fields}, {reasons} as reasons, source) end"
    return events.selectExpr(
        "*", f"corrupt_record is null and not ({broken}) as is_valid"
    ).selectExpr("*", f"{rejected} as rejected")


def event_id() -> Column:
    """128-bit hash of exactly the nine typed fields; lengths and nulls are encoded, not skipped."""
    texts = (
        "cast(unix_micros(event_timestamp) as string)",
        *(f"cast(`{name}` as string)" for name in RAW_FIELDS[1:]),
    )
    encoded = (f"coalesce(concat(length({text}), ':', {text}), '-')" for text in texts)
    return F.expr(f"md5(concat({', '.join(encoded)}))")


def distinct_events(events: DataFrame) -> DataFrame:
    """One row per distinct valid event and rejected line of the batch; `copies` counts its lines.

    Shops deliver at least once: clients retry, and a file can come again under another name.
    Identity is all nine fields. Grouping by them stays a hash aggregate as long as what is kept
    beside them is fixed-width, hence the file's position instead of its name. Rejected lines come
    along so that bronze is read and judged once.
    """
    typed_fields = ("event_timestamp", *RAW_FIELDS[1:])
    identity = ", ".join(typed_fields)
    kept = ", ".join(name for name in typed_fields if name not in ("quantity", "price"))
    grouped = sql(
        f"""
        select {identity}, rejected, min(file_id) as file_id, count(*) as copies,
            min(cast(if(is_valid, revenue, null) as decimal(18,2))) as revenue
        from (
            select {kept}, units as quantity, amount as price, rejected, file_id, is_valid, revenue
            from {{events}}
        )
        group by {identity}, rejected
        """,
        events=events,
    )
    return grouped.select("*", event_id().alias("event_id")).selectExpr(
        "*", "to_date(event_timestamp) as event_date", "hour(event_timestamp) as event_hour"
    )


def quarantined(batch: DataFrame) -> DataFrame:
    """The rejected lines of a batch, each with every reason that applies.

    A line can be there a million times: it is repeated by thousands, in little memory.
    """
    return sql(
        """
        select rejected.*
        from {batch}
            lateral view explode(sequence(1, copies, 1000)) first_of_thousand as first
            lateral view explode(sequence(first, least(copies, first + 999))) each as nth
        where rejected is not null
        """,
        batch=batch,
    )


IS_EVENT = "rejected is null"


# Events of a batch up to which those that the lake has are looked up in the batch.
LOOKED_UP = 1_000_000


def known_of(events: DataFrame, known: DataFrame) -> DataFrame:
    """Those ids of the known events that the batch has too, and perhaps a few that it has not.

    Late in an hour those that the lake has are many more than a batch brings, so they are not
    shuffled but looked up, by a hash: Spark finds a single long several times as fast as a text.
    """
    return sql(
        """
        select /*+ broadcast(hashes) */ event_id
        from {known} left semi join (select xxhash64(event_id) as hash from {events}) as hashes
            on xxhash64(event_id) = hash
        """,
        events=events,
        known=known,
    )


def silver_rows(new_events: DataFrame, sources: Sequence[str]) -> DataFrame:
    """Silver's columns and keys; `sources` are in the order of `file_id`."""
    names = f"from_json({quoted(json.dumps(sources))}, 'array<string>')"
    return new_events.selectExpr(
        *("event_id", "event_timestamp", *RAW_FIELDS[1:], "revenue"),
        f"element_at({names}, file_id + 1) as source",
        *("event_date", "event_hour"),
    )


# Rollups: what gold is computed from.


def product_hourly(silver: DataFrame) -> DataFrame:
    """Counts by type, units and revenue per product and silver partition."""
    return sql(
        """
        select product_id, category,
            count(*) as event_count,
            count_if(event_type = 'page_view') as page_views,
            count_if(event_type = 'add_to_cart') as add_to_carts,
            count_if(event_type = 'remove_from_cart') as remove_from_carts,
            count_if(event_type = 'purchase') as purchases,
            count_if(event_type = 'search') as searches,
            sum(if(event_type = 'purchase', cast(quantity as bigint), 0)) as units_sold,
            try_cast(sum(revenue) as decimal(18,2)) as revenue,
            event_date, event_hour, run as run_id
        from {silver}
        group by product_id, category, event_date, event_hour, run
        """,
        silver=silver,
    )


def visitors(events: DataFrame) -> DataFrame:
    """The users and sessions of each date, once each."""
    return sql(
        """
        select distinct kind, id, event_date
        from (select distinct user_id, session_id, event_date from {events}) lateral view
            explode(map('user', user_id, 'session', session_id)) visitor as kind, id
        """,
        events=events,
    )


def visitors_by_run(silver: DataFrame) -> DataFrame:
    """The users and sessions of each date, once each, under the first run that knew of them."""
    return sql(
        """
        select kind, id, event_date, min(run) as run_id
        from {silver} lateral view
            explode(map('user', user_id, 'session', session_id)) visitor as kind, id
        group by kind, id, event_date
        """,
        silver=silver,
    )


def new_visitors(found: DataFrame, known: DataFrame) -> DataFrame:
    """Those visitors that their date does not have yet.

    Late in the day those it has are many more than a batch brings, so they are first looked up in
    the batch's by a hash, as in `known_of`.
    """
    return sql(
        """
        select kind, id, event_date
        from {found} left anti join (
            select /*+ broadcast(hashes) */ kind, id, event_date
            from {known} left semi join (
                select xxhash64(event_date, kind, id) as hash from {found}
            ) as hashes on xxhash64(event_date, kind, id) = hash
        ) using (event_date, kind, id)
        """,
        found=found,
        known=known,
    )


def merged_visitors(old: DataFrame, targets: DataFrame) -> DataFrame:
    """Visitors as they are, but in the partition that takes in theirs.

    A run that died while it merged leaves them twice, in both partitions.
    """
    return sql(
        """
        select /*+ broadcast(targets) */ distinct kind, id, old.event_date, targets.target as run_id
        from {old} as old join {targets} as targets
            on old.event_date = targets.event_date
            and coalesce(old.run_id, old.run) = targets.run_id
        """,
        old=old,
        targets=targets,
    )


def unique_visitors(people: DataFrame) -> DataFrame:
    """How many users and sessions each date has; some may be there twice."""
    return sql(
        """
        select event_date, count_if(kind = 'user') as unique_users,
            count_if(kind = 'session') as unique_sessions
        from (select distinct kind, id, event_date from {people})
        group by event_date
        """,
        people=people,
    )


# Gold: the answers. All but rates and ranks are sums, so gold of a date is made of parts: what is
# published of it and what a run adds, or else all of the date's rollups. Rollups are a few thousand
# rows, however many events they are of: here in the driver adding them up takes milliseconds, where
# each of Spark's queries takes tenths of a second.

FUNNEL_COUNTS = ("views", "add_to_carts", "purchases")
CATEGORY_COUNTS = (
    "event_count",
    "page_views",
    "add_to_carts",
    "remove_from_carts",
    "purchases",
    "searches",
)
VISITOR_COUNTS = ("unique_users", "unique_sessions")
MONEY = pa.decimal128(18, 2)
MOST_MONEY = Decimal("9999999999999999.99")
MOST_RATE = 9_999_999_999


def summed(parts: pa.Table, by: Sequence[str], counts: Sequence[str], money: str = "") -> pa.Table:
    """Sums of counts and of an amount of money, by some columns.

    A sum of money is null where it, or one of its parts, does not fit decimal(18,2).
    """
    wanted: list[tuple[Any, ...]] = [(name, "sum") for name in counts]
    if money:
        wide = parts[money].cast(pa.decimal128(38, 2))
        parts = parts.set_column(parts.schema.get_field_index(money), money, wide)
        wanted.append((money, "sum", pc.ScalarAggregateOptions(skip_nulls=False)))
    grouped = parts.group_by(list(by), use_threads=False).aggregate(wanted)
    columns = {name: grouped[name] for name in by}
    columns |= {name: grouped[f"{name}_sum"] for name in counts}
    if money:
        columns[money] = fitting(grouped[f"{money}_sum"], MOST_MONEY, MONEY)
    return pa.table(columns)


def fitting(values: pa.ChunkedArray, most: int | Decimal, kind: pa.DataType) -> pa.ChunkedArray:
    """The values as a type; null where they are more than it holds."""
    return pc.if_else(pc.less_equal(pc.abs(values), most), values, None).cast(kind)


def funnel_parts(products: pa.Table) -> pa.Table:
    is_viewed = pc.greater(products["event_count"], products["searches"])
    shown = products.filter(pc.and_(is_viewed, pc.is_valid(products["product_id"])))
    counts = dict(zip(FUNNEL_COUNTS, ("page_views", "add_to_carts", "purchases"), strict=True))
    kept = {name: name for name in ("product_id", "category", "event_date")} | counts
    return pa.table({name: shown[column] for name, column in kept.items()})


def conversion_funnel(parts: pa.Table) -> pa.Table:
    """Views, carts, purchases and their rates per date and product."""
    funnel = summed(parts, ("product_id", "category", "event_date"), FUNNEL_COUNTS)
    rates = {
        "view_to_cart_conversion": ("add_to_carts", "views"),
        "view_to_purchase_conversion": ("purchases", "views"),
        "cart_to_purchase_conversion": ("purchases", "add_to_carts"),
    }
    for name, (part, whole) in rates.items():
        funnel = funnel.append_column(name, rate(funnel[part], funnel[whole]))
    return funnel


def rate(part: pa.ChunkedArray, whole: pa.ChunkedArray) -> pa.ChunkedArray:
    """Part of whole as decimal(10,4), rounded half up; null where there is no whole.

    In whole ten thousandths, since neither doubles nor Arrow's division of decimals round so.
    """
    doubled = pc.multiply(pc.if_else(pc.equal(whole, 0), None, whole), 2)
    found = pc.divide(pc.add(pc.multiply(part, 20_000), pc.divide(doubled, 2)), doubled)
    known = pc.if_else(pc.less_equal(found, MOST_RATE), found, None).cast(pa.decimal128(19, 0))
    return pc.multiply(known, Decimal("0.0001")).cast(pa.decimal128(10, 4))


def revenue_parts(products: pa.Table) -> pa.Table:
    kept = {"total_revenue": "revenue", "transaction_count": "purchases"}
    kept |= {name: name for name in ("event_hour", "event_date")}
    return pa.table({name: products[column] for name, column in kept.items()})


def hourly_revenue(parts: pa.Table) -> pa.Table:
    return summed(parts, ("event_hour", "event_date"), ("transaction_count",), "total_revenue")


def category_parts(products: pa.Table) -> pa.Table:
    category = pc.fill_null(products["category"], "uncategorized")
    kept = products.select([*CATEGORY_COUNTS, "revenue", "event_date"])
    return kept.append_column("category", category)


def category_performance(parts: pa.Table) -> pa.Table:
    return summed(parts, ("category", "event_date"), CATEGORY_COUNTS, "revenue")


def activity_parts(products: pa.Table, visitors_found: pa.Table) -> pa.Table:
    """What events and visitors add to a date; each visitor is counted once."""
    columns = (*VISITOR_COUNTS, "total_events", "event_date")
    of_events = {
        **dict.fromkeys(VISITOR_COUNTS, pa.repeat(0, products.num_rows)),
        "total_events": products["event_count"],
        "event_date": products["event_date"],
    }
    of_visitors = {
        **{name: visitors_found[name] for name in (*VISITOR_COUNTS, "event_date")},
        "total_events": pa.repeat(0, visitors_found.num_rows),
    }
    return pa.concat_tables(pa.table(one).select(columns) for one in (of_events, of_visitors))


def user_activity(parts: pa.Table) -> pa.Table:
    """Unique users, unique sessions and events per date."""
    return summed(parts, ("event_date",), (*VISITOR_COUNTS, "total_events"))


def product_totals(parts: pa.Table) -> pa.Table:
    """Views, carts and purchases per product, of all time."""
    totals = summed(parts, ("product_id", "category"), FUNNEL_COUNTS)
    return totals.append_column("period", pa.array(["all_time"] * totals.num_rows, pa.string()))


def taken_away(parts: pa.Table) -> pa.Table:
    """Parts that bring sums back to what they were without them."""
    for position, name in enumerate(parts.column_names):
        if name in FUNNEL_COUNTS:
            parts = parts.set_column(position, name, pc.negate(parts[name]))
    return parts


def top_products(totals: pa.Table) -> pa.Table:
    """The ten most viewed products of all time; ties by product_id, then category."""
    viewed = totals.filter(pc.greater(totals["views"], 0))
    order = [("views", "descending"), ("product_id", "ascending"), ("category", "ascending")]
    ten = viewed.sort_by(order).slice(0, 10)
    return pa.table(
        {
            "rank": pa.array(range(1, ten.num_rows + 1), pa.int32()),
            "product_id": ten["product_id"],
            "category": ten["category"],
            "view_count": ten["views"],
            "period": ten["period"],
        }
    )


# Data quality: what holds of the tables by construction, in DQDL, Glue's language for it. Each run
# holds the rules against what it has written; the notebook declares them in the catalog.

DATA_QUALITY = {
    "silver.events_cleaned": """Rules = [
        IsComplete "event_id", IsComplete "event_timestamp", IsComplete "user_id",
        IsComplete "session_id", IsComplete "event_type", IsComplete "source",
        IsComplete "revenue", ColumnValues "revenue" >= 0
    ]""",
    "silver.product_hourly": """Rules = [
        RowCount > 0, ColumnValues "event_count" >= 1, ColumnValues "units_sold" >= 0,
        IsComplete "revenue", ColumnValues "revenue" >= 0
    ]""",
    "silver.daily_visitors": """Rules = [
        IsComplete "kind", IsComplete "id"
    ]""",
    "silver.product_totals": """Rules = [
        IsComplete "product_id", IsComplete "category", ColumnValues "views" >= 0,
        ColumnValues "add_to_carts" >= 0, ColumnValues "purchases" >= 0
    ]""",
    "gold.conversion_funnel": """Rules = [
        IsComplete "product_id", IsComplete "category", ColumnValues "views" >= 0,
        ColumnValues "add_to_carts" >= 0, ColumnValues "purchases" >= 0
    ]""",
    "gold.hourly_revenue": """Rules = [
        RowCount > 0, ColumnValues "event_hour" >= 0, ColumnValues "event_hour" <= 23,
        IsComplete "total_revenue", ColumnValues "total_revenue" >= 0,
        ColumnValues "transaction_count" >= 0
    ]""",
    "gold.top_products": """Rules = [
        RowCount <= 10, ColumnValues "rank" >= 1, ColumnValues "rank" <= 10,
        IsComplete "product_id", IsComplete "category", ColumnValues "view_count" >= 1
    ]""",
    "gold.category_performance": """Rules = [
        RowCount > 0, IsComplete "category", ColumnValues "event_count" >= 1,
        IsComplete "revenue", ColumnValues "revenue" >= 0
    ]""",
    "gold.user_activity": """Rules = [
        RowCount > 0, ColumnValues "unique_users" >= 1, ColumnValues "unique_sessions" >= 1,
        ColumnValues "total_events" >= 1
    ]""",
}
COMPARISONS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
RULE = re.compile(
    r'IsComplete "(?P<complete>\w+)"'
    r'|(?:RowCount|ColumnValues "(?P<values>\w+)") (?P<comparison>[<>]=?) (?P<bound>-?\d+)'
)


@dataclass(frozen=True)
class Rule:
    """A rule on a column's nulls; with a comparison on its values, or without a column on rows."""

    text: str
    column: str
    comparison: str
    bound: int

    def admits(self, value: int | Decimal) -> bool:
        return bool(COMPARISONS[self.comparison](value, self.bound))


def rules_in(ruleset: str) -> tuple[Rule, ...]:
    """The rules of a text in DQDL, as far as the footers of Parquet files can decide them.

    Raises:
        ValueError: Something in it is none; `DQDL reference` in the AWS Glue user guide has more.
    """
    form = re.fullmatch(r"Rules = \[\s*(.*\S)\s*\]", ruleset, re.DOTALL)
    rules = []
    for text in re.split(r"\s*,\s*", form[1]) if form else [ruleset]:
        if not form or not (rule := RULE.fullmatch(text)):
            raise ValueError(
                f"{text!r} is nothing that a run can evaluate: write Rules = [ rule, ... ] with"
                " IsComplete of a column, or RowCount or ColumnValues and <, <=, > or >= and a"
                " whole number"
            )
        column = rule["complete"] or rule["values"] or ""
        rules.append(Rule(text, column, rule["comparison"] or "", int(rule["bound"] or 0)))
    return tuple(rules)


# At import, so that a rule that is none fails the tests and not the end of a run.
RULES = {table: rules_in(ruleset) for table, ruleset in DATA_QUALITY.items()}


def violation(rule: Rule, footers: Sequence[pq.FileMetaData]) -> str:
    """What breaks a rule in Parquet files, by their footers alone; nothing where it holds.

    A rule that they do not decide is broken. So is ColumnValues by a null, as in Glue ("Null
    behavior" of ColumnValues, AWS Glue user guide).
    """
    if not rule.column:
        rows = sum(footer.num_rows for footer in footers)
        return "" if rule.admits(rows) else f"{rows} rows"
    found = [one for footer in footers for one in statistics_of(footer, rule.column)]
    if any(one is None or not one.has_null_count for one in found):
        return "not evaluated: no count of nulls in a file"
    if nulls := sum(one.null_count for one in found):
        return f"{nulls} null"
    if not rule.comparison:
        return ""
    bounds = [bound for one in found if one.num_values for bound in bounds_of(one)]
    if None in bounds:
        return "not evaluated: no least and greatest number in a file"
    broken = [bound for bound in bounds if not rule.admits(bound)]
    return f"{max(broken, key=lambda value: abs(value - rule.bound))} found" if broken else ""


def statistics_of(footer: pq.FileMetaData, column: str) -> list[Any]:
    """Statistics of a column, by row group that has rows; None where there are none."""
    names = footer.schema.names
    if column not in names:
        return [None]
    groups = map(footer.row_group, range(footer.num_row_groups))
    return [group.column(names.index(column)).statistics for group in groups if group.num_rows]


def bounds_of(statistics: pq.Statistics) -> list[Any]:
    """Least and greatest value; None for what is not known, or is no exact number."""
    try:
        bounds = [statistics.min, statistics.max] if statistics.has_min_max else [None]
    except pa.ArrowException:
        return [None]
    return [bound if isinstance(bound, int | Decimal) else None for bound in bounds]


# The lake: S3 prefixes and the catalog that points to them.


@dataclass(frozen=True)
class Table:
    """A catalog table; `name` is `<layer>.<table>`, `location` ends with a slash."""

    name: str
    database: str
    location: str
    columns: dict[str, str]
    keys: dict[str, str]
    storage: dict[str, Any] = field(repr=False)

    @property
    def types(self) -> dict[str, str]:
        """Catalog types of all columns, the partition keys last."""
        return {**self.columns, **self.keys}

    @property
    def schema(self) -> pa.Schema:
        """`types` as Arrow has them; for small tables only."""
        return pa.schema([(name, arrow_type(kind)) for name, kind in self.types.items()])

    @property
    def ddl(self) -> str:
        return ", ".join(f"`{name}` {kind}" for name, kind in self.types.items())


@dataclass(frozen=True)
class Partition:
    """Values of one partition, in the order of its table's keys, and the prefix it points to."""

    table: str
    values: tuple[str, ...]
    location: str


@dataclass(frozen=True)
class Written:
    """What one write left below its prefix."""

    partitions: tuple[Partition, ...] = ()
    rows: int = 0
    bytes: int = 0
    rules_failed: tuple[str, ...] = ()


# Columns that Parquet is not to make dictionaries of: most of their values come once, so that a
# dictionary is given up when it has grown too large, and the files come out larger by it.
NEARLY_UNIQUE = ("timestamp", "event_id", "event_timestamp", "user_id", "session_id")


class Lake:
    """One run's view of the lake: it stages partitions, audits them and publishes them in order.

    Args:
        run_id: Names the run's prefixes; sorts by start time.
        options: Where the lake is.
        glue, s3: boto3 clients.
    """

    def __init__(self, run_id: str, options: Options, glue: Any, s3: Any) -> None:
        self.run_id = run_id
        self.options = options
        self.glue = glue
        self.s3 = s3
        layers = ("bronze", "silver", "gold")
        with ThreadPoolExecutor(len(layers)) as pool:
            entries = dict(zip(layers, pool.map(self._entries, layers), strict=True))
        self.tables = {name: self._table(name, entries) for name in PUBLISH_ORDER}
        self.staged: dict[str, Written] = {}
        self.outdated: dict[str, list[Partition]] = {}

    def _entries(self, layer: str) -> dict[str, Any]:
        """The catalog's tables of one layer, by name; none where there is no such database."""
        pages = self.glue.get_paginator("get_tables").paginate(
            DatabaseName=self.options.database(layer)
        )
        try:
            return {entry["Name"]: entry for page in pages for entry in page["TableList"]}
        except self.glue.exceptions.EntityNotFoundException:
            return {}

    def _table(self, name: str, entries: dict[str, dict[str, Any]]) -> Table:
        layer, _, short = name.partition(".")
        database = self.options.database(layer)
        entry = entries[layer].get(short)
        if entry is None:
            raise CatalogError(
                f"Table {database}.{short} is not in the Glue Data Catalog of "
                f"{self.options.aws_region}. Deploy capstone-starter.cfn.yaml first, or correct "
                f"the job argument --{layer}_database."
            )
        storage = entry["StorageDescriptor"]
        return Table(
            name=name,
            database=database,
            location=storage["Location"].rstrip("/") + "/",
            columns={c["Name"]: c["Type"] for c in storage["Columns"]},
            keys={c["Name"]: c["Type"] for c in entry.get("PartitionKeys", [])},
            storage=storage,
        )

    def anew(self, now: datetime) -> Lake:
        """The lake for another try of the same run, which shares no prefix with this one."""
        run_id = f"{run_stamp(now)}-{self.run_id.partition('-')[2]}"
        return Lake(run_id, self.options, self.glue, self.s3)

    def latest(self) -> Lake:
        """This lake, under a run id that sorts after those of all runs, whatever clocks they had.

        Gold is complete up to the run that wrote it only as long as run ids sort by time.
        """
        bucket, prefix = self._manifests
        later = [entry["Key"] for entry in self.objects(bucket, prefix, f"{prefix}{self.run_id}")]
        if not later:
            return self
        run_id = later[-1][len(prefix) :]
        return self.anew(run_time(run_id) + timedelta(microseconds=1))

    def prefix(self, name: str) -> str:
        return f"{self.tables[name].location}run={self.run_id}/"

    # reading

    def published(self, name: str, dates: Iterable[date] | None = None) -> list[Partition]:
        """The published partitions of a table, of the given dates or of all."""
        table = self.tables[name]
        request: dict[str, Any] = {
            "DatabaseName": table.database,
            "TableName": name.partition(".")[2],
            "ExcludeColumnSchema": True,
        }
        expressions: list[dict[str, str]] = [{}]
        if dates is not None:
            quoted = [f"'{day.isoformat()}'" for day in sorted(set(dates))]
            expressions = [
                {"Expression": f"event_date in ({', '.join(chunk)})"}
                for chunk in chunks(quoted, 100)
            ]
        pages = self.glue.get_paginator("get_partitions")
        return [
            Partition(name, tuple(entry["Values"]), entry["StorageDescriptor"]["Location"])
            for expression in expressions
            for page in pages.paginate(**request, **expression)
            for entry in page["Partitions"]
        ]

    def current(self, name: str, published: Iterable[Partition]) -> list[Partition]:
        """Published partitions as they will be once this run has published."""
        gone = {found.values for found in self.outdated.get(name, [])}
        by_values = {found.values: found for found in published if found.values not in gone}
        by_values.update({new.values: new for new in self.written(name).partitions})
        return list(by_values.values())

    def written(self, name: str) -> Written:
        return self.staged.get(name, Written())

    def read(self, spark: SparkSession, name: str, partitions: Sequence[Partition]) -> DataFrame:
        """The rows of the given partitions: the table's columns and keys, and `run`, the writer."""
        table = self.tables[name]
        if not partitions:
            schema = f"array<struct<{table.ddl}, run string>>"
            return spark.sql(f"select inline(from_json('[]', '{schema}'))")
        return (
            spark.read.schema(f"{table.ddl}, run string")
            .option("basePath", table.location)
            .parquet(*sorted(found.location for found in partitions))
        )

    def read_small(self, name: str, partitions: Iterable[Partition]) -> pa.Table:
        """The rows of partitions that are small at any scale: the table's columns and keys.

        Raises:
            CatalogError: A partition has no file.
        """
        table = self.tables[name]
        schema = table.schema
        with ThreadPoolExecutor(8) as pool:
            parts = list(pool.map(lambda one: self._small(table, one), partitions))
        return pa.concat_tables([schema.empty_table(), *(part.cast(schema) for part in parts)])

    def _small(self, table: Table, partition: Partition) -> pa.Table:
        bucket, prefix = split_s3(partition.location)
        files = []
        for entry in self.objects(bucket, prefix):
            if is_data(entry["Key"]):
                body = self.s3.get_object(Bucket=bucket, Key=entry["Key"])["Body"].read()
                files.append(pq.read_table(io.BytesIO(body), columns=list(table.columns)))
        if not files:
            raise CatalogError(
                f"{partition.location} is published in {table.database} and holds no file. What it"
                " held was deleted: restore it, or make the date again with --rebuild."
            )
        rows = pa.concat_tables(files)
        for key, value in zip(table.keys, partition.values, strict=True):
            rows = rows.append_column(key, pa.array([value] * rows.num_rows, pa.string()))
        return rows

    # writing

    def write(
        self,
        name: str,
        frame: DataFrame,
        meant: Counts | None = None,
        row_group_bytes: int | None = None,
    ) -> Written:
        """Write a frame below this run's prefix, partitioned by its table's keys, and audit it.

        Args:
            meant: Counts taken in the frame, whose `rows` is how many are meant to arrive; without
                them the frame's own rows are counted on their way to the files.

        Raises:
            CatalogError: The frame's columns or types are not those of the catalog.
            AuditError: The files hold other than the rows that were written to them.
        """
        table = self.tables[name]
        folders = [key for key in table.keys if key in self._checked_types(table, frame)]
        if meant is None:
            meant = Counts()
            frame = meant.of(frame, rows="count(*)")
        writer = frame.write.option("compression", "zstd")
        for column in NEARLY_UNIQUE:
            writer = writer.option(f"parquet.enable.dictionary#{column}", "false")
        if row_group_bytes:
            writer = writer.option("parquet.block.size", row_group_bytes)
        writer.partitionBy(*folders).parquet(self.prefix(name))
        return self._audited(name, meant["rows"])

    def write_small(self, name: str, rows: pa.Table) -> Written:
        """Write rows that are few at any scale, from here: a file for each partition.

        Raises:
            CatalogError, AuditError: As `write`.
        """
        table = self.tables[name]
        schema = table.schema
        named = dict(zip(rows.schema.names, rows.schema.types, strict=True))
        self._refuse_other_types(table, named, dict(zip(schema.names, schema.types, strict=True)))
        rows = rows.select(schema.names).sort_by([(key, "ascending") for key in schema.names])
        for values in rows.group_by(list(table.keys)).aggregate([]).to_pylist():
            is_meant = [pc.equal(rows[key], value) for key, value in values.items()]
            content = rows.filter(reduce(pc.and_, is_meant)).select(list(table.columns))
            folder = "".join(f"{key}={value}/" for key, value in values.items())
            bucket, prefix = split_s3(self.prefix(name))
            self.put(bucket, f"{prefix}{folder}part.parquet", content)
        return self._audited(name, rows.num_rows)

    def put(self, bucket: str, key: str, table: pa.Table) -> int:
        """Write one Parquet object; returns its bytes."""
        buffer = io.BytesIO()
        pq.write_table(table, buffer, compression="zstd")
        self.s3.put_object(Bucket=bucket, Key=key, Body=buffer.getvalue())
        return buffer.tell()

    def _audited(self, name: str, rows: int) -> Written:
        result = self._inspect(name)
        audit({f"rows in the files of {name}": (rows, result.rows)})
        self.staged[name] = result
        return result

    def _checked_types(self, table: Table, frame: DataFrame) -> dict[str, str]:
        types = dict(frame.dtypes)
        keys = {name: kind for name, kind in table.keys.items() if name in types}
        self._refuse_other_types(table, types, {**table.columns, **keys})
        return types

    def _refuse_other_types(
        self, table: Table, found: dict[str, Any], wanted: dict[str, Any]
    ) -> None:
        if found != wanted:
            differing = sorted({f"{name} {kind}" for name, kind in found.items() ^ wanted.items()})
            raise CatalogError(
                f"The job and the catalog differ on {table.database}.{table.name}: {differing}. "
                "Deploy the template of the same version as this job."
            )

    def _inspect(self, name: str) -> Written:
        bucket, prefix = split_s3(self.prefix(name))
        objects = [entry for entry in self.objects(bucket, prefix) if is_data(entry["Key"])]
        folders = sorted({entry["Key"].rpartition("/")[0] for entry in objects})
        partitions = (self._partition(name, bucket, prefix, folder) for folder in folders)
        rules, rows, footers = RULES.get(name, ()), 0, []
        for footer in self._footers(bucket, objects):
            rows += footer.num_rows
            # Of bronze there can be a month's, and none is asked for more than its rows.
            footers += [footer] if rules else []
        broken = ((rule, violation(rule, footers)) for rule in rules)
        return Written(
            partitions=tuple(partitions),
            rows=rows,
            bytes=sum(entry["Size"] for entry in objects),
            rules_failed=tuple(f"{name}: {rule.text} ({what})" for rule, what in broken if what),
        )

    def _partition(self, name: str, bucket: str, prefix: str, folder: str) -> Partition:
        pairs = (part.partition("=") for part in folder[len(prefix) :].split("/"))
        # Spark escapes in partition folders what Hive does: %XX for single bytes.
        known = {key: urllib.parse.unquote(value) for key, _, value in pairs}
        if name in (BRONZE, QUARANTINE):
            source = source_of_file(known["source"], self.options.source_path)
            values = source_partition(source)
        else:
            known.setdefault("run_id", self.run_id)
            values = tuple(known[key] for key in self.tables[name].keys)
        return Partition(name, values, f"s3://{bucket}/{folder}/")

    def objects(
        self, bucket: str, prefix: str, after: str = "", at_once: int = 1000
    ) -> Iterator[dict[str, Any]]:
        pages = self.s3.get_paginator("list_objects_v2").paginate(
            Bucket=bucket,
            Prefix=prefix,
            StartAfter=after,
            PaginationConfig={"PageSize": at_once},
        )
        for page in pages:
            yield from page.get("Contents", [])

    def _footers(self, bucket: str, objects: Sequence[dict[str, Any]]) -> Iterator[pq.FileMetaData]:
        with ThreadPoolExecutor(8) as pool:
            yield from pool.map(lambda entry: self._footer(bucket, entry), objects)

    def _footer(self, bucket: str, entry: dict[str, Any]) -> pq.FileMetaData:
        """The footer of one Parquet object."""
        tail = min(entry["Size"], 1 << 16)
        while True:
            span = f"bytes={entry['Size'] - tail}-{entry['Size'] - 1}"
            data = self.s3.get_object(Bucket=bucket, Key=entry["Key"], Range=span)["Body"].read()
            footer = int.from_bytes(data[-8:-4], "little") + 8
            if data[-4:] != b"PAR1" or footer > entry["Size"]:
                raise AuditError(
                    f"s3://{bucket}/{entry['Key']} is not a whole Parquet file "
                    f"({entry['Size']} bytes). Nothing was published; run the job again."
                )
            if footer <= len(data):
                return pq.read_metadata(io.BytesIO(b"PAR1" + data))
            tail = footer

    def rows_at(self, partitions: Iterable[Partition]) -> int:
        """Rows in the files of the given partitions."""
        total = 0
        for found in partitions:
            bucket, prefix = split_s3(found.location)
            objects = [entry for entry in self.objects(bucket, prefix) if is_data(entry["Key"])]
            total += sum(footer.num_rows for footer in self._footers(bucket, objects))
        return total

    def ledger_rows(self, partition: Partition) -> list[dict[str, Any]]:
        """The runs of one date, as its published ledger has them."""
        bucket, prefix = split_s3(partition.location)
        body = self.s3.get_object(Bucket=bucket, Key=f"{prefix}ledger.parquet")["Body"]
        return list(pq.read_table(io.BytesIO(body.read())).to_pylist())

    def finished_runs(self, run_ids: Iterable[str]) -> set[str]:
        """Those of the given runs that published everything: their ledger row is the last of it."""
        dates = {f"{run_id[:4]}-{run_id[4:6]}-{run_id[6:8]}" for run_id in run_ids}
        ledgers = self.existing(Partition(LEDGER, (day,), "") for day in dates)
        rows = (row for found in ledgers.values() for row in self.ledger_rows(found))
        return {row["run_id"] for row in rows}.intersection(run_ids)

    # publishing

    def existing(self, partitions: Iterable[Partition]) -> dict[tuple[str, ...], Partition]:
        """Those of one table's given partitions that are published, as they are published."""
        found: dict[tuple[str, ...], Partition] = {}
        for chunk in chunks(list(partitions), 100):
            pending = [{"Values": list(wanted.values)} for wanted in chunk]
            while pending:
                answer = self.glue.batch_get_partition(
                    **self._table_args(chunk[0].table), PartitionsToGet=pending
                )
                for entry in answer["Partitions"]:
                    values = tuple(entry["Values"])
                    location = entry["StorageDescriptor"]["Location"]
                    found[values] = Partition(chunk[0].table, values, location)
                pending = answer.get("UnprocessedKeys", [])
        return found

    def _table_args(self, name: str) -> dict[str, str]:
        return {"DatabaseName": self.tables[name].database, "TableName": name.partition(".")[2]}

    def _entry(self, partition: Partition) -> dict[str, Any]:
        storage = {**self.tables[partition.table].storage, "Location": partition.location}
        return {"Values": list(partition.values), "StorageDescriptor": storage}

    def publish(self, name: str, superseded: dict[tuple[str, ...], Partition]) -> int:
        """Point the catalog at a table's staged partitions; returns how many.

        Raises:
            CatalogError: The catalog refused a partition.
        """
        args = self._table_args(name)
        staged = self.written(name).partitions
        fresh = [self._entry(new) for new in staged if new.values not in superseded]
        moved = [self._entry(new) for new in staged if new.values in superseded]
        for chunk in chunks(fresh, 100):
            answer = self.glue.batch_create_partition(**args, PartitionInputList=chunk)
            # The client repeats a call whose answer was lost, and then finds its own partitions.
            refuse_errors(name, answer, besides="AlreadyExistsException")
            existing = {tuple(error["PartitionValues"]) for error in answer.get("Errors", [])}
            moved += [entry for entry in chunk if tuple(entry["Values"]) in existing]
        for chunk in chunks(moved, 100):
            entries = [{"PartitionValueList": e["Values"], "PartitionInput": e} for e in chunk]
            refuse_errors(name, self.glue.batch_update_partition(**args, Entries=entries))
        return len(staged)

    def withdraw(self, partitions: Iterable[Partition]) -> None:
        """Take partitions of one table out of the catalog; their files stay until swept."""
        for chunk in chunks(list(partitions), 25):
            values = [{"Values": list(gone.values)} for gone in chunk]
            answer = self.glue.batch_delete_partition(
                **self._table_args(chunk[0].table), PartitionsToDelete=values
            )
            refuse_errors(chunk[0].table, answer, besides="EntityNotFoundException")

    # manifests and the sweep

    @property
    def _manifests(self) -> tuple[str, str]:
        bucket, _ = split_s3(self.tables[LEDGER].location)
        return bucket, "runs/"

    def note(self, partitions: Sequence[Partition] | None) -> None:
        """Leave word of what this run may orphan: None while it writes, then all it involves."""
        bucket, prefix = self._manifests
        involved = None if partitions is None else [asdict(one) for one in partitions]
        body = json.dumps({"run_id": self.run_id, "partitions": involved})
        self.s3.put_object(
            Bucket=bucket,
            Key=f"{prefix}{self.run_id}.json",
            Body=body.encode(),
            ContentType="application/json",
        )

    def sweep(self, now: datetime) -> int:
        """Delete what earlier runs left and no partition points to; returns how many objects.

        A run that never came to publish left everything below its prefixes; one that did left what
        it replaced, or what it staged and a later try replaced. Nothing younger than the grace
        period is touched, so a query that planned with old locations keeps its files.
        """
        bucket, prefix = self._manifests
        limit = run_stamp(now - timedelta(days=self.options.sweep_after_days))
        deleted = 0
        # The oldest come first, and of a week's most often none is due.
        for entry in self.objects(bucket, prefix, at_once=20):
            run_id = entry["Key"][len(prefix) :].removesuffix(".json")
            if run_id >= limit:
                break
            body = self.s3.get_object(Bucket=bucket, Key=entry["Key"])["Body"].read()
            deleted += sum(map(self._delete, self._orphans(run_id, json.loads(body)["partitions"])))
            self.s3.delete_object(Bucket=bucket, Key=entry["Key"])
        return deleted

    def _orphans(self, run_id: str, partitions: list[dict[str, Any]] | None) -> list[str]:
        if partitions is None:
            return [f"{table.location}run={run_id}/" for table in self.tables.values()]
        by_table = defaultdict(list)
        for one in partitions:
            by_table[one["table"]].append(
                Partition(one["table"], tuple(one["values"]), one["location"])
            )
        return [
            one.location
            for involved in by_table.values()
            for alive in [{found.location for found in self.existing(involved).values()}]
            for one in involved
            if one.location not in alive
        ]

    def _delete(self, location: str) -> int:
        bucket, prefix = split_s3(location)
        keys = [{"Key": entry["Key"]} for entry in self.objects(bucket, prefix)]
        for chunk in chunks(keys, 1000):
            answer = self.s3.delete_objects(Bucket=bucket, Delete={"Objects": chunk, "Quiet": True})
            refuse_errors(location, answer)
        return len(keys)


def arrow_type(kind: str) -> pa.DataType:
    """The Parquet writer's type for a catalog type.

    Raises:
        ValueError: It is not one of those that small tables have.
    """
    simple = {
        "string": pa.string(),
        "int": pa.int32(),
        "bigint": pa.int64(),
        "date": pa.date32(),
    }
    if kind in simple:
        return simple[kind]
    if match := re.fullmatch(r"decimal\((\d+),(\d+)\)", kind):
        return pa.decimal128(int(match[1]), int(match[2]))
    raise ValueError(f"no Parquet type is known for {kind!r}: add it to arrow_type")


def split_s3(uri: str) -> tuple[str, str]:
    """Bucket and key of an s3:// location.

    Raises:
        ValueError: It is not one.
    """
    match = re.fullmatch(r"s3://([^/]+)/(.*)", uri)
    if not match:
        raise ValueError(f"{uri!r} is not an s3://bucket/prefix location")
    return match[1], match[2]


def folder_value(location: str) -> str:
    """The value that the last folder of a prefix is named by: Spark escapes it as Hive does."""
    return urllib.parse.unquote(location.rstrip("/").rpartition("/")[2].partition("=")[2])


def is_data(key: str) -> bool:
    return not any(part.startswith(("_", ".")) for part in key.split("/"))


def chunks(items: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    return (items[start : start + size] for start in range(0, len(items), size))


def refuse_errors(what: str, answer: dict[str, Any], besides: str = "") -> None:
    """Raise for the members of a batch that were refused, `besides` those with this error code."""
    errors = [
        error
        for error in answer.get("Errors", [])
        if error.get("ErrorDetail", {}).get("ErrorCode", "unknown") != besides
    ]
    if errors:
        raise CatalogError(f"{what}: {errors[0]} ({len(errors)} refused)")


class Counts:
    """Counts that Spark takes on the way, while an action runs over a frame.

    They are there once that action is done. Spark's own `Observation.get` waits for ever when the
    optimizer has dropped the frame from the plan; this one gives up.

    Raises:
        AuditError: Spark reported no counts.
    """

    def __init__(self) -> None:
        self._observation = Observation()
        self._found: dict[str, int] = {}

    def of(self, frame: DataFrame, **counts: str) -> DataFrame:
        """The same frame, counting: each count by an SQL aggregate."""
        named = ", ".join(f"{count} as `{name}`" for name, count in counts.items())
        return frame.observe(self._observation, F.expr(f"to_json(struct({named})) as counts"))

    def __getitem__(self, name: str) -> int:
        if not self._found:
            waiter = threading.Thread(target=self._wait, daemon=True)
            waiter.start()
            waiter.join(timeout=60)
        if not self._found:
            raise AuditError(f"Spark reported no count of {name!r}. Nothing was published.")
        return self._found[name]

    def _wait(self) -> None:
        # Observation.get walks a Java map, at whose end the JVM looks up the classes of errors by
        # the dozen: that costs a small run as much as a query does.
        java = getattr(self._observation, "_jo", None)
        found = java.getAsJava().get("counts") if java else self._observation.get["counts"]
        self._found = json.loads(found)


def audit(counts: dict[str, tuple[int, int]]) -> None:
    """Compare counts that must agree.

    Args:
        counts: What is counted -> (expected, found).

    Raises:
        AuditError: Some do not; all of them are named.
    """
    off = [
        f"{what}: {want} expected, {got} found"
        for what, (want, got) in counts.items()
        if want != got
    ]
    if off:
        raise AuditError("; ".join(off) + ". Nothing was published; run the job again.")


# One run.


@dataclass
class Ledger:
    """The account of one run. Counts are rows, `bytes_written` bytes, `stage_seconds` seconds.

    An unreadable file counts as one quarantined line. `rules_failed` has each rule of data quality
    that what the run wrote does not keep: `<layer>.<table>: <rule> (<figure>)`.
    """

    run_id: str
    glue_run_id: str
    started_at: datetime
    finished_at: datetime | None = None
    files: int = 0
    lines: int = 0
    corrupt: int = 0
    valid: int = 0
    quarantined: int = 0
    quarantined_by_reason: dict[str, int] = field(default_factory=dict)
    unreadable_files: list[str] = field(default_factory=list)
    duplicates_in_batch: int = 0
    duplicates_in_lake: int = 0
    new_events: int = 0
    touched_hours: int = 0
    newest_event: datetime | None = None
    partitions_published: int = 0
    bytes_written: int = 0
    stage_seconds: dict[str, float] = field(default_factory=dict)
    rules_failed: list[str] = field(default_factory=list)

    def as_text(self) -> str:
        rows = [f"  {name:<22}{readable(value)}" for name, value in asdict(self).items()]
        return "\n".join(["ledger of this run", *rows])


LEDGER_SCHEMA = pa.schema(
    [
        ("run_id", pa.string()),
        ("glue_run_id", pa.string()),
        ("started_at", pa.timestamp("us", tz="UTC")),
        ("finished_at", pa.timestamp("us", tz="UTC")),
        *((name, pa.int64()) for name in ("files", "lines", "corrupt", "valid", "quarantined")),
        ("quarantined_by_reason", pa.map_(pa.string(), pa.int64())),
        ("unreadable_files", pa.list_(pa.string())),
        *(
            (name, pa.int64())
            for name in ("duplicates_in_batch", "duplicates_in_lake", "new_events")
        ),
        ("touched_hours", pa.int64()),
        ("newest_event", pa.timestamp("us", tz="UTC")),
        *((name, pa.int64()) for name in ("partitions_published", "bytes_written")),
        ("stage_seconds", pa.map_(pa.string(), pa.float64())),
        ("rules_failed", pa.list_(pa.string())),
    ]
)
STAGES = ("bronze", "silver", "rollups", "gold", "publish")
# Dates of a batch up to which visitors are counted date by date while they are written.
COUNTED_DATES = 40
# Partitions of each of the tables DAILY_GOLD.
Gold = dict[str, list[Partition]]


class Run:
    """One run over the lines that the bookmark handed out: write all, audit all, publish all.

    Args:
        spark: A session set up by `configure`.
        lake: Where to stage and publish.
        ledger: Filled in on the way.
    """

    def __init__(self, spark: SparkSession, lake: Lake, ledger: Ledger) -> None:
        self.spark = spark
        self.lake = lake
        self.ledger = ledger
        self.published: dict[str, list[Partition]] = {}
        self.visitors_found: dict[str, dict[str, int]] = {}

    def process(self, frame: DataFrame, unreadable: Sequence[str] = ()) -> Ledger:
        """Take a bookmarked read's frame through all layers and publish the result.

        Args:
            frame: What `read_new_lines` or `read_files` returned.
            unreadable: Keys of the files that get a row for want of lines.

        Raises:
            ReadError: The frame could not be evaluated. Nothing was published.
        """
        self.lake.note(None)
        fit(self.spark, 0)
        bucket, prefix = split_s3(self.lake.options.source_path)
        self.ledger.unreadable_files = [source_of(key, prefix) for key in unreadable]
        if frame.columns:
            uris = [f"s3://{bucket}/{key}" for key in unreadable]
            self._write_layers(with_markers(lines_of(frame), uris))
        with self._stage("publish"):
            self._publish()
        print(self.ledger.as_text(), flush=True)
        return self.ledger

    def rebuild(self, dates: set[date]) -> Ledger:
        """Make the rollups and gold of the dates again, from silver alone, and publish them.

        Silver says which run brought each event, so the same partitions come out again, and a
        rebuild of tables that are right changes no row.
        """
        lake = self.lake
        lake.note(None)
        names = (SILVER, PRODUCT_HOURLY, VISITORS)
        self.published = {name: lake.published(name, dates) for name in names}
        silver = self.published[SILVER]
        alive = {date.fromisoformat(found.values[0]) for found in silver}
        if silver:
            with self._stage("rollups"):
                self._rewrite_rollups(silver)
        self._find_outdated(dates, alive)
        with self._stage("gold"):
            if silver:
                days = {day.isoformat() for day in alive}
                self._write_daily_gold(days, days, defaultdict(list))
            self._write_top_products(anew=True)
        with self._stage("publish"):
            self._publish()
        print(self.ledger.as_text(), flush=True)
        return self.ledger

    def _rewrite_rollups(self, silver: list[Partition]) -> None:
        lake = self.lake
        rows, rolled = lake.rows_at(silver), Counts()
        fit(self.spark, rows)
        events = lake.read(self.spark, SILVER, silver)
        rollup = rolled.of(product_hourly(events), rows="count(*)", events="sum(event_count)")
        lake.write(PRODUCT_HOURLY, rollup, meant=rolled)
        audit({"silver rows and their rollups": (rows, rolled["events"])})
        lake.write(VISITORS, visitors_by_run(events))

    def _find_outdated(self, dates: set[date], alive: set[date]) -> None:
        """What is published for the dates and has no place in what was made for them."""
        lake = self.lake
        for name in (PRODUCT_HOURLY, VISITORS, *DAILY_GOLD):
            made = {found.values for found in lake.written(name).partitions}
            if name in DAILY_GOLD:
                made = {(day.isoformat(),) for day in alive}
            found = [old for old in lake.published(name, dates) if old.values not in made]
            lake.outdated[name] = found

    def _write_layers(self, lines: DataFrame) -> None:
        with self._stage("bronze"), failing_as_read_error():
            files = self._write_bronze(lines)
        if not files:
            return
        batch = None
        try:
            with self._stage("silver"):
                batch, hours = self._write_silver(files)
            if not hours:
                return
            with self._stage("rollups"):
                self._write_product_hourly(hours)
            with self._stage("gold"):
                dates = {hour.event_date for hour in hours}
                self._write_gold(dates, self._settled(dates))
        finally:
            if batch is not None:
                batch.unpersist()

    @contextmanager
    def _stage(self, name: str) -> Iterator[None]:
        started = time.monotonic()
        yield
        seconds = round(time.monotonic() - started, 3)
        self.ledger.stage_seconds[name] = seconds
        print(f"stage {STAGES.index(name) + 1}/{len(STAGES)} {name}: {seconds:.1f} s", flush=True)

    def _write_bronze(self, lines: DataFrame) -> dict[str, str]:
        """Write the lines; returns the identities of their files by URI."""
        nonce = hashlib.sha256(self.lake.run_id.encode()).hexdigest()
        received = Counts()
        counted = received.of(lines, rows="count(*)")
        parallelism = self.spark.sparkContext.defaultParallelism
        # A gzip file is one task: spread the lines of few files before parsing them. By their hash:
        # dealt out in turn, they would be sorted first.
        if lines.rdd.getNumPartitions() < parallelism:
            counted = counted.repartition(parallelism, "line")
        rows = parsed(counted, nonce)
        written = self.lake.write(BRONZE, rows, meant=received, row_group_bytes=8 << 20)
        self.ledger.lines = received["rows"]
        fit(self.spark, self.ledger.lines)
        self.ledger.files = len(written.partitions)
        return {folder_value(one.location): one.values[-1] for one in written.partitions}

    def _write_silver(self, files: dict[str, str]) -> tuple[DataFrame, list[Any]]:
        ledger = self.ledger
        bounds = files_frame(self.spark, files, self.lake.options)
        bronze = self.lake.read(self.spark, BRONZE, self.lake.written(BRONZE).partitions)
        seen = Counts()
        counted = seen.of(
            typed(bronze.join(F.broadcast(bounds), "source", "left")).transform(judged),
            rows="count(*)",
            valid="count_if(is_valid)",
            quarantined="count_if(not is_valid)",
            corrupt="count_if(corrupt_record != '')",
        )
        batch = distinct_events(counted).persist()
        events = batch.where(IS_EVENT)
        hours = touched_hours(events)
        ledger.valid, ledger.quarantined = seen["valid"], seen["quarantined"]
        ledger.corrupt = seen["corrupt"]
        distinct = sum(hour.events for hour in hours)
        ledger.duplicates_in_batch = sum(hour.copies for hour in hours) - distinct
        ledger.touched_hours = len(hours)
        if hours:
            newest = max(hour.latest for hour in hours)
            ledger.newest_event = datetime.fromisoformat(newest).replace(tzinfo=UTC)
        steps: list[Callable[[], object]] = []
        if ledger.quarantined:
            steps.append(lambda: self._write_quarantine(batch))
        if hours:
            dates = {hour.event_date for hour in hours}
            self._look_up(dates)
            sources = list(files.values())
            steps.append(lambda: self._write_new_events(events, hours, sources))
            # They need not wait for silver, and leave it most of the cores.
            steps.append(lambda: self._write_visitors(events, {day.isoformat() for day in dates}))
        side_by_side(*steps)
        audit(
            {
                "bronze rows read back": (ledger.lines, seen["rows"]),
                "bronze rows and valid + quarantined": (
                    ledger.lines,
                    ledger.valid + ledger.quarantined,
                ),
                "quarantined rows": (ledger.quarantined, self.lake.written(QUARANTINE).rows),
                "valid rows and their copies": (ledger.valid, sum(hour.copies for hour in hours)),
                "distinct events and new + known": (
                    distinct,
                    ledger.new_events + ledger.duplicates_in_lake,
                ),
                "new events and silver rows": (ledger.new_events, self.lake.written(SILVER).rows),
            }
        )
        return batch, hours

    def _look_up(self, dates: set[date]) -> None:
        """Ask once what is published of the touched dates: until this run publishes, that stays."""
        names = (SILVER, PRODUCT_HOURLY, VISITORS)
        with ThreadPoolExecutor(len(names)) as pool:
            answers = pool.map(lambda name: self.lake.published(name, dates), names)
            self.published = dict(zip(names, answers, strict=True))

    def _write_quarantine(self, batch: DataFrame) -> None:
        rejected = Counts()
        counted = rejected.of(
            quarantined(batch),
            rows="count(*)",
            **{name: f"count_if(array_contains(reasons, '{name}'))" for name in REASONS},
        )
        self.lake.write(QUARANTINE, counted, meant=rejected)
        self.ledger.quarantined_by_reason = {
            name: rejected[name] for name in REASONS if rejected[name]
        }

    def _write_new_events(self, events: DataFrame, hours: list[Any], sources: list[str]) -> None:
        wanted = {(hour.event_date.isoformat(), str(hour.event_hour)) for hour in hours}
        history = [found for found in self.published[SILVER] if found.values[:2] in wanted]
        flagged = events.selectExpr("*", "false as is_known")
        if history:
            known = self.lake.read(self.spark, SILVER, history).where(within(hours))
            if sum(hour.events for hour in hours) <= LOOKED_UP:
                known = F.broadcast(known_of(events, known))
            flagged = sql(
                """
                select events.*, known.event_id is not null as is_known
                from {events} as events left join {known} as known using (event_id)
                """,
                events=events,
                known=known,
            )
        compared = Counts()
        counted = compared.of(
            flagged,
            rows="count_if(not is_known)",
            known="count_if(is_known)",
        )
        new_rows = silver_rows(counted.where("not is_known"), sources).transform(by_hour, hours)
        self.lake.write(SILVER, new_rows, meant=compared)
        self.ledger.new_events = compared["rows"]
        self.ledger.duplicates_in_lake = compared["known"]

    def _write_product_hourly(self, hours: list[Any]) -> None:
        lake = self.lake
        wanted = {(hour.event_date.isoformat(), str(hour.event_hour)) for hour in hours}
        done = {found.values for found in self.published[PRODUCT_HOURLY]}
        # Also those that an earlier run published in silver and did not live to roll up.
        missing = [
            found
            for found in lake.current(SILVER, self.published[SILVER])
            if found.values[:2] in wanted and found.values not in done
        ]
        if missing:
            silver = lake.read(self.spark, SILVER, missing)
            rolled = Counts()
            rollup = rolled.of(product_hourly(silver), rows="count(*)", events="sum(event_count)")
            lake.write(PRODUCT_HOURLY, rollup, meant=rolled)
            audit({"silver rows and their rollups": (lake.rows_at(missing), rolled["events"])})

    def _write_visitors(self, events: DataFrame, dates: set[str]) -> None:
        """The visitors that their dates do not have yet; those of past periods are merged."""
        lake = self.lake
        published = self.published[VISITORS]
        found = rows = visitors(events)
        if published:
            rows = new_visitors(found.persist(), lake.read(self.spark, VISITORS, published))
        rows = rows.selectExpr("*", f"{quoted(lake.run_id)} as run_id")
        merges, old, new = visitor_merges(published, lake.run_id), Counts(), Counts()
        if merges:
            mergeable = old.of(lake.read(self.spark, VISITORS, list(merges)), rows="count(*)")
            rows = rows.unionAll(merged_visitors(mergeable, targets_frame(self.spark, merges)))
            kept = set(merges.values())
            lake.outdated[VISITORS] = [one for one in merges if one not in kept]
        counted = dates if len(dates) <= COUNTED_DATES else set()
        named = {
            f"{kind}s of {day}": f"count_if(run_id = {quoted(lake.run_id)}"
            f" and kind = '{kind}' and event_date = date'{day}')"
            for day in sorted(counted)
            for kind in ("user", "session")
        }
        try:
            lake.write(VISITORS, new.of(rows, rows="count(*)", **named), meant=new)
        finally:
            found.unpersist()
        self.visitors_found = {
            day: {f"unique_{kind}s": new[f"{kind}s of {day}"] for kind in ("user", "session")}
            for day in counted
        }
        if merges:
            audit({"visitors to merge": (lake.rows_at(merges), old["rows"])})

    def _settled(self, dates: set[date]) -> Gold:
        """The published gold to which this run's rollups are all that is to be added.

        A run publishes silver, then rollups, then gold, and run ids sort by time. So gold of a date
        holds what was published before the run that wrote it; where rollups are younger than gold,
        or missing, a run died in between, and the date is made again from all of its rollups.
        """
        lake = self.lake
        with ThreadPoolExecutor(len(DAILY_GOLD)) as pool:
            answers = pool.map(lambda name: lake.published(name, dates), DAILY_GOLD)
            gold = dict(zip(DAILY_GOLD, answers, strict=True))
        writers = defaultdict(list)
        for found in (one for partitions in gold.values() for one in partitions):
            writers[found.values[0]].append(run_of(found.location))
        rolled = {found.values for found in self.published[PRODUCT_HOURLY]}
        unsettled = {day for day, runs in writers.items() if len(runs) < len(DAILY_GOLD)}
        unsettled |= {one.values[0] for one in self.published[SILVER] if one.values not in rolled}
        unsettled |= {
            one.values[0]
            for name in (PRODUCT_HOURLY, VISITORS)
            for one in self.published[name]
            if run_of(one.location) > min(writers[one.values[0]], default="")
        }
        return {
            name: [one for one in partitions if one.values[0] not in unsettled]
            for name, partitions in gold.items()
        }

    def _write_gold(self, dates: set[date], settled: Gold) -> None:
        """Gold of the dates: added to where it is settled and has new rollups, else made anew."""
        lake = self.lake
        complete = {found.values[0] for found in settled[FUNNEL]}
        added = {found.values[0] for found in lake.written(PRODUCT_HOURLY).partitions}
        anew = {day.isoformat() for day in dates} - complete
        if added | anew:
            old = {
                name: [one for one in partitions if one.values[0] in added]
                for name, partitions in settled.items()
            }
            self._write_daily_gold(added | anew, anew, old)
            self._write_top_products()

    def _write_top_products(self, anew: bool = False) -> None:
        """The ten, from totals to which this run's change of the funnel is added.

        Totals hold the funnel as it was when their run published it. If a date of it is younger, a
        run died in between, and they are summed up again from all dates.
        """
        lake = self.lake
        dates, totals = lake.published(FUNNEL), lake.published(PRODUCT_TOTALS)
        as_of = max((run_of(one.location) for one in totals), default="")
        if anew or any(run_of(one.location) > as_of for one in dates):
            parts = self._funnel(lake.current(FUNNEL, dates))
        else:
            made = {one.values for one in lake.written(FUNNEL).partitions}
            replaced = self._funnel(one for one in dates if one.values in made)
            added = self._funnel(lake.written(FUNNEL).partitions)
            so_far = lake.read_small(PRODUCT_TOTALS, totals).select(added.column_names)
            parts = pa.concat_tables([so_far, taken_away(replaced), added])
        summed_up = product_totals(parts)
        side_by_side(
            lambda: lake.write_small(PRODUCT_TOTALS, summed_up),
            lambda: lake.write_small(TOP_PRODUCTS, top_products(summed_up)),
        )

    def _funnel(self, partitions: Iterable[Partition]) -> pa.Table:
        found = self.lake.read_small(FUNNEL, partitions)
        return found.select(["product_id", "category", *FUNNEL_COUNTS])

    def _write_daily_gold(self, dates: set[str], anew: set[str], old: Gold) -> None:
        """Gold of dates: of those `anew` from all of their rollups, of the others from what is
        published of them and this run's rollups.
        """
        lake = self.lake
        products = lake.read_small(PRODUCT_HOURLY, self._to_add_up(PRODUCT_HOURLY, anew))
        steps = {
            FUNNEL: (funnel_parts(products), conversion_funnel),
            HOURLY_REVENUE: (revenue_parts(products), hourly_revenue),
            CATEGORY: (category_parts(products), category_performance),
            ACTIVITY: (activity_parts(products, self._unique_visitors(dates, anew)), user_activity),
        }

        def write(name: str) -> None:
            parts, sum_up = steps[name]
            if old[name]:
                published = lake.read_small(name, old[name])
                parts = pa.concat_tables([parts, published.select(parts.column_names)])
            lake.write_small(name, sum_up(parts))

        side_by_side(*(partial(write, name) for name in DAILY_GOLD))

    def _unique_visitors(self, dates: set[str], anew: set[str]) -> pa.Table:
        """How many users and sessions this run brings to each date; of one made anew, all it has.

        What it wrote was counted on its way; only where a date has had visitors before, and gold
        does not hold them, all of the date are gone through.
        """
        before = {one.values[0] for one in self.published[VISITORS]}
        counted = self.visitors_found.keys() - (anew & before)
        partitions = [
            one for one in self._to_add_up(VISITORS, anew) if one.values[0] in dates - counted
        ]
        rows = [
            {"event_date": date.fromisoformat(day), **self.visitors_found[day]}
            for day in counted & dates
        ]
        if partitions:
            found = unique_visitors(self.lake.read(self.spark, VISITORS, partitions))
            rows += [row.asDict() for row in found.collect()]
        schema = [("event_date", pa.date32()), *((name, pa.int64()) for name in VISITOR_COUNTS)]
        return pa.Table.from_pylist(rows, pa.schema(schema))

    def _to_add_up(self, name: str, anew: set[str]) -> list[Partition]:
        """All rollups of some dates, and of the others those that only this run has."""
        published = {one.values: one for one in self.published[name]}
        return [
            one
            for one in self.lake.current(name, published.values())
            if one.values[0] in anew or one.values not in published
        ]

    def _publish(self) -> None:
        """Move the pointers, table by table; what they pointed to is noted for the sweep first."""
        lake, day = self.lake, self.ledger.started_at.date().isoformat()
        account = Partition(LEDGER, (day,), f"{lake.prefix(LEDGER)}run_date={day}/")
        staged = {name: lake.written(name).partitions for name in PUBLISH_ORDER}
        staged[LEDGER] = (account,)
        with ThreadPoolExecutor(8) as pool:
            replaced = dict(zip(staged, pool.map(lake.existing, staged.values()), strict=True))
        if outdated := self._outdated_quarantine():
            lake.outdated[QUARANTINE] = outdated
        before = [old.values() for old in replaced.values()]
        involved = [*staged.values(), *before, *lake.outdated.values()]
        lake.note([partition for group in involved for partition in group])
        for name in PUBLISH_ORDER[:-1]:
            if staged[name]:
                self.ledger.partitions_published += lake.publish(name, replaced[name])
            # Only then: what is withdrawn may have been merged into what is published.
            lake.withdraw(lake.outdated.get(name, []))
        self.ledger.bytes_written = sum(written.bytes for written in lake.staged.values())
        self.ledger.rules_failed = [
            broken for name in PUBLISH_ORDER for broken in lake.written(name).rules_failed
        ]
        self._publish_ledger(account, replaced[LEDGER])

    def _outdated_quarantine(self) -> list[Partition]:
        """Published rejects of files that were read again and have none any more."""
        rejected = {found.values for found in self.lake.written(QUARANTINE).partitions}
        sources = (found.values for found in self.lake.written(BRONZE).partitions)
        clean = [Partition(QUARANTINE, values, "") for values in sources if values not in rejected]
        return list(self.lake.existing(clean).values())

    def _publish_ledger(self, account: Partition, before: dict[tuple[str, ...], Partition]) -> None:
        """Add this run to the ledger of its date, which is one small file."""
        lake = self.lake
        self.ledger.finished_at = utc_now()
        rows = [row for found in before.values() for row in lake.ledger_rows(found)]
        table = pa.Table.from_pylist([*rows, asdict(self.ledger)], schema=LEDGER_SCHEMA)
        bucket, prefix = split_s3(account.location)
        size = lake.put(bucket, f"{prefix}ledger.parquet", table)
        lake.staged[LEDGER] = Written((account,), len(rows) + 1, size)
        lake.publish(LEDGER, before)


def side_by_side(*steps: Callable[[], object]) -> None:
    """Take steps that do not need each other at once: what small ones cost is planning."""
    with ThreadPoolExecutor() as pool:
        for done in [pool.submit(step) for step in steps]:
            done.result()


def visitor_merges(published: Sequence[Partition], run_id: str) -> dict[Partition, Partition]:
    """Which partition takes in which, itself included, so that a date has few files at its end.

    Once an hour is over, the partitions of its runs become that of its last one; a date's late
    visitors, which come for weeks, become one partition for each day of runs. A run that dies
    between moving the last one's pointer and withdrawing the others leaves them to be merged again.
    """
    periods = defaultdict(list)
    for one in published:
        day, run = one.values
        # Run ids begin with the time to the second: 20261105T1207...
        period = run[: 11 if run[:8] <= day.replace("-", "") else 8]
        if run_id[: len(period)] > period:
            periods[day, period].append(one)
    return {
        one: max(together, key=lambda other: other.values)
        for together in periods.values()
        if len(together) > 1
        for one in together
    }


def targets_frame(spark: SparkSession, merges: dict[Partition, Partition]) -> DataFrame:
    """One row per partition that is merged: its `event_date`, its `run_id`, and its `target`'s."""
    rows = [
        {"event_date": one.values[0], "run_id": one.values[1], "target": target.values[1]}
        for one, target in merges.items()
    ]
    return small_frame(spark, "event_date: date, run_id: string, target: string", rows)


def touched_hours(batch: DataFrame) -> list[Any]:
    """The hours that the batch has events in: events, lines and time bounds of each.

    The bounds are text in UTC: as values they would come in the time zone of this process.
    """
    hours = sql(
        """
        select event_date, event_hour, count(*) as events, sum(copies) as copies,
            cast(min(event_timestamp) as string) as earliest,
            cast(max(event_timestamp) as string) as latest
        from {batch} group by event_date, event_hour
        """,
        batch=batch,
    )
    # Spark 4 looks for `Counts` in the plan as written, in which a statement hides its views.
    return hours.select("*").collect()


# Files that a write must save for its rows to be shuffled once more.
FILES_WORTH_A_SHUFFLE = 100


def by_hour(rows: DataFrame, hours: Sequence[Any]) -> DataFrame:
    """The same rows, those of an hour in few tasks: each task writes a file for each of its hours.

    A run over a day would else leave a file per task and hour, tens of thousands. It costs a
    shuffle, which a run over a file or two, late events included, does better without.
    """
    tasks = int(rows.sparkSession.conf.get("spark.sql.shuffle.partitions") or 1)
    if tasks * len(hours) - (tasks + len(hours)) <= FILES_WORTH_A_SHUFFLE:
        return rows
    events = sum(hour.events for hour in hours)
    shares = (
        f"when event_date = date'{hour.event_date}' and event_hour = {hour.event_hour}"
        f" then {max(1, round(tasks * hour.events / events))}"
        for hour in hours
        if tasks * hour.events > events
    )
    cases = " ".join(shares)
    share = F.expr(f"pmod(hash(event_id), case {cases} else 1 end)" if cases else "0")
    return rows.repartition(tasks, "event_date", "event_hour", share)


def within(hours: Sequence[Any]) -> str:
    """Whether an event's time is within the batch's own bounds in its hour."""

    def between(earliest: str | datetime, latest: str | datetime) -> str:
        return f"event_timestamp between timestamp'{earliest}' and timestamp'{latest}'"

    # Late events can touch hundreds of hours; one wide range then beats a predicate of hundreds.
    if len(hours) > 48:
        return between(min(hour.earliest for hour in hours), max(hour.latest for hour in hours))
    return " or ".join(between(hour.earliest, hour.latest) for hour in hours)


def readable(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "-"
    if isinstance(value, dict):
        return ", ".join(f"{key} {readable(count)}" for key, count in value.items()) or "-"
    return f"{value:,}" if isinstance(value, int | float) else str(value)


def utc_now() -> datetime:
    return datetime.now(UTC)


def run_stamp(now: datetime) -> str:
    return now.strftime("%Y%m%dT%H%M%S%fZ")


def run_time(run_id: str) -> datetime:
    """When a run began, by its id."""
    return datetime.strptime(run_id.partition("Z")[0], "%Y%m%dT%H%M%S%f").replace(tzinfo=UTC)


def configure(spark: SparkSession) -> None:
    """Session settings that the results depend on, wherever the job runs."""
    settings = {
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
        "spark.sql.sources.partitionColumnTypeInference.enabled": "false",
        # It would drop the nodes that count rows from a plan whose input turns out empty.
        "spark.sql.adaptive.optimizer.excludedRules": (
            "org.apache.spark.sql.execution.adaptive.AQEPropagateEmptyRelation"
        ),
        "mapreduce.fileoutputcommitter.marksuccessfuljobs": "false",
        # A task keeps a writer open for each of its files or hours. To sort its rows by them first,
        # as a planned write does, is wasted on what comes file by file, and spills in long runs.
        "spark.sql.maxConcurrentOutputFileWriters": "24",
        "spark.sql.optimizer.plannedWrite.enabled": "false",
        # What is persisted is read two or three times: to find how to compress it costs more.
        "spark.sql.inMemoryColumnarStorage.compressed": "false",
    }
    for name, value in settings.items():
        spark.conf.set(name, value)


def fit(spark: SparkSession, lines: int) -> None:
    """Shuffle into partitions of some 200,000 lines: one for a small batch, hence one file.

    Where there is one partition, nothing is left for adaptive execution to decide; it would plan
    every query again after each of its shuffles.
    """
    cores = spark.sparkContext.defaultParallelism
    partitions = max(1, round(lines / 200_000))
    if partitions > cores:
        partitions = cores * round(partitions / cores)
    spark.conf.set("spark.sql.shuffle.partitions", str(partitions))
    spark.conf.set("spark.sql.adaptive.enabled", str(partitions > 1).lower())


# Doing things again.


def dates_of(text: str) -> set[date]:
    """The dates of FIRST/LAST, both included.

    Raises:
        OptionError: It is not two dates, or they are the wrong way round.
    """
    try:
        first, last = (date.fromisoformat(part) for part in text.split("/"))
    except ValueError as error:
        raise OptionError(
            f"--rebuild is {text!r}: write FIRST/LAST, two event dates such as"
            " 2026-11-01/2026-11-02"
        ) from error
    if first > last:
        raise OptionError(f"--rebuild is {text!r}: {first} is after {last}")
    return {first + timedelta(days=days) for days in range((last - first).days + 1)}


def hours_of(text: str) -> list[datetime]:
    """The hours of FROM/UNTIL, the latter not included.

    Raises:
        OptionError: It is not two hours, or there is none between them.
    """
    try:
        first, until = (datetime.strptime(part, "%Y-%m-%dT%H") for part in text.split("/"))
    except ValueError as error:
        raise OptionError(
            f"--replay is {text!r}: write FROM/UNTIL, two hours of ingestion (UTC) such as"
            " 2026-11-01T22/2026-11-02T01"
        ) from error
    if first >= until:
        raise OptionError(f"--replay is {text!r}: there is no hour from {first} until {until}")
    return [
        first + timedelta(hours=hours) for hours in range((until - first) // timedelta(hours=1))
    ]


def rebuild_plan(lake: Lake, dates: set[date]) -> str:
    """What a rebuild of these dates would touch, for reading."""
    silver = lake.published(SILVER, dates)
    hours = sorted({found.values[:2] for found in silver})
    days = sorted({day for day, _ in hours})
    return "\n".join(
        [
            f"rebuild of {min(dates)} to {max(dates)}, dry run: nothing was written",
            f"  reads {len(silver)} partitions of silver, in {len(hours)} hours",
            f"  would publish again: rollups of these, gold of {len(days)} dates, all-time totals",
            *(f"    {day}: {sum(day == one for one, _ in hours)} hours" for day in days),
        ]
    )


# Salvage: when a file breaks the bookmarked read, each file is read by itself.

# S3's times are whole seconds of another clock; Glue's bookmark allows for as much.
CLOCK_MARGIN = timedelta(minutes=15)
LONGEST_LINE = 64 << 20
OTHERWISE_COMPRESSED = (".bz2", ".deflate", ".lz4", ".snappy", ".zst")


@contextmanager
def failing_as_read_error() -> Iterator[None]:
    """Spark's failures as a `ReadError`.

    AWS does not say how Glue's reader fails on a damaged file; any failure is taken for one, and
    reading file by file then tells: what was no file's fault fails that as well.
    """
    try:
        yield
    except (Py4JJavaError, PySparkException) as failure:
        reason = str(failure).split("\n\tat ", 1)[0].strip().splitlines()[-1:]
        raise ReadError(f"The new lines could not be read: {' '.join(reason)}") from failure


def process_new_lines(
    spark: SparkSession, lake: Lake, ledger: Ledger, read: Callable[[], DataFrame]
) -> Ledger:
    """One run over a bookmarked read; where that breaks, one over what can be read of its files.

    Raises:
        Exception: What broke the read was not what a file holds or how it is called.
    """
    try:
        with failing_as_read_error():
            frame = read()
        if not frame.columns:
            print("no new files since the last run", flush=True)
        return Run(spark, lake, ledger).process(frame)
    except ReadError as failure:
        print(f"{failure}. Reading file by file.", flush=True)
    now = utc_now()
    lake = lake.anew(now).latest()
    # What the bookmark handed out cannot be asked for, but it is among these files.
    lines, unreadable = read_files(spark, lake, pending_files(lake))
    return Run(spark, lake, Ledger(lake.run_id, ledger.glue_run_id, now)).process(lines, unreadable)


def read_files(
    spark: SparkSession, lake: Lake, files: Sequence[tuple[str, str]]
) -> tuple[DataFrame, list[str]]:
    """The lines of source files, each read by itself.

    Args:
        files: Key and ETag of each.

    Returns:
        A frame as `read_new_lines` returns it, and the keys of the files that cannot be read.
    """
    if not files:
        return spark.createDataFrame([], "struct<>"), []
    bucket, _ = split_s3(lake.options.source_path)
    connection = {name: getattr(lake.s3.meta, name) for name in ("region_name", "endpoint_url")}

    def readable(file: tuple[str, str]) -> tuple[str, bool]:
        try:
            for _ in object_lines(connection, bucket, *file):
                pass
        except UnreadableFileError:
            return file[0], False
        return file[0], True

    def rows(file: tuple[str, str]) -> Iterator[tuple[bytes, str]]:
        return (
            (line, f"s3://{bucket}/{file[0]}") for line in object_lines(connection, bucket, *file)
        )

    # Files are small work: a task for each, but no more tasks than a driver likes to watch.
    spread = spark.sparkContext.parallelize(files, min(len(files), 1000))
    verdicts = dict(spread.map(readable).collect())
    lines = spread.filter(lambda file: verdicts[file[0]]).flatMap(rows)
    frame = spark.createDataFrame(lines, "line binary, source_file string", verifySchema=False)
    # Cast, not decoded: the bytes are those that the bookmarked read has.
    return frame.selectExpr("cast(line as string) as col0", "source_file"), sorted(
        key for key, is_readable in verdicts.items() if not is_readable
    )


def pending_files(lake: Lake) -> list[tuple[str, str]]:
    """Key and ETag of the source files that no finished run has read as they are now."""
    _, prefix = split_s3(lake.options.source_path)
    files = {
        source_partition(source_of(entry["Key"], prefix)): entry for entry in source_files(lake)
    }
    published = lake.existing(Partition(BRONZE, values, "") for values in files)
    runs = {values: run_of(found.location) for values, found in published.items()}
    finished = lake.finished_runs(set(runs.values()))
    read_at = {
        values: run_time(run) - CLOCK_MARGIN for values, run in runs.items() if run in finished
    }
    return [
        (entry["Key"], entry["ETag"])
        for values, entry in files.items()
        if values not in read_at or entry["LastModified"] > read_at[values]
    ]


def source_files(lake: Lake, folder: str = "") -> list[dict[str, Any]]:
    """What S3 lists of the source, or of a folder of it, and a reader would take for files."""
    bucket, prefix = split_s3(lake.options.source_path)
    return [
        entry
        for entry in lake.objects(bucket, f"{prefix}{folder}")
        if not entry["Key"].endswith("/") and is_data(entry["Key"][len(prefix) :])
    ]


def run_of(location: str) -> str:
    """The run that wrote a partition."""
    return location.partition("/run=")[2].partition("/")[0]


def with_markers(lines: DataFrame, unreadable: Sequence[str]) -> DataFrame:
    """The lines and an empty one for each unreadable file; no line that is read is empty."""
    if not unreadable:
        return lines
    rows = [("", uri) for uri in unreadable]
    markers = lines.sparkSession.createDataFrame(rows, "line string, source_file string")
    return lines.unionAll(markers)


def object_lines(connection: dict[str, str], bucket: str, key: str, etag: str) -> Iterator[bytes]:
    """The lines of one object, without ever holding all of it.

    Raises:
        UnreadableFileError: It is damaged or compressed in another way than its name says.
        ClientError: S3 refuses it, or it has changed since it was listed.
    """
    if key.endswith(OTHERWISE_COMPRESSED):
        raise UnreadableFileError(f"{key} is compressed, but not with gzip")
    s3 = boto3.client("s3", **connection)
    with s3.get_object(Bucket=bucket, Key=key, IfMatch=etag)["Body"] as body:
        text = gzip.GzipFile(fileobj=body) if key.endswith(".gz") else body
        try:
            yield from split_lines(text.read)
        except (EOFError, gzip.BadGzipFile, zlib.error) as damage:
            raise UnreadableFileError(f"{key} cannot be read to its end: {damage}") from damage


def split_lines(read: Callable[[int], bytes]) -> Iterator[bytes]:
    r"""Lines as Hadoop's reader splits them: at \n, \r\n or \r, the byte order mark left out.

    Args:
        read: Reads up to so many bytes; none at the end.

    Raises:
        UnreadableFileError: A line is longer than LONGEST_LINE bytes.
    """
    rest = read(1 << 20).removeprefix(b"\xef\xbb\xbf")
    while chunk := read(1 << 20):
        # The last line stays until it is known whether it goes on, or its \r has a \n.
        *lines, rest = (rest + chunk).splitlines(keepends=True)
        yield from (line.rstrip(b"\r\n") for line in lines)
        if len(rest) > LONGEST_LINE:
            raise UnreadableFileError(f"a line is longer than {LONGEST_LINE} bytes")
    yield from rest.splitlines()


# The shell: everything that only exists inside a Glue job.

# The namespace of what runs say to CloudWatch; role policies narrow the right to it.
METRICS = "Capstone"


def read_new_lines(glue_context: Any, source_path: str) -> DataFrame:
    """The lines of the files that the bookmark has not handed out yet; no columns if none.

    The transformation_ctx is the key of the bookmark's state: renamed, it reads everything again.
    `isFailFast` because records that Glue cannot read are else left out of the frame in silence.

    AWS does not say what Glue's reader makes of a damaged file, of bytes that are no UTF-8, or of a
    separator at the end of a line. Spark's own fails on the first and keeps the others; a reader
    that ended early without an error would go unnoticed here.
    """
    found = glue_context.create_dynamic_frame.from_options(
        connection_type="s3",
        connection_options={"paths": [source_path], "recurse": True, "isFailFast": True},
        format="csv",
        format_options={
            "separator": "\u0001",
            "quoteChar": -1,
            "withHeader": False,
            "attachFilename": "source_file",
        },
        transformation_ctx="raw_events",
    )
    frame: DataFrame = found.toDF()
    return frame


def options_from(
    argv: list[str], resolve: Callable[[list[str], list[str]], dict[str, str]]
) -> Options:
    """Options of the job arguments; those with a default may be left out."""
    known = fields(Options)
    wanted = [f"--{one.name}" in argv or one.default is MISSING for one in known]
    found = resolve(
        argv, [one.name for one, is_wanted in zip(known, wanted, strict=True) if is_wanted]
    )
    given = {one.name: found[one.name] for one in known if one.name in found}
    values: dict[str, Any] = {
        name: int(value) if name.endswith("_days") else value for name, value in given.items()
    }
    return Options(**values)


def metrics_of(ledger: Ledger) -> dict[str, tuple[float, str]]:
    """What a run says to CloudWatch: name -> (value, unit). Shares are percent.

    A run without lines has no share and nothing fresh to tell of.
    """
    finished = ledger.finished_at or utc_now()
    duplicates = ledger.duplicates_in_batch + ledger.duplicates_in_lake
    found = {
        "EventsIn": (ledger.lines, "Count"),
        "RowsOut": (ledger.new_events, "Count"),
        "Quarantined": (ledger.quarantined, "Count"),
        "Duplicates": (duplicates, "Count"),
        "RunSeconds": ((finished - ledger.started_at).total_seconds(), "Seconds"),
        "QualityRulesFailed": (len(ledger.rules_failed), "Count"),
    }
    if ledger.lines:
        found["QuarantineShare"] = (100 * ledger.quarantined / ledger.lines, "Percent")
    if ledger.newest_event:
        # Events can be dated ahead of the clock by a day.
        age = max(0.0, (finished - ledger.newest_event).total_seconds())
        found["FreshnessSeconds"] = (age, "Seconds")
    return found


def send_metrics(cloudwatch: Any, job_name: str, ledger: Ledger) -> None:
    """Publish a run's metrics, without failing a run whose work is published."""
    dimensions = [{"Name": "Job", "Value": job_name}]
    data = [
        {"MetricName": name, "Dimensions": dimensions, "Value": value, "Unit": unit}
        for name, (value, unit) in metrics_of(ledger).items()
    ]
    try:
        cloudwatch.put_metric_data(Namespace=METRICS, MetricData=data)
    except (ClientError, BotoCoreError) as refused:
        print(f"could not send metrics to CloudWatch: {refused}", flush=True)


def sweep_up(lake: Lake, now: datetime) -> None:
    """Sweep, without failing a run whose work is published: the next one sweeps again."""
    try:
        print(f"swept {lake.sweep(now)} objects that no partition points to", flush=True)
    except ClientError as refused:
        print(f"could not sweep, the next run will: {refused}", flush=True)


def replay_plan(hours: Sequence[datetime], files: Sequence[dict[str, Any]]) -> str:
    """What a replay of these hours of ingestion would touch, for reading."""
    size = sum(entry["Size"] for entry in files) / 1e6
    names = [entry["Key"] for entry in files]
    return "\n".join(
        [
            f"replay of {hours[0]:%Y-%m-%dT%H} until {hours[-1] + timedelta(hours=1):%Y-%m-%dT%H},"
            " dry run: nothing was written",
            f"  would read {len(files)} files again, {size:,.1f} MB"
            + (f", from {names[0]} to {names[-1]}" if names else ""),
            "  would publish again: their bronze and quarantine, gold of the dates they touch;",
            "  silver only gains what it does not have",
        ]
    )


def do_again(run: Run, options: Options) -> None:
    """Rebuild or replay, or say what that would touch. The bookmark stays as it is.

    Raises:
        OptionError: The job arguments ask for both, or for nothing that can be done.
    """
    if options.rebuild and options.replay:
        raise OptionError("--rebuild and --replay are two runs: start one after the other")
    if options.dry_run not in ("true", "false"):
        raise OptionError(f"--dry_run is {options.dry_run!r}: write true or false")
    is_dry = options.dry_run == "true"
    if options.rebuild:
        dates = dates_of(options.rebuild)
        if is_dry:
            print(rebuild_plan(run.lake, dates), flush=True)
        else:
            run.rebuild(dates)
        return
    hours = hours_of(options.replay)
    folders = (hour.strftime("year=%Y/month=%m/day=%d/hour=%H/") for hour in hours)
    files = [entry for folder in folders for entry in source_files(run.lake, folder)]
    if is_dry:
        print(replay_plan(hours, files), flush=True)
        return
    chosen = [(entry["Key"], entry["ETag"]) for entry in files]
    run.process(*read_files(run.spark, run.lake, chosen))


def main(argv: list[str]) -> None:
    """Run the job: read what is new, process it, and commit the bookmark last."""
    from awsglue.context import GlueContext
    from awsglue.job import Job
    from awsglue.utils import getResolvedOptions
    from pyspark.context import SparkContext

    args = getResolvedOptions(argv, ["JOB_NAME"])
    options = options_from(argv, getResolvedOptions)
    glue_context = GlueContext(SparkContext.getOrCreate())
    spark = glue_context.spark_session
    configure(spark)
    job = Job(glue_context)
    job.init(args["JOB_NAME"], args)

    started = utc_now()
    glue_run_id = args.get("JOB_RUN_ID", "")
    run_id = f"{run_stamp(started)}-{hashlib.sha256(glue_run_id.encode()).hexdigest()[:8]}"
    clients = {
        "region_name": options.aws_region,
        "config": Config(retries={"mode": "standard", "max_attempts": 8}),
    }
    glue, s3 = boto3.client("glue", **clients), boto3.client("s3", **clients)
    cloudwatch = boto3.client("cloudwatch", **clients)
    lake = Lake(run_id, options, glue, s3).latest()
    ledger = Ledger(lake.run_id, glue_run_id, started)
    if options.rebuild or options.replay:
        do_again(Run(spark, lake, ledger), options)
        return
    ledger = process_new_lines(
        spark, lake, ledger, lambda: read_new_lines(glue_context, options.source_path)
    )
    job.commit()
    send_metrics(cloudwatch, args["JOB_NAME"], ledger)
    sweep_up(lake, started)


if __name__ == "__main__":
    main(sys.argv)
