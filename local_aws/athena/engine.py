"""Runs one query: catalog, files, DuckDB, result."""

from __future__ import annotations

from collections.abc import Callable

import duckdb
from sqlglot import exp

from local_aws.athena.analysis import Query, analyse
from local_aws.athena.catalog import Catalog
from local_aws.athena.checks import check
from local_aws.athena.errors import QueryCancelled, QueryFailed
from local_aws.athena.results import Result, rendered
from local_aws.athena.scan import plan_scans
from local_aws.athena.storage import open_scan, with_s3_names
from local_aws.athena.translate import MACROS, to_sql, translated

# The engine reads local files and nothing else: no extension is fetched, no network used.
_CONFIG = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
}
_TRINO_CODES = {
    duckdb.OutOfRangeException: "NUMERIC_VALUE_OUT_OF_RANGE",
    duckdb.ConversionException: "INVALID_CAST_ARGUMENT",
}


class Engine:
    """One query's DuckDB."""

    def __init__(self) -> None:
        self._connection = duckdb.connect(config=_CONFIG)
        self._interrupted = False

    def interrupt(self) -> None:
        """Make `run` raise QueryCancelled, from another thread."""
        self._interrupted = True
        self._connection.interrupt()

    def close(self) -> None:
        self._connection.close()

    def run(
        self,
        tree: exp.Query,
        catalog: Catalog,
        database: str,
        scanned: Callable[[int], None],
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
        query = analyse(tree, catalog, database)
        check(query.tree)
        scans = plan_scans(query)
        try:
            for macro in MACROS:
                self._connection.execute(macro)
            scanned(sum(open_scan(self._connection, scan) for scan in scans))
            rows = self._connection.execute(_final_sql(query)).fetchall()
        except duckdb.Error as error:
            if self._interrupted:
                raise QueryCancelled("Query cancelled by user") from None
            raise _as_failure(error) from None
        return Result(query.columns, rendered(rows, query.columns))


def _final_sql(query: Query) -> str:
    """The translated query, its columns cast to the types that clients are told."""
    names = [f"c{number}" for number in range(len(query.columns))]
    casts = (
        f"cast({name} as {kind.sql('duckdb')})"
        for name, (_, kind) in zip(names, query.columns, strict=True)
    )
    inner = to_sql(translated(query.tree))
    # The query is what the client wants run.
    return f"select {', '.join(casts)} from ({inner}) as r({', '.join(names)})"  # noqa: S608


def _as_failure(error: duckdb.Error) -> QueryFailed:
    message = with_s3_names(str(error).split("\n\n")[0])
    if "Division by zero" in message:
        return QueryFailed("DIVISION_BY_ZERO", "Division by zero")
    own = message.removeprefix("Invalid Input Error: ")
    if own.startswith("INVALID_CAST_ARGUMENT: "):
        return QueryFailed("INVALID_CAST_ARGUMENT", own.split(": ", 1)[1])
    if isinstance(error, duckdb.BinderException) and "GROUP BY" in message:
        return QueryFailed("EXPRESSION_NOT_AGGREGATE", message)
    return QueryFailed(_TRINO_CODES.get(type(error), "GENERIC_INTERNAL_ERROR"), message)
