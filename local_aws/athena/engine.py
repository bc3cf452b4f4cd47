"""Runs one query: catalog, files, DuckDB, and its rows as a result or as files."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb
from sqlglot import exp

from local_aws.athena import types as t
from local_aws.athena.analysis import Query, analyse
from local_aws.athena.catalog import NULL_PARTITION, Catalog
from local_aws.athena.checks import check, check_shown
from local_aws.athena.errors import QueryCancelled, QueryFailed
from local_aws.athena.results import Result, cell_text, rendered
from local_aws.athena.scan import plan_scans
from local_aws.athena.storage import open_scan, with_s3_names
from local_aws.athena.translate import MACROS, to_sql, translated
from local_aws.athena.typing import call
from local_aws.s3.paths import hidden_path

MAX_PARTITIONS = 100
Columns = list[tuple[str, exp.DataType]]
# The engine reads local files and nothing else: no extension is fetched, no network used.
_CONFIG = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
}
_TRINO_CODES = {
    duckdb.OutOfRangeException: "NUMERIC_VALUE_OUT_OF_RANGE",
    duckdb.ConversionException: "INVALID_CAST_ARGUMENT",
}
_OWN_ERROR = re.compile(
    r"(?:Invalid Input Error: )?(INVALID_CAST_ARGUMENT|INVALID_FUNCTION_ARGUMENT|NOT_SUPPORTED): "
)


@dataclass(frozen=True)
class Part:
    """Rows of a query in a Parquet file of their own.

    Attributes:
        values: What the partition keys are in all of them, as the catalog writes it.
        file: The file; it is the caller's to put where it belongs.
        rows: How many.
    """

    values: tuple[str, ...]
    file: Path
    rows: int


@dataclass(frozen=True)
class Export:
    """How the rows of a query become files.

    Attributes:
        columns: Names and types that they are written with; the keys are the last ones.
        keys: How many of the columns are partition keys, which are not in the files.
        compression: Parquet's codec, in DuckDB's name.
        places: For each column of the query, the place of the column that it fills; the columns
            that it does not fill are null. None for all, in order.
    """

    columns: Columns
    keys: int
    compression: str
    places: tuple[int, ...] | None = None


class Engine:
    """One query's DuckDB."""

    def __init__(self) -> None:
        self._connection = duckdb.connect(config=_CONFIG)
        self._interrupted = False

    def interrupt(self) -> None:
        """Make `run` and `export` raise QueryCancelled, from another thread."""
        self._interrupted = True
        self._connection.interrupt()

    def close(self) -> None:
        self._connection.close()

    def run(
        self, tree: exp.Query, catalog: Catalog, database: str, scanned: Callable[[int], None]
    ) -> Result:
        """Execute a query.

        Args:
            tree: The parsed query; it is used up.
            catalog: Where its tables are.
            database: The default database.
            scanned: Told the bytes that will be scanned, before they are; may raise to stop.

        Raises:
            QueryFailed: With the text that Athena would give as the reason.
            QueryCancelled: `interrupt` was called.
        """
        with self._opened(tree, catalog, database, scanned) as query:
            rows = self._connection.execute(_shown_sql(query)).fetchall()
        return Result(query.columns, rendered(rows, query.columns))

    def export(
        self,
        tree: exp.Query,
        catalog: Catalog,
        database: str,
        scanned: Callable[[int], None],
        plan: Callable[[Query], Export],
    ) -> list[Part]:
        """Execute a query into Parquet files, one for each combination of its partition keys.

        Args:
            tree: The parsed query; it is used up.
            catalog: Where its tables are.
            database: The default database.
            scanned: Told the bytes that will be scanned, before they are; may raise to stop.
            plan: Says how to write them, once their types are known; may raise to stop.

        Raises:
            QueryFailed: With the text that Athena would give as the reason.
            QueryCancelled: `interrupt` was called.
        """
        planned: list[Export] = []

        def before(query: Query) -> None:
            planned.append(plan(query))

        with self._opened(tree, catalog, database, scanned, before) as query:
            how = planned[0]
            self._connection.execute(
                f"create temp table exported as {_typed_sql(query, how.columns, how.places)}"
            )
            return self._parts(how)

    @contextmanager
    def _opened(
        self,
        tree: exp.Query,
        catalog: Catalog,
        database: str,
        scanned: Callable[[int], None],
        before: Callable[[Query], None] = lambda _: None,
    ) -> Iterator[Query]:
        """The analysed query, its tables open; errors of DuckDB leave as Athena's."""
        query = analyse(tree, catalog, database)
        check(query.tree)
        check_shown(query.columns)
        before(query)
        calls = query.tree.find_all(exp.Anonymous)
        functions = sorted({call(node)[0].definition() for node in calls})
        scans = plan_scans(query)
        try:
            # Athena's session has UTC, wherever the machine is.
            for statement in ("set TimeZone = 'UTC'", *MACROS, *functions):
                self._connection.execute(statement)
            scanned(sum(open_scan(self._connection, scan) for scan in scans))
            yield query
        except duckdb.Error as error:
            if self._interrupted:
                raise QueryCancelled("Query cancelled by user") from None
            raise _as_failure(error) from None

    def _parts(self, how: Export) -> list[Part]:
        width = len(how.columns) - how.keys
        keys = [f"c{number}" for number in range(width, len(how.columns))]
        if not keys:
            return [self._part(how, width, (), "true", [])]
        found = self._connection.execute(
            f"select distinct {', '.join(keys)} from exported order by all"
        ).fetchall()
        if len(found) > MAX_PARTITIONS:
            raise QueryFailed(
                "HIVE_TOO_MANY_OPEN_PARTITIONS",
                f"Exceeded limit of {MAX_PARTITIONS} open writers for partitions/buckets",
            )
        where = " and ".join(
            f"{key} is not distinct from ${number + 1}" for number, key in enumerate(keys)
        )
        kinds = [kind for _, kind in how.columns[width:]]
        return [self._part(how, width, _values(row, kinds), where, list(row)) for row in found]

    def _part(
        self, how: Export, width: int, values: tuple[str, ...], where: str, row: list[object]
    ) -> Part:
        file = hidden_path()
        columns = ", ".join(
            f'c{number} as "{name.replace(chr(34), chr(34) * 2)}"'
            for number, (name, _) in enumerate(how.columns[:width])
        )
        literal = str(file).replace("'", "''")
        written = self._connection.execute(
            f"copy (select {columns} from exported where {where}) to '{literal}' "
            f"(format parquet, compression {how.compression})",
            row,
        ).fetchone()
        assert written
        return Part(values, file, int(written[0]))


