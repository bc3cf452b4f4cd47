"""The work of one run of the Glue job, done by DuckDB on local files: the rival of the benchmarks.

Each batch becomes the same tables with the same columns, and nothing visible changes before a
small manifest, the pointer from partitions to folders, is replaced in one step. Two deliberate
differences are to DuckDB's advantage: it counts nothing twice (no audit, no ledger, no sweep), and
it reads and writes a local disk without a catalog in between.

Equal to the job on everything that the event generator can write, its faults on purpose included.
Outside of that, DuckDB takes NaN, Infinity and a comma after the last field for JSON, half a
surrogate pair for none, 1_000 for a number, and 18:30 for an offset. It fails the run, having
published nothing, for a damaged file, bytes that are not UTF-8, and line ends of more than one
kind in a file.
"""

from __future__ import annotations

import json
import time
import urllib.parse
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from glue_jobs import capstone_etl as etl
from glue_jobs.capstone_etl import (
    ACTIVITY,
    BRONZE,
    CATEGORY,
    FUNNEL,
    HOURLY_REVENUE,
    PRODUCT_HOURLY,
    QUARANTINE,
    RAW_FIELDS,
    SILVER,
    TOP_PRODUCTS,
    VISITORS,
    source_of,
    source_partition,
    source_time,
    within,
)

FIELDS = RAW_FIELDS
IDENTITY = ("event_timestamp", *FIELDS[1:])
# The keys of a table's partitions that are folders; a run has a folder of its own above them.
FOLDERS = {
    BRONZE: {"source": "varchar"},
    SILVER: {"event_date": "date", "event_hour": "int"},
    QUARANTINE: {"source": "varchar"},
    PRODUCT_HOURLY: {"event_date": "date", "event_hour": "int"},
    VISITORS: {"event_date": "date"},
    FUNNEL: {"event_date": "date"},
    HOURLY_REVENUE: {"event_date": "date"},
    TOP_PRODUCTS: {},
    CATEGORY: {"event_date": "date"},
    ACTIVITY: {"event_date": "date"},
}
# What is read of the tables that can be without a partition in a run's reach.
NOTHING = {
    SILVER: "select '' as event_id, timestamp '2000-01-01' as event_timestamp where false",
    FUNNEL: "select '' as product_id, '' as category, 0 as views where false",
    VISITORS: "select '' as kind, '' as id, date '2000-01-01' as event_date where false",
}

# The CSV reader gives whole lines, as long as none holds this.
SEPARATOR = r"e'\x01\x02\x03\x04'"
# Bytes that one thread parses at a time: larger ones leave a thread without work at a file's end.
BUFFER = 8 << 20
# Up to so many partitions, a COPY for each costs less than DuckDB's sorting of rows into folders.
FEW = 4
MAX_AGE = timedelta(days=etl.Options.max_event_age_days)
MAX_LEAD = timedelta(days=etl.Options.max_event_lead_days)
PREFIX = "events/"
# DuckDB's cast also takes '2026', names of zones, and 24:00:00 for the next day.
TIMESTAMP_FORM = (
    r"\d{4}-\d\d-\d\d[T ]([01]\d|2[0-3]):\d\d:\d\d([.]\d{1,9})?(Z|[+-](0\d|1[0-8])(:?[0-5]\d)?)?"
)
# Of a published table: the values of each partition, and the folder that holds it.
Partitions = dict[tuple[str, ...], str]


def quoted(text: object) -> str:
    """A value as a SQL text literal."""
    return "'" + str(text).replace("'", "''") + "'"


def texts(values: Iterable[object]) -> str:
    """Values as a SQL list of texts."""
    return f"[{', '.join(map(quoted, values))}]"


# A line is cut into fields by one parse; what is null here is no JSON object.
RECORD = ", ".join(f'"{name}": "VARCHAR"' for name in FIELDS)


def bronze_rows(path: str) -> str:
    """One row per line that is not blank: the nine fields as received, or the line itself."""
    fields = ", ".join(f'json."{name}" as "{name}"' for name in FIELDS)
    return f"""
        select {fields},
            case when not is_object then line end as corrupt_record,
            case when is_object and names <> {texts(FIELDS)}
                and len(names) <> len(list_intersect(names, {texts(FIELDS)})) then line
            end as extended_record,
            source
        from (
            select line, filename, is_object,
                case when is_object then json_keys(line) end as names,
                case when is_object then json_transform(line, '{{{RECORD}}}') end as json
            from (
                select line, filename, coalesce(
                    (starts_with(line, '{{') or starts_with(ltrim(line, e' \\t'), '{{'))
                        and json_valid(line), false
                ) as is_object
                from read_csv({quoted(path)}, columns = {{'line': 'varchar'}}, filename = true,
                    auto_detect = false, header = false, delim = {SEPARATOR},
                    quote = '', escape = '', buffer_size = {BUFFER})
                where starts_with(line, '{{') or trim(line, e' \\t\\r') <> ''
            )
        ) join files on files.path = filename"""


