"""SHOW and DESCRIBE, answered from the catalog."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial

from local_aws.athena import types as t
from local_aws.athena.catalog import Catalog, Table
from local_aws.athena.errors import QueryFailed
from local_aws.athena.results import Result

Answer = Callable[[Catalog, str], Result]

_NAME = r"[`\"]?(\w+)[`\"]?"
_TABLE = rf"(?:{_NAME}\.)?{_NAME}"


def utility(sql: str) -> Answer | None:
    """What answers the statement, given a catalog and the default database; None for a query."""
    statement = re.sub(r"\s+", " ", sql.strip().rstrip(";").strip())
    for pattern, answer in _STATEMENTS:
        match = re.fullmatch(pattern, statement, re.IGNORECASE)
        if match:
            names = [name.lower() if name else "" for name in match.groups()]
            return partial(_answered, answer, names)
    return None


def _answered(
    answer: Callable[..., Result], names: list[str], catalog: Catalog, database: str
) -> Result:
    return answer(catalog, database, *names)


def _show_databases(catalog: Catalog, _: str) -> Result:
    return _listed("database_name", catalog.databases())


def _show_tables(catalog: Catalog, database: str, named: str) -> Result:
    name = named or database
    try:
        return _listed("tab_name", catalog.tables(name))
    except KeyError:
        raise QueryFailed("SCHEMA_NOT_FOUND", f"Schema '{name}' does not exist") from None


def _show_partitions(catalog: Catalog, database: str, named: str, name: str) -> Result:
    table = _table(catalog, named or database, name)
    if not table.keys:
        raise QueryFailed("INVALID_TABLE_PROPERTY", f"Table {name} is not a partitioned table")
    names = [key for key, _ in table.keys]
    lines = sorted(
        "/".join(f"{key}={value}" for key, value in zip(names, partition.values, strict=True))
        for partition in table.partitions()
    )
    return _listed("partition", lines)


def _describe(catalog: Catalog, database: str, named: str, name: str) -> Result:
    table = _table(catalog, named or database, name)
    rows = [[f"{column}\t{t.full_name(kind)}\t"] for column, kind in table.columns + table.keys]
    return Result([("col_name", t.VARCHAR)], [list(row) for row in rows], has_header=False)


def _table(catalog: Catalog, database: str, name: str) -> Table:
    try:
        return catalog.table(database, name)
    except KeyError:
        message = f"Table 'awsdatacatalog.{database}.{name}' does not exist"
        raise QueryFailed("TABLE_NOT_FOUND", message) from None


def _listed(title: str, lines: list[str]) -> Result:
    return Result([(title, t.VARCHAR)], [[line] for line in lines], has_header=False)


_STATEMENTS: list[tuple[str, Callable[..., Result]]] = [
    (r"show (?:databases|schemas)", _show_databases),
    (rf"show tables(?: (?:in|from) {_NAME})?", _show_tables),
    (rf"show partitions {_TABLE}", _show_partitions),
    (rf"(?:describe|desc) {_TABLE}", _describe),
]