def _values(row: Sequence[object], kinds: Sequence[exp.DataType]) -> tuple[str, ...]:
    texts = (cell_text(value, kind) for value, kind in zip(row, kinds, strict=True))
    return tuple(NULL_PARTITION if text is None else text for text in texts)


def _shown_sql(query: Query) -> str:
    """The translated query; times of a zone as its clock shows them, which Python can take."""
    names = [f"c{number}" for number in range(len(query.columns))]
    shown = (
        f"timezone('{t.zone(kind)}', {name})" if t.is_instant(kind) else name
        for name, (_, kind) in zip(names, query.columns, strict=True)
    )
    return f"select {', '.join(shown)} from ({_typed_sql(query, query.columns)})"


def _typed_sql(query: Query, columns: Columns, places: tuple[int, ...] | None = None) -> str:
    """The translated query, its columns c0, c1, ... cast to these types."""
    filled = range(len(columns)) if places is None else places
    values = (f"c{number}" if number in filled else "null" for number in range(len(columns)))
    casts = (
        f"cast({value} as {t.duckdb_name(kind)}) as c{number}"
        for number, (value, (_, kind)) in enumerate(zip(values, columns, strict=True))
    )
    inner = to_sql(translated(query.tree))
    names = ", ".join(f"c{number}" for number in filled)
    # The query is what the client wants run.
    return f"select {', '.join(casts)} from ({inner}) as r({names})"


def _as_failure(error: duckdb.Error) -> QueryFailed:
    message = with_s3_names(str(error).split("\n\n")[0])
    if "Division by zero" in message:
        return QueryFailed("DIVISION_BY_ZERO", "Division by zero")
    if own := _OWN_ERROR.match(message):
        return QueryFailed(own.group(1), message[own.end() :])
    if "Could not parse string" in message:
        return QueryFailed("INVALID_FUNCTION_ARGUMENT", message.split("\n")[0])
    if "invalid perl operator" in message or "invalid escape sequence" in message:
        return QueryFailed(
            "NOT_SUPPORTED", f"The embedded AWS takes RE2's patterns only: {message}"
        )
    if isinstance(error, duckdb.BinderException) and "GROUP BY" in message:
        return QueryFailed("EXPRESSION_NOT_AGGREGATE", message)
    return QueryFailed(_TRINO_CODES.get(type(error), "GENERIC_INTERNAL_ERROR"), message)