# Typing and judging: null where a value does not fit. The cast to a timestamp without time zone
# ignores an offset, the other one takes twice the time.

TYPED = f"""
    select * replace (
        case when event_type = 'purchase' then amount::decimal(21,2) * units end as revenue)
    from (
        select *, null as revenue,
            case when regexp_full_match("timestamp", '{TIMESTAMP_FORM}')
                then case when ends_with("timestamp", 'Z') then try_cast("timestamp" as timestamp)
                else timezone('UTC', try_cast("timestamp" as timestamptz)) end
            end as event_timestamp,
            case when exact = floor(exact) then try_cast(exact as int) end as units,
            try_cast(price as decimal(10,2)) as amount
        from (select *, try_cast(quantity as decimal(38,18)) as exact from bronze)
        join files using (source)
    )"""
REJECTION_RULES = {"not_a_json_object": "corrupt_record is not null", **etl.REJECTION_RULES}
IS_REJECTED = " or ".join(f"coalesce({rule}, false)" for rule in REJECTION_RULES.values())


def distinct_events() -> str:
    """One row per distinct valid event; `copies` counts its lines.

    The id hashes the nine typed fields with their lengths, nulls encoded: the job's own id.
    """
    columns = {"event_timestamp": "epoch_us(event_timestamp)"}
    encoded = ", ".join(
        f"coalesce(length({text}) || ':', '-'), {text}"
        for name in IDENTITY
        for text in [f"cast({columns.get(name, name)} as varchar)"]
    )
    return f"""
        select *, md5(concat({encoded})) as event_id,
            case when event_type = 'purchase' then price * quantity else 0
            end::decimal(18,2) as revenue,
            event_timestamp::date as event_date, hour(event_timestamp)::int as event_hour
        from (
            select event_timestamp, user_id, session_id, event_type, product_id, category,
                units as quantity, amount as price, search_query,
                min(file_id) as file_id, count(*) as copies
            from ({TYPED}) where not ({IS_REJECTED}) group by all
        )"""


def quarantined() -> str:
    """The rejected lines with every reason that applies."""
    named = ", ".join(
        f"case when {rule} then '{name}' end"
        for name, rule in REJECTION_RULES.items()
        if name != "not_a_json_object"
    )
    fields = ", ".join(f'"{name}"' for name in FIELDS)
    return f"""
        select {fields}, corrupt_record,
            case when corrupt_record is not null then ['not_a_json_object']
                else list_filter([{named}], lambda reason: reason is not null) end as reasons,
            source
        from ({TYPED}) where {IS_REJECTED}"""


# `known` holds those ids of the batch that are published already.
NEW_EVENTS = "(from batch anti join known using (event_id))"
SILVER_ROWS = f"""
    select event_id, {", ".join(IDENTITY)}, revenue, source, event_date, event_hour
    from {NEW_EVENTS} join files using (file_id)"""
PRODUCT_HOURLY_ROWS = f"""
    select product_id, category,
        count(*) as event_count,
        count_if(event_type = 'page_view')::bigint as page_views,
        count_if(event_type = 'add_to_cart')::bigint as add_to_carts,
        count_if(event_type = 'remove_from_cart')::bigint as remove_from_carts,
        count_if(event_type = 'purchase')::bigint as purchases,
        count_if(event_type = 'search')::bigint as searches,
        coalesce(sum(quantity) filter (event_type = 'purchase'), 0)::bigint as units_sold,
        sum(revenue)::decimal(18,2) as revenue,
        event_date, event_hour
    from {NEW_EVENTS}
    group by product_id, category, event_date, event_hour"""
VISITOR_ROWS = """
    select kind, id, event_date
    from (
        select distinct 'user' as kind, user_id as id, event_date from batch
        union all
        select distinct 'session', session_id, event_date from batch
    ) anti join known_visitors using (event_date, kind, id)"""


def rate(part: str, whole: str) -> str:
    """A ratio of sums rounded half up to four decimals, in whole numbers since doubles are not."""
    doubled = f"(20000 * sum({part}) + sum({whole})) // nullif(2 * sum({whole}), 0)"
    return f"try_cast(try_cast({doubled} as decimal(14,0)) * 0.0001 as decimal(10,4))"


