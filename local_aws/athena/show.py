"""SHOW and DESCRIBE, answered from the catalog in Hive's words."""

from __future__ import annotations

import re
from typing import Any

from local_aws.athena.errors import QueryFailed
from local_aws.athena.names import TableName, database_not_found, table_not_found
from local_aws.athena.results import Result
from local_aws.athena.session import Session
from local_aws.athena.views import is_view, view_of

# Hive fills columns of text up to this width.
_WIDTH = 20


def show_databases(session: Session, pattern: str) -> Result:
    return Result.lines("database_name", _matching(session.catalog.databases(), pattern))


def show_tables(session: Session, database: str, pattern: str) -> Result:
    """Tables and views."""
    return Result.lines(
        "tab_name", _matching([entry["Name"] for entry in _entries(session, database)], pattern)
    )


def show_views(session: Session, database: str, pattern: str) -> Result:
    views = [entry["Name"] for entry in _entries(session, database) if is_view(entry)]
    return Result.lines("views", _matching(views, pattern))


def show_columns(session: Session, name: TableName) -> Result:
    entry = _entry(session, name)
    return Result.lines("field", [f"{each['Name']:<{_WIDTH}}" for each in _columns(entry)])


def show_partitions(session: Session, name: TableName) -> Result:
    entry = _entry(session, name)
    keys = [key["Name"] for key in entry.get("PartitionKeys") or []]
    if not keys:
        message = f"SemanticException Table {name.database}.{name.name} is not a partitioned table"
        raise QueryFailed("FAILED", message)
    lines = (
        "/".join(f"{key}={value}" for key, value in zip(keys, values, strict=True))
        for values in session.catalog.locations(name.database, name.name)
    )
    return Result.lines("partition", sorted(lines))


def show_properties(session: Session, name: TableName, wanted: str) -> Result:
    parameters = _entry(session, name).get("Parameters") or {}
    if wanted:
        text = parameters.get(wanted)
        missing = f"Table {name.database}.{name.name} does not have property: {wanted}"
        return Result.lines("prpt_name", [missing if text is None else text])
    return Result.lines("prpt_name", [f"{key}\t{value}" for key, value in parameters.items()])


def show_create_table(session: Session, name: TableName) -> Result:
    entry = _entry(session, name)
    if is_view(entry):
        raise QueryFailed("FAILED", "SemanticException use SHOW CREATE VIEW for a view")
    return Result.lines("createtab_stmt", _create_table(name, entry))


def show_create_view(session: Session, name: TableName) -> Result:
    entry = _entry(session, name)
    if not is_view(entry):
        message = f"line 1:1: Relation '{name}' is a table, not a view"
        raise QueryFailed("NOT_SUPPORTED", message)
    lines = [f"CREATE VIEW {name.database}.{name.name} AS", *view_of(entry).sql.splitlines()]
    return Result.lines("Create View", lines)


def describe(session: Session, name: TableName) -> Result:
    """DESCRIBE: of a table in Hive's types, of a view in Trino's."""
    entry = _entry(session, name)
    if is_view(entry):
        return _described([f"{column}\t{kind}" for column, kind in view_of(entry).columns])
    lines = [_row(column) for column in _columns(entry)]
    keys = entry.get("PartitionKeys") or []
    if keys:
        heading = {"Name": "# col_name", "Type": "data_type", "Comment": "comment"}
        lines += ["\t \t ", "# Partition Information\t \t ", _row(heading), "\t \t "]
        lines += [_row(key) for key in keys]
    return _described(lines)


def _described(lines: list[str]) -> Result:
    return Result.lines("col_name", lines)


def _row(column: dict[str, str]) -> str:
    cells = (column["Name"], column["Type"], column.get("Comment") or "")
    return "\t".join(f"{cell:<{_WIDTH}}" for cell in cells)


def _columns(entry: dict[str, Any]) -> list[dict[str, str]]:
    """All columns of a table, keys last."""
    storage = entry.get("StorageDescriptor") or {}
    return [*(storage.get("Columns") or []), *(entry.get("PartitionKeys") or [])]


def _entry(session: Session, name: TableName) -> dict[str, Any]:
    entry = session.catalog.entry(name.database, name.name)
    if entry is None:
        raise table_not_found(name.name)
    return entry


def _entries(session: Session, database: str) -> list[dict[str, Any]]:
    name = database or session.database
    try:
        return session.catalog.entries(name)
    except KeyError:
        raise database_not_found(name) from None


def _matching(names: list[str], pattern: str) -> list[str]:
    """The names that match Hive's pattern: ``*`` for anything, ``|`` between alternatives."""
    if not pattern:
        return names
    parts = (re.escape(part).replace(r"\*", ".*") for part in pattern.split("|"))
    matcher = re.compile("|".join(parts), re.IGNORECASE)
    return [name for name in names if matcher.fullmatch(name)]


def _create_table(name: TableName, entry: dict[str, Any]) -> list[str]:
    storage = entry.get("StorageDescriptor") or {}
    serde = storage.get("SerdeInfo") or {}
    lines = [f"CREATE EXTERNAL TABLE `{name.name}`(", *_columns_of(storage.get("Columns") or [])]
    if keys := entry.get("PartitionKeys"):
        lines += ["PARTITIONED BY ( ", *_columns_of(keys)]
    lines += ["ROW FORMAT SERDE ", f"  '{serde.get('SerializationLibrary', '')}' "]
    lines += ["STORED AS INPUTFORMAT ", f"  '{storage.get('InputFormat', '')}' "]
    lines += ["OUTPUTFORMAT ", f"  '{storage.get('OutputFormat', '')}'"]
    lines += ["LOCATION", f"  '{storage.get('Location', '')}'"]
    if parameters := entry.get("Parameters"):
        pairs = [f"  '{key}'='{value}'" for key, value in sorted(parameters.items())]
        lines += ["TBLPROPERTIES (", *_joined(pairs, ", ")]
    return lines


def _columns_of(columns: list[dict[str, str]]) -> list[str]:
    return _joined([_column(column) for column in columns], ", ")


def _column(column: dict[str, str]) -> str:
    comment = (column.get("Comment") or "").replace("'", "\\'")
    return f"  `{column['Name']}` {column['Type']}" + (f" COMMENT '{comment}'" if comment else "")


def _joined(lines: list[str], separator: str) -> list[str]:
    return [*(f"{line}{separator}" for line in lines[:-1]), *(f"{line})" for line in lines[-1:])]