# Gold of the touched dates, from the rollups `products` and `visitors`.
DAILY_GOLD = {
    FUNNEL: f"""
        select product_id, category,
            sum(page_views)::bigint as views,
            sum(add_to_carts)::bigint as add_to_carts,
            sum(purchases)::bigint as purchases,
            {rate("add_to_carts", "page_views")} as view_to_cart_conversion,
            {rate("purchases", "page_views")} as view_to_purchase_conversion,
            {rate("purchases", "add_to_carts")} as cart_to_purchase_conversion,
            event_date
        from products where product_id is not null and event_count > searches
        group by product_id, category, event_date""",
    HOURLY_REVENUE: """
        select event_hour, sum(revenue)::decimal(18,2) as total_revenue,
            sum(purchases)::bigint as transaction_count, event_date
        from products group by event_hour, event_date""",
    CATEGORY: """
        select coalesce(category, 'uncategorized') as category,
            sum(event_count)::bigint as event_count,
            sum(page_views)::bigint as page_views,
            sum(add_to_carts)::bigint as add_to_carts,
            sum(remove_from_carts)::bigint as remove_from_carts,
            sum(purchases)::bigint as purchases,
            sum(searches)::bigint as searches,
            sum(revenue)::decimal(18,2) as revenue,
            event_date
        from products group by coalesce(category, 'uncategorized'), event_date""",
    ACTIVITY: """
        select unique_users, unique_sessions, total_events, event_date
        from (
            select event_date, count_if(kind = 'user')::bigint as unique_users,
                count_if(kind = 'session')::bigint as unique_sessions
            from visitors group by event_date
        ) join (
            select event_date, sum(event_count)::bigint as total_events
            from products group by event_date
        ) using (event_date)""",
}
TOP_PRODUCT_ROWS = """
    select row_number() over (order by view_count desc, product_id, category)::int as rank,
        product_id, category, view_count
    from (
        select product_id, category, sum(views)::bigint as view_count
        from funnel group by product_id, category having sum(views) > 0
        order by view_count desc, product_id, category limit 10
    )"""


@dataclass(frozen=True)
class Hour:
    """An hour that the batch has events in, and the batch's own time bounds (UTC) within it."""

    event_date: date
    event_hour: int
    earliest: datetime
    latest: datetime

    @property
    def values(self) -> tuple[str, str]:
        return self.event_date.isoformat(), str(self.event_hour)


class DuckLake:
    """A lake in a folder, filled by DuckDB.

    Data lies below `<layer>.<table>/run=<n>/`; `manifest.json` says which folders count.

    Args:
        folder: Where the lake is, or will be: a lake that is there is continued.
        threads: How many of the machine's cores DuckDB may use.
        memory_gb: How much memory, in 10^9 bytes.
    """

    def __init__(self, folder: Path, threads: int = 2, memory_gb: int = 4) -> None:
        self.folder = folder
        self.manifest = folder / "manifest.json"
        self.published = self._read_manifest()
        self.staged: dict[str, Partitions] = {}
        self.run_id = ""
        self.seconds: dict[str, float] = {}
        self.db = duckdb.connect(config={"threads": threads, "memory_limit": f"{memory_gb}GB"})
        self.db.execute("set preserve_insertion_order = false; set TimeZone = 'UTC'")

    def close(self) -> None:
        self.db.close()

    def run(self, files: Sequence[Path], root: Path) -> dict[str, float]:
        """Take one batch of gzipped JSON Lines files through all layers and publish the result.

        Args:
            files: The files; a file that an earlier batch had replaces what it brought to bronze
                and quarantine, and adds to silver only what that does not have.
            root: The folder that the files' keys are relative to.

        Returns:
            Wall-clock seconds of the stages bronze, silver, rollups, gold and publish; of those
            that the batch came to.

        Raises:
            duckdb.Error: A file cannot be read. Nothing was published.
        """
        self.run_id = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%fZ")
        self.staged, self.seconds = {}, {}
        with self._stage("bronze"):
            self._write_bronze(self._register(files, root))
        if BRONZE in self.staged:
            self._write_tables()
        with self._stage("publish"):
            self._publish()
        return self.seconds

    def gold(self) -> dict[str, list[tuple[Any, ...]]]:
        """What is published, for comparison.

        Returns:
            By the name of each gold table, its rows in ascending order: the grain's columns, the
            date first, then the others in the table's order. By the names of bronze, silver and
            quarantine, a list of one row with the number of rows.
        """
        grains = {
            FUNNEL: "event_date, product_id, category",
            HOURLY_REVENUE: "event_date, event_hour",
            TOP_PRODUCTS: "rank",
            CATEGORY: "event_date, category",
            ACTIVITY: "event_date",
        }
        found = {
            name: self.query(name, f"select {grain}, * exclude ({grain}) from rows order by all")
            for name, grain in grains.items()
        }
        counted = (BRONZE, SILVER, QUARANTINE)
        return found | {
            name: self.query(name, "select count(*) from rows") or [(0,)] for name in counted
        }

    def query(self, name: str, statement: str) -> list[tuple[Any, ...]]:
        """What a statement says of the published `rows` of a table; nothing if there are none."""
        folders = self.published.get(name, {}).values()
        if not folders:
            return []
        self._view("rows", name, folders)
        found: list[tuple[Any, ...]] = self.db.execute(statement).fetchall()
        return found

    # Reading and writing tables.

    def _scan(self, name: str, folders: Iterable[str]) -> str:
        """The rows of a table's partitions, as SQL."""
        files = [file for one in folders for file in sorted((self.folder / one).glob("*.parquet"))]
        if not files:
            return NOTHING[name]
        types = ", ".join(f"{key}: {kind}" for key, kind in FOLDERS[name].items())
        hive = f", hive_types = {{{types}}}" if types else ""
        source = f"read_parquet({texts(files)}, hive_partitioning = true{hive})"
        return f"select * exclude (run) from {source}"

    def _view(self, view: str, name: str, folders: Iterable[str]) -> None:
        self.db.execute(f"create or replace temp view {view} as {self._scan(name, folders)}")

    def _write(self, name: str, rows: str) -> None:
        """Stage a table: write rows below the run's own folder, a folder for each partition."""
        target = self._run_folder(name)
        options = "format parquet, compression zstd, return_files true"
        if FOLDERS[name]:
            options += f", partition_by ({', '.join(FOLDERS[name])})"
        else:
            target = target / "data_0.parquet"
        _, files = self.db.execute(f"copy ({rows}) to {quoted(target)} ({options})").fetchone()
        for folder in sorted({Path(file).parent for file in files}):
            self._stage_folder(name, folder)

    def _write_partition(self, name: str, rows: str, values: Sequence[object]) -> None:
        """Stage one partition of a table, if there are rows of it."""
        pairs = list(zip(FOLDERS[name], map(str, values), strict=True))
        folder = self._run_folder(name)
        for key, value in pairs:
            folder /= f"{key}={urllib.parse.quote(value, safe='')}"
        folder.mkdir(parents=True)
        wanted = " and ".join(f"{key} = {quoted(value)}" for key, value in pairs)
        part = f"select * exclude ({', '.join(FOLDERS[name])}) from ({rows}) where {wanted}"
        target = quoted(folder / "data_0.parquet")
        (count,) = self.db.execute(
            f"copy ({part}) to {target} (format parquet, compression zstd)"
        ).fetchone()
        if count:
            self._stage_folder(name, folder)

    def _run_folder(self, name: str) -> Path:
        folder = self.folder / name / f"run={self.run_id}"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def _stage_folder(self, name: str, folder: Path) -> None:
        relative = folder.relative_to(self.folder)
        self.staged.setdefault(name, {})[self._values(name, relative)] = str(relative)

    def _values(self, name: str, folder: Path) -> tuple[str, ...]:
        values = [urllib.parse.unquote(part.partition("=")[2]) for part in folder.parts[2:]]
        if name in (BRONZE, QUARANTINE):
            return source_partition(values[0])
        if name in (SILVER, PRODUCT_HOURLY, VISITORS):
            return (*values, self.run_id)
        return tuple(values) or ("all_time",)

    def _current(self, name: str) -> Partitions:
        """The partitions of a table as they will be once this run has published."""
        return self.published.get(name, {}) | self.staged.get(name, {})

    def _of_dates(self, name: str, dates: set[str]) -> list[str]:
        return [folder for values, folder in self._current(name).items() if values[0] in dates]

    # The stages.

    @contextmanager
    def _stage(self, name: str) -> Iterator[None]:
        started = time.perf_counter()
        yield
        self.seconds[name] = time.perf_counter() - started

    def _register(self, files: Sequence[Path], root: Path) -> dict[str, str]:
        """What the files' names say, as the table `files`; returns the source of each path."""
        sources = {
            str(file): source_of(file.relative_to(root).as_posix(), PREFIX) for file in files
        }
        self.db.execute(
            """create or replace temp table files (path varchar, source varchar, file_id int,
            earliest timestamp, latest timestamp)"""
        )
        for file_id, (path, source) in enumerate(sources.items()):
            when = source_time(source)
            # DuckDB's timestamps have no zone: all of these are UTC.
            naive = when and when.replace(tzinfo=None)
            bounds = [naive - MAX_AGE, naive + MAX_LEAD] if naive else [None, None]
            self.db.execute(
                "insert into files values (?, ?, ?, ?, ?)", [path, source, file_id, *bounds]
            )
        return sources

    def _write_bronze(self, files: dict[str, str]) -> None:
        """One partition per file: each is read by all threads, one after the other."""
        for path, source in files.items():
            self._write_partition(BRONZE, bronze_rows(path), [source])

    def _write_tables(self) -> None:
        with self._stage("silver"):
            hours = self._write_silver()
        if not hours:
            return
        dates = {hour.event_date.isoformat() for hour in hours}
        with self._stage("rollups"):
            self._write(PRODUCT_HOURLY, PRODUCT_HOURLY_ROWS)
            self._view("known_visitors", VISITORS, self._of_dates(VISITORS, dates))
            self._write(VISITORS, VISITOR_ROWS)
        with self._stage("gold"):
            self._write_gold(dates)

    def _write_silver(self) -> list[Hour]:
        """Quarantine and the new events; the hours touched by any valid event of the batch."""
        self._view("bronze", BRONZE, self.staged[BRONZE].values())
        self.db.execute(f"create or replace temp table batch as {distinct_events()}")
        if self._has_rejects():
            self._write(QUARANTINE, quarantined())
        found = self.db.execute(
            """select event_date, event_hour, min(event_timestamp), max(event_timestamp)
            from batch group by all"""
        ).fetchall()
        hours = [Hour(*row) for row in found]
        if hours:
            self._find_known(hours)
            self._write_new_events(hours)
        return hours

    def _write_new_events(self, hours: Sequence[Hour]) -> None:
        if len(hours) > FEW:
            self._write(SILVER, SILVER_ROWS)
            return
        for hour in hours:
            self._write_partition(SILVER, SILVER_ROWS, hour.values)

    def _has_rejects(self) -> bool:
        """Whether lines are missing among the valid ones: a batch without needs no second look."""
        counts = "select (select count(*) from bronze), (select sum(copies) from batch)"
        lines, valid = self.db.execute(counts).fetchone()
        return bool(lines > (valid or 0))

    def _find_known(self, hours: Sequence[Hour]) -> None:
        wanted = {hour.values for hour in hours}
        history = [
            folder
            for values, folder in self.published.get(SILVER, {}).items()
            if values[:2] in wanted
        ]
        self._view("history", SILVER, history)
        self.db.execute(
            f"""create or replace temp table known as
            select event_id from history semi join batch using (event_id) where {within(hours)}"""
        )

    def _write_gold(self, dates: set[str]) -> None:
        products = self._scan(PRODUCT_HOURLY, self._of_dates(PRODUCT_HOURLY, dates))
        self.db.execute(f"create or replace temp table products as {products}")
        self._view("visitors", VISITORS, self._of_dates(VISITORS, dates))
        for name, rows in DAILY_GOLD.items():
            self._write(name, rows)
        self._view("funnel", FUNNEL, self._current(FUNNEL).values())
        self._write(TOP_PRODUCTS, TOP_PRODUCT_ROWS)

    # The manifest.

    def _read_manifest(self) -> dict[str, Partitions]:
        if not self.manifest.exists():
            return {}
        tables = json.loads(self.manifest.read_text(encoding="utf-8"))
        return {
            name: {tuple(values): folder for values, folder in partitions}
            for name, partitions in tables.items()
        }

    def _publish(self) -> None:
        """Let the manifest name the staged partitions, in one step."""
        tables = {name: self._current(name) for name in {**self.published, **self.staged}}
        rejected = self.staged.get(QUARANTINE, {})
        for values in self.staged.get(BRONZE, {}):
            if values not in rejected:  # a file that was mended takes its rejects along
                tables.get(QUARANTINE, {}).pop(values, None)
        content = {name: list(partitions.items()) for name, partitions in tables.items()}
        part = self.manifest.with_suffix(".part")
        part.write_text(json.dumps(content), encoding="utf-8")
        part.replace(self.manifest)
        self.published, self.staged = tables, {}
